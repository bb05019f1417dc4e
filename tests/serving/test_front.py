"""What every request passes: ids, one log line, admission, slow bodies, and nothing of a request anywhere in it."""

import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from features.schema import DISPUTES, EVENTS, PETITIONS, Kind
from serving import app as app_module
from serving.access import Role, create_token
from serving.front import Front
from serving.metrics import Metrics
from serving.permissions import FIELDS, PERMISSIONS
from tests.serving.cases import case
from tests.serving.test_contract import is_problem

CANARY = "ZQXCANARY"


@pytest.fixture
def lines(monkeypatch):
    """The log lines of the front, as objects."""
    found = []
    monkeypatch.setattr("serving.front._to_stderr", lambda line: found.append(json.loads(line)))
    return found


@pytest.fixture
def told(lines, home):
    """A client of an app whose log lines are kept."""
    from serving.access import Door
    from serving.app import make_app
    from serving.desk import Desk
    from tests.serving.app_client import AppClient

    app = make_app()
    app.state.desk, app.state.door = Desk(home, metrics=app.state.metrics), Door(home.root, open_to_all=False)
    client = AppClient(app, home)
    client.headers.update(client.token("reviewer"))
    yield client
    client.close()
    app.state.desk.close()


@pytest.mark.parametrize("sent", ["abcd-1234", "3f0c9a44-6f0e-4a07-a6c6-0d5e9e0f5d11", "x" * 64])
def test_a_plain_request_id_comes_back_and_stands_in_the_log(sent, told, lines):
    answer = told.get("/v1/model", headers={"X-Request-Id": sent})
    assert answer.headers["x-request-id"] == sent
    assert lines[-1]["request_id"] == sent
    assert (lines[-1]["route"], lines[-1]["status"], lines[-1]["role"]) == ("model", 200, "reviewer")
    assert lines[-1]["ms"] > 0


@pytest.mark.parametrize("sent", ["short", "x" * 65, "a b c d e f", "D13812345678", "id;drop", "张三丰张三丰张三丰"])
def test_any_other_request_id_is_replaced(sent, told, lines):
    answer = told.get("/v1/model", headers=[(b"X-Request-Id", sent.encode())])
    assert answer.headers["x-request-id"] != sent
    assert len(answer.headers["x-request-id"]) == 24
    assert sent not in json.dumps(lines, ensure_ascii=False)


def canaries():
    """One faulty record for each text, code, number, flag and time of every table, with the canary in that field."""
    for part, table in (("dispute", DISPUTES), ("events", EVENTS), ("petitions", PETITIONS)):
        for column in table.columns:
            record = case(("threat", 2))
            record["petitions"] = [{"petition_id": "P1", "dispute_id": "D1", "lodged_at": "2024-05-20T00:00:00Z",
                                    "recorded_at": "2024-05-20T00:00:00Z", "due_at": "2024-06-20T00:00:00Z"}]  # fmt: skip
            row = record[part] if part == "dispute" else record[part][0]
            is_free = column.kind is Kind.TEXT and column.pattern is None
            row[column.name] = f"{CANARY}13812345678" if is_free else [CANARY] if column.kind is Kind.CODES else CANARY
            yield f"{part}.{column.name}", record
    yield "an unknown field", case() | {CANARY: CANARY}
    yield "a field of a row", case(**{f"party_{CANARY.lower()}": CANARY})
    yield "as_of", case(as_of=CANARY)


def test_no_value_is_echoed_or_logged_from_any_field(told, lines, caplog):
    seen = 0
    for name, record in canaries():
        answer = told.post("/v1/score", json=record, headers={"Idempotency-Key": CANARY, "X-Request-Id": f"{CANARY} 1"})
        if name.endswith(".dispute_id") and name != "dispute.dispute_id":
            continue  # a good id of another dispute: refused, but no secret
        assert answer.status_code == 422 or "pair_token" in name or name == "dispute.dispute_id", (name, answer.text)
        if answer.status_code == 422:
            assert answer.json()["errors"], name
            if name not in ("an unknown field", "a field of a row"):
                assert CANARY not in answer.text, name
            seen += 1
    told.get(f"/{CANARY}?{CANARY}={CANARY}")
    told.post("/v1/score", content=CANARY.encode(), headers={"Content-Type": "application/json"})
    assert seen > 30
    assert CANARY not in json.dumps(lines)
    assert CANARY not in caplog.text
    assert CANARY not in told.get("/metrics").text


def test_refusals_are_counted_by_rule(told):
    told.post("/v1/score", json=case(kind="nonsense"))
    told.post("/v1/score", json=case(party_a_ethnicity="x"))
    told.post("/v1/score", json=case(("strangulation", 2)))
    text = told.get("/metrics").text
    assert 'defuse_refusals_total{rule="unknown_code"} 1.0' in text
    assert 'defuse_refusals_total{rule="refused_input"} 1.0' in text
    assert 'defuse_scores_total{tier="' in text
    assert all(
        f'defuse_stage_seconds_count{{stage="{stage}"}} 1.0' in text for stage in ("parse", "score", "view", "log")
    )
    for name in ("model_age_seconds", "model_fallback", "ready", "log_waiting", "log_lag_seconds", "shadow_total"):
        assert f"\ndefuse_{name}" in text


def test_what_comes_beyond_is_turned_away_in_order():
    """Two at once: the third is told to come again and its body is never read; later ones are taken again."""

    async def run():
        gate, read = asyncio.Event(), []

        async def slow(request):
            read.append(await request.body())
            await gate.wait()
            return JSONResponse({"done": True})

        inner = Starlette(routes=[Route("/", slow, methods=["POST"])])
        front = Front(inner, metrics=Metrics(), most_at_once=2, write=lambda line: None)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://app") as client:
            waiting = [asyncio.create_task(client.post("/", content=b"x")) for _ in range(2)]
            while len(read) < 2:
                await asyncio.sleep(0)
            refused = await client.post("/", content=b"y")
            gate.set()
            done = await asyncio.gather(*waiting)
            later = await client.post("/", content=b"z")
        return refused, [one.status_code for one in done], later.status_code, read

    refused, done, later, read = asyncio.run(run())
    assert is_problem(refused, 503) == set()
    assert refused.headers["retry-after"] == "1"
    assert (done, later, read) == ([200, 200], 200, [b"x", b"x", b"z"])


def test_a_body_that_comes_too_slowly_is_408(told, monkeypatch):
    async def drips():
        yield b'{"dispute"'
        await asyncio.sleep(5)
        yield b":1}"

    monkeypatch.setattr(app_module._body, "__kwdefaults__", {"seconds": 0.05})
    answer = told._runner.run(
        told._client.post("/v1/score", content=drips(), headers={"Content-Type": "application/json"})
    )
    is_problem(answer, 408)
    assert answer.headers["connection"] == "close"


def test_four_batches_at_once_are_the_most(told):
    told.app.state.batches = 4
    answer = told.post("/v1/score/batch", json={"cases": []})
    is_problem(answer, 503)
    assert answer.headers["retry-after"] == "1"
    told.app.state.batches = 0
    assert told.post("/v1/score/batch", json={"cases": []}).status_code == 200


# --- roles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("allowed", PERMISSIONS, ids=lambda one: f"{one.method} {one.path}")
def test_the_table_of_routes_is_what_the_routes_do(allowed, role, told, home):
    """Every role at every route: 403 unless the table says that it may; without a token 401 unless none is asked."""
    stored = told.post("/v1/score", json=case()).json()["assessment_id"]
    path = allowed.path.replace("{assessment_id}", stored)
    token = create_token(home.root, role=role)
    body = {"json": {"cases": []} if "batch" in path else case()} if allowed.method == "POST" else {}
    asked = told.request(allowed.method, path, headers={"Authorization": f"Bearer {token}"}, **body)
    assert (asked.status_code == 403) == bool(allowed.roles and role not in allowed.roles), asked.text
    assert asked.status_code != 401
    stranger = told.request(allowed.method, path, headers={"Authorization": ""}, **body)
    assert (stranger.status_code == 401) == bool(allowed.roles)


@pytest.mark.parametrize(
    "role", sorted({role for one in PERMISSIONS for role in one.roles if "assessment_id" in one.path})
)
def test_the_table_of_fields_is_what_each_role_sees(role, told, home):
    record = case(("self_harm_statement", 3, {"event_id": "ESELF"}), ("threat", 2, {"severity": 4}))
    stored = told.post("/v1/score", json=record).json()["assessment_id"]
    token = create_token(home.root, role=role)
    one = told.get(f"/v1/assessments/{stored}", headers={"Authorization": f"Bearer {token}"}).json()
    seen = {
        "reasons[B12]": any(reason["indicator"] == "B12" for reason in one["reasons"]),
        "floors[F3]": any(floor["floor"] == "F3" for floor in one["floors"]),
        "evidence": "ESELF" in json.dumps(one),
        "assessment": _shows_before_a_view(told, home, token),
    }
    assert seen == {field.field: role in field.roles for field in FIELDS}


def _shows_before_a_view(told, home, token):
    """Whether a role sees a stored assessment of a case that is judged first."""
    (home.root / "policy.toml").write_text("[review]\njudge_first_share = 1\n")
    told.app.state.desk.refresh()
    stored = told.post("/v1/score", json=case()).json()["assessment_id"]
    return told.get(f"/v1/assessments/{stored}", headers={"Authorization": f"Bearer {token}"}).status_code == 200
