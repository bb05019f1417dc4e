"""The pictures of what stands beside the evaluation: rankings side by side, origins, decision curve, coverage, probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from training.evaluation.measured import Measured
from training.evaluation.probe_record import Probe
from training.evaluation.record import Coverage, DecisionPoint, Evaluation, OriginRecord
from training.report.plots import GRID, INK, LOOKS, QUIET, WIDE, Look, bars, looks, new_axes, svg, told
from training.report.wording import ranker_name, share

SIDE_BY_SIDE = {
    "auc": "AUC",
    "dispute_recall_at_5pct": "disputes found in the top 5%",
    "observed_over_expected": "observed / expected",
}
PART_COLOURS = ("#d9dee4", "#f0c58a", "#15508a")
PART_WORDS = ("no dispute on the books", "a dispute, no scored row", "scored before")


def rankers_plot(evaluation: Evaluation, *, synthetic: bool) -> bytes:
    """Returns every ranker's AUC, disputes found and O/E with intervals, one line each, the model on top."""
    rankers = evaluation.rankers
    figure, panels = _panels(len(SIDE_BY_SIDE), height=1.25 + 0.34 * len(rankers))
    figure.suptitle(_title("every ranking on the same rows", synthetic), x=0.005, ha="left", fontsize=11.5, color=INK)
    for axes, (name, words) in zip(panels, SIDE_BY_SIDE.items(), strict=True):
        for place, (ranker, look) in enumerate(looks(rankers).items()):
            _whisker(axes, place, evaluation.find(name, ranker=ranker), look)
        axes.set_title(words, fontsize=9.5, color=INK, loc="left")
        if name != "dispute_recall_at_5pct":
            axes.axvline(
                1.0 if name == "observed_over_expected" else 0.5, color=QUIET, linewidth=1, linestyle=(0, (4, 3))
            )
        else:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
        _clean(axes)
    panels[0].set_yticks(range(len(rankers)), [ranker_name(ranker) for ranker in rankers])
    panels[0].set_ylim(len(rankers) - 0.4, -0.6)
    return svg(figure, outlined=False)


def origins_plot(origins: Sequence[OriginRecord], *, rankers: Sequence[str], synthetic: bool) -> bytes:
    """Returns AUC, disputes found and O/E of every ranker at each origin."""
    figure, panels = _panels(len(SIDE_BY_SIDE), height=3.4, sharey=False)
    figure.suptitle(_title("origin by origin", synthetic), x=0.005, ha="left", fontsize=11.5, color=INK)
    width = 0.5 / max(len(rankers), 1)
    for axes, (name, words) in zip(panels, SIDE_BY_SIDE.items(), strict=True):
        for order, (ranker, look) in enumerate(looks(rankers).items()):
            shift = (order - (len(rankers) - 1) / 2) * width
            found = [(place + shift, origin.find(name, ranker=ranker)) for place, origin in enumerate(origins)]
            known = [(x, item) for x, item in found if item is not None]
            bars(axes, [x for x, _ in known], [item for _, item in known], look=look, label=ranker_name(ranker))
        axes.set_title(words, fontsize=9.5, color=INK, loc="left")
        if name == "dispute_recall_at_5pct":
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
        if name == "observed_over_expected":
            axes.axhline(1.0, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xticks(range(len(origins)), [f"{origin.number}" for origin in origins])
        axes.set_xlim(-0.5, len(origins) - 0.5)
        axes.set_xlabel("origin", color=INK, fontsize=9.5)
        _clean(axes, grid="y")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    return svg(figure, outlined=False)


def decision_plot(curve: Sequence[DecisionPoint], *, rankers: Sequence[str], synthetic: bool) -> bytes:
    """Returns net benefit by threshold for every ranker, for helping all and for helping none."""
    figure, axes = new_axes("net benefit by threshold", synthetic=synthetic, height=4.6)
    highest = [0.0]
    for order, (ranker, look) in enumerate(looks(rankers).items()):
        own = [point for point in curve if point.ranker == ranker]
        x, value, low, high = told([p.threshold for p in own], [p.net_benefit for p in own])
        axes.plot(
            x, value, color=look.colour, linestyle=look.line, marker=look.marker, markersize=4, linewidth=1.8,
            label=ranker_name(ranker), zorder=6 - order,
        )  # fmt: skip
        if order == 0:
            axes.fill_between(
                x, low, high, color=look.colour, alpha=0.14, linewidth=0, label=f"{ranker_name(ranker)}, 95% interval"
            )
        highest += high
    own = [point for point in curve if point.ranker == rankers[0]]
    x, value, _, _ = told([p.threshold for p in own], [p.of_treating_all for p in own])
    axes.plot(x, value, color=QUIET, linestyle=(0, (1, 2)), linewidth=1.8, label=ranker_name("treat_all"))
    axes.axhline(0, color=INK, linewidth=1, label="help offered to none")
    thresholds = sorted({point.threshold for point in curve})
    axes.set_xlim(0.9 * thresholds[0], 1.1 * thresholds[-1])
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(thresholds))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.set_ylim(-0.6 * max(highest) - 1, 1.08 * max(highest) + 1)
    axes.set_xlabel("probability from which help is offered (log scale)", color=INK, fontsize=9.5)
    axes.set_ylabel("finds per 100,000 rows", color=INK, fontsize=9.5)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    return svg(figure, outlined=False)


def coverage_plot(coverage: Coverage, *, synthetic: bool) -> bytes:
    """Returns the three parts of coverage as one bar."""
    figure, axes = new_axes("where the incidents of the period were", synthetic=synthetic, height=1.9)
    left = 0.0
    for part, colour, words in zip(coverage.parts, PART_COLOURS, PART_WORDS, strict=True):
        width = part.share.value or 0.0
        axes.barh(0, width, left=left, height=0.6, color=colour, edgecolor=QUIET, linewidth=0.8, label=words)
        if width > 0.04:
            ink = "#ffffff" if colour == PART_COLOURS[-1] else INK
            axes.text(left + width / 2, 0, f"{part.count:,}", ha="center", va="center", fontsize=11, color=ink)
        left += width
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    return svg(figure, outlined=False)


def probes_plot(probes: Sequence[Probe], *, synthetic: bool) -> bytes | None:
    """Returns the change of AUC under each paired probe with its interval; None where there is none to draw."""
    shown = [(probe, found.difference) for probe in probes if (found := probe.find("auc")) is not None]
    if not shown:
        return None
    figure, axes = new_axes("the change of AUC under each probe", synthetic=synthetic, height=1.5 + 0.36 * len(shown))
    for place, (probe, item) in enumerate(shown):
        _whisker(axes, place, item, LOOKS[0])
        if probe.limit is not None:
            axes.plot([-probe.limit] * 2, [place - 0.34, place + 0.34], color=LOOKS[1].colour, linewidth=2)
    axes.axvline(0, color=QUIET, linewidth=1)
    names = [
        "a week late" if probe.probe == "delayed_features" else f"without {probe.subject.replace('_', ' ')}"
        for probe, _ in shown
    ]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel("change of AUC", color=INK, fontsize=9.5)
    axes.grid(False, axis="y")
    return svg(figure, outlined=False)


def _title(words: str, synthetic: bool) -> str:
    return f"SYNTHETIC: {words}" if synthetic else words


def _panels(count: int, *, height: float, sharey: bool = True) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(1, count, sharey=sharey, squeeze=False)[0])


def _whisker(axes: Axes, place: int, item: Measured, look: Look) -> None:
    if item.value is None or item.low is None or item.high is None:
        return
    axes.errorbar(
        [item.value], [place], xerr=[[max(item.value - item.low, 0)], [max(item.high - item.value, 0)]],
        color=look.colour, marker=look.marker, markersize=6, linestyle="none", elinewidth=1.5, capsize=2.5,
    )  # fmt: skip


def _clean(axes: Axes, *, grid: Literal["x", "y"] = "x") -> None:
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10])) if grid == "x" else None
    axes.grid(True, axis=grid, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
