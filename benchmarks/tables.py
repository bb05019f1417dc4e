"""The kept results of a benchmark as Markdown tables for the docs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Figures = dict[str, float]
EVERYTHING = "everything on"
RANKERS = (
    "points",
    "logistic",
    "explainable_boosting",
    "lightgbm",
    "tuned_lightgbm",
    "oracle without the state",
    "oracle without hostility",
    "oracle",
)
METRICS = {
    "auc": "AUC", "recall_at_0.15pct": "recall at 0.15%", "recall_at_1pct": "at 1%", "recall_at_5pct": "at 5%",
    "recall_at_10pct": "at 10%", "precision_at_1pct": "precision at 1%", "precision_at_5pct": "at 5%",
}  # fmt: skip


def tables(folder: Path) -> str:
    """One section for each ``NAME.json`` of a results folder, in order of name."""
    return "\n".join(line for path in sorted(folder.glob("*.json")) for line in _section(path)) + "\n"


def _section(path: Path) -> Iterator[str]:
    record = json.loads(path.read_text("utf-8"))
    yield f"\n## {record['benchmark']}\n"
    quick = " A quick run: to see that it works, not to quote." if record["quick"] else ""
    yield (
        f"Measured {record['measured_at_utc'][:10]} on {record['cores']} cores, Python {record['python']}, load "
        f"{record['load_average_1min']} when it ended.{quick}\n"
    )
    yield from (_quality if record["benchmark"] == "quality" else _plain)(record["figures"])


def _plain(figures: list[dict[str, Any]]) -> Iterator[str]:
    """Every figure, beside its peer where it has one."""
    rows = (
        (f["figure"], f"{f['value']:g} {f['unit']}",
         "" if f["peer"] is None else f"{f['peer']}: {f['peer_value']:g}", "" if f["ratio"] is None else f"{f['ratio']:g}")
        for f in figures
    )  # fmt: skip
    yield from _table(("figure", "value", "peer", "ratio"), rows)


def _quality(figures: list[dict[str, Any]]) -> Iterator[str]:
    """Worlds by rankers, the paired differences, and what each imperfection costs."""
    found = {figure["figure"]: float(figure["value"]) for figure in figures}
    worlds = list(dict.fromkeys(name.split("/")[0] for name in found))
    ablation = [world for world in worlds if world.startswith(("without ", "clean", EVERYTHING))]
    full = [world for world in worlds if world not in ablation]
    yield "All figures SYNTHETIC, by soft labels, 95% intervals from draws of pairs in parentheses.\n"
    yield from _rankers(found, full)
    yield "\nLightGBM against points on the same rows; the share is that of the way from points to oracle:\n"
    yield from _differences(found, full)
    if any(f"{world}/lightgbm - logistic/auc" in found for world in full):
        yield "\nLightGBM against its peers on the same rows, and the share of the way that each closes:\n"
        yield from _peers(found, full)
    if ablation:
        yield "\nWhat each imperfection costs (60,000 disputes a year, one seed, the same truth in every row):\n"
        yield from _ablation(found, ablation)


def _rankers(found: Figures, worlds: list[str]) -> Iterator[str]:
    rows = []
    for world in worlds:
        for ranker in RANKERS:
            if f"{world}/{ranker}/auc" not in found:
                continue
            metrics = [_cell(found, f"{world}/{ranker}/{name}") for name in METRICS]
            calibration = [
                f"{found[f'{world}/{ranker}/{name}']:.2f}" if f"{world}/{ranker}/{name}" in found else ""
                for name in ("observed_over_expected", "slope")
            ]
            rows.append((world, ranker, *metrics, *calibration))
    yield from _table(("world", "ranker", *METRICS.values(), "O/E", "slope"), rows)


def _differences(found: Figures, worlds: list[str]) -> Iterator[str]:
    rows = []
    for world in worlds:
        cells = [_cell(found, f"{world}/lightgbm - points/{name}", sign=True) for name in ("auc", "recall_at_5pct")]
        shares = [_cell(found, f"{world}/share of the gap closed/{name}") for name in ("auc", "recall_at_5pct")]
        better = [found[f"{world}/lightgbm - points/{name}.low"] > 0 for name in ("auc", "recall_at_5pct")]
        verdict = "better" if all(better) else "better by AUC only" if better[0] else "not better"
        rows.append((world, *cells, *shares, verdict))
    yield from _table(("world", "AUC", "recall at 5%", "share, AUC", "share, recall at 5%", "LightGBM is"), rows)


def _peers(found: Figures, worlds: list[str]) -> Iterator[str]:
    rows = []
    for world in worlds:
        for peer in ("logistic", "explainable_boosting", "tuned_lightgbm"):
            if f"{world}/lightgbm - {peer}/auc" not in found:
                continue
            differences = [_cell(found, f"{world}/lightgbm - {peer}/{m}", sign=True) for m in ("auc", "recall_at_5pct")]
            shares = [_cell(found, f"{world}/share of the gap closed by {peer}/{m}") for m in ("auc", "recall_at_5pct")]
            rows.append((world, peer, *differences, *shares))
    header = ("world", "peer", "LightGBM - peer: AUC", "recall at 5%", "share by the peer, AUC", "share, recall at 5%")
    yield from _table(header, rows)


def _ablation(found: Figures, worlds: list[str]) -> Iterator[str]:
    base = next(world for world in worlds if world.startswith(EVERYTHING))
    rows = []
    for world in sorted(worlds, key=lambda name: (name != base, -found[f"{name}/lightgbm/auc"])):
        own = [f"{found[f'{world}/{ranker}/auc']:.3f}" for ranker in ("points", "lightgbm", "oracle")]
        gain = [
            f"{found[f'{world}/{ranker}/{metric}'] - found[f'{base}/{ranker}/{metric}']:+.3f}"
            for ranker in ("points", "lightgbm") for metric in ("auc", "recall_at_5pct")
        ]  # fmt: skip
        rows.append(
            (
                world,
                *own,
                *(gain if world != base else [""] * 4),
                f"{found[f'{world}/lightgbm/observed_over_expected']:.2f}",
            )
        )
    header = ("world", "AUC points", "LightGBM", "oracle", "points: AUC", "points: recall at 5%", "LightGBM: AUC",
              "LightGBM: recall at 5%", "O/E")  # fmt: skip
    yield from _table(header, rows)


def _cell(found: Figures, name: str, *, sign: bool = False) -> str:
    digits = 4 if "precision" in name else 3
    form = f"+.{digits}f" if sign else f".{digits}f"
    return f"{found[name]:{form}} ({found[f'{name}.low']:{form}} to {found[f'{name}.high']:{form}})"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
