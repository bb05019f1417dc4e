"""The words of a report as plain records: the HTML page and the model card are views of this, and agree so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from training.audit.record import Audit
from training.evaluation.held_out import LOCAL_ZONE
from training.evaluation.measured import Difference, Measured
from training.evaluation.metrics import at_capacity, split_capacity
from training.evaluation.record import Evaluation, ReportRecord, SplitFacts, TieBounds
from training.report.findings import cautions, findings, frequency_texts, suggestions
from training.report.further_view import FurtherView, further_view
from training.report.language import Tongue
from training.report.wording import (
    TIER_OF_CAPACITY,
    difference_of,
    events_of,
    metric_name,
    per_thousand,
    range_of,
    ranker_name,
    sentence_of,
    share,
    value_of,
    verdict_name,
)

Rows = tuple[tuple[str, ...], ...]
ORDER = (
    "base_rate", "mean_probability", "auc", "ap_over_base", "dispute_recall", "recall", "precision",
    "observed_over_expected", "observed_over_expected_exact", "calibration_slope", "calibration_intercept",
)  # fmt: skip
SIDE_BY_SIDE = (
    "auc", "ap_over_base", at_capacity("dispute_recall", 0.01), at_capacity("dispute_recall", 0.05),
    at_capacity("recall", 0.05), at_capacity("precision", 0.05), "observed_over_expected", "calibration_slope",
)  # fmt: skip
PART_NAMES = {
    "no_dispute_on_the_books": ("No dispute was on the books", "事前没有纠纷登记"),
    "dispute_but_no_scored_row": ("A dispute, but no scored row in the days before", "有纠纷登记，但此前没有评分"),
    "scored": ("Scored in the days before", "此前已有评分"),
}
STRETCHES = {"train": "训练", "calibration": "校准", "embargo": "隔离期", "test": "检验"}
DIRECTIONS = {
    "higher values raise": "取值越高越升",
    "higher values lower": "取值越高越降",
    "mixed": "不一",
    "by category": "按类别",
    "no effect in the sample": "样本中无影响",
}
METHODS = {
    "cluster bootstrap": "整群自助法",
    "exact binomial": "精确二项",
    "exact Poisson": "精确泊松",
    "permutation": "置换",
    "product of bounds": "上下限相乘",
}


@dataclass(frozen=True, kw_only=True)
class Card:
    """One number for the head of the page: who, how many in how many, and the range."""

    group: str
    text: str


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric: its name, what it means, and a cell for each column."""

    name: str
    meaning: str
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """Everything a report says in words and tables; ``mark`` is SYNTHETIC or empty."""

    mark: str
    title: str
    findings: tuple[str, ...]
    suggestions: tuple[str, ...]
    cards: tuple[Card, ...]
    rankers: tuple[str, ...]
    frequencies: Rows
    side_by_side: tuple[MetricRow, ...]
    differences: tuple[MetricRow, ...]
    populations: tuple[tuple[str, tuple[MetricRow, ...]], ...]
    coverage: Rows
    splits: Rows
    ties: Rows
    bands: Rows
    months: Rows
    contributions: Rows
    numbers: Rows
    cautions: tuple[str, ...]
    further: FurtherView


def view_of(record: ReportRecord, audit: Audit | None, say: Tongue) -> ReportView:
    """Returns the words of ``record`` in one language; every number in them is one of the record's, rounded."""
    evaluation = record.evaluation
    return ReportView(
        mark="SYNTHETIC" if record.run.synthetic else "",
        title=say(f"Defuse: report on model {record.run.model_name}", f"Defuse：模型 {record.run.model_name} 的报告"),
        findings=tuple(findings(evaluation, say)),
        suggestions=tuple(suggestions(record, audit, say)),
        cards=tuple(_cards(evaluation, say)),
        rankers=tuple(ranker_name(ranker, say) for ranker in evaluation.rankers),
        frequencies=tuple(_frequencies(evaluation, say)),
        side_by_side=tuple(_metrics(evaluation, SIDE_BY_SIDE, say)),
        differences=tuple(_differences(evaluation, say)),
        populations=tuple(
            (_population_name(evaluation, name, say), tuple(_metrics(evaluation, _names(evaluation), say, name)))
            for name in dict.fromkeys(item.population for item in evaluation.measured)
        ),
        coverage=tuple(_coverage(evaluation, say)),
        splits=tuple(row for number, splits in _origins(record) for row in _splits(number, splits, say)),
        ties=tuple(_tie(tie, say) for tie in evaluation.ties),
        bands=tuple(_bands(evaluation, say)),
        months=tuple(_months(evaluation, say)),
        contributions=tuple(_contributions(record, say)),
        numbers=tuple(_numbers(evaluation, say)),
        cautions=cautions(record, say),
        further=further_view(record, say),
    )


def _group(capacity: float, say: Tongue) -> str:
    top, tier = share(capacity), TIER_OF_CAPACITY.get(capacity)
    if tier is None:
        return say(f"Top {top}", f"前 {top}")
    return say(f"Top {top} ({tier[0]})", f"前 {top}（{tier[1]}）")


def _cards(evaluation: Evaluation, say: Tongue) -> Iterable[Card]:
    """Base rate and the tiers of the model, over one denominator."""
    capacities = sorted((share_ for share_ in evaluation.capacities if share_ in TIER_OF_CAPACITY), reverse=True)
    model = evaluation.rankers[0]
    told = [evaluation.base_rate]
    told += [evaluation.find(at_capacity("precision", capacity), ranker=model) for capacity in capacities]
    texts = frequency_texts(told, horizon_days=evaluation.horizon_days, say=say)
    groups = [say("All cases", "全部案件"), *(_group(capacity, say) for capacity in capacities)]
    for group, text in zip(groups, texts, strict=True):
        yield Card(group=group, text=text)


def _frequencies(evaluation: Evaluation, say: Tongue) -> Iterable[tuple[str, ...]]:
    names = [at_capacity("precision", capacity) for capacity in evaluation.capacities]
    table = [[evaluation.find(name, ranker=ranker) for ranker in evaluation.rankers] for name in names]
    told = [evaluation.base_rate, *(item for row in table for item in row)]
    texts = frequency_texts(told, horizon_days=evaluation.horizon_days, say=say)
    width = len(evaluation.rankers)
    yield (say("All cases", "全部案件"), *(texts[:1] * width))
    for place, capacity in enumerate(evaluation.capacities):
        yield (_group(capacity, say), *texts[1 + place * width : 1 + (place + 1) * width])


def _names(evaluation: Evaluation) -> list[str]:
    own = [one.name for one in evaluation.measured if (one.ranker, one.population) == (evaluation.rankers[0], "all")]
    return sorted(own, key=lambda name: ORDER.index(split_capacity(name)[0]))


def _population_name(evaluation: Evaluation, population: str, say: Tongue) -> str:
    if population == "all":
        return say("All test rows", "全部测试行")
    hours = evaluation.early_hours
    return say(f"Without incidents in the first {hours} h after the score", f"不含评分后 {hours} 小时内的事件")


def _metrics(evaluation: Evaluation, names: Iterable[str], say: Tongue, population: str = "all") -> Iterable[MetricRow]:
    known = {(item.name, item.ranker, item.population): item for item in evaluation.measured}
    explained = set[str]()
    for name in names:
        every = [known.get((name, ranker, population)) for ranker in evaluation.rankers]
        if every[0] is None:
            continue
        words, stem = metric_name(name), split_capacity(name)[0]
        yield MetricRow(
            name=say(words.en, words.zh),
            meaning="" if stem in explained else say(words.meaning, words.meaning_zh),
            cells=(*(sentence_of(item, say) if item else "" for item in every), f"{every[0].n_events:,}"),
        )
        explained.add(stem)


def _differences(evaluation: Evaluation, say: Tongue) -> Iterable[MetricRow]:
    by_metric = {(d.metric, d.baseline): d for d in evaluation.differences if d.difference.population == "all"}
    for name in SIDE_BY_SIDE:
        found = [by_metric.get((name, other)) for other in evaluation.rankers[1:]]
        if any(found):
            words = metric_name(name)
            yield MetricRow(
                name=say(words.en, words.zh), meaning="", cells=tuple(_difference(one, say) for one in found)
            )


def _difference(one: Difference | None, say: Tongue) -> str:
    if one is None:
        return ""
    told = difference_of(one.difference, say)
    return told if one.difference.value is None else f"{told}{say(': ', '：')}{verdict_name(one.verdict, say)}"


def _coverage(evaluation: Evaluation, say: Tongue) -> Iterable[tuple[str, ...]]:
    for part in evaluation.coverage.parts if evaluation.coverage is not None else ():
        yield (say(*PART_NAMES[part.part]), f"{part.count:,}", sentence_of(part.share, say))


def _origins(record: ReportRecord) -> list[tuple[int, tuple[SplitFacts, ...]]]:
    if not record.origins:
        return [(1, record.run.splits)]
    return [(origin.number, origin.splits) for origin in record.origins]


def _splits(number: int, splits: Iterable[SplitFacts], say: Tongue) -> Iterable[tuple[str, ...]]:
    """Yields each stretch of time with its dates as read in Asia/Shanghai."""
    for split in splits:
        days = (
            datetime.fromisoformat(text).astimezone(ZoneInfo(LOCAL_ZONE)) for text in (split.starts_at, split.ends_at)
        )
        counts = (split.n_rows, split.n_positive_rows, split.n_disputes, split.n_events)
        name = say(split.name, STRETCHES[split.name])
        yield (
            say(f"Origin {number}, {name}", f"起点 {number}，{name}"),
            *(day.date().isoformat() for day in days),
            *(f"{count:,}" for count in counts),
        )


def _tie(tie: TieBounds, say: Tongue) -> tuple[str, ...]:
    recall = [share(end) for end in (tie.recall_worst, tie.recall_best)]
    precision = [per_thousand(end) for end in (tie.precision_worst, tie.precision_best)]
    return (
        ranker_name(tie.ranker, say),
        share(tie.capacity),
        f"{tie.rows_taken:,.0f}",
        f"{tie.rows_tied_at_cut:,}",
        say(" to ", " 至 ").join(recall),
        say(" to ", " 至 ").join(precision),
    )


def _bands(evaluation: Evaluation, say: Tongue) -> Iterable[tuple[str, ...]]:
    for band in evaluation.bands:
        yield (
            ranker_name(band.ranker, say),
            say(" to ", " 至 ").join((share(band.top_share_from), share(band.top_share_to))),
            per_thousand(band.mean_probability),
            sentence_of(band.observed_rate, say),
            sentence_of(band.observed_over_expected, say),
            f"{band.observed_rate.n_events:,}",
            f"{band.observed_rate.n_rows:,}",
        )


def _months(evaluation: Evaluation, say: Tongue) -> Iterable[tuple[str, ...]]:
    for month in (month for month in evaluation.months if month.ranker == evaluation.rankers[0]):
        cells: tuple[Measured, ...] = (
            month.observed_rate,
            month.mean_probability,
            month.auc,
            month.observed_over_expected,
            month.recall_at_5pct,
        )
        counts = (f"{month.observed_rate.n_events:,}", f"{month.observed_rate.n_rows:,}")
        yield (month.month, *(sentence_of(cell, say) for cell in cells), *counts)


def _contributions(record: ReportRecord, say: Tongue) -> Iterable[tuple[str, ...]]:
    for item in record.contributions.indicators if record.contributions is not None else ():
        yield (
            say(item.name_en, item.name_zh),
            f"{item.mean_absolute:.3f}",
            say(" to ", " 至 ").join((f"{item.lowest:+.2f}", f"{item.highest:+.2f}")),
            say(item.direction, DIRECTIONS[item.direction]),
            share(item.share_missing),
        )


def _numbers(evaluation: Evaluation, say: Tongue) -> Iterable[tuple[str, ...]]:
    extra = () if evaluation.leak_probe is None else (evaluation.leak_probe,)
    for item in (*evaluation.measured, *extra):
        words = metric_name(item.name)
        hours = evaluation.early_hours
        late = "" if item.population == "all" else say(f", without the first {hours} h", f"，不含前 {hours} 小时")
        yield (
            say(words.en, words.zh) + late,
            ranker_name(item.ranker or "", say),
            value_of(item, say),
            range_of(item, say),
            "" if item.interval is None else say(item.interval, METHODS[item.interval]),
            events_of(item, say),
        )
