"""Numbers as people read them: so many of 10,000 such cases, a value with its unit, a local time."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from features.catalogue import BY_ID
from features.indicator import YES_NO, Bilingual
from training.artifact.tiers import CAPACITY, Tier

ZONE = ZoneInfo("Asia/Shanghai")
PER = 10_000
ON_A_LOG_SCALE = {
    "A05": (math.expm1, Bilingual("yearly incomes", "倍年收入")),
    "E02": (math.exp, Bilingual("times as often as before", "倍于此前")),
    "E06": (math.expm1, Bilingual("days", "天")),
}
"""Indicators that the model reads as logarithms: how a person reads them, and in what."""


def cases(probability: float) -> str:
    """How many of 10,000 such cases: with a digit behind the point under 100, none above."""
    count = PER * probability
    return f"{count:,.1f}" if count < 100 else f"{count:,.0f}"


def local(time: str) -> str:
    """A time as the clock on the wall of the reviewer shows it."""
    return datetime.fromisoformat(time).astimezone(ZONE).isoformat(" ")[:16]


def local_date(time: str) -> str:
    """The day of a time, in the reviewer's zone."""
    return datetime.fromisoformat(time).astimezone(ZONE).isoformat()[:10]


def highest_of(tier: Tier) -> int:
    """How many of 10,000 cases the cut-off of a tier lets in."""
    return round(PER * CAPACITY[tier])


def value_words(indicator: str, value: float | str | None) -> dict[str, str]:
    """A reason's value, or its typical value, in both languages: yes or no, a category, a number with its unit."""
    declared = BY_ID[indicator]
    if value is None:
        return {"en": "not known", "zh": "未知"}
    if isinstance(value, str):
        chosen = declared.categories[declared.category_codes.index(value)]
        return {"en": chosen.en, "zh": chosen.zh}
    if declared.unit == YES_NO:
        return {"en": "yes", "zh": "是"} if value > 0 else {"en": "no", "zh": "否"}
    unit = declared.unit
    if indicator in ON_A_LOG_SCALE:
        undone, unit = ON_A_LOG_SCALE[indicator]
        value = round(undone(value), 1)
    number = f"{value:.0f}" if value == int(value) else f"{value:.1f}"
    return {"en": f"{number} ({unit.en})", "zh": f"{number}({unit.zh})"}
