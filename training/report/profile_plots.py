"""The pictures of a profile, as SVG: each is a view of the profile record and computes nothing.

English ids only: the fonts that come with matplotlib have no Chinese; the page has both names beside the ids.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from features.profile_record import Bin, IndicatorProfile, Profile
from training.report.plots import GRID, INK, LOOKS, QUIET, WIDE, svg

COLUMNS = 4
BLUE, AMBER = LOOKS[0].colour, LOOKS[1].colour
STATE_COLOURS = {"negative": "#9dbad5", "not_yet_known": "#e3e6ea"}
DARK_CELL = 0.55
LONGEST_LABEL = 17
RATE_TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


def _figure(title: str, *, synthetic: bool, height: float) -> Figure:
    figure = Figure(figsize=(WIDE, height), layout="constrained")
    FigureCanvasSVG(figure)
    text = f"SYNTHETIC: {title}" if synthetic else title
    figure.suptitle(text, x=0.01, ha="left", fontsize=11.5, color=INK)
    return figure


def _plain(axes: Axes, *, size: float = 7.5) -> Axes:
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=size, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    return axes


def _months_below(axes: Axes, months: Sequence[str], *, most: int) -> None:
    """Ticks at Januaries where there are enough months, else at every so many."""
    places = [place for place, name in enumerate(months) if name.endswith("-01")]
    names = [months[place][:4] for place in places]
    if len(places) < 2:
        step = max(1, -(-len(months) // most))
        places = list(range(0, len(months), step))
        names = [months[place] for place in places]
    axes.set_xticks(places, names)
    axes.set_xlim(-0.7, len(months) - 0.3)


def rows_plot(profile: Profile) -> bytes:
    """Returns the rows of each month by label state, and the positive ones apart, for they would not be seen."""
    figure = _figure("rows by month of as_of", synthetic=profile.synthetic, height=4.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    x = np.arange(len(profile.months))
    base = np.zeros(len(x))
    for state, colour in STATE_COLOURS.items():
        height = np.array([getattr(month, state) or 0 for month in profile.months])
        hatch = "////" if state == "not_yet_known" else None
        _plain(upper, size=8.5).bar(
            x, height, 0.8, bottom=base, color=colour, edgecolor=QUIET, linewidth=0.4, hatch=hatch,
            label=state.replace("_", " "),
        )  # fmt: skip
        base += height
    _plain(lower, size=8.5).bar(x, [month.positive or 0 for month in profile.months], 0.8, color=AMBER)
    upper.set_ylabel("rows", fontsize=9, color=INK)
    lower.set_ylabel("positive rows", fontsize=9, color=INK)
    for axes in (upper, lower):
        axes.grid(False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _months_below(lower, [month.month for month in profile.months], most=10)
    figure.legend(*upper.get_legend_handles_labels(), frameon=False, fontsize=8.5, loc="outside lower center", ncols=2)
    return svg(figure)


def channels_plot(profile: Profile, shown: Sequence[IndicatorProfile]) -> bytes:
    """Returns the share unknown of each indicator in each channel, as shaded cells with the per cent in them."""
    channels = list(profile.channels or {})
    figure = _figure(
        "share of rows in which an indicator is unknown, by channel of the dispute", synthetic=profile.synthetic,
        height=1.5 + 0.3 * len(shown),
    )  # fmt: skip
    axes = figure.add_subplot()
    shades = LinearSegmentedColormap.from_list("unknown", colormaps["Blues"](np.linspace(0.02, 0.85, 64)))
    shades.set_bad("#ffffff")
    cells = np.array([
        [one.unknown, *((one.unknown_by_channel or {}).get(channel) for channel in channels)] for one in shown
    ], dtype=float)  # fmt: skip
    axes.imshow(np.ma.masked_invalid(cells), cmap=shades, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(cells.shape):
        share = cells[row, column]
        text = "under 10" if np.isnan(share) else f"{share:.0%}"
        dark = not np.isnan(share) and share > DARK_CELL
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="#ffffff" if dark else INK)
    axes.set_xticks(range(len(channels) + 1), ["all", *channels], fontsize=8.5, color=INK)
    axes.set_yticks(range(len(shown)), [one.id for one in shown], fontsize=8.5, color=INK)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.axvline(0.5, color=INK, linewidth=1.2)
    for side in axes.spines.values():
        side.set_visible(False)
    return svg(figure)


def _panels(figure: Figure, count: int, *, columns: int) -> list[Axes]:
    lines = -(-count // columns)
    panels = figure.subplots(lines, columns, squeeze=False).ravel().tolist()
    for spare in panels[count:]:
        spare.set_axis_off()
    return list(panels[:count])


def months_plot(profile: Profile, family: str, shown: Sequence[IndicatorProfile]) -> bytes:
    """Returns one small panel an indicator: share unknown and off default by month, or the quartiles."""
    lines = -(-len(shown) // COLUMNS)
    figure = _figure(f"family {family} by month of as_of", synthetic=profile.synthetic, height=0.9 + 1.35 * lines)
    for axes, one in zip(_panels(figure, len(shown), columns=COLUMNS), shown, strict=True):
        _month_panel(_plain(axes, size=7), one)
        _months_below(axes, [month.month for month in one.by_month], most=2)
    return svg(figure)


def _month_panel(axes: Axes, one: IndicatorProfile) -> None:
    x = np.arange(len(one.by_month))
    axes.set_title(one.id, loc="left", fontsize=8.5, color=INK, pad=3, fontweight="bold")
    quartiles = [month.quartiles or (np.nan,) * 3 for month in one.by_month]
    off = np.array([month.off_default for month in one.by_month], dtype=float)
    unknown = np.array([month.unknown for month in one.by_month], dtype=float)
    if one.default is None and np.isfinite(quartiles).any():
        low, middle, high = np.array(quartiles, dtype=float).T
        axes.fill_between(x, low, high, color=BLUE, alpha=0.18, linewidth=0)
        axes.plot(x, middle, color=BLUE, linewidth=1.2, marker=".", markersize=2.4)
        axes.set_title("quartiles", loc="right", fontsize=7, color=QUIET, pad=3)
        return
    if one.default is not None:
        axes.plot(x, off, color=BLUE, linewidth=1.2, marker=".", markersize=2.4)
    if one.unknown != 0:
        axes.plot(x, unknown, color=AMBER, linewidth=1.1, linestyle="--", marker=".", markersize=2.4)
    ends = [*off[np.isfinite(off)], *unknown[np.isfinite(unknown)]]
    axes.set_ylim(0, max([*ends, 0.001]) * 1.12)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.3g}%"))
    if one.default is None and one.unknown == 0:
        axes.set_axis_off()
        axes.text(
            0, 0.5, "categories,\nnever unknown", fontsize=7.5, color=QUIET, transform=axes.transAxes, va="center"
        )


def rates_plot(profile: Profile, family: str, shown: Sequence[IndicatorProfile]) -> bytes:
    """Returns one panel an indicator: positive rows in 1,000 by bin with 95% interval, on one scale for all."""
    columns = 3
    by_line = [shown[start : start + columns] for start in range(0, len(shown), columns)]
    sizes = [max(len(one.bins) for one in line) for line in by_line]
    figure = _figure(
        f"family {family}: positive rows in 1,000, by value", synthetic=profile.synthetic,
        height=0.8 + sum(0.62 + 0.165 * size for size in sizes),
    )  # fmt: skip
    grid = figure.subplots(len(by_line), columns, squeeze=False, height_ratios=[3.2 + size for size in sizes])
    limits = rate_limits(profile)
    for line, row, size in zip(by_line, grid, sizes, strict=True):
        for axes, one in zip(row, line, strict=False):
            _rate_panel(_plain(axes, size=7), one, profile.all_labelled, limits, size=size)
        for spare in row[len(line) :]:
            spare.set_axis_off()
    return svg(figure)


def rate_limits(profile: Profile) -> tuple[float, float]:
    """Returns the ends of the scale that every panel of rates shares, in 1,000 rows."""
    told = [bin_ for one in profile.indicators for bin_ in (*one.bins, profile.all_labelled) if bin_.rate is not None]
    low = min((bin_.low for bin_ in told if bin_.low), default=0.001)
    high = max((bin_.high for bin_ in told if bin_.high), default=0.01)
    return low * 1000 / 1.4, high * 1000 * 1.4


def _rate_panel(axes: Axes, one: IndicatorProfile, base: Bin, limits: tuple[float, float], *, size: int) -> None:
    """One indicator; ``size`` is the most bins of its line of panels, so that bins lie equally far apart."""
    axes.set_title(one.id, loc="left", fontsize=8.5, color=INK, pad=3, fontweight="bold")
    if base.rate is not None:
        axes.axvline(base.rate * 1000, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    for place, told in enumerate(reversed(one.bins)):
        if told.rate is None or told.low is None or told.high is None:
            axes.text(0.02, place, "too few to say", fontsize=6.5, color=QUIET, va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        axes.plot([told.low * 1000, told.high * 1000], [place, place], color=BLUE, linewidth=1.4)
        axes.plot([told.rate * 1000], [place], color=BLUE, marker="o", markersize=3.6)
    axes.set_yticks(range(len(one.bins)), [_short(told.label) for told in reversed(one.bins)])
    axes.set_ylim(len(one.bins) - size - 0.7, len(one.bins) - 0.3)
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    ticks = [tick for tick in RATE_TICKS if limits[0] <= tick <= limits[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())  # nobody would see them, and to lay them out takes half of the time
    axes.grid(False, axis="y")


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"
