"""What a reader must know before relying on a score, worked out for each case: codes first, words when they are shown.

Every code follows from the record, the model and the policy alone, so that `defuse score`, the service and a replay of a
stored assessment say the same.  None reads a petition (charter rule 3) or a statement of wanting to die (rule 10).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features.catalogue import BY_ID
from features.clock import DAY_US, Flags, Times, parse_time
from features.history import Array
from features.indicator import Bilingual
from features.schema import CHANNELS, CONDUCT_TYPES, NEVER_SEVERE
from features.view import Selection, View
from training.artifact.contract import ModelContract

Codes = tuple[str, ...]

FIXED = {
    "thin_record": Bilingual(
        "The record is thin: contact the parties before relying on the score", "记录不足:在参考评分前请先联系当事人"
    ),
    "no_handling_on_record": Bilingual(
        "No step of any institution is on record: the handling source may be missing", "无任何处理记录:处理数据来源可能缺失"
    ),
    "silent_source": Bilingual(
        "The dispute is open, but no event has been recorded for a long time: a source may have gone silent",
        "纠纷未结但长期无新记录:数据来源可能中断",
    ),
    "stale_model": Bilingual(
        "The model was trained on records that end long before this date", "模型的训练数据距今已久"
    ),
    "points_fallback": Bilingual(
        "The model could not be verified: this is the points score", "模型无法通过校验:本结果为计分表评分"
    ),
    "former_model": Bilingual(
        "The model in force could not be verified: the one before it gave this score",
        "在用模型无法通过校验:本结果由此前的模型给出",
    ),
    "content_erased": Bilingual(
        "The case record behind this was erased, as the retention rules demand or somebody asked",
        "本评估所依据的案件记录已按保存期限规定或应请求删除",
    ),
    "care_content_erased": Bilingual(
        "Statements of wanting to die, and what rested on them, were erased as the retention rules demand",
        "轻生言论记录及其相关内容已按保存期限规定删除",
    ),
    "synthetic_model": Bilingual(
        "SYNTHETIC: the model was trained on simulated records", "SYNTHETIC:模型由模拟记录训练"
    ),
}  # fmt: skip
"""The words of the codes that name no indicator and no channel."""
OF_INDICATOR = {
    "outside_training_range": ("the value lies outside what the model was trained on", "数值超出训练范围"),
    "unseen_category": ("the model was trained on no case of this category", "训练数据中没有此类别"),
}
LATE = "late_source"
CHANNEL_NAMES = {
    "grid": "网格", "police_110": "110报警", "citizen_app": "群众应用", "hotline_12345": "12345热线", "sector": "行业部门",
    "court": "法院", "petition_office": "信访部门", "walk_in": "来访",
}  # fmt: skip
CONDUCT_TOLD = tuple(name for name in CONDUCT_TYPES if name != NEVER_SEVERE)
"""Conduct that every role may see: all but statements of wanting to die."""


class Watch(BaseModel):
    """When a record or a model counts as late, silent or stale, in days: part of the policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    late_days: float = Field(default=14, gt=0, description="usual delay between an occurrence and its record, at most")
    late_looks_back_days: float = Field(default=90, gt=0, description="how old a late record may be to be told")
    silent_days: float = Field(default=60, gt=0, description="an open dispute has at least one new event in so many")
    stale_model_days: float = Field(default=730, gt=0, description="a model is trained anew within so many")


class CautionRules:
    """The cautions of one model, ready for every case: bounds and categories by position."""

    def __init__(
        self, contract: ModelContract, indicators: Sequence[str], *, watch: Watch, fallback: str | None = None
    ) -> None:
        self._contract, self._watch, self._indicators = contract, watch, tuple(indicators)
        own = contract.own_columns
        told = [own.get(name) for name in indicators]
        shown = [not BY_ID[name].care_only for name in indicators]
        self._low = np.array([_bound(c.low if c and ok else None, -np.inf) for c, ok in zip(told, shown, strict=True)])
        self._high = np.array([_bound(c.high if c and ok else None, np.inf) for c, ok in zip(told, shown, strict=True)])
        unseen = {n: c.unseen for n, c in enumerate(told) if c is not None and c.unseen}
        self._unseen = {n: np.array([own[indicators[n]].categories.index(code) for code in codes]) for n, codes in unseen.items()}  # fmt: skip
        stale_from = parse_time(contract.provenance.trained_through) + round(watch.stale_model_days * DAY_US)
        self._stale_from = stale_from
        self._always: Codes = tuple(
            code for code, holds in ((fallback, fallback is not None), ("synthetic_model", contract.provenance.synthetic))
            if holds and code is not None
        )  # fmt: skip

    def of(self, view: View, own: Array, *, thin: Flags) -> list[Codes]:
        """The codes of every landmark of a view; ``own`` holds its values, shape (landmarks, indicators)."""
        outside = (own < self._low) | (own > self._high)
        silent = self._silent(view)
        stale = view.spine.as_of >= self._stale_from
        late = self._late(view)
        found = []
        for row in range(len(view)):
            codes = ["thin_record"] if thin[row] else []
            if outside[row].any():
                codes += [f"outside_training_range:{self._indicators[n]}" for n in np.flatnonzero(outside[row])]
            codes += [
                f"unseen_category:{self._indicators[n]}" for n, codes_ in self._unseen.items() if own[row, n] in codes_
            ]
            codes += [] if view.has_handling[row] else ["no_handling_on_record"]
            codes += [f"{LATE}:{CHANNELS[channel]}" for channel in late.get(row, ())]
            codes += ["silent_source"] if silent[row] else []
            codes += ["stale_model"] if stale[row] else []
            found.append((*codes, *self._always))
        return found

    def _silent(self, view: View) -> Flags:
        """Open disputes of which no event was recorded for long."""
        last = view.case("opened_at").copy()
        for rows in (_told(view), view.steps):
            if rows.index.size:
                np.maximum.at(last, rows.row, _recorded_at(rows))
        return (view.spine.as_of - last > self._watch.silent_days * DAY_US) & (view.closed_at < 0)

    def _late(self, view: View) -> dict[int, list[int]]:
        """Channels whose newest conduct reached the record late, by landmark."""
        rows = _told(view)
        if not rows.index.size:
            return {}
        known = _recorded_at(rows)
        late = (known - rows.column("occurred_at") > self._watch.late_days * DAY_US) & (
            rows.as_of - known <= self._watch.late_looks_back_days * DAY_US
        )
        if not late.any():
            return {}
        found: dict[int, set[int]] = {}
        for row, channel in zip(rows.row[late], rows.column("channel")[late], strict=True):
            found.setdefault(int(row), set()).add(int(channel))
        return {row: sorted(channels) for row, channels in found.items()}


def _told(view: View) -> Selection:
    return view.conduct.of(*CONDUCT_TOLD)


def _recorded_at(rows: Selection) -> Times:
    return rows.pairs.log.known_from[rows.pairs.item[rows.index]]


def words_of(code: str) -> Bilingual:
    """What a code says, in English and Chinese."""
    fixed = FIXED.get(code)
    if fixed is not None:
        return fixed
    head, _, name = code.partition(":")
    if head == LATE:
        return Bilingual(
            f"{name}: conduct reached the records later than usual; more may be on its way",
            f"{CHANNEL_NAMES[name]}:行为记录报送晚于通常时限,可能还有未到数据",
        )
    english, chinese = OF_INDICATOR[head]
    title = BY_ID[name].title
    return Bilingual(f"{title.en}: {english}", f"{title.zh}:{chinese}")


def _bound(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
