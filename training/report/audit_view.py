"""The audit of a report in words and tables; a finding blames nobody: records or model, look into both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from features.families.kind_and_stakes import KIND_NAMES
from features.schema import DISPUTE_KINDS
from training.audit.record import NOT_RECORDED, Audit, AuditAttribute, AuditGroup, Contrast, Proxy
from training.evaluation.measured import Measured
from training.report.language import EN, Tongue
from training.report.wording import number, sentence_of, share, too_few

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
    "observed_over_expected": ("O/E", "实际/预期"),
    "dispute_recall_at_5pct": ("found", "找到率"),
    "score_over_same_kind_and_district": ("score", "评分"),
}
_SIDES = {"above": "高于全部", "below": "低于全部"}
_VALUES = {
    "urban": ("urban", "城镇"),
    "rural": ("rural", "农村"),
    "men": ("men", "男"),
    "women": ("women", "女"),
    "mixed": ("mixed", "男女皆有"),
    "under_35": ("under 35", "35 岁以下"),
    "35_to_59": ("35 to 59", "35 至 59 岁"),
    "60_and_over": ("60 and over", "60 岁及以上"),
    "local": ("local", "本地"),
    "elsewhere": ("elsewhere", "外来"),
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
    rows: str
    disputes: str
    events: str
    figures: tuple[str, ...]
    finding: str


@dataclass(frozen=True, kw_only=True)
class AttributeView:
    """One attribute: its groups, and whether it has a picture (not where no group has a figure)."""

    attribute: str
    name: str
    heads: tuple[str, ...]
    rows: tuple[GroupRow, ...]
    has_picture: bool


@dataclass(frozen=True, kw_only=True)
class AuditView:
    """The audit of a report in words."""

    findings: tuple[str, ...]
    top: str
    alpha: str
    margin: str
    attributes: tuple[AttributeView, ...]
    proxies: tuple[tuple[str, ...], ...]


def audit_view(audit: Audit | None, say: Tongue) -> AuditView | None:
    """Returns the words of ``audit``; every number in them is one of its numbers, rounded."""
    if audit is None:
        return None
    return AuditView(
        findings=tuple(_findings(audit, say)),
        top=share(audit.capacity),
        alpha=share(audit.alpha),
        margin=number(audit.proxy_margin, unit="ratio"),
        attributes=tuple(_attribute(one, audit, say) for one in audit.attributes),
        proxies=tuple(_proxy(one, say) for one in audit.proxies),
    )


def attribute_name(attribute: str, say: Tongue) -> str:
    """Returns what an attribute is called."""
    return say(*ATTRIBUTE_NAMES.get(attribute, (attribute, attribute)))


def channel_name(channel: str, say: Tongue) -> str:
    """Returns what a channel is called."""
    return group_name("channel", channel, say)


def group_name(attribute: str, group: str, say: Tongue = EN) -> str:
    """Returns what a group is called; in Chinese the records' code where only that is known."""
    if group == NOT_RECORDED:
        return say(group, "未记录")
    names = {"channel": _CHANNELS, "kind": _KINDS, "completeness": _GAPS}.get(attribute, _VALUES)
    return say(*names.get(group, (group.replace("_", " "), group.replace("_", " "))))


def every_group_name() -> Iterable[tuple[str, str]]:
    """Yields the names of all groups that have one in both languages."""
    for names in (_CHANNELS, _KINDS, _GAPS, _VALUES):
        yield from names.values()
    yield NOT_RECORDED, "未记录"


def _findings(audit: Audit, say: Tongue) -> Iterable[str]:
    if not audit.has_table:
        yield say(
            "There was no audit table: protected attributes could not be looked at; channel, district and kind are.",
            "没有审计表：无法查看受保护属性，只查看渠道、区县和纠纷类型。",
        )
    found = audit.findings()
    if not audit.n_comparisons:
        yield say(
            f"No group has {audit.fewest_events} disputes with an incident and another beside it: too few to say.",
            f"没有可以比较的组：发生事件的纠纷至少要有 {audit.fewest_events} 起，样本太少，无法判断。",
        )
    elif not found:
        yield say(
            f"No group differs from all rows beyond chance, of {audit.n_comparisons:,} comparisons corrected by "
            f"{audit.correction}. That is not proof that none does: see how wide the intervals are.",
            f"共 {audit.n_comparisons:,} 项比较，经 {audit.correction} 校正后，没有一组与全部案件有超出偶然的差异。"
            "这不证明没有差异，请看区间有多宽。",
        )
    for attribute, group, contrast in found:
        words = say(*_WORDS[contrast.figure, contrast.differs or "above"])
        title, name = attribute_name(attribute.attribute, say), group_name(attribute.attribute, group.group, say)
        told = _told(group, contrast, say)
        yield say(f"{title}, {name}: {words}: {_LOOK[0]}. {told}.", f"{title}（{name}）：{words}；{_LOOK[1]}。{told}。")
    for proxy in audit.proxies:
        if proxy.warning:
            yield _warning(proxy, say)


def _warning(proxy: Proxy, say: Tongue) -> str:
    title, name = attribute_name(proxy.attribute, say), group_name(proxy.attribute, proxy.group, say)
    columns, base = sentence_of(proxy.from_columns, say), sentence_of(proxy.from_kind_and_district, say)
    return say(
        f"Warning: {title.lower()}, {name}, shows in the columns of the model: AUC {columns} against {base} from kind and "
        f"district alone, {proxy.from_columns.n_events:,} disputes with the value.",
        f"警告：从模型的输入列可以看出{title}（{name}），明显好于只看纠纷类型和区县：AUC {columns}，对照 {base}；"
        f"{proxy.from_columns.n_events:,} 起纠纷有该取值。",
    )


def _told(group: AuditGroup, contrast: Contrast, say: Tongue) -> str:
    """The figure, and its contrast with all rows at the corrected level."""
    item: Measured | None = getattr(group, contrast.figure)
    name = say(*FIGURE_NAMES[contrast.figure])
    is_score = contrast.figure == "score_over_same_kind_and_district"
    of = say("disputes" if is_score else "disputes with an incident", "起纠纷" if is_score else "起发生事件的纠纷")
    own = name if item is None else say(
        f"{name} {sentence_of(item)}, {contrast.n_events:,} {of}",
        f"{name} {sentence_of(item, say)}，{contrast.n_events:,} {of}",
    )  # fmt: skip
    if contrast.figure == "dispute_recall_at_5pct":
        value, low, high = (_points(end) for end in (contrast.value, contrast.low, contrast.high))
        return say(
            f"{own}; {value} against all rows, in percentage points (corrected {low} to {high})",
            f"{own}；与全部行相差 {value}，按百分点（校正后 {low} 至 {high}）",
        )
    unit = "ratio" if item is None else item.unit
    value, low, high = (number(end, unit=unit) for end in (contrast.value, contrast.low, contrast.high))
    return say(
        f"{own}; {value} times that of all rows (corrected {low} to {high})",
        f"{own}；为全部行的 {value} 倍（校正后 {low} 至 {high}）",
    )


def _points(value: float) -> str:
    """A difference of shares with its sign, as ``+3.1%``."""
    return f"{'-' if value < 0 else '+'}{share(abs(value))}"


def _measured(item: Measured | None, say: Tongue) -> str:
    return too_few(say) if item is None or item.value is None else sentence_of(item, say)


def _attribute(one: AuditAttribute, audit: Audit, say: Tongue) -> AttributeView:
    heads = [FIGURE_NAMES["observed_over_expected"], FIGURE_NAMES["dispute_recall_at_5pct"]]
    if one.protected:
        heads.append(FIGURE_NAMES["score_over_same_kind_and_district"])
    return AttributeView(
        attribute=one.attribute,
        name=attribute_name(one.attribute, say),
        heads=tuple(say(*head) for head in heads),
        rows=tuple(_group(group, one, audit, say) for group in one.groups),
        has_picture=any(has_figure(group, protected=one.protected) for group in one.groups),
    )


def has_figure(group: AuditGroup, *, protected: bool) -> bool:
    """Whether a group has a figure that can be drawn."""
    figures = (group.observed_over_expected, group.dispute_recall_at_5pct, group.score_over_same_kind_and_district)
    return any(item is not None and item.value is not None for item in figures[: 3 if protected else 2])


def _group(group: AuditGroup, attribute: AuditAttribute, audit: Audit, say: Tongue) -> GroupRow:
    figures = [group.observed_over_expected, group.dispute_recall_at_5pct]
    if attribute.protected:
        figures.append(group.score_over_same_kind_and_district)
    return GroupRow(
        name=group_name(attribute.attribute, group.group, say),
        rows=_count(group.n_rows, audit, say),
        disputes=_count(group.n_disputes, audit, say),
        events=_count(group.n_events, audit, say),
        figures=tuple(_measured(item, say) for item in figures),
        finding=say("; ", "；").join(
            f"{say(*_SHORT[one.figure])} {say(f'{one.differs} all', _SIDES[one.differs or 'above'])}"
            for one in group.findings
        ),
    )


def _count(count: int | None, audit: Audit, say: Tongue) -> str:
    if count is None:
        return say(f"under {audit.smallest_count}", f"不足 {audit.smallest_count}")
    return f"{count:,}"


def _proxy(proxy: Proxy, say: Tongue) -> tuple[str, ...]:
    name = group_name(proxy.attribute, proxy.group, say)
    return (
        say(f"{attribute_name(proxy.attribute, say)}: {name}", f"{attribute_name(proxy.attribute, say)}：{name}"),
        _measured(proxy.from_columns, say),
        _measured(proxy.from_kind_and_district, say),
        _measured(proxy.difference, say),
        f"{proxy.from_columns.n_events:,}",
        say("warning", "警告") if proxy.warning else "",
    )
