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
ACTION_WORDS = {
    "mediation": ("mediation", "调解"),
    "senior_mediation": ("mediation by a senior mediator", "资深调解员调解"),
    "legal_aid": ("legal aid", "法律援助"),
    "protection_order_help": ("help with a protection order", "协助申请人身安全保护令"),
    "psychological": ("psychological help", "心理援助"),
    "hardship_aid": ("hardship aid", "困难救助"),
    "housing": ("housing help", "住房帮助"),
    "child_support": ("support for children", "儿童支持"),
    "labour_arbitration": ("labour arbitration", "劳动仲裁"),
    "enforcement_help": ("help with enforcement", "协助执行"),
    "supervision": ("supervision of the responsible institution", "督办承办单位"),
    "follow_up_offered": ("a follow-up offered", "主动回访"),
}
PER = 10_000


def review_page(assessment: dict[str, Any]) -> str:
    """The HTML page of an assessment: frequency, floors, reasons that add up, cautions, offers."""
    parts = assessment["reasons"]
    widest = max([abs(part["contribution"]) for part in parts] + [1e-9])
    up = sum(part["contribution"] for part in parts if part["contribution"] > 0)
    down = sum(part["contribution"] for part in parts if part["contribution"] <= 0)
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
        sums=(
            ("起点:尚未计入任何指标", "Start, before any indicator speaks", assessment["base_margin"]),
            ("升高的因素合计", "What raises it, together", up),
            ("降低的因素合计", "What lowers it, together", down),
            ("其他各项合计", "Everything else", assessment["other_contribution"]),
        ),
        actions=[ACTION_WORDS[action] for action in assessment["routing"]["actions"]],
    )


def _cases(probability: float) -> str:
    cases = PER * probability
    return f"{cases:,.1f}" if cases < 100 else f"{cases:,.0f}"


def _local(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("serving"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    return environment.get_template("review.html.j2")
