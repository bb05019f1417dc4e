"""The pictures of a report, as SVG: each is a view of the evaluation record and computes nothing.

Figures are made with the object interface, so that nothing global is touched.  They are drawn in English;
``plot_words`` exchanges the labels.  Rankers differ in colour, marker and line, never in colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from training.evaluation.held_out import LOCAL_ZONE
from training.evaluation.measured import Measured
from training.evaluation.record import Band, ContributionSummary, GainsPoint, Month, SplitFacts
from training.report.wording import TIER_OF_CAPACITY, ranker_name, share

INK, QUIET, GRID = "#1c2733", "#5b6875", "#dfe4ea"
WIDE, TALL = 8.4, 4.6
LOCAL = ZoneInfo(LOCAL_ZONE)
FREQUENCIES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)
GAINS_TICKS = (0.0005, 0.0015, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
SPLIT_COLOURS = {"train": "#9dbad5", "calibration": "#c9d9a8", "embargo": "#e3e6ea", "test": "#f0c58a"}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one ranker is drawn."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]


LOOKS = (
    Look(colour="#15508a", marker="o", line="-"),
    Look(colour="#c2571a", marker="s", line="--"),
    Look(colour="#5d4a8a", marker="^", line="-."),
    Look(colour="#3c3c3c", marker="D", line=":"),
    Look(colour="#1f7a63", marker="v", line=(0, (6, 2))),
    Look(colour="#a3345c", marker="P", line=(0, (3, 1, 1, 1, 1, 1))),
)


def looks(rankers: Sequence[str]) -> dict[str, Look]:
    """Returns the look of each ranker, by its place in the list."""
    return {ranker: LOOKS[place % len(LOOKS)] for place, ranker in enumerate(rankers)}


def new_axes(title: str, *, synthetic: bool, height: float = TALL) -> tuple[Figure, Axes]:
    """Returns a figure with one plot in the look of the house, its title to the left."""
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    axes.set_title(f"SYNTHETIC: {title}" if synthetic else title, loc="left", fontsize=11.5, color=INK, pad=12)
    axes.grid(True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    return figure, axes


def svg(figure: Figure, *, outlined: bool = True) -> bytes:
    """Returns the figure as SVG without a date in it: the same record, the same bytes.

    Letters are outlines, or stay text that the reader's fonts show.
    """
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)  # by itself: a figure that is still to be laid out is drawn twice
        figure.set_layout_engine(None)
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "defuse", "svg.fonttype": "path" if outlined else "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _one_in(value: float, _place: int | None = None) -> str:
    """Returns a probability as ``1 in 1,000``."""
    return "1 in 1" if value >= 1 else f"1 in {round(1 / value):,}"


def bars(axes: Axes, place: Sequence[float], items: Sequence[Measured], *, look: Look, label: str) -> None:
    """Draws the numbers that have a value with their intervals as upright bars at ``place``."""
    x, value, low, high = told(place, items)
    if not x:
        return
    below = [max(v - a, 0.0) for v, a in zip(value, low, strict=True)]
    above = [max(b - v, 0.0) for v, b in zip(value, high, strict=True)]
    axes.errorbar(
        x, value, yerr=[below, above], color=look.colour, marker=look.marker, markersize=6, linestyle="none",
        elinewidth=1.4, capsize=3, label=label,
    )  # fmt: skip


def told(
    place: Sequence[float], items: Sequence[Measured], *, ranker: str | None = None
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Returns place, value, low and high of the numbers that have a value, of one ranker or of all."""
    told = [
        (x, item.value, item.low, item.high)
        for x, item in zip(place, items, strict=True)
        if item.value is not None and item.low is not None and item.high is not None and ranker in (None, item.ranker)
    ]
    return [t[0] for t in told], [t[1] for t in told], [t[2] for t in told], [t[3] for t in told]


def timeline_plot(origins: Mapping[int, Sequence[SplitFacts]], *, synthetic: bool) -> bytes:
    """Returns the picture of the stretches of every origin on the time line of as_of, the latest at the bottom."""
    figure, axes = new_axes(
        "what the model learned from, and what it was judged on", synthetic=synthetic, height=1.5 + 0.62 * len(origins)
    )
    first, last = (date2num(datetime.fromisoformat(text)) for text in _outer([s for o in origins.values() for s in o]))
    for place, splits in enumerate(origins.values()):
        y = len(origins) - 1 - place
        for split in splits:
            start, stop = (date2num(datetime.fromisoformat(text)) for text in (split.starts_at, split.ends_at))
            axes.barh(
                y, stop - start, left=start, height=0.5, color=SPLIT_COLOURS[split.name], edgecolor=QUIET, linewidth=0.8,
                hatch="////" if split.name == "embargo" else None, label=split.name if place == 0 else None,
            )  # fmt: skip
        test = splits[-1]
        said = f"{test.n_rows:,} rows, {test.n_events:,} disputes with an incident"
        end = date2num(datetime.fromisoformat(test.ends_at))
        axes.text(end, y + 0.36, said, va="center", ha="right", fontsize=8.5, color=INK)
    axes.set_yticks(range(len(origins)), [f"origin {number}" for number in reversed(origins)])
    axes.set_ylim(-0.5, len(origins) - 0.35)
    axes.xaxis.set_major_locator(AutoDateLocator(tz=LOCAL, maxticks=9))
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m", tz=LOCAL))
    axes.set_xlim(first - 0.01 * (last - first), last + 0.01 * (last - first))
    axes.grid(False, axis="y")
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return svg(figure, outlined=False)


def _outer(splits: Sequence[SplitFacts]) -> tuple[str, str]:
    return (
        min((split.starts_at for split in splits), key=datetime.fromisoformat),
        max((split.ends_at for split in splits), key=datetime.fromisoformat),
    )


def reliability_plot(bands: Sequence[Band], *, rankers: Sequence[str], synthetic: bool) -> bytes:
    """Returns the reliability diagram on log-log axes: observed against predicted rate by band, with intervals."""
    figure, axes = new_axes(
        "observed against predicted risk, in bands of ten events or more", synthetic=synthetic, height=5.4
    )
    ends = [band.mean_probability for band in bands]
    ends += [end for band in bands for end in (band.observed_rate.low, band.observed_rate.high) if end]
    low, high = (min(ends) / 1.6, min(max(ends) * 1.6, 1.0)) if ends else (1e-4, 1e-2)
    axes.plot([low, high], [low, high], color=QUIET, linewidth=1.1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    for ranker, look in looks(rankers).items():
        own = [band for band in bands if band.ranker == ranker]
        predicted = [band.mean_probability for band in own]
        bars(axes, predicted, [band.observed_rate for band in own], look=look, label=ranker_name(ranker))
    for axis, name in ((axes.xaxis, "predicted"), (axes.yaxis, "observed")):
        getattr(axes, f"set_{axis.axis_name}scale")("log")
        axis.set_major_locator(FixedLocator([tick for tick in FREQUENCIES if low <= tick <= high]))
        axis.set_major_formatter(FuncFormatter(_one_in))
        axis.set_minor_formatter(NullFormatter())
        axis.set_label_text(f"{name} rate in the horizon", color=INK, fontsize=9.5)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.tick_params(axis="x", rotation=28)
    axes.tick_params(which="minor", length=0)
    axes.legend(fontsize=9, loc="upper left", facecolor="#ffffff", framealpha=0.95, edgecolor="none")
    return svg(figure, outlined=False)


def gains_plot(gains: Sequence[GainsPoint], *, rankers: Sequence[str], synthetic: bool) -> bytes:
    """Returns the gains curve: recall by capacity on a log axis, with the interval of the model, chance and tiers."""
    figure, axes = new_axes("positive rows found, by how many rows can be looked at", synthetic=synthetic, height=5.0)
    capacities = sorted({point.capacity for point in gains})
    axes.plot(capacities, capacities, color=QUIET, linestyle=(0, (1, 2)), linewidth=1.6, label="chance")
    for order, (ranker, look) in enumerate(looks(rankers).items()):
        x, value, low, high = told([p.capacity for p in gains], [p.recall for p in gains], ranker=ranker)
        axes.plot(
            x, value, color=look.colour, linestyle=look.line, linewidth=2,
            label=ranker_name(ranker), zorder=5 - order,
        )  # fmt: skip
        if order == 0:
            axes.fill_between(
                x, low, high, color=look.colour, alpha=0.15, linewidth=0, label=f"{ranker_name(ranker)}, 95% interval"
            )
    for capacity, (tier, _) in TIER_OF_CAPACITY.items():
        axes.axvline(capacity, color=INK, linewidth=0.9, alpha=0.6)
        axes.text(
            capacity * 1.03,
            1.015,
            f"{tier}",
            fontsize=8.5,
            color=INK,
            ha="center",
            va="bottom",
            transform=axes.get_xaxis_transform(),
        )
    axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=11.5, color=INK, pad=20)
    axes.set_xscale("log")
    axes.set_xlim(min(capacities, default=0.0005), 1)
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(FixedLocator(list(GAINS_TICKS)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
    axes.set_xlabel("top share of all rows (log scale)", color=INK, fontsize=9.5)
    axes.set_ylabel("share of positive rows found", color=INK, fontsize=9.5)
    axes.tick_params(which="minor", length=0)
    axes.legend(fontsize=9, loc="upper left", facecolor="#ffffff", framealpha=0.95, edgecolor="none")
    return svg(figure, outlined=False)


def months_plot(months: Sequence[Month], *, rankers: Sequence[str], synthetic: bool) -> bytes:
    """Returns observed rate (with intervals) and mean probability of each ranker by month of as_of."""
    figure, axes = new_axes("mean score and observed rate by month", synthetic=synthetic, height=4.0)
    names = sorted({month.month for month in months})
    place = {name: number for number, name in enumerate(names)}
    own = [month for month in months if month.ranker == rankers[0]]
    seen = Look(colour=INK, marker="D", line="none")
    bars(axes, [place[m.month] for m in own], [m.observed_rate for m in own], look=seen, label="observed, 95% interval")
    for ranker, look in looks(rankers).items():
        told = [(place[m.month], m.mean_probability.value) for m in months if m.ranker == ranker]
        axes.plot(
            [x for x, value in told if value is not None], [value for _, value in told if value is not None],
            color=look.colour, linestyle=look.line, marker=look.marker, markersize=4, linewidth=1.6,
            label=f"{ranker_name(ranker)}, mean score",
        )  # fmt: skip
    step = max(1, -(-len(names) // 12))
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=30 if len(names) > 6 else 0)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 1000:.3g}"))
    axes.set_ylabel("in 1,000 rows", color=INK, fontsize=9.5)
    axes.grid(False, axis="x")
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3)
    return svg(figure, outlined=False)


def contributions_plot(summary: ContributionSummary, *, synthetic: bool) -> bytes:
    """Returns, per indicator, a swarm of its contributions in log-odds; the shade is the rank of the value."""
    shown = summary.indicators
    figure, axes = new_axes("what moves the score", synthetic=synthetic, height=1.6 + 0.36 * max(len(shown), 3))
    ends = [end for item in shown for end in (item.lowest, item.highest)] + [0.0]
    span = (max(ends) - min(ends)) or 1.0
    shades = LinearSegmentedColormap.from_list("value", colormaps["viridis"](np.linspace(0, 0.92, 64)))
    for row, item in enumerate(shown):
        y = len(shown) - 1 - row
        x = [point.contribution for point in item.points]
        rises = _swarm(x, width=span / 90)
        colours = ["#c9ced4" if p.value_rank is None else shades(p.value_rank) for p in item.points]
        axes.scatter(x, [y + rise for rise in rises], c=colours, s=13, linewidths=0.25, edgecolors="#ffffff")
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.set_yticks(range(len(shown)), [item.name_en for item in reversed(shown)])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel("contribution to the margin (log-odds): left lowers, right raises", color=INK, fontsize=9.5)
    axes.grid(False, axis="y")
    bar = figure.colorbar(ScalarMappable(cmap=shades), ax=axes, fraction=0.025, pad=0.02, aspect=28)
    bar.set_ticks([0, 1], labels=["lowest", "highest"])
    bar.ax.tick_params(labelsize=8.5, length=0)
    bar.set_label("value of the indicator (grey: missing)", fontsize=8.5, color=INK)
    bar.outline.set_visible(False)
    return svg(figure, outlined=False)


def _swarm(values: Sequence[float], *, width: float) -> list[float]:
    """Returns how far each point moves up or down, so that those in one slot of ``width`` do not hide each other."""
    slots: dict[int, int] = {}
    sizes: dict[int, int] = {}
    keys = [round(value / width) for value in values]
    for key in keys:
        sizes[key] = sizes.get(key, 0) + 1
    most = max(sizes.values(), default=1)
    step = min(0.09, 0.76 / most)
    rises = []
    for key in keys:
        place = slots.get(key, 0)
        slots[key] = place + 1
        rises.append(step * ((place + 1) // 2) * (1 if place % 2 else -1))
    return rises
