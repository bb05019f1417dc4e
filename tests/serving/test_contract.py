"""Every route and status of the HTTP interface, asked of the app in this process."""

import json
import sqlite3

import pytest

from serving.access import Role, create_token
from serving.app import BATCH_CASES, BODY_LIMIT
from tests.serving.cases import case

SECRET = "张三丰-4821"
PROBLEM = {"type", "title", "status", "detail", "errors"}


def is_problem(answer, status):
    """The one shape of every error; gives back its faults."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert set(problem) == PROBLEM
    assert problem["status"] == status
    assert problem["type"] == f"urn:defuse:problem:{status}"
    assert problem["title"] and problem["detail"]
    for fault in problem["errors"]:
        assert set(fault) == {"path", "rule", "message"}
        assert all(isinstance(text, str) and text for text in fault.values())
    assert ("retry-after" in answer.headers) == (status == 503)
    return {(fault["path"], fault["rule"]) for fault in problem["errors"]}


def test_one_case_is_scored_stored_and_found_again(client):
    answer = client.post("/v1/score", json=case())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    one = answer.json()
    assert set(one) == {
        "schema_version", "assessment_id", "dispute_id", "as_of", "scored_at", "model", "probability", "interval",
        "base_rate", "tier", "floors", "margin", "base_margin", "reasons", "other_contribution", "cautions", "routing",
    }  # fmt: skip
    assert set(one["routing"]) >= {"actions", "due", "owner_rank"}
    assert len(one["reasons"]) == 10
    for reason in one["reasons"]:
        assert set(reason) == {
            "indicator", "name", "sentence", "value", "typical", "contribution", "evidence",
        }  # fmt: skip
        assert set(reason["name"]) == set(reason["sentence"]) == {"en", "zh"}
    assert client.get(f"/v1/assessments/{one['assessment_id']}").json() == one


def test_each_request_is_a_new_assessment(client):
    ids = {client.post("/v1/score", json=case()).json()["assessment_id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b"\xff\xfe{}", b'{"a":1} x', b"[" * 100_000, b'{"dispute":"\\ud800"}']
)
@pytest.mark.parametrize("route", ["/v1/score", "/v1/score/batch"])
def test_what_is_not_json_is_400(route, body, client):
    is_problem(client.post(route, content=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize(
    "sent", [None, "", "Bearer", "Bearer ", "Bearer nobody", "Basic abc", "dfs_x", "Bearer " + "x" * 9000]
)
@pytest.mark.parametrize(("method", "route"), [("POST", "/v1/score"), ("POST", "/v1/score/batch"), ("GET", "/v1/model"),
                                               ("GET", "/v1/assessments/a-1"), ("GET", "/review/a-1")])  # fmt: skip
def test_without_a_token_it_is_401(method, route, sent, client):
    del client.headers["Authorization"]
    answer = client.request(method, route, headers={} if sent is None else {"Authorization": sent})
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_ends_with_its_time_and_with_its_entry(client, home):
    from datetime import timedelta

    token = create_token(home.root, role=Role.REVIEWER, lasting=timedelta(seconds=-1))
    is_problem(client.get("/v1/model", headers={"Authorization": f"Bearer {token}"}), 401)
    headers = client.token("reviewer")
    assert client.get("/v1/model", headers=headers).status_code == 200
    (home.root / "tokens.json").unlink()
    is_problem(client.get("/v1/model", headers=headers), 401)


@pytest.mark.parametrize("content", ["{", "[1]", '[{"role": "king"}]', "null"])
def test_damaged_tokens_let_nobody_in(content, client, home):
    (home.root / "tokens.json").write_text(content)
    is_problem(client.get("/v1/model"), 503)
    is_problem(client.post("/v1/score", json=case()), 503)


def test_no_token_is_stored(client, home):
    header = client.token("care")["Authorization"]
    assert header.removeprefix("Bearer ") not in (home.root / "tokens.json").read_text()


@pytest.mark.parametrize(
    ("role", "may_score", "may_read"),
    [("router", 200, 200), ("reviewer", 200, 200), ("care", 200, 200), ("analyst", 403, 403), ("admin", 200, 403)],
)
def test_what_each_role_may(role, may_score, may_read, client):
    stored = client.post("/v1/score", json=case()).json()["assessment_id"]
    headers = client.token(role)
    asked = {
        "/v1/score": client.post("/v1/score", json=case(), headers=headers).status_code,
        "/v1/score/batch": client.post("/v1/score/batch", json={"cases": []}, headers=headers).status_code,
        "json": client.get(f"/v1/assessments/{stored}", headers=headers).status_code,
        "page": client.get(f"/review/{stored}", headers=headers).status_code,
        "model": client.get("/v1/model", headers=headers).status_code,
    }
    assert asked == {
        "/v1/score": may_score, "/v1/score/batch": may_score, "json": may_read, "page": may_read, "model": 200,
    }  # fmt: skip


def test_an_area_sees_its_own_cases_only(client):
    here, elsewhere = client.token("reviewer", "3301"), client.token("reviewer", "3302")
    is_problem(client.post("/v1/score", json=case(), headers=elsewhere), 403)
    stored = client.post("/v1/score", json=case(), headers=here)
    assert stored.status_code == 200
    path = f"/v1/assessments/{stored.json()['assessment_id']}"
    assert client.get(path, headers=here).status_code == 200
    is_problem(client.get(path, headers=elsewhere), 403)
    is_problem(client.get(path.replace("/v1/assessments", "/review"), headers=elsewhere), 403)
    batch = client.post("/v1/score/batch", json={"cases": [case(), case(area="330206001")]}, headers=here).json()
    assert [next(iter(result)) for result in batch["results"]] == ["assessment", "problem"]
    assert batch["results"][1]["problem"]["status"] == 403


def test_the_area_is_that_of_the_version_that_is_known(client):
    """A later version that moves the dispute to another township does not change who may see the earlier score."""
    record = case()
    moved = record["dispute"] | {"area": "440306001", "recorded_at": "2024-06-02T00:00:00Z"}
    record["dispute"] = [moved, record["dispute"]]
    assert client.post("/v1/score", json=record, headers=client.token("reviewer", "33")).status_code == 200
    is_problem(client.post("/v1/score", json=record, headers=client.token("reviewer", "44")), 403)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/assessments/a-nobody", 404), ("GET", "/review/a-nobody", 404), ("GET", "/nothing", 404),
        ("GET", "/v1/score/", 404), ("GET", "/v1//score", 404), ("POST", "/nothing", 404), ("GET", "/docs", 404),
        ("GET", "/v1/assessments/%00", 404), ("GET", "/v1/assessments/..%2f..%2fetc", 404), ("GET", "/reviews", 404),
        ("GET", "/v1/score", 405), ("DELETE", "/v1/score", 405), ("POST", "/v1/model", 405), ("PUT", "/", 405),
        ("POST", "/review/a-1", 405), ("TRACE", "/v1/score", 405), ("BREW", "/v1/score", 405), ("BREW", "/nothing", 405),
    ],
)  # fmt: skip
def test_unknown_routes_and_methods(method, path, status, client):
    answer = client.request(method, path)
    assert is_problem(answer, status) == set()
    assert ("allow" in answer.headers) == (status == 405)


def test_a_body_is_bounded(client):
    fits = json.dumps(case(narrative="长" * 1000)).encode()
    padded = fits + b" " * (BODY_LIMIT - len(fits))
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/score", content=padded, headers=headers).status_code == 200
    is_problem(client.post("/v1/score", content=padded + b" ", headers=headers), 413)
    batch = json.dumps({"cases": [case()]}).encode()
    assert client.post("/v1/score/batch", content=batch + b" " * (2 << 20), headers=headers).status_code == 200
    is_problem(client.post("/v1/score/batch", content=batch + b" " * (16 << 20), headers=headers), 413)


def test_a_body_in_chunks_is_bounded(client):
    """Without a Content-Length the limit is counted; nothing of the rest is read."""
    taken = []

    def chunks():
        for number in range(100):
            taken.append(number)
            yield b" " * 65_536

    answer = client.post("/v1/score", content=chunks(), headers={"Content-Type": "application/json"})
    is_problem(answer, 413)
    body = json.dumps(case()).encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = client.post("/v1/score", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


@pytest.mark.parametrize("sent", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_another_media_type_is_415(sent, client):
    headers = {} if sent is None else {"Content-Type": sent}
    is_problem(client.post("/v1/score", content=json.dumps(case()).encode(), headers=headers), 415)


def test_json_with_a_charset_or_in_capitals_is_json(client):
    for sent in ("application/json; charset=utf-8", "Application/JSON"):
        headers = {"Content-Type": sent}
        assert client.post("/v1/score", content=json.dumps(case()).encode(), headers=headers).status_code == 200


def test_every_fault_of_a_record_is_told_at_once_and_no_value(client):
    record = case(("threat", 3, {"severity": 9, "channel": SECRET}), ("weapon", 2, {"occurred_at": "2024-05-30"}))
    record["dispute"] |= {"kind": SECRET, "amount_cny": -1, "ethnicity": SECRET, "area": SECRET, "mood": SECRET}
    record["petitions"] = [{"petition_id": "P1", "dispute_id": "D2"}]
    record["as_of"] = "2099-01-01T00:00:00Z"
    answer = client.post("/v1/score", json=record)
    faults = is_problem(answer, 422)
    assert faults >= {
        ("as_of", "as_of_in_future"), ("dispute.kind", "unknown_code"), ("dispute.amount_cny", "out_of_range"),
        ("dispute.area", "bad_pattern"), ("events[2].severity", "out_of_range"), ("events[2].channel", "unknown_code"),
        ("events[3].occurred_at", "naive_time"), ("petitions[0].lodged_at", "required"),
        ("petitions[0].dispute_id", "unknown_dispute"),
    }  # fmt: skip
    assert any(path.startswith("dispute.") and rule == "refused_input" for path, rule in faults)
    assert any("mood" in path and rule == "unknown_column" for path, rule in faults)
    assert SECRET not in answer.text and SECRET not in json.dumps(answer.json(), ensure_ascii=False)


def test_a_dispute_not_yet_known_is_422(client):
    for as_of in ("1000-01-01T00:00:00Z", case()["dispute"]["recorded_at"], "2020-01-01T00:00:00Z"):
        assert is_problem(client.post("/v1/score", json=case(as_of=as_of)), 422) == {
            ("dispute.recorded_at", "unknown_dispute")
        }
    withdrawn = case()
    withdrawn["dispute"]["withdrawn"] = True
    is_problem(client.post("/v1/score", json=withdrawn), 422)


def test_too_many_events_is_422(client):
    many = [("verbal_altercation", 5)] * 2_000
    assert ("events", "too_many_rows") in is_problem(client.post("/v1/score", json=case(*many)), 422)


def test_a_batch_keeps_its_order_and_answers_each_by_itself(client):
    """Good, faulty and absurd records side by side; the problem of one has the shape of a problem document."""
    good, other = case(("threat", 2, {"severity": 4})), case(kind="labour", area="440306001")
    cases = [good, {}, other, None, "text", 3, [], case(kind=SECRET), good]
    answer = client.post("/v1/score/batch", json={"cases": cases})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [next(iter(result)) for result in results] == ["assessment", "problem", "assessment"] + ["problem"] * 5 + ["assessment"]  # fmt: skip
    for result in results:
        assert len(result) == 1
        if "problem" in result:
            assert set(result["problem"]) == PROBLEM
            assert result["problem"]["status"] == 422
            assert result["problem"]["errors"]
    assert SECRET not in answer.text
    alone = client.post("/v1/score", json=good).json()
    for result in (results[0], results[-1]):
        assert result["assessment"]["margin"] == alone["margin"]
        stored = result["assessment"]["assessment_id"]
        assert client.get(f"/v1/assessments/{stored}").json() == result["assessment"]
    assert results[2]["assessment"]["margin"] != alone["margin"]


def test_a_batch_is_bounded(client):
    assert client.post("/v1/score/batch", json={"cases": []}).json() == {"results": []}
    full = client.post("/v1/score/batch", json={"cases": [{}] * BATCH_CASES})
    assert len(full.json()["results"]) == BATCH_CASES
    assert is_problem(client.post("/v1/score/batch", json={"cases": [{}] * (BATCH_CASES + 1)}), 422) == {
        ("cases", "too_many_rows")
    }
    for body in ([], {}, {"cases": {}}, {"cases": [], "more": 1}, {"cases": None}, 3, None, "x"):
        answer = client.post(
            "/v1/score/batch", content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )  # fmt: skip
        assert is_problem(answer, 422) == {("cases", "bad_type")}


def test_a_small_body_cannot_ask_for_a_huge_answer(client):
    """A batch lists the first faults of each case only: 4 MB of faulty rows would be 77 MB of faults otherwise."""
    faulty = {"dispute": {}, "petitions": [], "events": [{}] * 300}
    alone = client.post("/v1/score", json=faulty)
    assert len(alone.json()["errors"]) == 1_000
    assert alone.json()["detail"] == "the case record breaks the contract in 1000 places or more"
    together = client.post("/v1/score/batch", json={"cases": [faulty] * 50})
    assert len(together.content) < 1_000_000
    for result in together.json()["results"]:
        assert result["problem"]["errors"] == alone.json()["errors"][:50]


def test_a_batch_lets_others_have_their_turn(client, app):
    """While a batch is scored, a request that came later is answered before it."""
    import asyncio

    import httpx

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app", headers=client.headers) as both:
            batch = asyncio.create_task(both.post("/v1/score/batch", json={"cases": [case()] * 100}))
            await asyncio.sleep(0.05)
            assert (await both.get("/readyz")).status_code == 200
            was_first = not batch.done()
            assert len((await batch).json()["results"]) == 100
            return was_first

    assert asyncio.run(ask())


def test_a_bug_is_told_without_details(client, app, monkeypatch, caplog):
    def broken(*_):
        raise ValueError(f"{SECRET} went wrong")

    monkeypatch.setattr(app.state.desk.in_force.scorer, "compute", broken)
    is_problem(client.post("/v1/score", json=case(narrative=SECRET)), 500)
    answer = client.post("/v1/score/batch", json={"cases": [case(narrative=SECRET)]})
    problem = answer.json()["results"][0]["problem"]
    assert set(problem) == PROBLEM and problem["status"] == 500
    assert SECRET not in answer.text + caplog.text
    assert "ValueError" in caplog.text


def test_a_log_that_cannot_be_written_is_503_and_not_ready(client, home):
    """Nothing is answered that is not logged; it is ready again when the log is free."""
    assert client.get("/readyz").status_code == 200
    with sqlite3.connect(home.log_database, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        is_problem(client.get("/readyz"), 503)
        is_problem(client.post("/v1/score", json=case()), 503)
        is_problem(client.post("/v1/score/batch", json={"cases": [case()]}), 503)
        other.execute("ROLLBACK")
    other.close()
    assert client.get("/readyz").status_code == 200
    assert client.post("/v1/score", json=case()).status_code == 200


def test_readiness_asks_for_no_token(client):
    del client.headers["Authorization"]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def test_the_root_leads_on_and_the_model_says_what_is_in_force(client, app):
    assert client.get("/").headers["location"] == "/v1/model"
    record = client.get("/v1/model").json()
    model = app.state.desk.in_force.model
    assert record["digest"] == model.digest
    assert record["version"] == "1"
    assert set(record["tiers"]) == {"red", "orange", "yellow"}
    assert record["provenance"]["synthetic"] is True
    assert [indicator["id"] for indicator in record["catalogue"]] == list(model.indicators)


def test_nothing_that_names_the_pair_or_the_story_comes_back(client, home):
    """The pair token is nowhere; the story is on the page of who decides, and in the log where it can be erased."""
    secrets = {"pair_token": "ptsecretxyz", "narrative": SECRET}
    record = case(("threat", 2, {"narrative": SECRET}), pair_confidence=0.95, **secrets)
    answer = client.post("/v1/score", json=record)
    path = f"/review/{answer.json()['assessment_id']}"
    page, router = client.get(path), client.get(path, headers=client.token("router"))
    log = sqlite3.connect(home.log_database)
    (kept,) = log.execute("SELECT content FROM contents WHERE part = 'case'").fetchone()
    chained = repr(log.execute("SELECT * FROM entries, assessments, cases").fetchall())
    log.close()
    stored = b"".join(path.read_bytes() for path in home.root.glob("log.db*"))
    for secret in secrets.values():
        assert secret not in answer.text + router.text + chained
    assert SECRET in page.text and "ptsecretxyz" not in page.text
    assert SECRET.encode() in kept and b"ptsecretxyz" not in stored
    assert "330106001" not in answer.text


def test_metrics_count_by_route_and_never_by_path(client, app):
    """Whatever is asked for, the labels stay few, and nothing of a path or a record is in them."""
    stored = client.post("/v1/score", json=case(narrative=SECRET)).json()["assessment_id"]
    client.get(f"/v1/assessments/{stored}")
    for number in range(50):
        client.get(f"/{SECRET}/{number}")
        client.get(f"/v1/assessments/{SECRET}-{number}")
        if number == 1:  # by now each route has been counted once, /metrics too
            lines_before = len(client.get("/metrics").text.splitlines())
        client.get("/metrics")
    del client.headers["Authorization"]
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'defuse_requests_total{route="score",status="200"} 1.0' in answer.text
    assert 'defuse_requests_total{route="unknown_route",status="404"} 50.0' in answer.text
    assert stored not in answer.text and SECRET not in answer.text
    assert len(answer.text.splitlines()) == lines_before


def test_the_real_service_answers_with_our_own_readiness_and_metrics(service):
    with service.client() as anyone:
        assert anyone.get("/readyz").json() == {"ready": True}
        anyone.get("/somebody-by-name")
        told = anyone.get("/metrics").text
        assert "defuse_requests_total" in told
        assert "bentoml" not in told and "somebody" not in told
        assert anyone.get("/livez").status_code == 200
        is_problem(anyone.get("/docs.json"), 404)
        is_problem(anyone.post("/readyz"), 405)
        assert anyone.get("/").headers["location"] == "/v1/model"
