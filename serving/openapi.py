"""The OpenAPI 3.1 document of the service, made from the record definition and the answers' models.

``GET /openapi.json`` serves it; the tests check every route, status and real answer against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from features.request_model import case_schema
from serving import answers
from serving.limits import BATCH_CASES
from serving.log.decisions import DecisionRequest
from serving.openapi_words import ABOUT, CASE, CURL, DECIDE, DECISION, HIDDEN, PYTHON, RETRY, UPDATE
from serving.permissions import permission
from serving.problems import TITLES

OPENAPI = "3.1.0"
REF = "#/components/schemas/{model}"
COMMON_ERRORS = (401, 403, 405, 429, 431, 500)
MODELS: tuple[type[BaseModel], ...] = (
    answers.Assessment, answers.BatchAnswer, answers.Decision, answers.ModelInForce, answers.ProblemDocument,
    answers.Alive, answers.Ready,
)  # fmt: skip
KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False, "description": RETRY,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One route and method: who may call it, what it takes and gives, and which errors it has beside the common ones."""

    path: str
    method: str
    id: str
    summary: str
    gives: str
    takes: str | None = None
    errors: tuple[int, ...] = ()
    description: str = ""
    example: dict[str, Any] | None = None
    takes_key: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that may call it; none: it asks for no token."""
        return permission(self.method.upper(), self.path).names


OPERATIONS = (
    Operation(
        "/v1/score", "post", "score", "Score one case record",
        gives="Assessment", takes="CaseRecord", errors=(400, 408, 409, 413, 415, 422, 503), description=UPDATE, example=CASE,
        takes_key=True,
    ),
    Operation(
        "/v1/score/batch", "post", "score_batch", f"Score up to {BATCH_CASES:,} case records, answered in order",
        gives="BatchAnswer", takes="Batch", errors=(400, 408, 413, 415, 422, 503), example={"cases": [CASE]}, takes_key=True,
        description="Each case is answered by its assessment or by its own problem document; one bad case spoils no other.",
    ),
    Operation(
        "/v1/assessments/{assessment_id}", "get", "find", "A stored assessment, as your role may see it",
        gives="Assessment", errors=(404, 503), description=HIDDEN,
    ),
    Operation(
        "/v1/assessments/{assessment_id}/decisions", "post", "decide", "Record what a reviewer makes of an assessment",
        gives="Decision", takes="DecisionRequest", errors=(400, 404, 408, 409, 413, 415, 422, 503),
        description=DECIDE, example=DECISION, takes_key=True,
    ),
    Operation(
        "/v1/model", "get", "model", "What is in force: version, digests, thresholds, catalogue",
        gives="ModelInForce", errors=(503,),
    ),
    Operation("/livez", "get", "alive", "The process lives", gives="Alive"),
    Operation("/healthz", "get", "healthy", "The same by its other name", gives="Alive"),
    Operation("/readyz", "get", "ready", "Whether a score could be given and logged now",  gives="Ready", errors=(503,)),
)  # fmt: skip


@cache
def openapi_document() -> dict[str, Any]:
    """The document; the same object every time, so do not change it."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": OPENAPI,
        "info": {"title": "Defuse", "version": "1", "summary": "90-day risk of dispute cases, explained", "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "`defuse token create` makes one"}},
        },
    }  # fmt: skip


def _operation(operation: Operation) -> dict[str, Any]:
    path_parts = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    errors = sorted({*operation.errors, *(COMMON_ERRORS if operation.roles else ())})
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": _description(operation),
        "security": [{"token": []}] if operation.roles else [],
        "responses": {
            "200": {"description": "done", "content": _content(operation.gives, "application/json")},
            **{str(status): _error(status) for status in errors},
        },
    }
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in path_parts
    ]
    if operation.takes_key:
        parameters.append(KEY)
    if parameters:
        told["parameters"] = parameters
    if operation.takes is not None:
        content = _content(operation.takes, "application/json")
        content["application/json"]["examples"] = {"one": {"summary": "SYNTHETIC", "value": operation.example}}
        told["requestBody"] = {"required": True, "content": content}
    if operation.id == "score":
        told["x-codeSamples"] = [{"lang": "Shell", "source": CURL}, {"lang": "Python", "source": PYTHON}]
    return told


def _description(operation: Operation) -> str:
    roles = f"Roles: {', '.join(operation.roles)}." if operation.roles else "Needs no token."
    return f"{operation.description}\n\n{roles}".strip()


def _content(model: str, media_type: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": REF.format(model=model)}}}


def _error(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": TITLES[status], "content": _content("ProblemDocument", "application/problem+json"),
    }  # fmt: skip
    if status in (429, 503):
        told["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return told


def _schemas() -> dict[str, Any]:
    record = case_schema(ref_template=REF)
    rows = record.pop("$defs")
    found = models_json_schema([(model, "serialization") for model in MODELS], ref_template=REF)[1]["$defs"]
    asked = models_json_schema([(DecisionRequest, "validation")], ref_template=REF)[1]["$defs"]
    case: dict[str, Any] = {"$ref": REF.format(model="CaseRecord")}
    batch = {
        "type": "object", "additionalProperties": False, "required": ["cases"],
        "properties": {"cases": {"type": "array", "items": case, "maxItems": BATCH_CASES}},
    }  # fmt: skip
    return {**rows, "CaseRecord": record, "Batch": batch, **asked, **found}
