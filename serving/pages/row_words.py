"""The rows of a case's timeline in the words of a page, worked out once for the table, its print and the form below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from serving.pages.language import Language
from serving.pages.numbers import local, local_date

Coded = Callable[[str, object], Any]


@dataclass(frozen=True)
class RowWords:
    """One row as it stands on the page.  ``event`` is HTML, everything else plain text.

    ``known_later`` says how many days after it occurred we came to know it, where that is late; ``details`` what the
    record says beside the type; ``apart`` why it does not count; ``same_as`` the number of the first report of the same,
    ``corrected`` when it got the version that stands here.
    """

    anchor: str
    number: str
    css: str
    occurred: str
    known: str
    known_later: str
    lane: str
    event: Markup
    event_plain: str
    details: str
    channel: str
    apart: str
    same_as: str
    corrected: str
    narrative: str
    id: str

    @property
    def day(self) -> str:
        """The day on which it occurred."""
        return self.occurred[:10]


def row_words(page: Mapping[str, Any], language: Language, *, code: Coded, code_plain: Coded) -> tuple[RowWords, ...]:
    """The rows of a case's page record, in order; ``code`` and ``code_plain`` give the words of a code."""
    printed = frozenset(page["printed_rows"])
    return tuple(
        RowWords(
            anchor=row["anchor"],
            number=_number(row["anchor"]),
            css=_css(row, is_printed=row["anchor"] in printed),
            occurred=local(row["occurred_at"]),
            known=local(row["recorded_at"]),
            known_later=language.say("{days} days later", days=row["days_late"]) if row["is_late"] else "",
            lane=code_plain("lane", row["lane"]),
            event=code("event", row["type"]),
            event_plain=code_plain("event", row["type"]),
            details=" · ".join(_details(row, language, code_plain)),
            channel=code_plain("channel", row["channel"]) if row["channel"] else "",
            apart="" if row["counts"] else code_plain("assertion", row["assertion"]),
            same_as=_number(row["merged_into"]) if row["merged_into"] else "",
            corrected=local(row["corrected_at"]) if row["corrected_at"] else "",
            narrative=row["narrative"] or "",
            id=row["ids"][0],
        )
        for row in page["timeline"]
    )


def _number(anchor: str) -> str:
    return anchor.removeprefix("row-")


def _css(row: Mapping[str, Any], *, is_printed: bool) -> str:
    return row["lane"] + ("" if row["counts"] else " apart") + ("" if is_printed else " off-print")


def _details(row: Mapping[str, Any], language: Language, code_plain: Coded) -> Iterator[str]:
    """What the record says of a row beside its type: nothing for what it leaves open."""
    if row["service"]:
        yield code_plain("service", row["service"])
    if row["severity"] is not None:
        words = code_plain("severity", row["severity"])
        yield language.say("severity {number} of 5: {words}", number=row["severity"], words=words)
    if row["specifics"]:
        yield language.say("names {number} of time, place, means, target", number=row["specifics"])
    if row["alcohol"]:
        yield language.say("drinking noted")
    if row["due_at"]:
        yield language.say("due {time}", time=local_date(row["due_at"]))
    if row["scheduled_at"]:
        yield language.say("set for {time}", time=local_date(row["scheduled_at"]))
