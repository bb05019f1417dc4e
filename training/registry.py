"""Putting versions in force: promotion behind gates, roll-back, and a log of both that is only appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from features.errors import GateRefused, MissingInput
from training.artifact.home import Home
from training.artifact.store import load_model, read_champion, write_champion
from training.evaluation_record import Evaluation
from training.tracking import CHAMPION, Tracker

REPORT_FILE = "report.json"


@dataclass(frozen=True)
class Promotion:
    """One entry of the promotion log."""

    at_utc: str
    action: str
    by: str
    reason: str
    from_version: str | None
    to_version: str
    digest: str
    gates: dict[str, str]

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return asdict(self)


def promote(home: Home, version: str, *, by: str, reason: str, tracker: Tracker | None = None) -> Promotion:
    """Put a registered version in force, if every gate lets it.

    Raises MissingInput for an unknown version, ModelNotVerified for a damaged one, GateRefused where a gate says no.
    """
    tracker = tracker or Tracker(home)
    found = next((one for one in tracker.versions() if one["version"] == str(version)), None)
    if found is None:
        raise MissingInput(f"no version {version} of the model is registered; `defuse models` lists them")
    gates = _gates(home, found)
    refused = {name: why for name, why in gates.items() if not why.startswith("passed")}
    if refused:
        listed = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise GateRefused(f"version {version} was not promoted: {listed}")
    return _put_in_force(home, tracker, found, action="promote", by=by, reason=reason, gates=gates)


def roll_back(home: Home, *, by: str, reason: str, tracker: Tracker | None = None) -> Promotion:
    """Put the version before the current one back in force.  Raises MissingInput where there was none."""
    tracker = tracker or Tracker(home)
    log = promotions(home)
    former = log[-1].from_version if log else None
    if former is None:
        raise MissingInput("there is no former version to roll back to")
    found = next(one for one in tracker.versions() if one["version"] == former)
    load_model(home.models / found["digest"])
    return _put_in_force(
        home, tracker, found, action="rollback", by=by, reason=reason, gates={"verified": "passed: digest and contract"}
    )  # fmt: skip


def promotions(home: Home) -> list[Promotion]:
    """The promotion log, oldest first."""
    if not home.promotions.exists():
        return []
    return [Promotion(**json.loads(line)) for line in home.promotions.read_text("utf-8").splitlines()]


def mend_alias(home: Home, tracker: Tracker) -> None:
    """Make MLflow's champion alias the mirror of ``champion.json``, which alone says what is in force."""
    try:
        version = read_champion(home.root)["version"]
    except MissingInput:
        return
    registered = {one["version"]: one["aliases"] for one in tracker.versions()}
    if version in registered and CHAMPION not in registered[version]:
        tracker.set_alias(CHAMPION, version)


def _gates(home: Home, found: Mapping[str, Any]) -> dict[str, str]:
    """What each gate says of a version: "passed: ..." or why not."""
    load_model(home.models / found["digest"])
    report = home.reports / found["run_id"] / REPORT_FILE
    gates = {"verified": "passed: digest, contract and catalogue"}
    if not report.exists():
        return gates | {"report": f"there is no report of run {found['run_id']}: run `defuse report` first"}
    evaluation = Evaluation.model_validate(json.loads(report.read_text("utf-8"))["evaluation"])
    gates["too_good"] = "; ".join(alarm.message_en for alarm in evaluation.alarms) or "passed: no alarm"
    return gates


def _put_in_force(
    home: Home, tracker: Tracker, found: Mapping[str, Any], *, action: str, by: str, reason: str, gates: dict[str, str]
) -> Promotion:
    try:
        former = read_champion(home.root)["version"]
    except MissingInput:
        former = None
    entry = Promotion(
        at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        action=action, by=by, reason=reason, from_version=former, to_version=found["version"],
        digest=found["digest"], gates=gates,
    )  # fmt: skip
    with home.promotions.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry.to_record(), ensure_ascii=False) + "\n")
        log.flush()
        os.fsync(log.fileno())
    write_champion(home.root, {"version": found["version"], "digest": found["digest"], "since_utc": entry.at_utc})
    tracker.set_alias(CHAMPION, found["version"])
    return entry
