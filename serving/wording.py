"""An indicator's value as a person reads it: the sentence, and the plain value beside it."""

from __future__ import annotations

import math

from features.indicator import Bilingual, Indicator


def plain_value(indicator: Indicator, value: float | None) -> float | str | None:
    """The value of a reason as JSON holds it: a number, a category code, or None where unknown."""
    if value is None or math.isnan(value):
        return None
    if indicator.categories:
        return indicator.category_codes[int(value)]
    return value


def sentence(indicator: Indicator, value: float) -> Bilingual:
    """What the records say of an indicator, in English and Chinese."""
    words = indicator.wording
    if math.isnan(value):
        chosen = words.unknown
    elif value == 0 and not indicator.categories:
        chosen = words.absent
    else:
        chosen = words.present
    return Bilingual(
        chosen.en.format(value=_shown(indicator, value, "en"), name=indicator.title.en),
        chosen.zh.format(value=_shown(indicator, value, "zh"), name=indicator.title.zh),
    )


def _shown(indicator: Indicator, value: float, language: str) -> str:
    if math.isnan(value):
        return ""
    if indicator.categories:
        return getattr(indicator.categories[int(value)], language)
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"
