"""The reference page of the records contract, written from the code that enforces it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from features.refused import refused_register
from features.request_model import MAX_ROWS, PRIOR_DISPUTES
from features.rules import MEANINGS, TABLE_RULES, Rule, time_rules
from features.schema import DEFAULT_SEVERITY, TABLES, Column, Kind, Table

REFERENCE_PATH = Path("docs/reference/records.md")
"""Where the page lies in the repository; ``python -m features.records_reference`` writes it."""

_INTRODUCTION = """\
# The records: what comes in

<!-- Written by `python -m features.records_reference` from features/schema.py and features/rules.py: do not edit. -->

A folder of records holds `disputes`, `events` and `petitions`, and where labels or the fairness report are asked for
`incidents` and `audit`. Each is one of `<table>.parquet`, `<table>.csv` or a folder `<table>/` of part files.
A case record in a request is the same rows as JSON, checked by the same rules.

CSV is UTF-8 with a header; an empty field is null; `true` and `false` in any case; lists are joined by `|`. Parquet
holds the types below, or the texts of CSV. Times are RFC 3339 with an offset; what is finer than microseconds is cut
off. An empty list is null. A column that may be null may be left out.

The key of a row is its id and its recorded time. The same id with a later recorded time is a new version of the row;
`withdrawn` removes it from then on.
"""

_AT_THE_DOOR = """\
## At the door

Everything is read, then all faults are reported at once, each with file, row, column, rule and what was allowed; never
the value. A fault of a whole table stops every command. Rows with a fault go to `quarantine/<table>.csv` with `row`
(1 is the first row of data; `part-0001.csv:12` where there are part files), `column`, `rule` and `allowed`;
`reconciliation.json` beside it counts rows in = accepted + quarantined for each table. Commands go on with the
accepted rows unless `--strict`.

A cell is reported for the first rule it breaks, in the order of this table. Of rows that repeat a key and agree in
every column but the narrative one is accepted; if they contradict each other none is. The rows of a dispute whose own
rows were all set apart are rows of an unknown dispute.
"""

_REFUSED = """\
## Refused inputs

A column or attribute by one of these names is a fault of the table or request (`refused_input`), and its content is
not looked at. Names match in any case, with any separators, as whole words: `party_a_age` is refused, `language` is
not. Chinese terms match anywhere in a name. The columns above are never refused; the four attributes of `audit` only
outside it.

A text that holds an 18-digit resident ID with a valid check digit, a mobile number or a vehicle plate is refused
whatever its column (`refused_value_shape`). In ids and tokens a number counts when it is written without gaps and not
bordered by further digits, even next to letters; inside a UUID or a hexadecimal run of 16 signs or more it does not.
"""


def records_reference() -> str:
    """The page as Markdown: tables, times, rules and refused inputs."""
    parts = [_INTRODUCTION, *(_table(table) for table in TABLES), _request(), _AT_THE_DOOR, _rules(), _times()]
    return "\n".join([*parts, _REFUSED, _register()])


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _type(column: Column) -> str:
    if column.kind in (Kind.NUMBER, Kind.INTEGER):
        return column.allowed.removesuffix(" or null").removeprefix("a ")
    if column.pattern is not None:
        return f"text `{column.pattern}`"
    return column.kind.value


def _meaning(column: Column) -> str:
    codes = ", ".join(f"`{code}`" for code in column.codes)
    return f"{column.meaning}: {codes}" if codes else column.meaning


def _columns(table: Table) -> str:
    rows = ([f"`{c.name}`", _type(c), "yes" if c.nullable else "no", _meaning(c)] for c in table.columns)
    return _markdown_table(["column", "type", "null", "meaning"], rows)


def _table(table: Table) -> str:
    clocks = f" It occurs at `{table.occurred}` and is known at `{table.recorded}`." if table.recorded else ""
    text = f"## {table.name}\n\n{table.meaning}{clocks}\n\n{_columns(table)}"
    if table.name == "events":
        defaults = ", ".join(f"`{name}` {severity}" for name, severity in DEFAULT_SEVERITY.items())
        text += f"\nDefault severity: {defaults}; every other type 0.\n"
    return text


def _request() -> str:
    limits = ", ".join(f"{most:,} rows of `{part}`" for part, most in MAX_ROWS.items())
    return (
        "## The case record of a request\n\n"
        '`{"dispute": {...} or [versions], "events": [...], "petitions": [...], "prior_disputes": [...], "as_of": time '
        f"or null}}`, at most {limits}. Rows recorded at or after `as_of` are ignored, after now they are a fault. "
        f"`prior_disputes` may be left out. {PRIOR_DISPUTES.meaning}\n\n{_columns(PRIOR_DISPUTES)}"
    )


_REQUEST_RULES = (Rule.CLOSED_BEFORE_OPENED, Rule.CLOSURE_INCOMPLETE, Rule.AS_OF_IN_FUTURE, Rule.TOO_MANY_ROWS)


def _scope(rule: Rule) -> str:
    if rule in _REQUEST_RULES:
        return "request only"
    return "whole table" if rule in TABLE_RULES else "row"


def _rules() -> str:
    return _markdown_table(["rule", "about", "broken when"], ([f"`{r}`", _scope(r), MEANINGS[r]] for r in Rule))


def _times() -> str:
    rows = [
        [f"`{table.name}`", f"`{rule.column}`", rule.allowed, f"`{rule.rule}`"]
        for table in (*TABLES, PRIOR_DISPUTES)
        for rule in time_rules(table)
    ]
    return "Between the times of a row:\n\n" + _markdown_table(["table", "column", "must be", "rule"], rows)


def _register() -> str:
    rows = (
        [e.id, e.name_en, e.name_zh, e.reason, ", ".join(f"`{alias}`" for alias in e.aliases), ", ".join(e.terms)]
        for e in refused_register()
    )
    return _markdown_table(["id", "input", "中文", "reason", "names", "Chinese terms"], rows)


if __name__ == "__main__":
    REFERENCE_PATH.parent.mkdir(parents=True, exist_ok=True)
    REFERENCE_PATH.write_text(records_reference(), encoding="utf-8")
