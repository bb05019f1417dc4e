"""Broken, absurd and hostile requests: never a 5xx, never a word of the request in an error, a page or a log line."""

import json
import logging
import math
import os
import random

import pytest

from benchmarks.mutation import MARK, broken
from tests.serving.cases import case, days_before, event
from tests.serving.test_contract import is_problem

ROUNDS, SEED = int(os.environ.get("FUZZ_ROUNDS", "2000")), int(os.environ.get("FUZZ_SEED", "4"))  # for longer hunts
JSON = {"Content-Type": "application/json"}


def whole_case():
    """A valid record with something of everything."""
    record = case(
        ("threat", 3, {"severity": 4, "specifics": 2, "alcohol": True, "narrative": MARK}),
        ("weapon", 2), ("verbal_altercation", 9), ("mediation_failed", 5), ("hearing_scheduled", 4, {"scheduled_at": days_before(-9)}),
        ("support_requested", 4, {"service": "legal_aid", "due_at": days_before(1)}),
        pair_confidence=0.95, pair_token="ptabc", narrative=MARK, stakes=["homestead", "access"],
    )  # fmt: skip
    record["dispute"] = [record["dispute"], record["dispute"] | {"recorded_at": days_before(10), "amount_cny": 9}]
    record["events"].append(event(0, "threat", 3, severity=5, recorded_at=days_before(1)))
    record["petitions"] = [
        {"petition_id": "P1", "dispute_id": "D1", "lodged_at": days_before(15), "recorded_at": days_before(14),
         "due_at": days_before(5), "answered_at": days_before(3), "answer_recorded_at": days_before(2), "upheld": True}
    ]  # fmt: skip
    record["prior_disputes"] = [
        {"dispute_id": "D0", "opened_at": days_before(400), "closed_at": days_before(300), "pair_confidence": 0.95,
         "closed_recorded_at": days_before(299), "recorded_at": days_before(15)}
    ]  # fmt: skip
    return record


def everything_logged(caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client's own, a line a request


def check(answer, caplog):
    """An answer that is right in itself; gives back its status."""
    if answer.status_code == 200:
        one = answer.json()
        total = one["base_margin"] + math.fsum(r["contribution"] for r in one["reasons"]) + one["other_contribution"]
        assert math.isclose(total, one["margin"], abs_tol=1e-9)
        assert 0 < one["interval"][0] <= one["probability"] <= one["interval"][1] < 1
        told = json.dumps({**one, "dispute_id": "", "reasons": [], "floors": []})  # ids are told, and only there
    else:
        told = answer.text
        is_problem(answer, answer.status_code)
        assert answer.status_code in (400, 422)
        assert len(answer.text) < 1_000_000
    assert MARK not in told
    assert MARK not in caplog.text
    return answer.status_code


def test_mutated_records(client, caplog):
    everything_logged(caplog)
    rng = random.Random(SEED)
    seen = {}
    for _ in range(ROUNDS):
        body = broken(whole_case(), rng)
        caplog.clear()
        status = check(client.post("/v1/score", content=body, headers=JSON), caplog)
        seen[status] = seen.get(status, 0) + 1
    assert seen[200] > 100 and seen[422] > 500, seen


def raw(**changes):
    """The text of a whole case with some values written by hand."""
    text = json.dumps(whole_case())
    for before, after in changes.values():
        assert before in text
        text = text.replace(before, after, 1)
    return text.encode()


AMOUNT = '"amount_cny": 5000'
ODD = {
    "NaN": (raw(a=(AMOUNT, '"amount_cny": NaN')), 422),
    "Infinity": (raw(a=(AMOUNT, '"amount_cny": Infinity')), 422),
    "-Infinity": (raw(a=(AMOUNT, '"amount_cny": -Infinity')), 422),
    "1e400": (raw(a=(AMOUNT, '"amount_cny": 1e400')), 422),
    "a number of 5,000 digits": (raw(a=(AMOUNT, '"amount_cny": 1' + "0" * 5_000)), {400, 422}),
    "a severity of 1e400": (raw(a=('"severity": 4', '"severity": 1e400')), 422),
    "a severity of 4.0": (raw(a=('"severity": 4', '"severity": 4.0')), 200),
    "minus zero": (raw(a=(AMOUNT, '"amount_cny": -0.0')), 200),
    "a lone surrogate": (raw(a=('"narrative": "ZQX"', '"narrative": "\\udc00"')), 400),
    "a surrogate pair": (raw(a=('"narrative": "ZQX"', '"narrative": "\\ud83d\\ude00"')), 200),
    "a null character": (raw(a=('"narrative": "ZQX"', '"narrative": "\\u0000"')), 200),
    "bytes that are not UTF-8": (raw(a=('"narrative": "ZQX"', '"narrative": "Q"')).replace(b'"Q"', b'"\xff\xfe"'), 400),
    "a byte order mark": (b"\xef\xbb\xbf" + raw(), 400),
    "UTF-16": (raw().decode().encode("utf-16"), 400),
    "a comment": (raw() + b"// no", 400),
    "two values": (raw() + raw(), 400),
    "a trailing comma": (raw()[:-1] + b",}", 400),
    "single quotes": (raw().replace(b'"', b"'"), 400),
    "deep lists": (b'{"dispute":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400),
    "deep objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
    "lists 150 deep in a row": (raw(a=('"stakes": ["homestead", "access"]', '"stakes": ' + "[" * 150 + "]" * 150)), 422),
    "40,000 attributes": (json.dumps({f"a{n}": n for n in range(40_000)}).encode(), 422),
    "40,000 faults": (json.dumps(whole_case() | {"events": [{}] * 40_000}).encode(), 422),
    "40,000 stakes": (raw(a=('["homestead", "access"]', "[" + ",".join(['"homestead"'] * 40_000) + "]")), 200),
    "40,000 wrong stakes": (raw(a=('["homestead", "access"]', "[" + ",".join(['"ZQX"'] * 40_000) + "]")), 422),
    "an id card in an id": (raw(a=('"event_id": "E0"', '"event_id": "E11010519491231002X"')), 422),
    "a phone number in an id": (raw(a=('"dispute_id": "D0"', '"dispute_id": "D13812345678"')), 422),
    "a refused attribute": (raw(a=(AMOUNT, AMOUNT + ', "ethnicity": "ZQX"')), 422),
    "as_of now": (raw(a=('"as_of": "2024-06-01T00:00:00+00:00"', '"as_of": null')), 200),
    "as_of in year 1000": (raw(a=('"as_of": "2024-06-01T00:00:00+00:00"', '"as_of": "1000-01-01T00:00:00Z"')), 422),
    "as_of in year 9999": (raw(a=('"as_of": "2024-06-01T00:00:00+00:00"', '"as_of": "9999-12-31T23:59:59-23:59"')), 422),
    "as_of without zone": (raw(a=('"as_of": "2024-06-01T00:00:00+00:00"', '"as_of": "2024-06-01T00:00:00"')), 422),
    "as_of as a number": (raw(a=('"as_of": "2024-06-01T00:00:00+00:00"', '"as_of": 1717200000')), 422),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("wrapped", [False, True])
def test_odd_json(name, wrapped, client, caplog):
    everything_logged(caplog)
    body, wanted = ODD[name]
    wanted = wanted if isinstance(wanted, set) else {wanted}
    if not wrapped:
        assert check(client.post("/v1/score", content=body, headers=JSON), caplog) in wanted
        return
    answer = client.post("/v1/score/batch", content=b'{"cases": [' + body + b"]}", headers=JSON)
    assert MARK not in answer.text + caplog.text
    if answer.status_code == 200:
        (result,) = answer.json()["results"]
        assert {result["problem"]["status"] if "problem" in result else 200} <= wanted
    else:
        assert is_problem(answer, 400) == set()


def test_the_last_of_repeated_attributes_counts(client):
    """As every JSON reader of ours does it; the case is scored once, not twice."""
    twice = raw(a=(AMOUNT, '"amount_cny": 77, "amount_cny": 5000'))
    once, again = (client.post("/v1/score", content=body, headers=JSON).json() for body in (raw(), twice))
    assert once["margin"] == again["margin"]


def test_versions_recorded_at_one_instant_are_a_fault(client):
    record = whole_case()
    record["dispute"][1]["recorded_at"] = record["dispute"][0]["recorded_at"]
    assert ("dispute[1].dispute_id", "repeated_key") in is_problem(client.post("/v1/score", json=record), 422)


def test_an_event_id_used_again(client):
    """Another recorded time makes it a version, whatever else it says; the same one is a fault."""
    record = case(("threat", 3, {"severity": 5}))
    again = event(0, "verbal_altercation", 3, recorded_at=days_before(1))
    one = client.post("/v1/score", json=record | {"events": [*record["events"], again]})
    values = {reason["indicator"]: reason["value"] for reason in one.json()["reasons"]}
    assert one.status_code == 200
    assert values.get("B04", 0) == 0
    record["events"].append(again | {"recorded_at": record["events"][-1]["recorded_at"]})
    assert ("events[3].event_id", "repeated_key") in is_problem(client.post("/v1/score", json=record), 422)


def test_the_order_of_rows_means_nothing(client):
    rng = random.Random(5)
    same = {"assessment_id": "", "scored_at": ""}
    first = client.post("/v1/score", json=whole_case()).json() | same
    for _ in range(10):
        record = whole_case()
        for rows in record.values():
            if isinstance(rows, list):
                rng.shuffle(rows)
        assert client.post("/v1/score", json=record).json() | same == first


def test_dates_at_the_ends_of_time(client):
    """A due date in 9999 and a dispute of the year 1000 are odd, not wrong; answers stay RFC 3339."""
    record = case(("hearing_scheduled", 3, {"scheduled_at": "9999-12-31T23:59:59.999999-23:59"}))
    assert client.post("/v1/score", json=record).status_code == 200
    old = case(as_of="1000-01-01T00:00:01+08:00")
    old["dispute"] |= {"opened_at": "1000-01-01T00:00:00+08:00", "recorded_at": "1000-01-01T00:00:00+08:00"}
    old["events"] = []
    answer = client.post("/v1/score", json=old)
    assert answer.status_code == 200
    assert answer.json()["as_of"] == "0999-12-31T16:00:01Z"
    assert client.get(f"/review/{answer.json()['assessment_id']}").status_code == 200
