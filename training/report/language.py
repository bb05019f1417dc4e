"""The two languages of a report: every sentence is written twice, side by side, and a page takes one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Tongue:
    """Chooses between the English and the Chinese of what is said: ``say("cases", "案件")``."""

    language: Language

    def __call__(self, en: str, zh: str) -> str:
        """Returns the words in this language."""
        return zh if self.language == "zh" else en

    @property
    def tag(self) -> str:
        """The language tag of a page."""
        return self("en", "zh-Hans")


EN, ZH = Tongue("en"), Tongue("zh")

_REASONS = {
    "no event": "没有事件",
    "no fit was reached with these rows": "这些行无法拟合",
    "more than one draw in ten gave no answer": "十次抽样中有一次以上没有结果",
    "no incident in the period": "期间没有事件",
    "no rows of both labels": "两类标签不齐",
    "no row reaches the threshold: nothing is gained over treating none": "没有一行达到阈值，与全部不提供帮助相同",
    "fewer than 50 disputes with an incident": "发生事件的纠纷不足 50 起",
    "fewer than 50 disputes": "纠纷不足 50 起",
    "fewer than 50 disputes with the value, or without it": "有或没有该取值的纠纷不足 50 起",
}
_PAIRS = re.compile(r"events in (\d+) pairs only; at least (\d+) are needed")


def reason_of(reason: str | None, say: Tongue) -> str:
    """Returns why a number has no value, in the page's language; an unknown reason stays as it is."""
    text = reason or ""
    if say.language == "en":
        return text
    pairs = _PAIRS.fullmatch(text)
    if pairs:
        return f"事件只出现在 {pairs[1]} 对双方中，至少需要 {pairs[2]} 对"
    return _REASONS.get(text, text)
