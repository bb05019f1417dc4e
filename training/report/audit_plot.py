"""The pictures of an audit: one small dot-and-whisker panel for each figure of an attribute, groups as lines."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from training.audit.record import AuditAttribute, AuditGroup
from training.evaluation.measured import Measured
from training.report.audit_view import ATTRIBUTE_NAMES, group_name, has_figure
from training.report.plots import GRID, INK, LOOKS, QUIET, WIDE, svg
from training.report.wording import number, share

MOST_GROUPS = 24
_TITLES = {
    "observed_over_expected": "observed / expected",
    "dispute_recall_at_5pct": "disputes found in the top {top}",
    "score_over_same_kind_and_district": "score against alike cases",
}


def audit_plot(
    attribute: AuditAttribute, *, overall: dict[str, float | None], capacity: float, synthetic: bool
) -> bytes | None:
    """Returns the picture of the groups that have figures, at most ``MOST_GROUPS``; None where there is none.

    ``overall`` is the figure of all rows by name: the dashed line.
    """
    groups = [group for group in attribute.groups if has_figure(group, protected=attribute.protected)][:MOST_GROUPS]
    if not groups:
        return None
    names = list(_TITLES)[: 3 if attribute.protected else 2]
    figure = Figure(figsize=(WIDE, 1.15 + 0.27 * len(groups)), layout=ConstrainedLayoutEngine(wspace=0.06))
    FigureCanvasSVG(figure)
    title = ATTRIBUTE_NAMES.get(attribute.attribute, (attribute.attribute, ""))[0]
    title = f"SYNTHETIC: {title}" if synthetic else title
    figure.suptitle(title, x=0.005, ha="left", fontsize=11.5, color=INK)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, groups, name, overall.get(name))
        axes.set_title(_TITLES[name].format(top=share(capacity)), fontsize=9.5, color=INK, loc="left")
    labels = [group_name(attribute.attribute, group.group) for group in groups]
    panels[0].set_yticks(range(len(groups)), labels)
    panels[0].set_ylim(len(groups) - 0.4, -0.6)
    return svg(figure, outlined=False)


def _panel(axes: Axes, groups: list[AuditGroup], name: str, overall: float | None) -> None:
    """One figure of every group; a finding is a filled diamond, the others are open circles."""
    is_share = name == "dispute_recall_at_5pct"
    items: list[Measured | None] = [getattr(group, name) for group in groups]
    if all(item is None or item.value is None for item in items):
        axes.text(0.5, 0.5, "too few to say", transform=axes.transAxes, ha="center", fontsize=9, color=QUIET)
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0, colors=INK, labelsize=9)
        axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
        return
    if overall is not None:
        axes.axvline(overall, color=QUIET, linewidth=1.1, linestyle=(0, (4, 3)), zorder=1)
    if not is_share:
        axes.set_xscale("log")
    for place, (group, item) in enumerate(zip(groups, items, strict=True)):
        if item is None or item.value is None or item.low is None or item.high is None:
            continue
        differs = any(one.figure == name for one in group.findings)
        look = LOOKS[1] if differs else LOOKS[0]
        axes.errorbar(
            [item.value], [place], xerr=[[item.value - item.low], [item.high - item.value]], color=look.colour,
            marker="D" if differs else "o", markersize=6, markerfacecolor=look.colour if differs else "#ffffff",
            linestyle="none", elinewidth=1.4, capsize=2.5, zorder=2,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: share(value) if is_share else number(value, unit="ratio"))
    )
    axes.grid(True, axis="x", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=2)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
