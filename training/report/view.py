"""The words of a report as plain records: the HTML page and the model card are views of this, and agree so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from training.evaluation.held_out import LOCAL_ZONE
from training.evaluation.measured import Difference, Measured
from training.evaluation.metrics import at_capacity, split_capacity
from training.evaluation.record import Evaluation, ReportRecord, SplitFacts, TieBounds
from training.report.frequencies import denominator_for, natural_frequency
from training.report.wording import (
    TIER_OF_CAPACITY,
    VERDICT_ZH,
    events_of,
    metric_name,
    number,
    per_thousand,
    range_of,
    ranker_name,
    sentence_of,
    share,
    suffix,
    unit_of,
    value_of,
)

HEADLINE_CAPACITY = 0.05
ORDER = (
    "base_rate", "mean_probability", "auc", "ap_over_base", "dispute_recall", "recall", "precision",
    "observed_over_expected", "observed_over_expected_exact", "calibration_slope", "calibration_intercept",
)  # fmt: skip
PART_NAMES = {
    "no_dispute_on_the_books": ("No dispute was on the books", "事前没有纠纷登记"),
    "dispute_but_no_scored_row": ("A dispute, but no scored row in the days before", "有纠纷登记，但此前没有评分"),
    "scored": ("Scored in the days before", "此前已有评分"),
}


@dataclass(frozen=True, kw_only=True)
class FrequencyRow:
    """One capacity in natural frequencies: how many cases of the top share led to an incident, per ranker."""

    group: str
    group_zh: str
    texts: tuple[str, ...]
    n_events: int


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One metric: the model, each baseline, and the paired difference with its verdict."""

    name: str
    name_zh: str
    meaning: str
    texts: tuple[str, ...]
    differences: tuple[str, ...]
    verdicts: tuple[str, ...]
    n_events: int


@dataclass(frozen=True, kw_only=True)
class NumberRow:
    """One line of the table of all numbers."""

    name: str
    ranker: str
    value: str
    range: str
    n_events: int
    counts: str
    method: str


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """Everything a report says in words and tables; ``mark`` is SYNTHETIC or empty."""

    mark: str
    title: str
    findings: tuple[str, ...]
    findings_zh: tuple[str, ...]
    frequencies: tuple[FrequencyRow, ...]
    populations: tuple[tuple[str, str, tuple[ComparisonRow, ...]], ...]
    coverage: tuple[tuple[str, str, str, str], ...]
    splits: tuple[tuple[str, ...], ...]
    ties: tuple[tuple[str, ...], ...]
    bands: tuple[tuple[str, ...], ...]
    months: tuple[tuple[str, ...], ...]
    month_top: str
    contributions: tuple[tuple[str, ...], ...]
    numbers: tuple[NumberRow, ...]
    cautions: tuple[str, ...]


def view_of(record: ReportRecord) -> ReportView:
    """Returns the words of ``record``; every number in them is one of the record's, rounded."""
    evaluation = record.evaluation
    return ReportView(
        mark="SYNTHETIC" if record.run.synthetic else "",
        title=f"Defuse: report on model {record.run.model_name}",
        findings=tuple(_findings(evaluation)),
        findings_zh=tuple(_findings_zh(evaluation)),
        frequencies=tuple(_frequencies(evaluation)),
        populations=tuple(_population(evaluation, name) for name in _populations(evaluation)),
        coverage=tuple(_coverage(evaluation)),
        splits=tuple(_split(split) for split in record.run.splits),
        ties=tuple(_tie(tie) for tie in evaluation.ties),
        bands=tuple(_bands(evaluation)),
        months=tuple(_months(evaluation)),
        month_top=share(HEADLINE_CAPACITY),
        contributions=tuple(_contributions(record)),
        numbers=tuple(_numbers(evaluation)),
        cautions=(*_cautions(evaluation), *record.cautions),
    )


def _frequency_texts(items: Iterable[Measured], *, horizon_days: int, zh: bool = False) -> list[str]:
    told = list(items)
    values = [item.value for item in told if item.value is not None]
    per = denominator_for(*values)
    texts = []
    for item in told:
        if item.value is None or item.low is None or item.high is None:
            texts.append(f"too few to say: {item.reason}")
            continue
        said = natural_frequency(item.value, low=item.low, high=item.high, horizon_days=horizon_days, per=per)
        texts.append(said.zh if zh else said.en)
    return texts


def _headline(evaluation: Evaluation) -> tuple[Measured, Measured, Measured]:
    model = evaluation.rankers[0]
    precision = evaluation.find(at_capacity("precision", HEADLINE_CAPACITY), ranker=model)
    found = evaluation.find(at_capacity("dispute_recall", HEADLINE_CAPACITY), ranker=model)
    return evaluation.base_rate, precision, found


def _findings(evaluation: Evaluation) -> Iterable[str]:
    base, precision, found = _headline(evaluation)
    base_text, top_text = _frequency_texts((base, precision), horizon_days=evaluation.horizon_days)
    top, model = share(HEADLINE_CAPACITY), ranker_name(evaluation.rankers[0])
    yield f"All cases on the books: {base_text} led to serious violence."
    yield (
        f"The {top} of cases that {model} ranks highest: {top_text}. Nearly all cases ranked high never turn violent, "
        "so a high rank can only ever be a reason to offer help."
    )
    yield (
        f"That {top} held {sentence_of(found)} of the {found.n_events:,} disputes with an incident; "
        "the others were missed there."
    )
    for baseline in evaluation.rankers[1:]:
        yield _against(evaluation, baseline)
    if evaluation.coverage is not None:
        yield _coverage_finding(evaluation)
    for alarm in evaluation.alarms:
        yield f"ALARM, {ranker_name(alarm.ranker)}: {alarm.message_en}"


def _against(evaluation: Evaluation, baseline: str) -> str:
    told = [d for d in evaluation.differences if d.baseline == baseline and d.difference.population == "all"]
    judged = [d for d in told if d.verdict in ("better", "worse", "not better")]
    better = [metric_name(d.metric).en for d in judged if d.verdict == "better"]
    worse = [metric_name(d.metric).en for d in judged if d.verdict == "worse"]
    name, model = ranker_name(baseline), ranker_name(evaluation.rankers[0])
    if not judged:
        return f"Against the {name.lower()}: too few events to say."
    parts = [f"{model} is better in {', '.join(better)}" if better else f"{model} is in no measure better"]
    if worse:
        parts.append(f"worse in {', '.join(worse)}")
    if better and len(better) + len(worse) < len(judged):
        parts.append("and not better in the other ranking measures")
    return f"Against the {name.lower()}, row for row: {'; '.join(parts)}."


def _coverage_finding(evaluation: Evaluation) -> str:
    coverage = evaluation.coverage
    if coverage is None or coverage.n_incidents == 0:
        return "Coverage: no incident in the period."
    scored, none = coverage.part("scored"), coverage.part("no_dispute_on_the_books")
    found = evaluation.found_among_all[0]
    return (
        f"Of all {coverage.n_incidents:,} incidents of the period {scored.count:,} had a scored row before; "
        f"{none.count:,} had no dispute on the books, so no score could have reached them. "
        f"Of all incidents, the top {share(HEADLINE_CAPACITY)} found {sentence_of(found)}."
    )


def _findings_zh(evaluation: Evaluation) -> Iterable[str]:
    base, precision, found = _headline(evaluation)
    base_text, top_text = _frequency_texts((base, precision), horizon_days=evaluation.horizon_days, zh=True)
    top, model = share(HEADLINE_CAPACITY), ranker_name(evaluation.rankers[0])
    yield f"全部在册案件：{base_text}发生严重暴力。"
    yield f"{model} 排在最前的 {top}：{top_text}。排在前面的案件绝大多数不会发生暴力，因此只能作为主动提供帮助的理由。"
    if found.value is not None:
        said = f"{value_of(found)}（{_range_zh(found)}）"
        yield f"前 {top} 中找到了 {found.n_events:,} 起发生事件的纠纷的 {said}，其余在此处漏掉。"
    if evaluation.coverage is not None and evaluation.coverage.n_incidents:
        none = evaluation.coverage.part("no_dispute_on_the_books")
        total = evaluation.coverage.n_incidents
        yield f"期间共 {total:,} 起事件，其中 {none.count:,} 起事前没有纠纷登记，任何评分都无法触及。"
    for alarm in evaluation.alarms:
        yield f"警报：{alarm.message_zh}"


def _range_zh(item: Measured) -> str:
    return range_of(item).replace(" to ", " 至 ")


def _frequencies(evaluation: Evaluation) -> Iterable[FrequencyRow]:
    names = [at_capacity("precision", capacity) for capacity in evaluation.capacities]
    table = {name: [evaluation.find(name, ranker=ranker) for ranker in evaluation.rankers] for name in names}
    base = evaluation.base_rate
    told = [base, *(item for row in table.values() for item in row)]
    texts = _frequency_texts(told, horizon_days=evaluation.horizon_days)
    width = len(evaluation.rankers)
    yield FrequencyRow(group="All cases", group_zh="全部案件", texts=(texts[0],) * width, n_events=base.n_events)
    for place, capacity in enumerate(evaluation.capacities):
        tier = TIER_OF_CAPACITY.get(capacity)
        top = share(capacity)
        yield FrequencyRow(
            group=f"Top {top}" + (f" ({tier[0]})" if tier else ""),
            group_zh=f"前 {top}" + (f"（{tier[1]}）" if tier else ""),
            texts=tuple(texts[1 + place * width : 1 + (place + 1) * width]),
            n_events=base.n_events,
        )


def _populations(evaluation: Evaluation) -> list[str]:
    return list(dict.fromkeys(item.population for item in evaluation.measured))


def _population(evaluation: Evaluation, population: str) -> tuple[str, str, tuple[ComparisonRow, ...]]:
    model, *others = evaluation.rankers
    titles = {"all": ("All test rows", "全部测试行")}
    hours = evaluation.early_hours
    title = titles.get(
        population, (f"Without incidents in the first {hours} h after the score", f"不含评分后 {hours} 小时内的事件")
    )
    by_metric = {(d.metric, d.baseline): d for d in evaluation.differences if d.difference.population == population}
    rows, explained = [], set[str]()
    own = [item for item in evaluation.measured if item.ranker == model and item.population == population]
    for item in sorted(own, key=lambda item: ORDER.index(split_capacity(item.name)[0])):
        every = [evaluation.find(item.name, ranker=ranker, population=population) for ranker in evaluation.rankers]
        differences = [by_metric.get((item.name, other)) for other in others]
        stem = split_capacity(item.name)[0]
        rows.append(_comparison(item, every, differences, explain=population == "all" and stem not in explained))
        explained.add(stem)
    return (*title, tuple(rows))


def _comparison(
    item: Measured, every: list[Measured], differences: list[Difference | None], *, explain: bool
) -> ComparisonRow:
    name = metric_name(item.name)
    return ComparisonRow(
        name=name.en,
        name_zh=name.zh,
        meaning=name.meaning if explain else "",
        texts=tuple(sentence_of(other) for other in every),
        differences=tuple("" if d is None else _difference(d.difference) for d in differences),
        verdicts=tuple("" if d is None else f"{d.verdict} {VERDICT_ZH[d.verdict]}" for d in differences),
        n_events=item.n_events,
    )


def _difference(item: Measured) -> str:
    if item.value is None or item.low is None or item.high is None:
        return f"too few to say: {item.reason}"
    value, low, high = (_signed(end, item) for end in (item.value, item.low, item.high))
    return f"{value}{suffix(item)} ({low} to {high})"


def _signed(value: float, item: Measured) -> str:
    text = number(abs(value), unit=unit_of(item)).lstrip("+")
    if unit_of(item).startswith("share of rows"):
        text = per_thousand(abs(value))
    return text if not text.strip("0.%") else f"{'-' if value < 0 else '+'}{text}"


def _coverage(evaluation: Evaluation) -> Iterable[tuple[str, str, str, str]]:
    for part in evaluation.coverage.parts if evaluation.coverage is not None else ():
        yield (*PART_NAMES[part.part], f"{part.count:,}", sentence_of(part.share))


def _split(split: SplitFacts) -> tuple[str, ...]:
    """Returns one stretch of time with its dates as read in Asia/Shanghai."""
    days = (datetime.fromisoformat(text).astimezone(ZoneInfo(LOCAL_ZONE)) for text in (split.starts_at, split.ends_at))
    counts = (split.n_rows, split.n_positive_rows, split.n_disputes, split.n_events)
    return (split.name, *(day.date().isoformat() for day in days), *(f"{count:,}" for count in counts))


def _tie(tie: TieBounds) -> tuple[str, ...]:
    return (
        ranker_name(tie.ranker),
        share(tie.capacity),
        f"{tie.rows_taken:,.0f}",
        f"{tie.rows_tied_at_cut:,}",
        f"{share(tie.recall_worst)} to {share(tie.recall_best)}",
        f"{per_thousand(tie.precision_worst)} to {per_thousand(tie.precision_best)}",
    )


def _bands(evaluation: Evaluation) -> Iterable[tuple[str, ...]]:
    for band in evaluation.bands:
        yield (
            ranker_name(band.ranker),
            f"{share(band.top_share_from)} to {share(band.top_share_to)}",
            per_thousand(band.mean_probability),
            sentence_of(band.observed_rate),
            sentence_of(band.observed_over_expected),
            f"{band.observed_rate.n_events:,}",
            f"{band.observed_rate.n_rows:,}",
        )


def _months(evaluation: Evaluation) -> Iterable[tuple[str, ...]]:
    for month in (month for month in evaluation.months if month.ranker == evaluation.rankers[0]):
        cells = (
            month.observed_rate,
            month.mean_probability,
            month.auc,
            month.observed_over_expected,
            month.recall_at_5pct,
        )
        counts = (f"{month.observed_rate.n_events:,}", f"{month.observed_rate.n_rows:,}")
        yield (month.month, *(sentence_of(cell) for cell in cells), *counts)


def _contributions(record: ReportRecord) -> Iterable[tuple[str, ...]]:
    for item in record.contributions.indicators if record.contributions is not None else ():
        yield (
            item.name_en,
            item.name_zh,
            f"{item.mean_absolute:.3f}",
            f"{item.lowest:+.2f} to {item.highest:+.2f}",
            item.direction,
            share(item.share_missing),
        )


def _numbers(evaluation: Evaluation) -> Iterable[NumberRow]:
    extra = () if evaluation.leak_probe is None else (evaluation.leak_probe,)
    for item in (*evaluation.measured, *extra):
        title = metric_name(item.name).en
        late = "" if item.population == "all" else f", without the first {evaluation.early_hours} h"
        yield NumberRow(
            name=title + late,
            ranker=ranker_name(item.ranker or ""),
            value=value_of(item),
            range=range_of(item),
            n_events=item.n_events,
            counts=events_of(item),
            method=item.interval or "",
        )


def _cautions(evaluation: Evaluation) -> tuple[str, ...]:
    days = evaluation.horizon_days
    return (
        "The score ranks cases, never people. It may only ever start an offer of help or a duty of an institution.",
        "The lowest tier means: no elevated signal in the records. It never means that nothing can happen, and it "
        "never ends a service.",
        "Most incidents lie outside the highest tiers, and some have no record at all: see coverage.",
        f"Rows of one dispute overlap: one incident makes every row of the {days} days before it positive. Intervals "
        "therefore draw whole pairs, and events are counted in disputes.",
        "Help that was given may have prevented violence: then precision looks lower than the need was.",
        "Intervals that hold the other ranker's value, or a difference that holds zero, mean: not better.",
    )
