"""The audit of a report in words and tables; a finding blames nobody: records or model, look into both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from features.families.kind_and_stakes import KIND_NAMES
from features.schema import DISPUTE_KINDS
from training.audit.record import NOT_RECORDED, Audit, AuditAttribute, AuditGroup, Contrast, Proxy
from training.evaluation.measured import Measured
from training.report.wording import number, range_of, share, value_of

ATTRIBUTE_NAMES = {
    "channel": ("Channel", "来源渠道"),
    "district": ("District", "区县"),
    "kind": ("Kind of dispute", "纠纷类型"),
    "completeness": ("Completeness of the record", "记录完整程度"),
    "sex_mix": ("Sex of the parties", "当事人性别"),
    "age_band": ("Age band", "年龄段"),
    "urban_rural": ("Urban or rural", "城乡"),
    "origin": ("Origin", "本地或外来"),
}
_CHANNELS = {
    "grid": ("grid", "网格"),
    "police_110": ("police 110", "110 警情"),
    "citizen_app": ("citizen app", "市民扫码"),
    "hotline_12345": ("hotline 12345", "12345 热线"),
    "sector": ("sector", "行业部门"),
    "court": ("court", "法院"),
    "petition_office": ("petition office", "信访窗口"),
    "walk_in": ("walk-in", "来访"),
}
_GAPS = {
    "few gaps": ("few gaps", "缺项少"),
    "some gaps": ("some gaps", "缺项中等"),
    "many gaps": ("many gaps", "缺项多"),
}
_KINDS = {code: (name.en, name.zh) for code, name in zip(DISPUTE_KINDS, KIND_NAMES, strict=True)}
FIGURE_NAMES = {
    "observed_over_expected": ("O/E", "实际/预期"),
    "dispute_recall_at_5pct": ("Disputes found", "纠纷找到率"),
    "score_over_same_kind_and_district": ("Score against alike cases", "与同类案件的评分之比"),
}
_SHORT = {
    "observed_over_expected": "O/E",
    "dispute_recall_at_5pct": "found",
    "score_over_same_kind_and_district": "score",
}
_WORDS = {
    ("observed_over_expected", "above"): (
        "more incidents than expected were recorded here, set against all rows",
        "与全部案件相比，此处记录到的事件多于预期",
    ),
    ("observed_over_expected", "below"): (
        "fewer incidents than expected were recorded here, set against all rows",
        "与全部案件相比，此处记录到的事件少于预期",
    ),
    ("dispute_recall_at_5pct", "above"): (
        "a larger share of the disputes with an incident was found here than over all rows",
        "此处发生事件的纠纷被找到的比例高于全部案件",
    ),
    ("dispute_recall_at_5pct", "below"): (
        "a smaller share of the disputes with an incident was found here than over all rows",
        "此处发生事件的纠纷被找到的比例低于全部案件",
    ),
    ("score_over_same_kind_and_district", "above"): (
        "scores are higher here than in cases of the same kind and district",
        "此处评分高于同区县同类型的案件",
    ),
    ("score_over_same_kind_and_district", "below"): (
        "scores are lower here than in cases of the same kind and district",
        "此处评分低于同区县同类型的案件",
    ),
}
_LOOK = ("records or model, look into both", "可能是记录，也可能是模型，两者都要查看")


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """One group of an attribute in words."""

    name: str
    name_zh: str
    rows: str
    disputes: str
    events: str
    figures: tuple[str, ...]
    finding: str


@dataclass(frozen=True, kw_only=True)
class AttributeView:
    """One attribute: its groups, and the name of its picture (empty where no group has a figure)."""

    attribute: str
    name: str
    name_zh: str
    heads: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    has_picture: bool


@dataclass(frozen=True, kw_only=True)
class AuditView:
    """The audit of a report in words."""

    findings: tuple[str, ...]
    findings_zh: tuple[str, ...]
    top: str
    alpha: str
    margin: str
    attributes: tuple[AttributeView, ...]
    proxies: tuple[tuple[str, ...], ...]


def audit_view(audit: Audit | None) -> AuditView | None:
    """Returns the words of ``audit``; every number in them is one of its numbers, rounded."""
    if audit is None:
        return None
    return AuditView(
        findings=tuple(_findings(audit)),
        findings_zh=tuple(_findings_zh(audit)),
        top=share(audit.capacity),
        alpha=share(audit.alpha),
        margin=number(audit.proxy_margin, unit="ratio"),
        attributes=tuple(_attribute(one, audit) for one in audit.attributes),
        proxies=tuple(_proxy(one) for one in audit.proxies),
    )


def group_name(attribute: str, group: str) -> tuple[str, str]:
    """Returns what a group is called in English and Chinese; the latter empty where only the records' code is known."""
    if group == NOT_RECORDED:
        return group, "未记录"
    names = {"channel": _CHANNELS, "kind": _KINDS, "completeness": _GAPS}.get(attribute, {})
    return names.get(group, (group.replace("_", " "), ""))


def _findings(audit: Audit) -> Iterable[str]:
    if not audit.has_table:
        yield "There was no audit table: protected attributes could not be looked at; channel, district and kind are."
    found = audit.findings()
    if not audit.n_comparisons:
        yield f"No group has {audit.fewest_events} disputes with an incident and another beside it: too few to say."
    elif not found:
        yield (
            f"No group differs from all rows beyond chance, of {audit.n_comparisons:,} comparisons corrected by "
            f"{audit.correction}. That is not proof that none does: see how wide the intervals are."
        )
    for attribute, group, contrast in found:
        words = _WORDS[contrast.figure, contrast.differs or "above"][0]
        title = ATTRIBUTE_NAMES.get(attribute.attribute, (attribute.attribute, ""))[0]
        yield f"{title}, {group_name(attribute.attribute, group.group)[0]}: {words}: {_LOOK[0]}. {_told(group, contrast)}."
    for proxy in audit.proxies:
        if proxy.warning:
            title = ATTRIBUTE_NAMES[proxy.attribute][0]
            yield (
                f"Warning: {title.lower()}, {group_name(proxy.attribute, proxy.group)[0]}, shows in the columns of the "
                f"model: AUC {_measured(proxy.from_columns)} against {_measured(proxy.from_kind_and_district)} from "
                f"kind and district alone, {proxy.from_columns.n_events:,} disputes with the value."
            )


def _findings_zh(audit: Audit) -> Iterable[str]:
    if not audit.has_table:
        yield "没有审计表：无法查看受保护属性，只查看渠道、区县和纠纷类型。"
    found = audit.findings()
    if not audit.n_comparisons:
        yield f"没有可以比较的组：发生事件的纠纷至少要有 {audit.fewest_events} 起，样本太少，无法判断。"
    elif not found:
        yield (
            f"共 {audit.n_comparisons:,} 项比较，经 {audit.correction} 校正后，没有一组与全部案件有超出偶然的差异。"
            "这不证明没有差异，请看区间有多宽。"
        )
    for attribute, group, contrast in found:
        words = _WORDS[contrast.figure, contrast.differs or "above"][1]
        title = ATTRIBUTE_NAMES.get(attribute.attribute, ("", attribute.attribute))[1]
        english, chinese = group_name(attribute.attribute, group.group)
        yield f"{title}（{chinese or english}）：{words}；{_LOOK[1]}。"
    for proxy in audit.proxies:
        if proxy.warning:
            title, name = ATTRIBUTE_NAMES[proxy.attribute][1], group_name(proxy.attribute, proxy.group)
            yield f"警告：从模型的输入列可以看出{title}（{name[1] or name[0]}），明显好于只看纠纷类型和区县。"


def _told(group: AuditGroup, contrast: Contrast) -> str:
    """The figure, and its contrast with all rows at the corrected level."""
    item: Measured | None = getattr(group, contrast.figure)
    name = FIGURE_NAMES[contrast.figure][0]
    of = "disputes" if contrast.figure == "score_over_same_kind_and_district" else "disputes with an incident"
    own = f"{name} {_measured(item)}, {contrast.n_events:,} {of}" if item is not None else name
    if contrast.figure == "dispute_recall_at_5pct":
        value, low, high = (_points(end) for end in (contrast.value, contrast.low, contrast.high))
        return f"{own}; {value} against all rows, in percentage points (corrected {low} to {high})"
    unit = "ratio" if item is None else item.unit
    value, low, high = (number(end, unit=unit) for end in (contrast.value, contrast.low, contrast.high))
    return f"{own}; {value} times that of all rows (corrected {low} to {high})"


def _points(value: float) -> str:
    """A difference of shares with its sign, as ``+3.1%``."""
    return f"{'-' if value < 0 else '+'}{share(abs(value))}"


def _measured(item: Measured) -> str:
    if item.value is None:
        return "too few to say"
    return f"{value_of(item)} ({range_of(item)})"


def _attribute(one: AuditAttribute, audit: Audit) -> AttributeView:
    name, name_zh = ATTRIBUTE_NAMES.get(one.attribute, (one.attribute, ""))
    heads = [FIGURE_NAMES["observed_over_expected"], FIGURE_NAMES["dispute_recall_at_5pct"]]
    if one.protected:
        heads.append(FIGURE_NAMES["score_over_same_kind_and_district"])
    return AttributeView(
        attribute=one.attribute,
        name=name,
        name_zh=name_zh,
        heads=tuple(f"{english} {chinese}" for english, chinese in heads),
        rows=tuple(_group(group, one, audit) for group in one.groups),
        has_picture=any(has_figure(group, protected=one.protected) for group in one.groups),
    )


def has_figure(group: AuditGroup, *, protected: bool) -> bool:
    """Whether a group has a figure that can be drawn."""
    figures = (group.observed_over_expected, group.dispute_recall_at_5pct, group.score_over_same_kind_and_district)
    return any(item is not None and item.value is not None for item in figures[: 3 if protected else 2])


def _group(group: AuditGroup, attribute: AuditAttribute, audit: Audit) -> GroupRow:
    name, name_zh = group_name(attribute.attribute, group.group)
    figures = [group.observed_over_expected, group.dispute_recall_at_5pct]
    if attribute.protected:
        figures.append(group.score_over_same_kind_and_district)
    return GroupRow(
        name=name,
        name_zh=name_zh,
        rows=_count(group.n_rows, audit),
        disputes=_count(group.n_disputes, audit),
        events=_count(group.n_events, audit),
        figures=tuple("too few to say" if item is None else _measured(item) for item in figures),
        finding="; ".join(f"{_SHORT[one.figure]} {one.differs} all" for one in group.findings),
    )


def _count(count: int | None, audit: Audit) -> str:
    return f"under {audit.smallest_count}" if count is None else f"{count:,}"


def _proxy(proxy: Proxy) -> tuple[str, ...]:
    return (
        f"{ATTRIBUTE_NAMES[proxy.attribute][0]}: {group_name(proxy.attribute, proxy.group)[0]}",
        _measured(proxy.from_columns),
        _measured(proxy.from_kind_and_district),
        _measured(proxy.difference),
        f"{proxy.from_columns.n_events:,}",
        "warning 警告" if proxy.warning else "",
    )
