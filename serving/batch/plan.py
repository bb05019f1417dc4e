"""What a batch is to do, and everything that its bytes depend on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from features import partition
from features.clock import format_time
from features.manifest import engines, own_code, reconciliation
from features.records import Records
from features.working_folder import Product
from serving.access import Role
from serving.policy import Policy

SCHEMA_VERSION = 1
ASSESSMENTS_FILE = "assessments.parquet"
MANIFEST_FILE = "assessments.json"
PARTS = "parts"
SCORES = Product(
    "batch of assessments", (ASSESSMENTS_FILE, MANIFEST_FILE), (PARTS,), "scoring", beside_others=True
)  # fmt: skip
"""OUT may hold other things: only these two files are replaced."""


@dataclass(frozen=True)
class Batch:
    """One run over one landmark: what every worker needs, small enough to send to each.

    ``scored_at`` (microseconds UTC) is that of the whole run, also where a kill interrupts it.  ``log_url`` is the
    address of the decision log, None where nothing is logged.
    """

    as_of: int
    model_folder: Path
    version: str
    policy: Policy
    role: Role
    log_url: str | None = None
    scored_at: int = 0
    run: str = ""

    def assessment_id(self, dispute_id: str) -> str:
        """The id of a dispute's assessment: it follows from the run, so that a run resumed gives no second one."""
        return "a-" + hashlib.sha256(f"{self.run}|{dispute_id}".encode()).hexdigest()[:32]


def plan_record(records: Records, batch: Batch, *, scored_at: int | None) -> dict[str, Any]:
    """Everything that the bytes of a batch depend on, but for the time at which it began where none was given."""
    return {
        "schema_version": SCHEMA_VERSION,
        "inputs": dict(records.digests),
        "records": reconciliation(records),
        "as_of": format_time(batch.as_of),
        "scored_at": None if scored_at is None else format_time(scored_at),
        "model": {"digest": batch.model_folder.name, "version": batch.version},
        "policy": _digest(batch.policy.model_dump_json()),
        "role": batch.role.value,
        "logged": batch.log_url is not None,
        "code": _digest(own_code() + _code_above()),
        "partitions": partition.PARTITIONS,
        "engines": engines(),
    }


def run_of(plan: dict[str, Any], scored_at: int) -> str:
    """The name of one run of a plan: its digest and the time at which it began."""
    return _digest(json.dumps([plan, scored_at], sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _code_above() -> str:
    """The source of the floors above the features that take part."""
    house = Path(__file__).parents[2]
    folders = (house / "serving", house / "training" / "artifact")
    return "".join(path.read_text("utf-8") for folder in folders for path in sorted(folder.rglob("*.py")))
