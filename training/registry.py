"""Putting versions in force: promotion behind gates, roll-back, and a log of both that is only appended to.

``champion.json`` alone says what is in force: replacing it is the one instant at which a promotion happens.  What is
about to happen is written down first (``promotion.pending.json``), the line of the log and MLflow's alias come after.
A kill in between leaves the former champion or the new one, whole; the next command sets the log and the alias right.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from features.errors import GateRefused, MissingInput, ModelNotVerified, UserError
from features.refused import refused_shape
from features.working_folder import flush, write_text
from training.artifact.home import Home
from training.artifact.store import read_champion, write_champion
from training.gates import REPORT_FILE, Answers, GateResult, run_gates, verify
from training.tracking import CHAMPION, Tracker

__all__ = ["REPORT_FILE", "Promotion", "attempt_promotion", "attempt_roll_back", "first_break", "mend", "mend_alias", "promote",
           "promotions", "roll_back"]  # fmt: skip

PENDING_FILE = "promotion.pending.json"
LOCK_FILE = "promotion.lock"
IMPACT_GATE = "impact_assessment"
FIRST_OF_ALL = "0" * 64
"""What the first entry of the log names instead of one before it."""
ZONE = ZoneInfo("Asia/Shanghai")
Outcome = Literal["done", "refused", "interrupted"]


@dataclass(frozen=True)
class Promotion:
    """One entry of the promotion log: who, when, from which version to which, why, what the gates said, how it ended.

    ``interrupted``: killed before the version was in force.  ``gates`` holds a sentence for each gate, ``results`` the
    same with figures.  ``previous`` is the sha256 of the entry before it, as it stands in the log; zeros in the
    first, None in those of before there was a chain.
    """

    at_utc: str
    action: str
    by: str
    reason: str
    from_version: str | None
    to_version: str
    digest: str
    gates: dict[str, str]
    outcome: Outcome = "done"
    id: str = ""
    impact_sha256: str | None = None
    results: tuple[GateResult, ...] = ()
    previous: str | None = None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Promotion:
        """The entry of a plain record."""
        return cls(**{**record, "results": tuple(GateResult(**one) for one in record.get("results", ()))})

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return asdict(self)

    def to_text(self) -> str:
        """The gates as a table for a terminal, what to do under each that blocks, and the outcome."""
        rows = [(one.gate, one.state, one.figure_text, one.limit or "-") for one in self.results]
        wide = [max(len(row[place]) for row in rows) for place in range(3)] if rows else [0, 0, 0]
        lines = []
        for one, row in zip(self.results, rows, strict=True):
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, [*wide, 0], strict=True)))
            if one.state != "passed" or one.accepted:
                lines.append(f"    {one.says}" + (f" (accepted: {one.accepted})" if one.accepted else ""))
            if one.blocks and one.to_do:
                lines.append(f"    to do: {one.to_do}")
        again = " again" if self.action == "rollback" else ""
        done = self.outcome == "done"
        verdict = f"is in force{again}, by {self.by}" if done else "was not put in force; the log keeps the refusal"
        return "\n".join([*lines, f"version {self.to_version} {verdict}"])

    def require_done(self) -> None:
        """Raise GateRefused, naming every gate that blocks, unless the version was put in force."""
        if self.outcome == "done":
            return
        what = "promoted" if self.action == "promote" else "put back in force"
        blocking = [one for one in self.results if one.blocks and one.needs is None]
        listed = "; ".join(f"{one.gate}: {one.says}. To do: {one.to_do}" for one in blocking)
        raise GateRefused(f"version {self.to_version} was not {what}: {listed}")


def promote(
    home: Home, version: str, *, by: str, reason: str, answers: Answers | None = None, tracker: Tracker | None = None
) -> Promotion:
    """Put a registered version in force, if every gate lets it.

    Raises MissingInput for an unknown version, GateRefused where a gate says no (which the log keeps too).
    """
    entry = attempt_promotion(home, version, by=by, reason=reason, answers=answers, tracker=tracker)
    entry.require_done()
    return entry


def roll_back(home: Home, *, by: str, reason: str, tracker: Tracker | None = None) -> Promotion:
    """Put the version before the current one back in force.

    Raises MissingInput where there was none, GateRefused where its saved model is not whole.
    """
    entry = attempt_roll_back(home, by=by, reason=reason, tracker=tracker)
    entry.require_done()
    return entry


def attempt_promotion(
    home: Home, version: str, *, by: str, reason: str, answers: Answers | None = None, tracker: Tracker | None = None
) -> Promotion:
    """Run every gate on a registered version and put it in force if all let it; the entry of the log, done or refused.

    Raises MissingInput for an unknown version, UserError for an empty role or reason.
    """
    answers = answers or Answers()
    _check_words(
        {"--by": by, "--reason": reason, "--accept-thin-evidence": answers.accept_thin_evidence,
         "--explain-too-good": answers.explain_too_good}
    )  # fmt: skip
    tracker = tracker or Tracker(home)
    found = next((one for one in tracker.versions() if one["version"] == str(version)), None)
    if found is None:
        raise MissingInput(f"no version {version} of the model is registered; `defuse models` lists them")
    with _held(home):
        _mend(home, tracker)
        results = run_gates(home, found, answers, today=datetime.now(ZONE).date())
        return _carry_out(home, tracker, found, action="promote", by=by, reason=reason, results=results)


def attempt_roll_back(home: Home, *, by: str, reason: str, tracker: Tracker | None = None) -> Promotion:
    """Put the version before the current one back in force if its model is whole; the entry of the log.

    Each roll-back goes one promotion further back.  Raises MissingInput where there is no former version.
    """
    _check_words({"--by": by, "--reason": reason})
    tracker = tracker or Tracker(home)
    with _held(home):
        _mend(home, tracker)
        standing = _standing(promotions(home))
        if len(standing) < 2:
            raise MissingInput("there is no former version to roll back to")
        former = {"version": standing[-2].to_version, "digest": standing[-2].digest}
        verified, _ = verify(home, former["digest"])
        return _carry_out(home, tracker, former, action="rollback", by=by, reason=reason, results=(verified,))


def promotions(home: Home) -> list[Promotion]:
    """The promotion log, oldest first; a line that no command finished writing is not an entry."""
    return [entry for entry in map(_entry_of, _lines(home)) if entry is not None]


def first_break(home: Home) -> int | None:
    """The number (from 1) of the first entry that does not name the one before it by its digest; None where all do.

    Entries of before there was a chain name none; from the first that does, every later one must.
    """
    expected, chained = FIRST_OF_ALL, False
    for number, line in enumerate(filter(_entry_of, _lines(home)), 1):
        named = json.loads(line).get("previous")
        if chained if named is None else named != expected:
            return number
        chained, expected = named is not None, hashlib.sha256(line).hexdigest()
    return None


def _digest_of_last(home: Home) -> str:
    entries = [line for line in _lines(home) if _entry_of(line) is not None]
    return hashlib.sha256(entries[-1]).hexdigest() if entries else FIRST_OF_ALL


def mend(home: Home, tracker: Tracker) -> None:
    """Finish what a killed promotion or roll-back left open; nothing where another command is at it right now."""
    if (home.root / PENDING_FILE).exists() or list(_leftovers(home)):
        try:
            with _held(home):
                _mend(home, tracker)
        except (UserError, OSError):  # it is being done, or the home is read-only: a later command will
            return
    mend_alias(home, tracker)


def mend_alias(home: Home, tracker: Tracker) -> None:
    """Make MLflow's champion alias the mirror of ``champion.json``, which alone says what is in force."""
    champion = _champion(home)
    if champion is None:
        return
    version = champion["version"]
    registered = {one["version"]: one["aliases"] for one in tracker.versions()}
    if version in registered and CHAMPION not in registered[version]:
        tracker.set_alias(CHAMPION, version)


def _check_words(given: Mapping[str, str | None]) -> None:
    """Raise UserError for an empty answer, or one that holds what identifies a person."""
    for option, text in given.items():
        if text is None:
            continue
        if not text.strip():
            raise UserError(f"{option} is empty: the log keeps who decided, and why")
        shape = refused_shape(text, opaque=False)
        if shape is not None:
            raise UserError(f"{option} holds a {shape.value}: the log keeps roles and reasons, never a person")


def _champion(home: Home) -> dict[str, str] | None:
    """What is in force; None where nothing is, or where the file is damaged (a promotion then replaces it)."""
    try:
        return read_champion(home.root)
    except (MissingInput, ModelNotVerified):
        return None


def _standing(log: Sequence[Promotion]) -> list[Promotion]:
    """The promotions that stand, oldest first: a roll-back takes the last one away."""
    standing: list[Promotion] = []
    for entry in log:
        if entry.outcome != "done":
            continue
        if entry.action == "rollback":
            while standing and standing[-1].to_version != entry.to_version:
                standing.pop()
        if not standing or standing[-1].to_version != entry.to_version:
            standing.append(entry)
    return standing


@contextmanager
def _held(home: Home) -> Iterator[None]:
    """One promotion at a time.  The lock is the kernel's: it ends with its process.  Raises UserError where held."""
    home.root.mkdir(parents=True, exist_ok=True)
    lock = os.open(home.root / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another promotion or roll-back is under way in {home.root}: try again") from None
        yield
    finally:
        os.close(lock)


def _carry_out(
    home: Home, tracker: Tracker, found: Mapping[str, Any], *,
    action: str, by: str, reason: str, results: tuple[GateResult, ...],
) -> Promotion:  # fmt: skip
    """Put a version in force unless a gate blocks, and write the entry either way."""
    champion = _champion(home)
    entry = Promotion(
        at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        action=action, by=by, reason=reason, from_version=champion["version"] if champion else None,
        to_version=found["version"], digest=found["digest"], gates={one.gate: one.sentence for one in results},
        outcome="refused" if any(one.blocks for one in results) else "done", id=uuid.uuid4().hex,
        impact_sha256=next((one.sha256 for one in results if one.gate == IMPACT_GATE), None), results=results,
        previous=_digest_of_last(home),
    )  # fmt: skip
    write_text(home.root / PENDING_FILE, _line_of(entry))
    if entry.outcome == "done":
        write_champion(
            home.root,
            {"version": entry.to_version, "digest": entry.digest, "since_utc": entry.at_utc, "promotion": entry.id},
        )
        flush(home.root)
    _settle(home)
    if entry.outcome == "done":
        tracker.set_alias(CHAMPION, entry.to_version)
    return entry


def _mend(home: Home, tracker: Tracker) -> None:
    _settle(home)
    for path in _leftovers(home):
        path.unlink(missing_ok=True)
    mend_alias(home, tracker)


def _leftovers(home: Home) -> Iterator[Path]:
    """Files that a killed command had begun and not yet named."""
    yield from home.root.glob(".champion-*")
    yield from home.root.glob(f"{PENDING_FILE}.*")


def _settle(home: Home) -> None:
    """Bring what is pending to the log, as it ended, once; the same after a kill at any step of this very function."""
    pending = home.root / PENDING_FILE
    try:
        entry = _entry_of(pending.read_bytes())
    except FileNotFoundError:
        return
    if entry is not None:
        if entry.outcome == "done" and (_champion(home) or {}).get("promotion") != entry.id:
            entry = replace(entry, outcome="interrupted")
        if not any(one.id == entry.id for one in promotions(home)):
            _append(home.promotions, _line_of(entry).encode())
    pending.unlink()


def _append(log: Path, line: bytes) -> None:
    """Append one line to the log, or the rest of it where a kill left its beginning; nothing written is touched."""
    half = b"" if not log.exists() else log.read_bytes().rpartition(b"\n")[2]
    rest = line[len(half) :] if line.startswith(half) else b"\n" + line
    opened = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        while rest:
            rest = rest[os.write(opened, rest) :]
        os.fsync(opened)
    finally:
        os.close(opened)
    flush(log.parent)


def _lines(home: Home) -> list[bytes]:
    """The whole lines of the log."""
    try:
        return home.promotions.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _line_of(entry: Promotion) -> str:
    return json.dumps(entry.to_record(), ensure_ascii=False) + "\n"


def _entry_of(line: bytes) -> Promotion | None:
    try:
        return Promotion.from_record(json.loads(line))
    except (ValueError, TypeError):
        return None
