"""An indicator's value as a person reads it: the sentence, and the plain value beside it."""

from __future__ import annotations

import math
from functools import lru_cache

from features.catalogue import BY_ID
from features.indicator import Bilingual, Indicator

WORDS_KEPT = 8_192


def plain_value(indicator: Indicator, value: float | None) -> float | str | None:
    """The value of a reason as JSON holds it: a number, a category code, or None where unknown."""
    if value is None or math.isnan(value):
        return None
    if indicator.categories:
        return indicator.category_codes[int(value)]
    return value


def sentence(indicator: Indicator, value: float) -> Bilingual:
    """What the records say of an indicator, in English and Chinese."""
    return _sentence(indicator.id, None if math.isnan(value) else value)


@lru_cache(maxsize=WORDS_KEPT)
def _sentence(indicator_id: str, known: float | None) -> Bilingual:
    """The sentence of a value, None where unknown: most are said again and again."""
    indicator = BY_ID[indicator_id]
    words, value = indicator.wording, math.nan if known is None else known
    if known is None:
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
