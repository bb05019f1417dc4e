"""The OpenAPI document against the service: every route, every real answer, every example."""

import json

import pytest

from features.request_model import parse_case
from serving.access import Door, Role, create_token
from serving.answers import Alive, Assessment, BatchAnswer, ModelInForce, ProblemDocument, Ready
from serving.app import make_app
from serving.desk import now_us
from serving.openapi import OPERATIONS, openapi_document
from serving.openapi_words import CASE
from serving.problems import TITLES, Problem
from serving.rates import Rates
from tests.serving.cases import case

FOR_PEOPLE = {"/", "/metrics", "/openapi.json", "/{path}"}
DOCUMENT = openapi_document()


def references(node):
    """Every $ref in the document."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            yield from references(value)
    if isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_route_is_described_and_nothing_else():
    routes = {
        (route.path.replace(":path", ""), method.lower())
        for route in make_app().routes
        for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {
        (path, method) for path, method in routes if path not in FOR_PEOPLE and not path.startswith("/review")
    }


def test_every_reference_leads_somewhere():
    found = set(references(DOCUMENT))
    assert found
    for one in found:
        head, _, name = one.rpartition("/")
        assert head == "#/components/schemas"
        assert name in DOCUMENT["components"]["schemas"], one


def test_every_status_has_a_title_and_is_described():
    described = {int(s) for methods in DOCUMENT["paths"].values() for one in methods.values() for s in one["responses"]}
    assert described == {200, *TITLES}


def test_the_example_is_a_case_that_is_scored(client):
    parse_case(json.dumps(CASE).encode(), now_us=now_us())
    answer = client.post("/v1/score", json=CASE)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("answer", "model"), [
    (lambda c: c.post("/v1/score", json=case()), Assessment),
    (lambda c: c.post("/v1/score", json=case(("strangulation", 3), ("threat", 2, {"severity": 5}))), Assessment),
    (lambda c: c.post("/v1/score/batch", json={"cases": [case(), {"dispute": 1}]}), BatchAnswer),
    (lambda c: c.get("/v1/model"), ModelInForce),
    (lambda c: c.get("/readyz"), Ready),
    (lambda c: c.get("/livez"), Alive),
    (lambda c: c.get("/healthz"), Alive),
    (lambda c: c.post("/v1/score", json={}), ProblemDocument),
    (lambda c: c.get("/v1/assessments/none"), ProblemDocument),
])  # fmt: skip
def test_real_answers_have_the_shape_that_is_told(client, answer, model):
    model.model_validate_json(answer(client).text, strict=True)


def test_the_document_is_open_to_all(client):
    told = client.get("/openapi.json", headers={"Authorization": ""})
    assert told.status_code == 200
    assert told.json() == json.loads(json.dumps(DOCUMENT))
    assert told.json()["openapi"] == "3.1.0"


def test_roles_in_the_document_are_those_that_exist():
    assert {role for one in OPERATIONS for role in one.roles} == {role.value for role in Role}


# --- rates -----------------------------------------------------------------------------------------------------------


def test_a_token_that_sends_too_much_waits_for_its_bucket_to_fill():
    clock = [0.0]
    rates = Rates(lambda: clock[0])
    for _ in range(3):
        rates.take("a", per_minute=3)
    with pytest.raises(Problem) as refused:
        rates.take("a", per_minute=3)
    assert refused.value.status == 429
    assert refused.value.headers["Retry-After"] == "20"
    rates.take("b", per_minute=3)  # another token has its own
    clock[0] = 19.9
    with pytest.raises(Problem):
        rates.take("a", per_minute=3)
    clock[0] = 20.0
    rates.take("a", per_minute=3)


def test_only_valid_tokens_are_counted(tmp_path):
    token = create_token(tmp_path, role=Role.ROUTER, per_minute=2)
    door = Door(tmp_path, open_to_all=False)
    for _ in range(5):
        with pytest.raises(Problem, match="send Authorization"):
            door.grant("Bearer nobody")
    for status in (None, None, 429):
        if status is None:
            assert door.grant(f"Bearer {token}").role is Role.ROUTER
        else:
            with pytest.raises(Problem) as refused:
                door.grant(f"Bearer {token}")
            assert refused.value.status == status
