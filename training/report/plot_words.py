"""The words of the pictures in Chinese: a picture is drawn in English, then its labels are exchanged.

The fonts that come with matplotlib have no Chinese, so labels stay text in the SVG and the reader's own fonts show them.
Chinese labels are shorter, so that they fit where the English ones stood.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from training.report.audit_view import ATTRIBUTE_NAMES, every_group_name
from training.report.language import Tongue
from training.report.wording import RANKER_NAMES

FONTS = (
    'system-ui, "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", '
    '"WenQuanYi Micro Hei", "DejaVu Sans", sans-serif'
).replace('"', "'")
WORDS = {
    "what the model learned from, and what it was judged on": "模型从哪些时段学习，在哪些时段接受检验",
    "observed against predicted risk, in bands of ten events or more": "实际与预测风险，每段至少十起事件",
    "positive rows found, by how many rows can be looked at": "能查看多少行，就能找到多少阳性行",
    "mean score and observed rate by month": "逐月平均评分与实际发生率",
    "what moves the score": "影响评分的指标",
    "every ranking on the same rows": "同样的行，各种排序",
    "origin by origin": "逐个起点",
    "net benefit by threshold": "各阈值下的净收益",
    "where the incidents of the period were": "期间的事件在哪里",
    "the change of AUC under each probe": "每项探查下 AUC 的变化",
    "train": "训练",
    "calibration": "校准",
    "embargo": "隔离期",
    "test": "检验",
    "no rows used": "不使用任何行",
    "perfectly calibrated": "完全校准",
    "predicted rate in the horizon": "预测期内的预测发生率",
    "observed rate in the horizon": "预测期内的实际发生率",
    "chance": "随机",
    "red": "红",
    "orange": "橙",
    "yellow": "黄",
    "top share of all rows (log scale)": "全部行中的前列比例（对数刻度）",
    "share of positive rows found": "找到的阳性行比例",
    "observed, 95% interval": "实际，95% 区间",
    "in 1,000 rows": "每 1,000 行",
    "contribution to the margin (log-odds): left lowers, right raises": "对几率对数的贡献：左为降低，右为升高",
    "lowest": "最低",
    "highest": "最高",
    "value of the indicator (grey: missing)": "指标取值（灰色：缺失）",
    "observed / expected": "实际/预期",
    "score against alike cases": "与同类案件的评分之比",
    "too few to say": "样本太少，无法判断",
    "AUC": "AUC",
    "disputes found in the top 5%": "前 5% 的纠纷找到率",
    "probability from which help is offered (log scale)": "达到多少概率即提供帮助（对数刻度）",
    "finds per 100,000 rows": "每 100,000 行的找到数",
    "help offered to none": "都不提供帮助",
    "no dispute on the books": "没有纠纷登记",
    "a dispute, no scored row": "有纠纷，无评分",
    "scored before": "此前已评分",
    "share of all incidents": "占全部事件的比例",
    "change of AUC": "AUC 的变化",
    "a week late": "晚一周",
    "origin": "起点",
    "mark of a cliff": "断崖的界线",
}
_PATTERNS = (
    (r"([\d,]+) rows, ([\d,]+) disputes with an incident", r"\1 行，\2 起发生事件的纠纷"),
    (r"1 in ([\d,]+)", r"1/\1"),
    (r"(.+), mean score", r"\1，平均评分"),
    (r"(.+), 95% interval", r"\1，95% 区间"),
    (r"disputes found in the top ([\d.]+%)", r"前 \1 的纠纷找到率"),
    (r"without (.+)", r"缺少\1"),
    (r"origin (\d+)", r"起点 \1"),
)


def spoken(svg: bytes, say: Tongue, extra: Mapping[str, str] | None = None) -> bytes:
    """Returns the picture with its labels in the page's language and the reader's fonts; ``extra`` are further words."""
    words = WORDS | {en: zh for en, zh in (*RANKER_NAMES.values(), *ATTRIBUTE_NAMES.values(), *every_group_name())}
    words |= dict(extra or {})
    text = svg.decode("utf-8")
    text = re.sub(r"font: ([^;\"]*?)px [^;\"]*", rf"font: \1px {FONTS}", text)
    if say.language == "zh":
        text = re.sub(
            r"(<text[^>]*>)([^<]*)(</text>)", lambda found: found[1] + _label(found[2], words) + found[3], text
        )
    return text.encode("utf-8")


def _label(label: str, words: Mapping[str, str]) -> str:
    return html.escape(_translated(html.unescape(label), words), quote=False)


def _translated(label: str, words: Mapping[str, str]) -> str:
    text = label.strip()
    if text.startswith("SYNTHETIC: "):
        return f"SYNTHETIC 合成：{_translated(text.removeprefix('SYNTHETIC: '), words)}"
    if text in words:
        return words[text]
    for pattern, chinese in _PATTERNS:
        found = re.fullmatch(pattern, text)
        if found:
            return found.expand(re.sub(r"\\1", "\x00", chinese)).replace("\x00", words.get(found[1], found[1]))
    return label
