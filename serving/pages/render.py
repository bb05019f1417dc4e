"""Records to HTML: one environment, everything escaped, no style or script inside a page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.runtime import Context
from markupsafe import Markup

from serving.pages import codes
from serving.pages.language import Language, in_both
from serving.pages.numbers import PER, cases, highest_of, local, local_date
from serving.pages.pictures import bars, scale_picture, timeline_picture
from serving.pages.row_words import row_words
from serving.pages.timeline import LATE_DAYS
from serving.policy import Action
from training.artifact.tiers import Tier

CONTEXTS = "contexts_made"
"""Under this name a rendering is given the list that its contexts are noted in."""


@dataclass(frozen=True)
class Account:
    """What the page says of whoever reads it: what they may open, and whether they can log out."""

    may_review: bool
    may_oversee: bool
    has_session: bool


@dataclass(frozen=True)
class Frame:
    """What every page has around its content."""

    language: Language
    path: str
    csrf: str = ""
    account: Account | None = None


def render(template: str, frame: Frame, /, **values: Any) -> str:
    """The HTML of a template in a language."""
    language = frame.language
    given = {
        "language": language, "path": frame.path, "csrf": frame.csrf, "account": frame.account, "here": "",
        "synthetic": False, "_": language.both, "say": language.say, "words": language.words, "pick": language.pick,
        "code": partial(_code, language), "code_plain": partial(_code_plain, language), "signs": codes.TIER_SIGNS, "per": f"{PER:,}",
    }  # fmt: skip
    made: list[Context] = []
    try:
        return _environment().get_template(template).render(given | values | {CONTEXTS: made})
    finally:
        for context in made:
            context.parent.clear()
            context.vars.clear()


class _Context(Context):
    """A context that is told of to who asked for it.

    Macros and the context that they were made in hold each other, so that each page would leave its whole record behind
    until the collector of dead rings comes by: emptied, it goes at once.
    """

    def __init__(self, environment: Environment, parent: dict[str, Any], *given: Any, **named: Any) -> None:
        super().__init__(environment, parent, *given, **named)
        if CONTEXTS in parent:
            parent[CONTEXTS].append(self)


@lru_cache(maxsize=1 << 10)
def _code(language: Language, kind: str, value: object) -> Markup:
    return language.both(codes.message(kind, value))


@lru_cache(maxsize=1 << 10)
def _code_plain(language: Language, kind: str, value: object) -> str:
    return language.say(codes.message(kind, value))


def render_case(page: dict[str, Any], frame: Frame) -> str:
    """The HTML of a case's page record."""
    score, language = page["score"], frame.language
    rows = row_words(page, language, code=partial(_code, language), code_plain=partial(_code_plain, language))
    return render(
        "case.html.j2", frame, page=page, synthetic=page["synthetic"], rows=rows, correctable=frozenset(page["correctable"]),
        picture=timeline_picture(page["timeline"], as_of=page["as_of"]) if page["timeline"] else None,
        scale=scale_picture(score) if score else None, bars=bars(score) if score else {},
        cases=cases, local=local, local_date=local_date, highest=lambda tier: f"{highest_of(Tier(tier)):,}",
        late_days=LATE_DAYS, owner=in_both(codes.message("owner", page["routing"].get("owner_rank", ""))), reason_codes=list(codes.REASON_CODES), actions=[action.value for action in Action],
    )  # fmt: skip


def render_queue(page: dict[str, Any], frame: Frame) -> str:
    """The HTML of a page of the queue."""
    return render(
        "queue.html.j2", frame, page=page, here="queue", local=local, kinds=list(codes.KINDS),
        channels=list(codes.CHANNELS), tiers=list(codes.TIERS),
    )  # fmt: skip


def render_party(page: dict[str, Any], frame: Frame) -> str:
    """The HTML of what can be given to a party."""
    return render("party.html.j2", frame, page=page, synthetic=page["synthetic"], local=local, cases=cases)


def render_oversight(page: dict[str, Any], frame: Frame) -> str:
    """The HTML of the oversight page."""
    return render(
        "oversight.html.j2", frame, page=page, here="oversight", percent=lambda share: f"{100 * share:.0f}%",
        whole=lambda count: f"{count:,.0f}",
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("serving.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.context_class = _Context
    return environment
