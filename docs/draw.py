"""Draws the pictures of the docs as SVG: the way of the data, one explained case, and the two clocks.

The explained case is ``pictures/assessment.json``, a real answer of the service on SYNTHETIC records.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

ASSESSMENT = Path(__file__).resolve().parent / "pictures" / "assessment.json"
FONT = "system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"
INK, SOFT, LINE, PAPER = "#1c2733", "#5a6772", "#b8c2cc", "#ffffff"
RAISES, LOWERS, NOTE = "#b3541e", "#2f6690", "#fff3d6"
FLOORS = {"features": "#e8f0f6", "training": "#eef3e6", "serving": "#f7ece4", "outside": "#f4f4f4"}


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONT}" role="img">\n<title>{escape(title)}</title>\n'
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 8 4 0 8z" fill="{SOFT}"/></marker></defs>\n'
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>\n{body}\n</svg>\n'
    )


def _text(
    x: float, y: float, words: str, *, size: int = 13, fill: str = INK, anchor: str = "start", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{weight}>'
        f"{escape(words, quote=False)}</text>"
    )


def _box(x: float, y: float, width: float, height: float, *, fill: str, stroke: str = LINE) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="{fill}" stroke="{stroke}"/>'
    )  # fmt: skip


def _line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = LINE, dash: str = "", tip: bool = False) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    marker = ' marker-end="url(#tip)"' if tip else ""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{stroke}"{dashed}{marker}/>'


# --- the way of the data ---------------------------------------------------------------------------------------------

ROOMS = (
    ("features", "features/", (
        ("Records", ("disputes, events, petitions,", "incidents; CSV or Parquet")),
        ("The door", ("contract checked, refused", "inputs rejected, quarantine")),
        ("Spine and visible rows", ("at each landmark only", "what was recorded before it")),
        ("Matrix", ("one column an indicator,", "label: yes, no, not yet known")),
    )),
    ("training", "training/", (
        ("Split", ("by time, with an embargo;", "no pair on both sides")),
        ("Trees and points", ("shallow, monotone LightGBM;", "ten-line points score")),
        ("Calibration, intervals", ("intercept and slope;", "tiers as cut-offs")),
        ("Report, saved model", ("in MLflow, under a digest;", "a person promotes it")),
    )),
    ("serving", "serving/", (
        ("One case record", ("the same rows as JSON,", "the same door")),
        ("The same kernel", ("a spine of one landmark,", "the same bits as in batch")),
        ("Assessment", ("probability, tier, floors,", "reasons that add up")),
        ("A person decides", ("an offer of help,", "never a judgement")),
    )),
)  # fmt: skip


def data_way() -> str:
    """The three floors of the house, and what goes from one room to the next."""
    parts: list[str] = []
    wide, high, gap, left, top = 206, 78, 24, 20, 46
    for row, (floor, label, rooms) in enumerate(ROOMS):
        y = top + row * 148
        parts.append(_box(left - 8, y - 30, 4 * wide + 3 * gap + 16, high + 42, fill=FLOORS[floor]))
        parts.append(_text(left, y - 10, label, size=14, bold=True))
        for column, (title, words) in enumerate(rooms):
            x = left + column * (wide + gap)
            parts.append(_box(x, y, wide, high, fill=PAPER))
            parts.append(_text(x + 12, y + 24, title, size=14, bold=True))
            parts += [_text(x + 12, y + 45 + 18 * n, line, size=12, fill=SOFT) for n, line in enumerate(words)]
            if column:
                parts.append(_line(x - gap + 3, y + high / 2, x - 2, y + high / 2, stroke=SOFT, tip=True))
    last = left + 3 * (wide + gap) + wide / 2
    for row, words in enumerate(("matrix", "verified model")):
        y = top + row * 148 + high
        bend, below = y + 24, y + 148 - high
        first = left + (wide / 2 if row == 0 else wide + gap + wide / 2)
        path = f"M{last:g} {y:g} V{bend:g} H{first:g} V{below - 2:g}"
        parts.append(f'<path d="{path}" fill="none" stroke="{SOFT}" marker-end="url(#tip)"/>')
        parts.append(_text((last + first) / 2, bend - 4, words, size=12, fill=SOFT, anchor="middle"))
    y = top + 3 * 148 - 22
    parts.append(_text(left, y, "It flows one way; no floor imports the one above it. The audit table (protected "
                       "attributes) is read by defuse validate alone, and by none of these.", size=12, fill=SOFT))  # fmt: skip
    return _svg(936, y + 18, "The way of the data through features, training and serving", parts)


# --- one explained case ----------------------------------------------------------------------------------------------


def read_assessment() -> dict[str, Any]:
    """The stored assessment that the picture shows."""
    return json.loads(ASSESSMENT.read_text("utf-8"))


def explained_case() -> str:
    """The reasons of one assessment as bars that begin where the one before ended, from base to margin."""
    a = read_assessment()
    steps = [(one["sentence"]["en"], one["contribution"]) for one in a["reasons"]]
    steps.append(("everything else", a["other_contribution"]))
    edges = [a["base_margin"]]
    for _, contribution in steps:
        edges.append(edges[-1] + contribution)
    low, high = min(edges) - 0.25, max(edges) + 0.25
    left, right, top = 480, 880, 164

    def at(margin: float) -> float:
        return left + (margin - low) / (high - low) * (right - left)

    parts = [*_headline(a), _text(left, top - 18, "margin (log-odds), from the base to this case", size=12, fill=SOFT)]
    y: float = top
    parts += _milestone(y, "every case starts here (base)", at(edges[0]), a["base_margin"])
    y += 16
    for (sentence, contribution), before, after in zip(steps, edges, edges[1:], strict=False):
        lines = textwrap.wrap(sentence, 68)
        half = 8 + 8 * len(lines)
        y += half + 4
        parts += _step(y, lines, contribution, at(before), at(after))
        y += half
    y += 22
    parts += _milestone(y, "this case (margin)", at(a["margin"]), a["margin"])
    parts += _foot(a, y + 34)
    return _svg(960, round(y + 98), "One explained case, SYNTHETIC: reasons that add up from base to margin", parts)


def _headline(a: dict[str, Any]) -> list[str]:
    per, (low, high) = 10_000, a["interval"]
    floors = "; ".join(f"{one['floor']}: {one['rule']['en']}" for one in a["floors"]) or "none"
    return [
        _box(20, 16, 920, 30, fill=NOTE, stroke="#c9a227"),
        _text(32, 36, f"SYNTHETIC: dispute {a['dispute_id']} of a simulated world, as of {a['as_of'][:10]}. Nobody in "
              "it exists.", bold=True),
        _text(20, 74, f"About {per * a['probability']:.0f} in {per:,} such cases lead to serious violence within 90 "
              f"days (range {per * low:.0f} to {per * high:.0f}).", size=15, bold=True),
        _text(20, 98, f"Over all cases: {per * a['base_rate']:.1f} in {per:,}. Tier {a['tier']}: help is offered soon. "
              f"About {per * (1 - a['probability']):,.0f} in {per:,} such cases do not lead to violence.",
              size=13, fill=SOFT),
        _text(20, 118, f"Safety floor {floors}.", size=13, fill=SOFT),
    ]  # fmt: skip


def _milestone(y: float, words: str, x: float, value: float) -> list[str]:
    return [
        _text(20, y + 4, words, bold=True),
        _line(x, y - 10, x, y + 12, stroke=INK),
        _text(x + 8, y + 4, f"{value:.3f}", bold=True),
    ]


def _step(y: float, lines: list[str], contribution: float, start: float, end: float) -> list[str]:
    colour = RAISES if contribution > 0 else LOWERS
    first = y + 4 - 8 * (len(lines) - 1)
    words = [_text(20, first + 16 * n, line, size=13) for n, line in enumerate(lines)]
    bar = (
        f'<rect x="{min(start, end):.1f}" y="{y - 8:g}" width="{max(abs(end - start), 1.5):.1f}" height="16" '
        f'fill="{colour}"/>'
    )
    value = _text(max(start, end) + 6, y + 4, f"{contribution:+.3f}", size=12, fill=colour)
    return [*words, bar, value]


def _foot(a: dict[str, Any], y: float) -> list[str]:
    offers = ", ".join(name.replace("_", " ") for name in a["routing"]["actions"])
    return [
        _line(20, y - 12, 940, y - 12),
        _text(20, y + 8, f"Help to offer: {offers}.", size=13),
        _text(20, y + 28, "Orange raises, blue lowers. Base + all bars = margin, exactly. A score is advice; a person "
              "decides.", size=12, fill=SOFT),
        _text(20, y + 48, "A contribution says how the model reads the records. It is no cause, and no judgement of "
              "anybody.", size=12, fill=SOFT),
    ]  # fmt: skip


# --- the two clocks --------------------------------------------------------------------------------------------------

LANDMARKS = (
    (31, "1 April", "B04 = 0", "nobody knew"),
    (73, "13 May", "B04 = 1", "known since yesterday"),
    (190, "7 September", "B04 = 0", "known, but too long ago"),
)


def two_clocks() -> str:
    """The dispute D-LATE-EVENT of the sample: when the threat occurred, when it was recorded, what is seen when."""
    left, right, days = 130, 890, 200

    def at(day: float) -> float:
        return left + day / days * (right - left)

    occurred, recorded = 9.85, 72.4
    parts = [
        _text(20, 30, "A threat of 10 March, told and recorded on 12 May (sample dispute D-LATE-EVENT, SYNTHETIC)",
              size=15, bold=True),
        _text(20, 80, "occurred", bold=True), _line(left, 76, right, 76),
        _text(20, 130, "recorded", bold=True), _line(left, 126, right, 126),
        _text(20, 200, "landmarks", bold=True), _line(left, 196, right, 196),
    ]  # fmt: skip
    for x, y, words in ((at(occurred), 76, "10 March: the threat"), (at(recorded), 126, "12 May: told, written down")):
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{RAISES}"/>')
        parts.append(_text(x + 12, y - 10, words, size=12))
    parts.append(_line(at(occurred), 84, at(recorded), 119, stroke=SOFT, dash="4 3", tip=True))
    for day, name, value, why in LANDMARKS:
        x = at(day)
        parts.append(_line(x, 180, x, 212, stroke=INK))
        parts.append(_text(x, 230, f"as_of {name}", size=12, anchor="middle", bold=True))
        parts.append(_text(x, 248, value, size=14, anchor="middle", fill=RAISES if value.endswith("1") else LOWERS,
                           bold=True))  # fmt: skip
        parts.append(_text(x, 266, why, size=12, anchor="middle", fill=SOFT))
    parts.append(_text(20, 296, "B04 counts threats to kill or seriously injure in the last 180 days. Whoever goes by "
                       "the occurred clock alone would see it on 1 April: a leak.", size=12, fill=SOFT))  # fmt: skip
    return _svg(960, 314, "Two clocks: a threat known two months after it happened", parts)


PICTURES: dict[str, Callable[[], str]] = {
    "data-way.svg": data_way,
    "explained-case.svg": explained_case,
    "two-clocks.svg": two_clocks,
}
