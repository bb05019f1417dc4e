"""One assessment as a page for people: a view of its JSON twin, nothing more."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

ZONE = ZoneInfo("Asia/Shanghai")
TIER_WORDS = {
    "red": ("Red: offer help at once", "红:立即提供帮助"),
    "orange": ("Orange: offer help soon", "橙:尽快提供帮助"),
    "yellow": ("Yellow: offer help", "黄:提供帮助"),
    "blue": ("Blue: no elevated signal in the records", "蓝:记录中无升高信号"),
    "contact_first": ("Not assessable: contact first", "无法评估:请先联系当事人"),
}
PER = 10_000


def review_page(assessment: dict[str, Any]) -> str:
    """The HTML page of an assessment: frequency, floors, reasons that add up, cautions, offers."""
    parts = [*assessment["reasons"]]
    widest = max([abs(part["contribution"]) for part in parts] + [abs(assessment["other_contribution"]), 1e-9])
    return _template().render(
        a=assessment,
        tier=TIER_WORDS[assessment["tier"]],
        frequency=_cases(assessment["probability"]),
        low=_cases(assessment["interval"][0]),
        high=_cases(assessment["interval"][1]),
        base=_cases(assessment["base_rate"]),
        per=f"{PER:,}",
        as_of=_local(assessment["as_of"]),
        due=_local(assessment["routing"]["due"]),
        width=lambda contribution: round(100 * abs(contribution) / widest, 1),
        raising=[part for part in parts if part["contribution"] > 0],
        lowering=[part for part in parts if part["contribution"] <= 0],
    )


def _cases(probability: float) -> str:
    return f"{PER * probability:,.1f}"


def _local(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("serving"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    return environment.get_template("review.html.j2")
