"""Erasing case content: what has expired by the policy's retention, or one dispute on request.

What stays is the chain with everything that was computed and decided.  The erasure is an entry itself: who, why, what.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from features.clock import DAY_US
from features.errors import MissingInput, UserError
from serving.log.chain import PLACES, Kind
from serving.log.content import Part
from serving.log.database import Database
from serving.log.decision_log import DecisionLog
from serving.log.statements import Statements
from serving.log.tables import ASSESSMENTS, CASES, CONTENTS, DECISIONS, REQUEST_KEYS, SHOWN
from serving.log.transaction import Transaction, now_us
from serving.policy import Retention

YEAR_DAYS = 365.25
ROWS_A_TIME = 500
PIECE_SECONDS = 60
BY_RULE = "retention rule of the policy"

Numbers = dict[Part, list[int]]


@dataclass(frozen=True)
class Erased:
    """How much was erased, by part, under which entries; and how many idempotency keys were forgotten."""

    parts: Mapping[str, int]
    entries: Sequence[int]
    keys: int

    def to_record(self) -> dict[str, Any]:
        """The same as a plain record."""
        return {"erased": dict(self.parts), "entries": list(self.entries), "forgotten_keys": self.keys}


def expired(database: Database, retention: Retention, *, now: int, most: int | None = None) -> Numbers:
    """The numbers of the contents that may no longer be kept, by part; ``most`` of each, the oldest, where it is given.

    A case ends with its visible closure, or, where none was ever sent, with its last assessment.
    """
    ended = sa.select(CASES.c.dispute_id).where(
        sa.func.coalesce(CASES.c.closed_at, CASES.c.as_of) < now - retention.case_content_years * YEAR_DAYS * DAY_US
    )
    old_care = ASSESSMENTS.c.as_of < now - retention.care_days * DAY_US
    of_ended = ASSESSMENTS.c.dispute_id.in_(ended)
    with database.snapshot() as connection:
        return {
            Part.CASE: _assessment_numbers(connection, Part.CASE, of_ended, most),
            Part.CARE: _assessment_numbers(connection, Part.CARE, sa.or_(old_care, of_ended), most),
            Part.TEXT: _text_numbers(connection, DECISIONS.c.dispute_id.in_(ended), most),
        }


def contents_of(database: Database, dispute_id: str) -> Numbers:
    """The numbers of all contents of a dispute that are still there, by part.  Raises MissingInput for an unknown one."""
    with database.snapshot() as connection:
        known = sa.select(CASES.c.dispute_id).where(CASES.c.dispute_id == dispute_id)
        if connection.execute(known).first() is None:
            raise MissingInput(f"no dispute {dispute_id!r} was ever assessed here")
        mine = ASSESSMENTS.c.dispute_id == dispute_id
        return {
            Part.CASE: _assessment_numbers(connection, Part.CASE, mine),
            Part.CARE: _assessment_numbers(connection, Part.CARE, mine),
            Part.TEXT: _text_numbers(connection, DECISIONS.c.dispute_id == dispute_id),
        }


def erase(log: DecisionLog, numbers: Numbers, *, by: str, reason: str) -> Erased:
    """What was erased: each piece in one transaction with the entry that names it.

    The bytes are overwritten: by SQLite's secure delete, by PostgreSQL's vacuum.  Backups are the operator's to expire.
    Raises UserError without ``by`` and ``reason``, LogUnavailable.
    """
    if not by.strip() or not reason.strip():
        raise UserError("to erase, say who does it (--by) and why (--reason)")
    statements = _Statements(log.database)
    entries, counts = [], {part.value: 0 for part in Part}
    for piece in _pieces(numbers):
        seq, done = log.writer.append(
            partial(statements.erase, piece=piece, by=by, reason=reason), seconds=PIECE_SECONDS
        )
        if seq is not None:
            entries.append(seq)
        for part, count in done.items():
            counts[part] += count
    keys = log.writer.append(statements.forget_keys, seconds=PIECE_SECONDS)
    _overwrite(log.database)
    return Erased(counts, entries, keys)


class _Statements:
    """The statements of an erasure, compiled once."""

    def __init__(self, database: Database) -> None:
        compiled = Statements(is_sqlite=database.is_sqlite).compiled
        this = sa.and_(CONTENTS.c.number == sa.bindparam("of_number"), CONTENTS.c.part == sa.bindparam("of_part"))
        self.empty = compiled(
            sa.update(CONTENTS).where(this, CONTENTS.c.salt.is_not(None)).values(salt=sa.null(), content=sa.null())
        )
        self.forget_care = compiled(
            sa.update(CASES).where(CASES.c.number == sa.bindparam("of_number")).values(care_due_at=sa.null())
        )
        shown = sa.update(SHOWN).values(content=sa.null()).where(SHOWN.c.number == sa.bindparam("of_number"))
        decided = DECISIONS.c.seq * sa.literal_column(str(1 << PLACES)) == sa.bindparam("of_number")
        of_dispute = sa.select(ASSESSMENTS.c.number).join(
            DECISIONS, DECISIONS.c.dispute_id == ASSESSMENTS.c.dispute_id
        ).where(decided)  # fmt: skip
        self.forget_shown = {  # what the pages showed goes with what it showed: a decision's words stand on every page of its dispute
            Part.CASE: compiled(shown),
            Part.CARE: compiled(shown.where(SHOWN.c.role == sa.literal_column("'care'"))),
            Part.TEXT: compiled(
                sa.update(SHOWN).values(content=sa.null()).where(SHOWN.c.number.in_(of_dispute))
            ),
        }  # fmt: skip
        self._forget = compiled(sa.delete(REQUEST_KEYS).where(REQUEST_KEYS.c.expires_at <= sa.bindparam("now")))

    def forget_keys(self, transaction: Transaction) -> int:
        """Forget the idempotency keys that have expired; how many."""
        return transaction.run(self._forget, {"now": now_us()})

    def erase(
        self, transaction: Transaction, *, piece: Sequence[tuple[Part, int]], by: str, reason: str
    ) -> tuple[int | None, dict[str, int]]:
        """Empty the contents of a piece that are still there, and append the entry that names them."""
        done: dict[str, list[int]] = {}
        for part, number in piece:
            if transaction.run(self.empty, {"of_number": number, "of_part": part.value}):
                done.setdefault(part.value, []).append(number)
            transaction.run(self.forget_shown[part], {"of_number": number})
            if part is Part.CARE:
                transaction.run(self.forget_care, {"of_number": number})
        if not done:
            return None, {}
        entry = transaction.entry(Kind.ERASURE, {"by": by, "reason": reason, "erased": done})
        return entry.seq, {part: len(found) for part, found in done.items()}


def _pieces(numbers: Numbers) -> Iterator[list[tuple[Part, int]]]:
    """Some contents at a time: other writers get their turn, and an entry stays short."""
    every = iter(
        sorted(((part, number) for part, found in numbers.items() for number in found), key=lambda one: one[1])
    )
    while piece := list(itertools.islice(every, ROWS_A_TIME)):
        yield piece


def _assessment_numbers(
    connection: sa.Connection, part: Part, which: sa.ColumnElement[bool], most: int | None = None
) -> list[int]:
    wanted = (
        sa.select(CONTENTS.c.number).join(ASSESSMENTS, ASSESSMENTS.c.number == CONTENTS.c.number)
        .where(CONTENTS.c.part == part.value, CONTENTS.c.salt.is_not(None), which).order_by(CONTENTS.c.number)
    )  # fmt: skip
    return list(connection.execute(wanted.limit(most)).scalars())


def _text_numbers(connection: sa.Connection, which: sa.ColumnElement[bool], most: int | None = None) -> list[int]:
    joined = CONTENTS.c.number == DECISIONS.c.seq * (1 << PLACES)
    wanted = (
        sa.select(CONTENTS.c.number).join(DECISIONS, joined)
        .where(CONTENTS.c.part == Part.TEXT.value, CONTENTS.c.salt.is_not(None), which).order_by(CONTENTS.c.number)
    )  # fmt: skip
    return list(connection.execute(wanted.limit(most)).scalars())


def _overwrite(database: Database) -> None:
    """Let the old bytes go from the files: SQLite's journal, PostgreSQL's dead rows."""
    with database.told_apart(), database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        statement = "PRAGMA wal_checkpoint(TRUNCATE)" if database.is_sqlite else "VACUUM contents, request_keys, shown"
        plain.exec_driver_sql(statement)
