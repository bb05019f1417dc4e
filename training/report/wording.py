"""How numbers and names are put into words for readers of a report: one place, so that all pages agree."""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluation.measured import Measured
from training.evaluation.metrics import split_capacity

PER = 1_000
TIER_OF_CAPACITY = {0.0015: ("red", "红"), 0.01: ("orange", "橙"), 0.05: ("yellow", "黄")}
VERDICT_ZH = {
    "better": "更好",
    "worse": "更差",
    "not better": "未见更好",
    "differs": "有差异",
    "no clear difference": "无明显差异",
    "too few to say": "样本太少，无法判断",
}
RANKER_NAMES = {"lightgbm": "LightGBM", "points": "Points score"}


@dataclass(frozen=True, kw_only=True)
class MetricName:
    """A metric's name in both languages and one line on how to read it."""

    en: str
    zh: str
    meaning: str


METRICS = {
    "auc": ("AUC", "AUC", "chance that a case with an incident ranks above one without; a coin has a half"),
    "ap_over_base": ("AP over base", "平均精度与基准率之比", "average precision in multiples of the base rate"),
    "recall": ("Recall", "召回率", "share of positive rows (a case at a date) that lie in the top share"),
    "dispute_recall": ("Disputes found", "纠纷找到率", "share of disputes with an incident found there at least once"),
    "precision": ("Precision", "命中率", "of the rows in the top share, how many led to an incident in time"),
    "observed_over_expected": ("O/E", "实际/预期", "incidents seen against expected; above one: score too low"),
    "observed_over_expected_exact": ("O/E, exact Poisson", "实际/预期（泊松）", "interval by the count of disputes"),
    "calibration_slope": ("Calibration slope", "校准斜率", "one is right; below one the scores are too extreme"),
    "calibration_intercept": ("Calibration intercept", "校准截距", "at slope one, in log-odds; zero is right"),
    "base_rate": ("Base rate", "基准率", "share of all rows that led to an incident in time"),
    "mean_probability": ("Mean probability", "平均预测概率", "what the scores say on average"),
    "observed_rate": ("Observed rate", "实际发生率", "share of rows that led to an incident in time"),
    "auc_of_shuffled_labels": ("AUC of shuffled labels", "打乱标签后的 AUC", "must hold one half"),
}  # fmt: skip


def metric_name(name: str) -> MetricName:
    """Returns a metric's wording, its capacity included; raises ``KeyError`` for an unknown metric."""
    stem, capacity = split_capacity(name)
    en, zh, meaning = METRICS[stem]
    if capacity is None:
        return MetricName(en=en, zh=zh, meaning=meaning)
    top = share(capacity)
    return MetricName(en=f"{en} in the top {top}", zh=f"前 {top} 的{zh}", meaning=meaning)


def ranker_name(ranker: str) -> str:
    """Returns what a ranker is called on a page."""
    return RANKER_NAMES.get(ranker, ranker)


def share(value: float) -> str:
    """Returns a share as per cent with three significant digits: 0.1864 is ``18.6%``."""
    return f"{_significant(value * 100)}%"


def per_thousand(value: float) -> str:
    """Returns a small rate in 1,000 cases: 0.0022 is ``2.2``."""
    return _significant(value * PER)


def _significant(value: float) -> str:
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+" in text else f"{value:.7f}".rstrip("0") if "e-" in text else text


def number(value: float, *, unit: str) -> str:
    """Returns a number as its unit is best read; a sign only where both signs can occur."""
    if unit.startswith("share of rows"):
        return per_thousand(value)
    if unit.startswith("share"):
        return share(value)
    if unit == "log-odds":
        return f"{value:+.2f}"
    if unit in ("ratio", "slope", "times the base rate"):
        return f"{value:.2f}"
    return f"{value:.3f}"


def unit_of(item: Measured) -> str:
    """Returns the unit a number is shown in: rates of rows and cases stand in 1,000, whatever their record says."""
    stem = split_capacity(item.name)[0]
    return "share of rows" if stem in ("precision", "base_rate", "mean_probability", "observed_rate") else item.unit


def suffix(item: Measured) -> str:
    """Returns what follows the number, such as `` in 1,000``."""
    return f" in {PER:,}" if unit_of(item).startswith("share of rows") else ""


def value_of(item: Measured) -> str:
    """Returns the number alone, or ``too few to say``."""
    return "too few to say" if item.value is None else number(item.value, unit=unit_of(item)) + suffix(item)


def range_of(item: Measured) -> str:
    """Returns the interval as ``low to high``, or the reason why there is none."""
    if item.low is None or item.high is None:
        return item.reason or ""
    return f"{number(item.low, unit=unit_of(item))} to {number(item.high, unit=unit_of(item))}"


def sentence_of(item: Measured) -> str:
    """Returns number and interval in one phrase: ``18.6% (12.4% to 25.6%)``."""
    return f"{value_of(item)} ({range_of(item)})"


def events_of(item: Measured) -> str:
    """Returns the counts behind a number: ``118 disputes with an incident, 240 of 20,000 rows positive``."""
    return f"{item.n_events:,} disputes with an incident, {item.n_positive_rows:,} of {item.n_rows:,} rows positive"
