"""What a reader of the report must know where a model is for risk under usual care, in both languages."""

from __future__ import annotations

from training.evaluation.measured import Measured
from training.evaluation.usual_care_record import UsualCareRecord

RATIO = "observed_over_expected"


def told(record: UsualCareRecord, *, ranker: str) -> tuple[str, str]:
    """The caution in English and Chinese: what was censored, and observed over expected both ways."""
    figure = record.find(RATIO, ranker=ranker) if record.figures else None
    care, observed = (
        ("-", "-") if figure is None else (_text(figure.usual_care), _text(figure.as_observed))
    )  # fmt: skip
    english = (
        f"The model is for risk under usual care: extra support began within the horizon of {record.n_censored} of "
        f"{record.n_rows} test rows, which are censored, and {record.n_under_support} more rows were under it already. Those "
        f"left stand for the censored, with weights up to {record.largest_weight:.1f}. Observed over expected is {care} under "
        f"usual care and {observed} as observed; the other figures of this report are as observed, and help that worked "
        "lowers them."
    )
    chinese = (
        f"本模型估计常规照护下的风险：{record.n_rows} 个测试行中有 {record.n_censored} 个在预测期内开始额外支持，按删失处理；"
        f"另有 {record.n_under_support} 行当时已在支持之中。其余各行以最大 {record.largest_weight:.1f} 的权重代表被删失者。"
        f"观察值/期望值：常规照护下 {care}，按实际观察 {observed}；本报告其余数字均按实际观察，有效的帮助会使其降低。"
    )
    return english, chinese


def _text(one: Measured) -> str:
    if one.value is None:
        return "-"
    return f"{one.value:.2f} ({one.low:.2f} – {one.high:.2f}; n = {one.n_events})"
