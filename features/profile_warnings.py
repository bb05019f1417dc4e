"""What in a profile a person should look at before fitting anything: rules with their thresholds, in one place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from features.profile_record import Auc, Caution, IndicatorProfile, Profile

TOO_GOOD_AUC = 0.9
"""As for a whole model (charter rule 7): no single column of such records can rank so well."""
JUMP = 0.15
FEWEST_DISPUTES = 100
"""A month of fewer disputes says little about how a column is filled."""
LARGE_UNRIPE = 0.5


def warnings_of(profile: Profile, disputes_by_month: tuple[int, ...]) -> tuple[Caution, ...]:
    """All warnings: those of the matrix first, then column by column."""
    found = list(_of_the_labels(profile))
    for one in profile.indicators:
        found += [*_of_the_values(one), *_of_the_months(one, disputes_by_month), *_of_the_ranking(one)]
    return tuple(found)


def _of_the_labels(profile: Profile) -> Iterator[Caution]:
    unripe, rows = profile.labels["not_yet_known"], profile.rows
    if unripe and rows and unripe == rows:
        yield Caution(
            kind="not_yet_known", column=None,
            en="No row has a known label: nothing can be fitted, and no label rate is told.",
            zh="没有一行的标签已知：无法训练，也不给出阳性率。",
        )  # fmt: skip
    elif unripe and rows and unripe > LARGE_UNRIPE * rows:
        yield Caution(
            kind="not_yet_known", column=None,
            en=f"{unripe / rows:.0%} of the rows are not yet known: they are younger than horizon + label delay "
            f"({profile.horizon_days + profile.label_delay_days:g} days) and count nowhere as negative.",
            zh=f"{unripe / rows:.0%} 的行标签尚未可知，绝不计为阴性。",
        )  # fmt: skip
    if profile.all_labelled.rate is None and unripe != rows:
        yield Caution(
            kind="too_few_positives", column=None,
            en="Positive rows come from fewer than ten disputes: too few to say anything by indicator.",
            zh="阳性行来自不足十起纠纷：样本太少，无法按指标判断。",
        )  # fmt: skip


def _of_the_values(one: IndicatorProfile) -> Iterator[Caution]:
    if one.unknown == 1:
        yield Caution(
            kind="always_unknown", column=one.column,
            en="Unknown in every row: no source fills it, and a model can learn nothing from it.",
            zh="所有行均未知：没有来源填写，模型无从学习。",
        )  # fmt: skip
    elif one.constant is not None:
        yield Caution(
            kind="constant", column=one.column,
            en=f"The same value ({one.constant:g}) in every row where it is known.",
            zh=f"凡已知的行取值都相同（{one.constant:g}）。",
        )  # fmt: skip


def _of_the_months(one: IndicatorProfile, disputes: tuple[int, ...]) -> Iterator[Caution]:
    told = [
        (month.month, month.unknown)
        for month, held in zip(one.by_month, disputes, strict=True)
        if month.unknown is not None and held >= FEWEST_DISPUTES
    ]
    steps = [(abs(after - before), first, then, before, after)
             for (first, before), (then, after) in itertools.pairwise(told)]  # fmt: skip
    size, first, then, before, after = max(steps, default=(0.0, "", "", 0.0, 0.0))
    if size >= JUMP:
        yield Caution(
            kind="missingness_jumps", column=one.column,
            en=f"Unknown in {before:.0%} of the rows of {first}, in {after:.0%} of {then}: did a form or a source change?",
            zh=f"{first} 有 {before:.0%} 的行未知，{then} 为 {after:.0%}：表单或来源是否改变？",
        )  # fmt: skip


def _of_the_ranking(one: IndicatorProfile) -> Iterator[Caution]:
    pairs = ((one.auc, "Its value", "其取值"), (one.auc_of_unknown, "Whether it is unknown", "其是否未知"))
    for auc, en, zh in pairs:
        if auc is not None and strength(auc) > TOO_GOOD_AUC:
            yield Caution(
                kind="too_good", column=one.column,
                en=f"{en} alone ranks rows with an AUC of {auc.value:.2f} ({auc.low:.2f} to {auc.high:.2f}): too good. "
                "Look for a leak: something known only after the landmark.",
                zh=f"仅{zh}的 AUC 即达 {auc.value:.2f}：好得不可信，请查找泄漏。",
            )  # fmt: skip


def strength(auc: Auc) -> float:
    """The AUC in whichever direction is better: 0.5 to 1."""
    return max(auc.value, 1 - auc.value)
