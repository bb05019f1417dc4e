"""In words and tables: origins, weekly lists, lead time, churn, decision curve, usual care, probes, the champion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from training.evaluation.champion_record import AgainstChampion, Moves
from training.evaluation.measured import Measured
from training.evaluation.metrics import at_capacity
from training.evaluation.probe_record import Probe
from training.evaluation.record import DecisionPoint, Evaluation, ReportRecord
from training.evaluation.usual_care_record import UsualCareRecord
from training.evaluation.weekly_record import Weekly
from training.report.audit_view import channel_name
from training.report.language import Tongue
from training.report.wording import (
    TIER_OF_CAPACITY,
    difference_of,
    metric_name,
    per_thousand,
    ranker_name,
    sentence_of,
    share,
    verdict_name,
)

Rows = tuple[tuple[str, ...], ...]
AT_EACH_ORIGIN = (
    "base_rate", "auc", "ap_over_base", at_capacity("dispute_recall", 0.05), "observed_over_expected", "calibration_slope",
)  # fmt: skip
LEVELS = {
    "district": ("district (six digits of the area)", "区县（区划代码前六位）"),
    "prefecture": ("prefecture (four digits of the area)", "地市（区划代码前四位）"),
    "everywhere": ("all areas together", "全部地区合计"),
}
CHAMPION_METRICS = ("auc", "ap_over_base", at_capacity("dispute_recall", 0.05), at_capacity("precision", 0.05))


@dataclass(frozen=True, kw_only=True)
class FurtherView:
    """What stands beside the evaluation, in words and rows; a part that was not made has no rows."""

    origins: Rows
    weekly_level: str
    weekly: Rows
    weekly_ties: Rows
    lead_times: Rows
    churn: Rows
    decisions: Rows
    usual_care: Rows
    probes: Rows
    probes_further: Rows
    champion: tuple[str, ...]
    champion_metrics: Rows
    moves: Rows
    marks: Rows


def further_view(record: ReportRecord, say: Tongue) -> FurtherView:
    """Returns the words of what a record holds beside its evaluation."""
    weekly, champion = record.weekly, record.champion
    return FurtherView(
        origins=tuple(_origins(record, say)),
        weekly_level="" if weekly is None else say(*LEVELS[weekly.area_level]),
        weekly=() if weekly is None else tuple(_weekly(weekly, say)),
        weekly_ties=() if weekly is None else tuple(_weekly_ties(weekly, say)),
        lead_times=() if weekly is None else tuple(_lead_times(weekly, say)),
        churn=() if weekly is None else tuple(_churn(weekly, say)),
        decisions=tuple(_decisions(record.evaluation, say)),
        usual_care=() if record.usual_care is None else tuple(_usual_care(record.usual_care, say)),
        probes=tuple(_probe(probe, say) for probe in record.probes),
        probes_further=tuple(row for probe in record.probes for row in _probe_further(probe, say)),
        champion=() if champion is None else tuple(_champion(champion, record, say)),
        champion_metrics=() if champion is None else tuple(_against(champion, record, say)),
        moves=() if champion is None else tuple(_moves(one, say) for one in champion.moves),
        marks=() if champion is None else tuple(
            (say(one.name_en, one.name_zh), share(one.among_entering), share(one.among_leaving))
            for one in champion.marks
        ),
    )  # fmt: skip


def _name(metric: str, say: Tongue) -> str:
    words = metric_name(metric)
    return say(words.en, words.zh)


def _origins(record: ReportRecord, say: Tongue) -> Iterable[tuple[str, ...]]:
    for metric in AT_EACH_ORIGIN:
        for ranker in record.evaluation.rankers:
            found = [origin.find(metric, ranker=ranker) for origin in record.origins]
            if any(item is not None for item in found) and (
                metric != "base_rate" or ranker == record.evaluation.rankers[0]
            ):
                yield (
                    _name(metric, say),
                    "" if metric == "base_rate" else ranker_name(ranker, say),
                    *(sentence_of(item, say) if item is not None else "" for item in found),
                )


def _weekly(weekly: Weekly, say: Tongue) -> Iterable[tuple[str, ...]]:
    for one in weekly.capacities:
        yield (
            ranker_name(one.ranker, say),
            f"{one.cases_a_week}",
            sentence_of(one.dispute_recall, say),
            sentence_of(one.recall, say),
            sentence_of(one.precision, say),
            f"{one.recall.n_events:,}",
        )


def _weekly_ties(weekly: Weekly, say: Tongue) -> Iterable[tuple[str, ...]]:
    to = say(" to ", " 至 ")
    for one in weekly.capacities:
        yield (
            ranker_name(one.ranker, say),
            f"{one.cases_a_week}",
            f"{one.cases_listed:,.0f}",
            f"{one.cases_tied_at_cut:,}",
            share(one.recall_worst) + to + share(one.recall_best),
            per_thousand(one.precision_worst) + to + per_thousand(one.precision_best),
        )


def _lead_times(weekly: Weekly, say: Tongue) -> Iterable[tuple[str, ...]]:
    for one in weekly.lead_times:
        yield (
            ranker_name(one.ranker, say),
            sentence_of(one.flagged, say),
            sentence_of(one.flagged_7_days_before, say),
            sentence_of(one.median_days, say),
            f"{one.flagged.n_events:,}",
        )


def _churn(weekly: Weekly, say: Tongue) -> Iterable[tuple[str, ...]]:
    for one in weekly.churn:
        yield (
            ranker_name(one.ranker, say),
            f"{one.cases_a_week:,.0f}",
            sentence_of(one.jaccard, say),
            sentence_of(one.changed_without_record, say),
        )


def _decisions(evaluation: Evaluation, say: Tongue) -> Iterable[tuple[str, ...]]:
    model = evaluation.rankers[0]
    for point in (point for point in evaluation.decision_curve if point.ranker == model):
        yield (
            share(point.threshold),
            f"{point.n_treated:,}",
            sentence_of(point.net_benefit, say),
            sentence_of(point.of_treating_all, say),
            difference_of(point.over_treating_all, say),
            _over_points(point, say),
        )


def _over_points(point: DecisionPoint, say: Tongue) -> str:
    return "" if point.over_points is None else difference_of(point.over_points, say)


def _usual_care(care: UsualCareRecord, say: Tongue) -> Iterable[tuple[str, ...]]:
    for one in care.figures:
        yield (
            _name(one.usual_care.name, say),
            ranker_name(one.usual_care.ranker or "", say),
            *(_told(item, say) for item in (one.usual_care, one.as_observed, one.ratio)),
            f"{one.usual_care.n_events:,}",
        )


def _probe_name(probe: Probe, say: Tongue) -> str:
    if probe.probe == "shuffled_labels":
        return say("Trained on shuffled labels", "用打乱的标签训练")
    if probe.probe == "delayed_features":
        return say(f"Columns {probe.subject} late", f"列晚 {probe.subject.replace(' days', ' 天')}")
    channel = channel_name(probe.subject, say)
    return say(f"No event from the channel {channel}", f"没有来自渠道“{channel}”的事件")


def _probe(probe: Probe, say: Tongue) -> tuple[str, ...]:
    before = {item.name: item for item in probe.as_it_is}
    after = {item.name: item for item in probe.probed}
    auc = probe.find("auc")
    return (
        _probe_name(probe, say),
        _told(before.get("auc"), say),
        _told(after.get("auc"), say),
        "" if auc is None else difference_of(auc.difference, say),
        _limit(probe, say),
        verdict_name(probe.verdict, say),
        f"{probe.probed[0].n_events:,}",
    )


def _probe_further(probe: Probe, say: Tongue) -> Iterable[tuple[str, ...]]:
    """Yields what else a paired probe changes: disputes found, and O/E."""
    before, after = ({item.name: item for item in numbers} for numbers in (probe.as_it_is, probe.probed))
    for name in ("dispute_recall_at_5pct", "observed_over_expected"):
        one = probe.find(name)
        if one is not None:
            yield (
                _probe_name(probe, say),
                _name(name, say),
                sentence_of(before[name], say),
                sentence_of(after[name], say),
                difference_of(one.difference, say),
            )


def _limit(probe: Probe, say: Tongue) -> str:
    if probe.chance is not None:
        return say(f"chance reaches {sentence_of(probe.chance)}", f"偶然可及 {sentence_of(probe.chance, say)}")
    limit = "" if probe.limit is None else f"{probe.limit:.2f}"
    return say(f"a fall clearly beyond {limit}", f"下降明显超过 {limit}")


def _told(item: Measured | None, say: Tongue) -> str:
    return "" if item is None else sentence_of(item, say)


def _champion(champion: AgainstChampion, record: ReportRecord, say: Tongue) -> Iterable[str]:
    if champion.absent_en:
        yield say(champion.absent_en, champion.absent_zh or champion.absent_en)
        return
    digest = (champion.digest or "")[:12]
    yield say(
        f"The champion is version {champion.version}, digest {digest}. Both were scored on the same "
        f"{record.evaluation.n_rows:,} test rows.",
        f"在用模型为版本 {champion.version}，摘要 {digest}。两者在同样的 {record.evaluation.n_rows:,} 个测试行上评分。",
    )
    if champion.is_same_model:
        yield say("It is this very model: nothing changes.", "它就是本模型：没有变化。")
    if champion.saw_test_period:
        yield say(
            "The champion learned from rows of the test's time: the comparison favours it.",
            "在用模型学习过检验时段的行：比较对它有利。",
        )


def _against(champion: AgainstChampion, record: ReportRecord, say: Tongue) -> Iterable[tuple[str, ...]]:
    known = {(item.name, item.ranker): item for item in champion.measured}
    differences = {one.metric: one for one in champion.differences}
    model = record.evaluation.rankers[0]
    for metric in CHAMPION_METRICS if champion.differences else ():
        one = differences[metric]
        yield (
            _name(metric, say),
            sentence_of(known[metric, model], say),
            sentence_of(known[metric, "champion"], say),
            difference_of(one.difference, say),
            verdict_name(one.verdict, say),
            f"{one.difference.n_events:,}",
        )


def _moves(one: Moves, say: Tongue) -> tuple[str, ...]:
    tier = TIER_OF_CAPACITY.get(one.capacity)
    top = share(one.capacity)
    name = say(f"Top {top}", f"前 {top}") if tier is None else say(f"Top {top} ({tier[0]})", f"前 {top}（{tier[1]}）")
    rates = (one.rate_of_staying, one.rate_of_entering, one.rate_of_leaving)
    counts = (one.n_stay, one.n_enter, one.n_leave)
    cells = [f"{count:,}" for count in counts]
    return (name, *cells, *(_told(rate, say) for rate in rates))
