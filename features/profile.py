"""A matrix to its profile: how complete each column is, how it moves by month, how it goes with the label.

Reads a matrix folder column by column, so that the largest costs the memory of a few columns.  Knows no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.clock import to_us
from features.errors import InvalidConfiguration, MissingInput, UserError
from features.label_rate import Cut, Labelled, auc_of, cut, rates
from features.labels import LabelRule
from features.profile_record import (
    FEWEST,
    IndicatorProfile,
    Month,
    MonthOfIndicator,
    Profile,
    in_tens,
    share_of,
)
from features.profile_warnings import warnings_of
from features.records import Records
from features.schema import CHANNELS

Progress = Callable[[str, float], None]
Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]
ZONE = ZoneInfo("Asia/Shanghai")
STATES = ("positive", "negative", "not_yet_known")
QUARTERS = (0.25, 0.5, 0.75)
FEWEST_FOR_QUARTERS = 4 * FEWEST
"""So that at least ten rows lie on either side of a quartile."""
DEFAULT_NAMED = re.compile(r"(?:^|= )(\d+(?:\.\d+)?)\b")


@dataclass(frozen=True)
class Rows:
    """The keys of every row of a matrix, in whole numbers: columns of (rows,).

    ``label`` is 1, 0 or -1 (not yet known), ``month`` counts from the first, ``channel`` is a place in ``CHANNELS``.
    """

    label: NDArray[np.int8]
    dispute: Whole
    pair: Whole
    month: Whole
    months: tuple[str, ...]
    after_incident: Mask
    channel: Whole | None

    @property
    def labelled(self) -> Mask:
        """The rows that a rate is told of: a known label, and not after the dispute's incident."""
        return (self.label >= 0) & ~self.after_incident


def profile_matrix(matrix: Path | str, *, records: Records | None = None, progress: Progress | None = None) -> Profile:
    """The profile of a matrix folder; shares by channel only with the very records it was built from.

    Raises MissingInput where the folder holds no matrix, UserError where it holds no row or ``records`` are others.
    """
    folder = Path(matrix)
    step = progress or (lambda _stage, _done: None)
    manifest, contract = _described(folder)
    if records is not None:
        _check_source(folder, manifest, records)
    step("profile", 0.0)
    rule = LabelRule(**{name: manifest["label"][name] for name in LabelRule.model_fields})
    rows = _keys(folder, rule, records)
    kept = rows.labelled
    labelled = Labelled(rows.label[kept], rows.pair[kept], rows.dispute[kept])
    layout = _Layout.of(rows)
    indicators = []
    for number, declared in enumerate(contract):
        indicators.append(_indicator(folder, declared, rows, labelled, layout))
        step("profile", (number + 1) / len(contract))
    profile = Profile(
        matrix_digest=manifest["digest"], catalogue=manifest["catalogue"], spine=manifest["spine"],
        known_at=manifest["known_at"], horizon_days=rule.horizon_days, label_delay_days=rule.label_delay_days,
        synthetic=manifest["synthetic"], rows=_given(len(rows.label)), disputes=_given(manifest["disputes"]),
        labels={state: _given(manifest["labels"][state]) for state in STATES},
        after_incident=in_tens(int((rows.after_incident & (rows.label >= 0)).sum())),
        all_labelled=rates(Cut(np.zeros(len(labelled.label), np.int64), ("all",)), labelled)[0],
        disputes_with_incident=_given(len(np.unique(labelled.dispute[labelled.label == 1]))),
        channels=layout.rows_by_channel(), months=_months(rows), indicators=tuple(indicators), warnings=(),
    )  # fmt: skip
    return profile.model_copy(update={"warnings": warnings_of(profile, layout.disputes_by_month)})


def _given(count: int) -> int | None:
    return None if 0 < count < FEWEST else count


# --- the folder ------------------------------------------------------------------------------------------------------


def _described(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The manifest and the column contract of a matrix folder."""
    if not (folder / "manifest.json").is_file():
        inside = folder.name == "matrix" and (folder.parent / "manifest.json").is_file()
        hint = f"name the folder above: {folder.parent}" if inside else (
            "name a folder that `defuse features RECORDS OUT` wrote"
        )  # fmt: skip
        raise MissingInput(f"{folder} holds no matrix (no manifest.json): {hint}")
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        contract = json.loads((folder / "columns.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise InvalidConfiguration(f"the matrix in {folder} is damaged: build it again") from None
    if not isinstance(manifest, dict) or not {"digest", "label", "inputs", "labels"} <= set(manifest):
        raise InvalidConfiguration(f"{folder}/manifest.json is not that of a matrix: name another folder")
    if not manifest["rows"]:
        raise UserError(f"the matrix in {folder} has no row: there is nothing to profile")
    return manifest, [one for one in contract if not one["care_only"]]  # no figure of these, not even in aggregate


def _check_source(folder: Path, manifest: dict[str, Any], records: Records) -> None:
    """Raise UserError unless the matrix was built from these very files."""
    built, given = manifest["inputs"], records.digests
    other = sorted(name for name in built.keys() | given.keys() if built.get(name) != given.get(name))
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise UserError(
            f"the matrix in {folder} was built from other records: {', '.join(other[:3])}{more} differ from what its "
            "manifest names. Name the records it was built from, build it again, or leave RECORDS out"
        )


def _parts(folder: Path, name: str, columns: list[str]) -> Iterator[pa.Table]:
    for path in sorted((folder / name).glob("part-*.parquet")):
        yield pq.read_table(path, columns=columns)


def _keys(folder: Path, rule: LabelRule, records: Records | None) -> Rows:
    """Label, dispute, pair, month and channel of every row; a dispute and a pair lie in one part."""
    label, as_of, after, pair, ids = [], [], [], [], []
    for table in _parts(folder, "matrix", ["dispute_id", "as_of", rule.column]):
        label.append(table[rule.column].fill_null(-1).to_numpy().astype(np.int8))
        as_of.append(table["as_of"].cast("int64").to_numpy())
        ids.append(table["dispute_id"].combine_chunks())
    for table in _parts(folder, "outcomes", ["pair", "after_incident"]):
        after.append(table["after_incident"].to_numpy())
        pair.append(table["pair"].combine_chunks())
    dispute, names = _coded(ids)
    month, months = _month_of(np.concatenate(as_of))
    return Rows(
        label=np.concatenate(label), dispute=dispute, pair=_coded(pair)[0], month=month, months=months,
        after_incident=np.concatenate(after), channel=None if records is None else _channels(records, names)[dispute],
    )  # fmt: skip


def _coded(ids: list[pa.Array]) -> tuple[Whole, pa.Array]:
    coded = pa.chunked_array(ids).combine_chunks().dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), coded.dictionary


def _channels(records: Records, disputes: pa.Array) -> Whole:
    """The channel of each dispute's first version, as a place in ``CHANNELS``."""
    found = records.connection.sql(
        "SELECT dispute_id, arg_min(channel, recorded_at) AS channel FROM disputes GROUP BY dispute_id"
    ).to_arrow_table()
    place = pc.index_in(found["channel"], pa.array(CHANNELS)).to_numpy()
    row = pc.index_in(disputes, found["dispute_id"].combine_chunks()).to_numpy()
    return cast(Whole, place[row].astype(np.int64))


def _month_of(as_of: Whole) -> tuple[Whole, tuple[str, ...]]:
    """The month (Asia/Shanghai) of each time, counted from the first, and the names of all months in between."""
    at, last = (datetime.fromtimestamp(int(end) / 1e6, ZONE) for end in (as_of.min(), as_of.max()))
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = [first]
    while starts[-1] <= last:
        starts.append((starts[-1] + timedelta(days=32)).replace(day=1))
    edges = np.array([to_us(start) for start in starts])
    return np.searchsorted(edges, as_of, side="right") - 1, tuple(f"{start:%Y-%m}" for start in starts[:-1])


# --- rows by month and channel ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """How the rows lie by month and channel, worked out once for all columns."""

    rows: Rows
    order: Whole
    starts: Whole
    by_channel: Whole | None
    disputes_by_month: tuple[int, ...]

    @classmethod
    def of(cls, rows: Rows) -> _Layout:
        order = np.argsort(rows.month, kind="stable")
        starts = np.searchsorted(rows.month[order], np.arange(len(rows.months) + 1))
        by_channel = None if rows.channel is None else np.bincount(rows.channel, minlength=len(CHANNELS))
        held = np.unique(rows.dispute * len(rows.months) + rows.month) % len(rows.months)
        disputes = np.bincount(held, minlength=len(rows.months))
        return cls(rows, order, starts, by_channel, tuple(disputes.tolist()))

    def rows_by_channel(self) -> dict[str, int | None] | None:
        """Rows of each channel that has any, in tens."""
        if self.by_channel is None:
            return None
        return {name: in_tens(int(n)) for name, n in zip(CHANNELS, self.by_channel, strict=True) if n}

    def shares_by_channel(self, marked: Mask) -> dict[str, float | None] | None:
        """The share of marked rows in each channel that has any row."""
        if self.by_channel is None or self.rows.channel is None:
            return None
        counts = np.bincount(self.rows.channel[marked], minlength=len(CHANNELS))
        pairs = zip(CHANNELS, counts, self.by_channel, strict=True)
        return {name: share_of(int(count), int(n)) for name, count, n in pairs if n}

    def months(self, values: Floats, unknown: Mask, off: Mask, *, quartered: bool) -> tuple[MonthOfIndicator, ...]:
        """The column month by month."""
        size = len(self.rows.months)
        lacking = np.bincount(self.rows.month[unknown], minlength=size)
        moved = np.bincount(self.rows.month[off], minlength=size)
        ordered = values[self.order] if quartered else values
        found = []
        for place, name in enumerate(self.rows.months):
            start, end = int(self.starts[place]), int(self.starts[place + 1])
            found.append(
                MonthOfIndicator(
                    month=name, unknown=share_of(int(lacking[place]), end - start),
                    off_default=None if quartered else share_of(int(moved[place]), end - start),
                    quartiles=_quartiles(ordered[start:end]) if quartered else None,
                )
            )  # fmt: skip
        return tuple(found)


def _quartiles(values: Floats) -> tuple[float, float, float] | None:
    known = values[~np.isnan(values)]
    if len(known) < FEWEST_FOR_QUARTERS:
        return None
    low, middle, high = (float(f"{value:.3g}") for value in np.quantile(known, QUARTERS))
    return low, middle, high


def _months(rows: Rows) -> tuple[Month, ...]:
    size = len(rows.months)
    counts = {state: np.bincount(rows.month[rows.label == code], minlength=size)
              for state, code in zip(STATES, (1, 0, -1), strict=True)}  # fmt: skip
    return tuple(
        Month(
            month=name,
            rows=in_tens(int(sum(count[place] for count in counts.values()))),
            **{state: in_tens(int(count[place])) for state, count in counts.items()},
        )
        for place, name in enumerate(rows.months)
    )


# --- one column ------------------------------------------------------------------------------------------------------


def default_of(declared: dict[str, Any]) -> float | None:
    """The value of an indicator where nothing is on record, as its declaration has it; None where there is none.

    The number its missing rule names (``365``, ``no matching record = 0``); else 0 for counts, scales and yes or no.
    """
    named = DEFAULT_NAMED.search(declared["missing"])
    if named:
        return float(named.group(1))
    counted = declared["value_type"].startswith(("binary", "int", "count", "float>=0"))
    return 0.0 if counted and not declared["categories"] else None


def _indicator(
    folder: Path, declared: dict[str, Any], rows: Rows, labelled: Labelled, layout: _Layout
) -> IndicatorProfile:
    column = declared["column"]
    values = np.concatenate([table[column].to_numpy() for table in _parts(folder, "matrix", [column])])
    default, codes = default_of(declared), tuple(declared["categories"])
    unknown = np.isnan(values)
    off = ~unknown & (values != default) if default is not None else np.zeros(len(values), np.bool_)
    quartered = default is None and not codes
    kept = values[rows.labelled]
    bins = auc = auc_of_unknown = None
    if len(kept):
        bins = rates(cut(kept, labelled, codes=codes, default=default), labelled)
        auc = auc_of(kept, labelled, categorical=bool(codes))
        lacking = np.isnan(kept)
        auc_of_unknown = auc_of(lacking.astype(float), labelled, categorical=False) if lacking.any() else None
    window = column.partition("__")[2]  # a further window of the same indicator says so
    names = {
        f"name_{language}": name + (f" ({window})" if window else "") for language, name in declared["name"].items()
    }
    return IndicatorProfile(
        id=declared["id"], column=column, family=declared["family"], **names, value_type=declared["value_type"], care_only=declared["care_only"],
        default=default, constant=_constant(values, unknown), unknown=share_of(int(unknown.sum()), len(values)),
        off_default=None if default is None else share_of(int(off.sum()), len(values)),
        quartiles=None if codes else _quartiles(values),
        unknown_by_channel=layout.shares_by_channel(unknown),
        off_default_by_channel=None if default is None else layout.shares_by_channel(off),
        by_month=layout.months(values, unknown, off, quartered=quartered),
        bins=bins or (), auc=auc, auc_of_unknown=auc_of_unknown,
    )  # fmt: skip


def _constant(values: Floats, unknown: Mask) -> float | None:
    """The one known value of a column, where there is but one and at least ten rows have it."""
    known = values[~unknown]
    if len(known) < FEWEST or (known != known[0]).any():
        return None
    return float(known[0])
