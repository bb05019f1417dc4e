"""One row of the catalogue in words for a terminal, found by its id, its column or what it is about."""

from __future__ import annotations

import textwrap
from difflib import get_close_matches

from features.catalogue import ROWS
from features.errors import MissingInput
from features.indicator import Bilingual, Indicator
from features.not_inputs import NotAnInput

LABEL, WIDTH = 12, 100
MOST_MATCHES = 5
DIRECTIONS = {
    "+": "a higher value may only raise the score",
    "-": "a higher value may only lower the score",
    "none": "free: the model may use it either way",
}


def find_row(text: str) -> Indicator | NotAnInput:
    """The row of the catalogue with this id or column name, in small or capital letters.

    Raises MissingInput with the rows that come close, by id or by a word of their name.
    """
    asked = text.strip().lower()
    for row in ROWS:
        if asked in {row.id.lower(), f"{row.id}_{row.name}".lower()}:
            return row
    close = _close_to(asked)
    listed = "".join(f"\n  {row.id}  {row.title.en}  {row.title.zh}" for row in close)
    hint = f"did you mean{listed}" if close else f"ids run from {ROWS[0].id} to {ROWS[-1].id}, such as B04"
    raise MissingInput(f"no indicator {text!r}: {hint}\nAll are in docs/reference/indicators.md")


def _close_to(asked: str) -> list[Indicator | NotAnInput]:
    by_id = get_close_matches(asked, [row.id.lower() for row in ROWS], n=MOST_MATCHES, cutoff=0.6)
    said = [row for row in ROWS if asked and asked in f"{row.name} {row.title.en} {row.title.zh}".lower()]
    near = [row for row in ROWS if row.id.lower() in by_id]
    return (said or near)[:MOST_MATCHES]


def explanation(row: Indicator | NotAnInput) -> str:
    """Everything declared of a row, one fact a line, in both languages where it has both."""
    facts = _facts(row) if isinstance(row, Indicator) else _why_not(row)
    lines = [f"{row.id}  {row.title.en}  {row.title.zh}", ""]
    for label, text in facts:
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=label.ljust(LABEL), subsequent_indent=" " * LABEL, break_long_words=False
        )
    return "\n".join(lines)


def _facts(one: Indicator) -> list[tuple[str, str]]:
    words = one.wording
    facts = [
        ("definition", one.definition),
        ("family", f"{one.family.id} {_both(one.family.name)}"),
        ("column", one.column),
        ("window", one.window),
        ("value", f"{one.value_type}; {_both(one.unit)}"),
        *([("codes", ", ".join(f"{n} {code}" for n, code in enumerate(one.category_codes)))] if one.categories else []),
        ("missing", one.missing),
        ("direction", DIRECTIONS[one.direction.value]),
        ("present", words.present.en), ("", words.present.zh),
        ("absent", words.absent.en), ("", words.absent.zh),
        ("offers", ", ".join(one.support) or "none of its own"),
        ("source", one.source),
    ]  # fmt: skip
    if one.care_only:
        facts.append(("shown to", "the care role alone; for others it folds into other_contribution"))
    return facts


def _why_not(one: NotAnInput) -> list[tuple[str, str]]:
    return [
        ("status", f"{one.status.value}: no model input, it has no column and is never computed"),
        ("family", f"{one.family.id} {_both(one.family.name)}"),
        ("would be", one.would_be),
        ("reason", one.reason.en),
        ("", one.reason.zh),
    ]


def _both(words: Bilingual) -> str:
    return f"{words.en} {words.zh}"
