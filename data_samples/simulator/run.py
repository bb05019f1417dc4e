"""Runs a world from its seed to its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_samples.simulator.books import Books, keep_books
from data_samples.simulator.constants import Constants
from data_samples.simulator.history import History, run_history
from data_samples.simulator.parquet import write_parquet
from data_samples.simulator.presets import base_hazard
from data_samples.simulator.truth import write_truth
from data_samples.simulator.world import Setting, draw_cases, draw_setting
from features.errors import InvalidConfiguration
from features.schema import TABLES

SIMULATOR = "defuse-simulator-1"
SOURCE = "source.json"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class SimulationSummary:
    """What a simulation wrote: where, how many rows in each table, and of which world.  Always SYNTHETIC."""

    out: Path
    truth: Path
    rows: dict[str, int]
    truth_rows: int
    incidents_on_book: int
    incidents_off_book: int
    constants_digest: str


def simulate(
    out: Path,
    *,
    preset: str,
    disputes: int,
    years: int,
    seed: int,
    progress: Progress | None = None,
    constants: Constants | None = None,
) -> SimulationSummary:
    """Writes the five tables of a synthetic world to ``out`` and its truth to the folder ``<out>.truth``.

    ``disputes`` are opened each year from 1 January 2020 +08:00 for ``years`` years; nothing known after that is
    written.  The same arguments give the same bytes.  ``source.json``, written last, says that the records are
    synthetic.  ``constants`` makes another world (``Constants().perturbed(seed)``).

    Raises InvalidConfiguration for a preset, number or folder that will not do.
    """
    constants, progress = constants or Constants(), progress or _silent
    _check(out, disputes=disputes, years=years, seed=seed)
    world_seed, weeks_seed, books_seed = np.random.SeedSequence(seed).spawn(3)
    rng = np.random.default_rng(world_seed)
    setting = draw_setting(rng, constants=constants, base_hazard=base_hazard(preset), years=years)
    cases = draw_cases(rng, setting, disputes=disputes, years=years)
    history = run_history(weeks_seed, setting, cases, progress=lambda step, part: progress(step, 0.6 * part))
    progress("keeping the books", 0.6)
    books = keep_books(np.random.default_rng(books_seed), setting, history)
    progress("writing", 0.8)
    source = {
        "synthetic": True,
        "note": "SYNTHETIC: drawn by a simulator; proves that the code is right, nothing about real disputes",
        "simulator": SIMULATOR,
        "preset": preset,
        "disputes_per_year": disputes,
        "years": years,
        "seed": seed,
        "constants_digest": constants.digest,
    }
    truth, truth_rows = _write_truth(out, history, books, setting=setting, source=source)
    _write_records(out, books, source=source)
    progress("done", 1.0)
    incidents = books.tables["incidents"]
    off_book = incidents["dispute_id"].null_count
    return SimulationSummary(
        out=out,
        truth=truth,
        rows={name: table.num_rows for name, table in books.tables.items()},
        truth_rows=truth_rows,
        incidents_on_book=incidents.num_rows - off_book,
        incidents_off_book=off_book,
        constants_digest=constants.digest,
    )


def _write_records(out: Path, books: Books, *, source: dict[str, Any]) -> None:
    """The five tables, and last of all what says that they are synthetic: where it stands, all is there."""
    with _Folder(out) as folder:
        for name, table in books.tables.items():
            write_parquet(folder.path(f"{name}.parquet"), table)
        folder.path(SOURCE).write_text(_json(source), encoding="utf-8")


def _write_truth(
    out: Path, history: History, books: Books, *, setting: Setting, source: dict[str, Any]
) -> tuple[Path, int]:
    """The truth in a folder beside ``out``: where that is, and how many rows it has."""
    truth = out.resolve()
    truth = truth.with_name(truth.name + ".truth")
    with _Folder(truth) as folder:
        path = folder.path("truth.parquet")
        rows = write_truth(path, history.truth, cases=history.cases, dispute_number=books.dispute_number)
        meta = source | {"districts_log_hazard": setting.districts.log_hazard.tolist(), "rows": rows}
        folder.path("meta.json").write_text(_json(meta), encoding="utf-8")
    return truth, rows


class _Folder:
    """A folder whose files appear together at the end, in the order they were asked for, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: list[str] = []

    def __enter__(self) -> _Folder:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def path(self, name: str) -> Path:
        """Where to write the file of this name."""
        self._names.append(name)
        return self._unfinished(name)

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        for name in self._names:
            if failed is None:
                self._unfinished(name).replace(self._folder / name)
            else:
                self._unfinished(name).unlink(missing_ok=True)

    def _unfinished(self, name: str) -> Path:
        return self._folder / f".{name}.unfinished"


def _check(out: Path, *, disputes: int, years: int, seed: int) -> None:
    """Refuses numbers that make no world, and a folder that holds records we did not make."""
    if disputes < 1 or years < 1 or seed < 0:
        raise InvalidConfiguration("disputes and years must be at least 1, and the seed at least 0")
    names = [f"{table.name}{suffix}" for table in TABLES for suffix in (".parquet", ".csv", "")]
    if not (out / SOURCE).exists() and any((out / name).exists() for name in names):
        raise InvalidConfiguration(f"{out} holds records that no simulator made: choose another folder")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _silent(_step: str, _part: float) -> None:
    """No progress shown."""
