"""How numbers and names are put into words for readers of a report: one place, so that all pages agree."""

from __future__ import annotations

from dataclasses import dataclass

from training.evaluation.measured import Measured
from training.evaluation.metrics import split_capacity
from training.report.language import EN, Tongue, reason_of

PER = 1_000
TIER_OF_CAPACITY = {0.0015: ("red", "红"), 0.01: ("orange", "橙"), 0.05: ("yellow", "黄")}
VERDICT_ZH = {
    "better": "更好",
    "worse": "更差",
    "not better": "未见更好",
    "differs": "有差异",
    "no clear difference": "无明显差异",
    "too few to say": "样本太少，无法判断",
    "passed": "通过",
    "look for a leak": "请查是否有泄漏",
    "holds up": "经得住",
    "leans on it": "依赖它",
}
_FORMS = {
    "log-odds": "+.2f", "days": ".0f", "finds per": ".1f", "ratio": ".2f", "slope": ".2f", "times the base rate": ".2f",
}  # fmt: skip
RANKER_NAMES = {
    "lightgbm": ("LightGBM", "LightGBM"),
    "tuned_lightgbm": ("Tuned LightGBM", "调优的 LightGBM"),
    "logistic": ("Logistic regression", "逻辑回归"),
    "explainable_boosting": ("Explainable boosting", "可解释提升机"),
    "points": ("Points score", "计分表"),
    "champion": ("Champion", "在用模型"),
    "treat_all": ("Help offered to all", "全部提供帮助"),
}


@dataclass(frozen=True, kw_only=True)
class MetricName:
    """A metric's name in both languages and one line on how to read it."""

    en: str
    zh: str
    meaning: str
    meaning_zh: str


METRICS = {
    "auc": ("AUC", "AUC", "chance that a case with an incident ranks above one without; a coin has a half",
            "发生事件的案件排在未发生者之前的机会；抛硬币为一半"),
    "ap_over_base": ("AP over base", "平均精度与基准率之比", "average precision in multiples of the base rate",
                     "平均精度是基准率的多少倍"),
    "recall": ("Recall", "召回率", "share of positive rows (a case at a date) that lie in the top share",
               "阳性行（某日的某案）落在前列的比例"),
    "dispute_recall": ("Disputes found", "纠纷找到率", "share of disputes with an incident found there at least once",
                       "发生事件的纠纷中至少找到一次的比例"),
    "precision": ("Precision", "命中率", "of the rows in the top share, how many led to an incident in time",
                  "前列的行中有多少如期发生事件"),
    "observed_over_expected": ("O/E", "实际/预期", "incidents seen against expected; above one: score too low",
                               "实际事件与预期之比；大于一说明评分偏低"),
    "observed_over_expected_exact": ("O/E, exact Poisson", "实际/预期（精确泊松）", "interval by the count of disputes",
                                     "按纠纷数计算的区间"),
    "calibration_slope": ("Calibration slope", "校准斜率", "one is right; below one the scores are too extreme",
                          "一为正确；小于一说明评分过于极端"),
    "calibration_intercept": ("Calibration intercept", "校准截距", "at slope one, in log-odds; zero is right",
                              "斜率取一时的对数几率；零为正确"),
    "base_rate": ("Base rate", "基准率", "share of all rows that led to an incident in time", "全部行中如期发生事件的比例"),
    "mean_probability": ("Mean probability", "平均预测概率", "what the scores say on average", "评分的平均值"),
    "observed_rate": ("Observed rate", "实际发生率", "share of rows that led to an incident in time", "如期发生事件的行的比例"),
    "auc_of_shuffled_labels": ("AUC of shuffled labels", "打乱标签后的 AUC", "must hold one half", "应包含一半"),
    "weekly_recall": ("Recall", "召回率", "share of positive case-weeks that stood on a list", "阳性的案件周列入名单的比例"),
    "weekly_dispute_recall": ("Disputes found", "纠纷找到率", "listed at least once in the horizon before the incident",
                              "事件前的预测期内至少列入一次"),
    "weekly_precision": ("Precision", "命中率", "of the cases on the lists, how many led to an incident in time",
                         "名单上的案件有多少如期发生事件"),
    "flagged": ("Flagged before the incident", "事件前已标记", "in orange or above at least once", "至少一次达到橙色或以上"),
    "flagged_7_days_before": ("Flagged seven days before or earlier", "提前七天或更早标记", "time enough to act",
                              "有时间行动"),
    "median_lead_days": ("Median lead time", "提前天数中位数", "of those flagged", "仅计已标记者"),
    "weekly_jaccard": ("Alike from week to week", "逐周重合度", "cases in both weeks by cases in either",
                       "两周共有的案件除以任一周的案件"),
    "tier_changed_without_record": ("Tier changed without a new record", "无新记录而等级改变", "of quiet cases",
                                    "没有新记录的案件中"),
    "net_benefit": ("Net benefit", "净收益", "finds per 100,000 rows, false alarms weighed", "每 100,000 行的找到数，已扣除误报"),
    "net_benefit_difference": ("Net benefit, difference", "净收益之差", "paired", "配对"),
    "net_benefit_of_treating_all": ("Net benefit of helping all", "全部提供帮助的净收益", "", ""),
}  # fmt: skip


def metric_name(name: str) -> MetricName:
    """Returns a metric's wording, its capacity included; raises ``KeyError`` for an unknown metric."""
    stem, capacity = split_capacity(name)
    en, zh, meaning, meaning_zh = METRICS[stem]
    if capacity is None:
        return MetricName(en=en, zh=zh, meaning=meaning, meaning_zh=meaning_zh)
    top = share(capacity)
    return MetricName(en=f"{en} in the top {top}", zh=f"前 {top} 的{zh}", meaning=meaning, meaning_zh=meaning_zh)


def ranker_name(ranker: str, say: Tongue = EN) -> str:
    """Returns what a ranker is called on a page."""
    return say(*RANKER_NAMES.get(ranker, (ranker, ranker)))


def verdict_name(verdict: str, say: Tongue) -> str:
    """Returns a verdict in the page's language."""
    return say(verdict, VERDICT_ZH.get(verdict, verdict))


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
    return format(value, next((form for start, form in _FORMS.items() if unit.startswith(start)), ".3f"))


def unit_of(item: Measured) -> str:
    """Returns the unit a number is shown in: rates of rows and cases stand in 1,000, whatever their record says."""
    stem = split_capacity(item.name)[0]
    rates = ("precision", "weekly_precision", "base_rate", "mean_probability", "observed_rate")
    return "share of rows" if stem in rates else item.unit


def suffix(item: Measured, say: Tongue = EN) -> str:
    """Returns what follows the number, such as `` in 1,000``."""
    if unit_of(item).startswith("share of rows"):
        return say(f" in {PER:,}", "‰")
    return say(" days", " 天") if unit_of(item) == "days" else ""


def too_few(say: Tongue) -> str:
    """Returns the words for a number that is not told."""
    return verdict_name("too few to say", say)


def value_of(item: Measured, say: Tongue = EN) -> str:
    """Returns the number alone, or ``too few to say``."""
    return too_few(say) if item.value is None else number(item.value, unit=unit_of(item)) + suffix(item, say)


def range_of(item: Measured, say: Tongue = EN) -> str:
    """Returns the interval as ``low to high``, or the reason why there is none."""
    if item.low is None or item.high is None:
        return reason_of(item.reason, say)
    low, high = (number(end, unit=unit_of(item)) for end in (item.low, item.high))
    return say(f"{low} to {high}", f"{low} 至 {high}")


def sentence_of(item: Measured, say: Tongue = EN) -> str:
    """Returns number and interval in one phrase: ``18.6% (12.4% to 25.6%)``."""
    value, ends = value_of(item, say), range_of(item, say)
    return say(f"{value} ({ends})", f"{value}（{ends}）")


def difference_of(item: Measured, say: Tongue = EN) -> str:
    """Returns a difference with its sign and interval."""
    if item.value is None or item.low is None or item.high is None:
        return say(f"{too_few(say)}: {reason_of(item.reason, say)}", f"{too_few(say)}：{reason_of(item.reason, say)}")
    value, low, high = (_signed(end, item) for end in (item.value, item.low, item.high))
    return say(f"{value}{suffix(item, say)} ({low} to {high})", f"{value}{suffix(item, say)}（{low} 至 {high}）")


def _signed(value: float, item: Measured) -> str:
    text = number(abs(value), unit=unit_of(item)).lstrip("+")
    return text if not text.strip("0.%") else f"{'-' if value < 0 else '+'}{text}"


def events_of(item: Measured, say: Tongue = EN) -> str:
    """Returns the counts behind a number: ``118 disputes with an incident, 240 of 20,000 rows positive``."""
    return say(
        f"{item.n_events:,} disputes with an incident, {item.n_positive_rows:,} of {item.n_rows:,} rows positive",
        f"{item.n_events:,} 起发生事件的纠纷，{item.n_rows:,} 行中 {item.n_positive_rows:,} 行阳性",
    )
