"""Runs a world from its seed to its files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_samples.simulator.books import Books, keep_books
from data_samples.simulator.constants import Constants
from data_samples.simulator.help import check_policy
from data_samples.simulator.history import History, run_history
from data_samples.simulator.imperfections import Imperfections
from data_samples.simulator.parquet import open_parquet, write_parquet
from data_samples.simulator.presets import base_hazard
from data_samples.simulator.tables import arrow_schema
from data_samples.simulator.truth import TruthSpool, write_truth
from data_samples.simulator.truth_tables import truth_tables
from data_samples.simulator.world import Setting, draw_cases, draw_setting
from features.errors import InvalidConfiguration
from features.schema import EVENTS, TABLES

SIMULATOR = "defuse-simulator-2"
SOURCE = "source.json"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class SimulationSummary:
    """What a simulation wrote: where, how many rows in each table, and of which world.  Always SYNTHETIC.

    ``incidents_on_book`` and ``incidents_off_book`` count the verified incidents that truly belong to a dispute on
    the books, and those that do not.  ``planted_faults`` counts the rows that break a rule of the door, by table and
    rule.
    """

    out: Path
    truth: Path
    rows: dict[str, int]
    truth_rows: int
    incidents_on_book: int
    incidents_off_book: int
    planted_faults: dict[str, dict[str, int]]
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
    imperfect: bool | Imperfections = True,
    red_package: str = "off",
) -> SimulationSummary:
    """Writes the five tables of a synthetic world to ``out`` and its truth to the folder ``<out>.truth``.

    ``disputes`` are opened each year from 1 January 2020 +08:00 for ``years`` years; nothing known after that is
    written, but for bad rows dated a century ahead.  The same arguments give the same bytes.  ``source.json``, written
    last, says that the records are synthetic.

    ``imperfect`` chooses the imperfections: all, none (False), or those of an ``Imperfections``.  ``constants`` makes
    another world (``Constants().perturbed(seed)``, ``.null_world()``, ``.with_hazard_ratios(services=0.5)``).
    ``red_package`` is the policy of that arm: off, top or band.

    Raises InvalidConfiguration for a preset, policy, number or folder that will not do.
    """
    constants, progress = constants or Constants(), progress or _silent
    imperfections = Imperfections.chosen(imperfect)
    _check(out, disputes=disputes, years=years, seed=seed)
    check_policy(red_package)
    world_seed, weeks_seed, books_seed = np.random.SeedSequence(seed).spawn(3)
    rng = np.random.default_rng(world_seed)
    setting = draw_setting(
        rng, constants=constants, base_hazard=base_hazard(preset), years=years, imperfections=imperfections
    )
    cases = draw_cases(rng, setting, disputes=disputes, years=years)
    source = {
        "synthetic": True,
        "note": "SYNTHETIC: drawn by a simulator; proves that the code is right, nothing about real disputes",
        "simulator": SIMULATOR,
        "preset": preset,
        "disputes_per_year": disputes,
        "years": years,
        "seed": seed,
        "constants_digest": constants.digest,
        "imperfections": imperfections.to_record(),
        "red_package": red_package,
    }
    out.resolve().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.resolve().parent, prefix=f".{out.name}.") as scratch:
        spool = TruthSpool(Path(scratch))
        history = run_history(
            weeks_seed, setting, cases, spool, red_package=red_package, progress=_part_of(progress, 0.0, 0.65)
        )
        progress("keeping the books", 0.65)
        books = keep_books(np.random.default_rng(books_seed), setting, history)
        truth_rows = _write_truth(spool, history, books, out=out, setting=setting, source=source, progress=progress)
    rows = _write_records(out, books, source=source, progress=_part_of(progress, 0.8, 1.0))
    progress("done", 1.0)
    return _summary(out, books, rows=rows, truth_rows=truth_rows, digest=constants.digest)


def truth_folder(out: Path) -> Path:
    """Where the truth of the records in ``out`` lies."""
    out = out.resolve()
    return out.with_name(out.name + ".truth")


def _summary(out: Path, books: Books, *, rows: dict[str, int], truth_rows: int, digest: str) -> SimulationSummary:
    verified = books.incident_number >= 0
    off_book = int((verified & (books.incidents.case < 0)).sum())
    return SimulationSummary(
        out=out,
        truth=truth_folder(out),
        rows=rows,
        truth_rows=truth_rows,
        incidents_on_book=int(verified.sum()) - off_book,
        incidents_off_book=off_book,
        planted_faults=books.planted,
        constants_digest=digest,
    )


def _write_records(out: Path, books: Books, *, source: dict[str, Any], progress: Progress) -> dict[str, int]:
    """The five tables, and last of all what says that they are synthetic: where it stands, all is there.

    Returns how many rows each table has.
    """
    with _Folder(out) as folder:
        for name in ("disputes", "incidents", "audit", "petitions"):
            write_parquet(folder.path(f"{name}.parquet"), books.tables[name])
        written = 0
        with open_parquet(folder.path("events.parquet"), arrow_schema(EVENTS)) as writer:
            for part in books.event_tables():
                writer.write_table(part)
                written += part.num_rows
                progress("writing the records", written / max(len(books.event_order), 1))
        folder.path(SOURCE).write_text(_json(source), encoding="utf-8")
    counts = {name: table.num_rows for name, table in books.tables.items()} | {"events": written}
    return {table.name: counts[table.name] for table in TABLES}


def _write_truth(
    spool: TruthSpool,
    history: History,
    books: Books,
    *,
    out: Path,
    setting: Setting,
    source: dict[str, Any],
    progress: Progress,
) -> int:
    """The truth in a folder beside ``out``: returns how many weekly rows it has."""
    progress("writing the truth", 0.7)
    with _Folder(truth_folder(out)) as folder:
        weekly = write_truth(
            folder.path("truth.parquet"), spool, cases=history.cases, dispute_number=books.dispute_number
        )
        for name, table in truth_tables(setting, history, books, weekly).items():
            write_parquet(folder.path(f"{name}.parquet"), table)
        meta = source | {
            "districts_log_hazard": setting.districts.log_hazard.tolist(),
            "rows": weekly.rows,
            "end_us": setting.end,
            "planted_faults": books.planted,
        }
        folder.path("meta.json").write_text(_json(meta), encoding="utf-8")
    return weekly.rows


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


def _part_of(progress: Progress, start: float, end: float) -> Progress:
    """Progress of one stage as a stretch of the whole."""
    return lambda step, part: progress(step, start + (end - start) * part)


def _silent(_step: str, _part: float) -> None:
    """No progress shown."""
