"""The chain as a folder that others can check offline: JSON Lines, and a manifest with their digest.

Case content is not in it: neither records nor words nor anything of the care part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from features.errors import InvalidConfiguration, MissingInput, UserError
from features.progress import Report
from serving.log.chain import FORM, Kind, digest_of, digest_of_many, link, seq_of
from serving.log.database import Database
from serving.log.tables import ASSESSMENTS, ENTRIES

ENTRIES_FILE, MANIFEST_FILE = "entries.jsonl", "manifest.json"
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Manifest:
    """What an exported chain is: where it begins and ends, and the digest of its file."""

    form: str
    entries: int
    first_seq: int
    last_seq: int
    previous: str
    head_hash: str
    sha256: str


def export(
    database: Database, out: Path, *, since: int | None = None, until: int | None = None,
    progress: Report | None = None,
) -> Manifest:  # fmt: skip
    """The manifest of the entries in ``[since, until)`` (microseconds UTC), written with them into the folder ``out``.

    Raises UserError where there is something already or no entry is meant, LogUnavailable.
    """
    if (out / MANIFEST_FILE).exists() or out.is_file():
        raise UserError(f"{out} holds an export already: name another folder")
    out.mkdir(parents=True, exist_ok=True)
    digest, first, last = hashlib.sha256(), None, None
    with database.snapshot() as connection, (out / ENTRIES_FILE).open("wb") as file:
        count = 0
        for record in _records(connection, since, until, progress or (lambda *_: None)):
            line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
            digest.update(line)
            file.write(line)
            first, last, count = first or record, record, count + 1
    if first is None or last is None:
        (out / ENTRIES_FILE).unlink()
        raise UserError("the log has no entry in this time")
    manifest = Manifest(
        FORM, count, first["seq"], last["seq"], first["previous"], last["hash"], digest.hexdigest()
    )  # fmt: skip
    (out / MANIFEST_FILE).write_text(json.dumps(vars(manifest), indent=1) + "\n", "utf-8")
    return manifest


def verify_export(out: Path) -> Manifest:
    """The manifest of an exported chain in which everything holds together; needs neither the log nor a database.

    Raises MissingInput where there is none, InvalidConfiguration for the first thing that does not hold.
    """
    try:
        manifest = Manifest(**json.loads((out / MANIFEST_FILE).read_text("utf-8")))
        file = (out / ENTRIES_FILE).open("rb")
    except OSError:
        raise MissingInput(f"{out} holds no export") from None
    except (ValueError, TypeError):
        raise InvalidConfiguration(f"{out / MANIFEST_FILE} is damaged") from None
    digest, previous, seq, count = hashlib.sha256(), manifest.previous, manifest.first_seq - 1, 0
    with file:
        for line in file:
            digest.update(line)
            fault = _fault_of(line, seq + 1, previous)
            if isinstance(fault, str):
                raise InvalidConfiguration(f"{out / ENTRIES_FILE}, entry {seq + 1:,}: {fault}")
            seq, previous, count = seq + 1, fault["hash"], count + 1
    told = Manifest(FORM, count, manifest.first_seq, seq, manifest.previous, previous, digest.hexdigest())
    if told != manifest:
        raise InvalidConfiguration(f"{out / ENTRIES_FILE} is not the file that its manifest describes")
    return manifest


def _records(
    connection: sa.Connection, since: int | None, until: int | None, progress: Report
) -> Iterator[dict[str, Any]]:
    """The entries in order, each with the records of its assessments."""
    bounds = [ENTRIES.c.at_utc >= since] if since is not None else []
    bounds += [ENTRIES.c.at_utc < until] if until is not None else []
    low, high = connection.execute(
        sa.select(sa.func.min(ENTRIES.c.seq), sa.func.max(ENTRIES.c.seq)).where(*bounds)
    ).one()  # fmt: skip
    if low is None:
        return
    streamed = {"stream_results": True, "yield_per": ROWS_AT_ONCE}
    first, end = low << 20, (high + 1) << 20
    numbered = sa.select(ASSESSMENTS.c.number, ASSESSMENTS.c.record).order_by(ASSESSMENTS.c.number)
    rows = iter(connection.execute(
        numbered.where(ASSESSMENTS.c.number >= first, ASSESSMENTS.c.number < end), execution_options=streamed
    ))  # fmt: skip
    entries = sa.select(ENTRIES).where(ENTRIES.c.seq >= low, ENTRIES.c.seq <= high).order_by(ENTRIES.c.seq)
    row = next(rows, None)
    for entry in connection.execute(entries, execution_options=streamed):
        assessments = []
        while row is not None and seq_of(row.number) == entry.seq:
            assessments.append(row.record)
            row = next(rows, None)
        yield {**entry._mapping, "assessments": assessments}
        if entry.seq % ROWS_AT_ONCE == 0 or entry.seq == high:
            progress("export", (entry.seq - low + 1) / (high - low + 1))


def _fault_of(line: bytes, seq: int, previous: str) -> dict[str, Any] | str:
    """The record of a line that follows the one before, or what is wrong with it."""
    try:
        one = json.loads(line)
        hash_ = link(seq, one["at_utc"], one["kind"], one["payload_digest"], previous)
        payload, digests = json.loads(one["payload"]), [digest_of(text.encode()) for text in one["assessments"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return "this is no entry"
    if one["seq"] != seq or one["previous"] != previous:
        return "it does not follow the one before"
    if digest_of(one["payload"].encode()) != one["payload_digest"] or hash_ != one["hash"]:
        return "it was changed"
    if one["kind"] == Kind.ASSESSMENT and digests != [payload["digest"]]:
        return "its assessment was changed"
    if one["kind"] == Kind.BATCH_PART and digest_of_many(digests) != payload["digest"]:
        return "an assessment of its part was changed"
    return dict(one)
