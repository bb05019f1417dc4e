"""What a matrix says of itself: the plan it is built to, the counts of each part, and the manifest."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from features import catalogue
from features.clock import format_time
from features.indicator import Indicator
from features.labels import LabelRule
from features.records import Records
from features.spine import SpineSpec
from features.working_folder import finish, sha256, write_text

SCHEMA_VERSION = 1
ENGINES = ("duckdb", "numba", "numpy", "pyarrow")
"""The libraries on whose locked versions the bytes of a matrix depend."""
LABEL_STATES = ("positive", "negative", "not_yet_known")


@dataclass(frozen=True)
class MatrixPlan:
    """What to build: the spine, the indicators, the label rule and the reference income of A05."""

    spine: SpineSpec
    indicators: tuple[Indicator, ...]
    label: LabelRule
    reference_income_cny: float
    known_at: int
    labelled: bool
    closed_within_days: float | None = None


@dataclass(frozen=True)
class PartCount:
    """What one part holds: rows, disputes with a row, rows per label state, and the sha256 of its files."""

    rows: int
    disputes: int
    labels: dict[str, int]
    files: dict[str, str]


def plan_record(records: Records, plan: MatrixPlan, *, cut_at: int, partitions: int) -> dict[str, Any]:
    """Everything that the bytes of a matrix depend on: two builds with equal plans may share their parts."""
    return {
        "schema_version": SCHEMA_VERSION,
        "inputs": dict(records.digests),
        "records": reconciliation(records),
        "spine": plan.spine.text,
        "known_at": format_time(plan.known_at),
        "cut_at_us": cut_at,
        "label": {**plan.label.model_dump(), "incidents_read": plan.labelled},
        "reference_income_cny": plan.reference_income_cny,
        "closed_within_days": plan.closed_within_days,
        "catalogue": catalogue.digest(),
        "indicators": _text_digest(json.dumps([i.declaration() for i in plan.indicators])),
        "code": _text_digest(own_code() + "".join(_foreign_code(i) for i in plan.indicators)),
        "partitions": partitions,
        "engines": engines(),
    }


def engines() -> dict[str, str]:
    """The versions of the libraries on which the bytes depend."""
    return {name: version(name) for name in ENGINES}


def write_manifest(records: Records, plan: MatrixPlan, counts: list[PartCount], built: Path) -> None:
    """Write ``columns.json`` and, last, ``manifest.json`` under ``built``."""
    contract = json.dumps(catalogue.column_contract(plan.indicators), ensure_ascii=False, indent=1) + "\n"
    write_text(built / "columns.json", contract)
    files = {name: digest for count in counts for name, digest in count.files.items()}
    files = {name: files[name] for name in sorted(files)}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "spine": plan.spine.text,
        "known_at": format_time(plan.known_at),
        "label": {**plan.label.model_dump(), "incidents_read": plan.labelled},
        "reference_income_cny": plan.reference_income_cny,
        "catalogue": catalogue.digest(),
        "indicators": [indicator.id for indicator in plan.indicators],
        "columns": _text_digest(contract),
        "closed_within_days": plan.closed_within_days,
        "rows": sum(count.rows for count in counts),
        "disputes": sum(count.disputes for count in counts),
        "labels": {state: sum(count.labels[state] for count in counts) for state in LABEL_STATES},
        "partitions": len(counts),
        "engines": engines(),
        "source": dict(records.source),
        "synthetic": records.synthetic,
        "inputs": dict(sorted(records.digests.items())),
        "records": reconciliation(records),
        "digest": _text_digest(json.dumps(files, sort_keys=True)),
        "files": files,
    }
    write_text(built / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def finish_file(built: Path, unfinished: Path, name: str) -> str:
    """Give a written file its place under ``built``; returns its sha256."""
    digest = sha256(unfinished)
    finish(unfinished, built / name)
    return digest


def reconciliation(records: Records) -> dict[str, dict[str, int]]:
    """Rows in = accepted + quarantined, per table."""
    return {name: asdict(count) for name, count in records.report.reconciliation.items()}


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def own_code() -> str:
    """The source of this package: a part made by other code is not the same part."""
    return "".join(path.read_text("utf-8") for path in sorted(Path(__file__).parent.rglob("*.py")))


def _foreign_code(indicator: Indicator) -> str:
    """The source behind an indicator of one's own; where it cannot be had (a notebook), nothing is ever resumed."""
    if catalogue.BY_ID.get(indicator.id) is indicator:
        return ""
    try:
        return inspect.getsource(inspect.getmodule(indicator.measure) or indicator.measure)
    except (OSError, TypeError):
        return uuid4().hex
