"""Triggers that refuse to change what is append-only, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

APPEND_ONLY = ("entries", "assessments", "decisions", "policies", "shadow_scores")
REFUSED = "the decision log is append-only"
REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
RUN = "EXECUTE FUNCTION refuse_change()"
ERASES = "NEW.content IS NULL AND NEW.salt IS NULL AND NEW.number = OLD.number AND NEW.part = OLD.part"
"""The one change that is allowed: content and salt become null."""


def triggers(dialect: str) -> Iterator[str]:
    """The statements that make the triggers of a dialect (``sqlite`` or ``postgresql``)."""
    yield from _sqlite() if dialect == "sqlite" else _postgresql()


def append_only(dialect: str, table: str) -> Iterator[str]:
    """The statements that make the triggers of one table that may be appended only."""
    if dialect == "sqlite":
        for change in ("UPDATE", "DELETE"):
            yield f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} {REFUSE}"
        return
    yield f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {RUN}"
    yield f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {RUN}"


def _sqlite() -> Iterator[str]:
    for table in APPEND_ONLY:
        yield from append_only("sqlite", table)
    yield f"CREATE TRIGGER contents_no_delete BEFORE DELETE ON contents {REFUSE}"
    yield f"CREATE TRIGGER contents_no_update BEFORE UPDATE ON contents WHEN NOT ({ERASES}) {REFUSE}"


def _postgresql() -> Iterator[str]:
    yield (
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in APPEND_ONLY:
        yield from append_only("postgresql", table)
    yield f"CREATE TRIGGER contents_no_delete BEFORE DELETE ON contents FOR EACH ROW {RUN}"
    yield f"CREATE TRIGGER contents_no_truncate BEFORE TRUNCATE ON contents FOR EACH STATEMENT {RUN}"
    yield f"CREATE TRIGGER contents_no_update BEFORE UPDATE ON contents FOR EACH ROW WHEN (NOT ({ERASES})) {RUN}"
