"""The statements of the hot path: SQLAlchemy Core, compiled once for a database, run on a plain cursor."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from serving.log.database import CHAIN_LOCK
from serving.log.tables import (
    ASSESSMENTS,
    CASES,
    CONTENTS,
    DECISIONS,
    ENTRIES,
    POLICIES,
    PROBE,
    REQUEST_KEYS,
    SHADOW_SCORES,
)  # fmt: skip

NO: Any = sa.literal_column("0")
YES: Any = sa.literal_column("1")
NOT_OF_AN_ASSESSMENT = {"waits", "decided_seq", "decided_urgency", "decided_until"}


class Statements:
    """SQL texts by name; parameters go by name on both databases."""

    def __init__(self, *, is_sqlite: bool) -> None:
        """Compile all of them."""
        self._dialect: Any = sqlite.dialect(paramstyle="named") if is_sqlite else postgresql.psycopg.dialect()
        insert: Any = sqlite.insert if is_sqlite else postgresql.insert
        self.begin = "BEGIN IMMEDIATE" if is_sqlite else f"SELECT pg_advisory_xact_lock({CHAIN_LOCK})"
        last = sa.select(sa.func.max(ENTRIES.c.seq)).scalar_subquery()
        self.head = self._text(sa.select(ENTRIES.c.seq, ENTRIES.c.hash).where(ENTRIES.c.seq == last))
        self.insert = {
            table.name: self._text(sa.insert(table)) for table in (ENTRIES, ASSESSMENTS, DECISIONS, CONTENTS, SHADOW_SCORES)
        }  # fmt: skip
        self.insert["cases"] = self._text(_newer_case(insert))
        self.insert["request_keys"] = self._text(_key(insert))
        self.insert["policies"] = self._text(insert(POLICIES).on_conflict_do_nothing(index_elements=["digest"]))
        self.key = self._text(
            sa.select(REQUEST_KEYS.c.body_digest, REQUEST_KEYS.c.answer_id)
            .where(REQUEST_KEYS.c.key_digest == sa.bindparam("key_digest"))
            .where(REQUEST_KEYS.c.expires_at > sa.bindparam("now"))
        )  # fmt: skip
        probe = insert(PROBE).on_conflict_do_update(
            index_elements=["id"], set_={"at_utc": sa.text("excluded.at_utc")}
        )  # fmt: skip
        self.probe = self._text(probe)

    def compiled(self, statement: Any) -> str:
        """The text of a further statement; its parameters are bound by name, its constants must be literal."""
        return self._text(statement)

    def _text(self, statement: Any) -> str:
        compiled = statement.compile(dialect=self._dialect)
        unnamed = [name for name, value in compiled.params.items() if value is not None]
        if unnamed:
            raise AssertionError(f"a constant of this statement would have to be bound: {unnamed}")
        return str(compiled)


def stands(urgency: Any, as_of: Any) -> Any:
    """Whether a decision on an earlier assessment still stands: the case is no more urgent, and it is not long ago."""
    return sa.and_(
        CASES.c.decided_seq.is_not(None), urgency >= CASES.c.decided_urgency, as_of < CASES.c.decided_until
    )  # fmt: skip


def _newer_case(insert: Any) -> Any:
    """The last assessment of a dispute: by landmark, of one landmark the one that was stored last.

    It waits for a reviewer, unless a decision on the former one still stands: a nightly batch must not ask again for
    what was decided yesterday.
    """
    own = [column.name for column in CASES.columns if column.name not in NOT_OF_AN_ASSESSMENT]
    statement = insert(CASES).values({name: sa.bindparam(name) for name in own} | {"waits": YES})
    new = statement.excluded
    waits = sa.case((stands(new.urgency, new.as_of), NO), else_=YES)
    return statement.on_conflict_do_update(
        index_elements=["dispute_id"],
        set_={name: new[name] for name in own if name != "dispute_id"} | {"waits": waits},
        where=sa.or_(new.as_of > CASES.c.as_of, sa.and_(new.as_of == CASES.c.as_of, new.number > CASES.c.number)),
    )


def _key(insert: Any) -> Any:
    """A key takes the place of the same one that has expired (one that has not was looked for before)."""
    statement = insert(REQUEST_KEYS)
    others = [column.name for column in REQUEST_KEYS.columns if column.name != "key_digest"]
    return statement.on_conflict_do_update(
        index_elements=["key_digest"], set_={name: statement.excluded[name] for name in others}
    )
