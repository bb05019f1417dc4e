"""The profile of a matrix, the definition of an indicator and one case, as a data scientist types them."""

from __future__ import annotations

import html
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import build_matrix, read_records
from features.catalogue import INDICATORS, columns_of
from features.label_rate import Labelled, auc_of, cut, effective_rows, rates, wilson
from features.profile import default_of
from features.profile_record import Profile, in_tens, share_of
from tests.functional.conftest import ROOT, run
from training.evaluation.metrics import auc

SAMPLE = ROOT / "data_samples" / "neighbourhood"
AS_OF = "2020-05-13T00:00:00+08:00"


@pytest.fixture(scope="module")
def matrix(unit_world, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("profiled") / "matrix"
    with read_records(unit_world) as records:
        build_matrix(records, out, workers=1)
    return out


@pytest.fixture(scope="module")
def profile(matrix, unit_world, tmp_path_factory) -> Profile:
    done = run(tmp_path_factory.mktemp("home"), "features", str(unit_world), "--profile", str(matrix))
    assert done.stdout.startswith("SYNTHETIC ")
    assert done.stdout.splitlines()[-2:] == [str(matrix / "profile.html"), str(matrix / "profile.json")]
    return Profile.model_validate_json((matrix / "profile.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def frame(matrix) -> pd.DataFrame:
    """The matrix with what lies beside it, read without our reader."""
    beside = pd.read_parquet(matrix / "outcomes", columns=["pair", "after_incident"])
    return pd.concat([pd.read_parquet(matrix / "matrix"), beside], axis=1)


def of(profile: Profile, name: str):
    return next(one for one in profile.indicators if one.id == name)


# --- the numbers -----------------------------------------------------------------------------------------------------


def test_shares_and_counts_are_those_of_the_matrix(profile, frame):
    assert profile.rows == len(frame)
    told = [one for one in INDICATORS if not one.care_only]
    assert [one.column for one in profile.indicators] == list(columns_of(told))
    for one in profile.indicators:
        unknown = frame[one.column].isna().mean()
        if one.unknown is not None:
            assert one.unknown == pytest.approx(unknown, rel=0.01)
        if one.off_default is not None:
            moved = (frame[one.column].notna() & (frame[one.column] != one.default)).mean()
            assert one.off_default == pytest.approx(moved, rel=0.01)
    assert of(profile, "A05").unknown > 0.1
    assert of(profile, "E01").default == 365


def test_shares_by_channel_are_those_of_the_first_version(profile, frame, unit_world):
    disputes = pd.read_parquet(unit_world / "disputes.parquet")
    first = disputes.sort_values("recorded_at").groupby("dispute_id")["channel"].first()
    channel = frame["dispute_id"].map(first)
    told = of(profile, "D01").unknown_by_channel
    expected = frame["D01_minors_in_affected_household"].isna().groupby(channel).mean()
    assert set(told) == set(expected.index)
    assert told == pytest.approx(expected.to_dict(), rel=0.01)
    assert max(told.values()) - min(told.values()) > 0.2, "the channels of this world ask for different things"


def test_months_are_local_and_complete(profile, frame):
    month = frame["as_of"].dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m")
    counts = month.value_counts()
    told = {one.month: one.rows for one in profile.months}
    assert list(told) == [str(m) for m in pd.period_range(month.min(), month.max(), freq="M")]
    assert told == {name: in_tens(int(counts.get(name, 0))) for name in told}
    utc = frame["as_of"].dt.strftime("%Y-%m").value_counts()
    assert any(utc[name] // 10 != counts[name] // 10 for name in counts.index)
    share = (frame["B01_verbal_altercation_count"] != 0).groupby(month).mean()
    moved = {one.month: one.off_default for one in of(profile, "B01").by_month if one.off_default}
    assert moved == pytest.approx({name: share[name] for name in moved}, rel=0.01)


def test_label_rates_leave_out_what_is_not_known_or_after_the_incident(profile, frame):
    used = frame[frame["label_90"].notna() & ~frame["after_incident"]]
    assert len(used) < frame["label_90"].notna().sum() < len(frame)
    assert profile.all_labelled.rate == pytest.approx(used["label_90"].mean(), rel=0.06)
    for told, value in zip(of(profile, "A03").bins, (0, 1), strict=False):
        rows = used[used["A03_forced_proximity"] == value]["label_90"]
        assert told.label == str(value)
        assert told.rows == in_tens(len(rows))
        assert told.rate == pytest.approx(rows.mean(), rel=0.06)
        assert told.low < told.rate < told.high
    assert of(profile, "A03").bins[-1].label == "unknown"


def test_the_auc_of_a_column_is_the_exact_one(profile, frame):
    used = frame[frame["label_90"].notna() & ~frame["after_incident"]]
    for name, tolerance in (("E04", 0.0006), ("B01", 0.0006), ("E06", 0.002)):
        one = of(profile, name)
        exact = auc(used["label_90"].to_numpy(), used[one.column].to_numpy())
        assert one.auc.value == pytest.approx(exact, abs=tolerance)
        assert one.auc.low < one.auc.value < one.auc.high


# --- small counts, and rows that are not independent -----------------------------------------------------------------


def test_no_count_from_1_to_9_is_ever_given(profile):
    def counts(node, name=""):
        if isinstance(node, dict):
            for key, value in node.items():
                yield from counts(value, key)
        elif isinstance(node, list):
            for value in node:
                yield from counts(value, name)
        elif isinstance(node, int) and not isinstance(node, bool) and name != "schema_version":
            yield name, node

    found = list(counts(json.loads(profile.model_dump_json())))
    assert len(found) > 300
    assert [(name, count) for name, count in found if 0 < count < 10 and name != "default"] == []


@pytest.mark.parametrize(("count", "rows", "share"), [(0, 50, 0.0), (9, 50, None), (10, 50, 0.2), (41, 50, None),
                                                      (40, 50, 0.8), (50, 50, 1.0), (0, 9, None)])  # fmt: skip
def test_a_share_that_would_tell_of_few_rows_is_withheld(count, rows, share):
    assert share_of(count, rows) == share


def test_rows_of_one_pair_widen_the_interval():
    """The same rows, once each of its own pair, once fifty to a pair: the rate is the same, the interval is not."""
    label = np.repeat(np.arange(200) % 5 == 0, 50).astype(np.int8)
    values = np.zeros(len(label))
    bins = {}
    for name, pair in (("alone", np.arange(len(label))), ("together", np.repeat(np.arange(200), 50))):
        rows = Labelled(label, pair, pair)
        bins[name] = rates(cut(values, rows, codes=(), default=0.0), rows)[0]
    assert bins["alone"].rate == bins["together"].rate == 0.2
    assert bins["alone"].high - bins["alone"].low == pytest.approx(2 * 1.96 * (0.2 * 0.8 / 10_000) ** 0.5, abs=0.011)
    assert bins["together"].high - bins["together"].low == pytest.approx(2 * 1.96 * (0.2 * 0.8 / 200) ** 0.5, abs=0.011)


def test_wilson_by_hand_and_effective_rows():
    low, high = wilson(0.1, 100)  # Newcombe 1998, method 3: 10 of 100
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert effective_rows(0.1, 100, 0.1 * 0.9 / 25) == pytest.approx(25)
    assert effective_rows(0.1, 100, 0.0) == 100


def test_positives_of_nine_disputes_are_too_few_to_say():
    label = np.zeros(1000, np.int8)
    label[:90] = 1
    dispute = np.r_[np.arange(90) % 9, np.arange(90, 1000)]
    values = np.r_[np.ones(500), np.zeros(500)]
    for disputes, said in ((9, False), (10, True)):
        rows = Labelled(label, dispute, np.r_[np.arange(90) % disputes, np.arange(90, 1000)])
        told = rates(cut(values, rows, codes=(), default=0.0), rows)[-1]
        assert told.label == "1" and (told.rate is not None) == said
        assert (auc_of(values, rows, categorical=False) is not None) == said


# --- warnings --------------------------------------------------------------------------------------------------------


def rewritten(matrix: Path, out: Path, change) -> Path:
    """A copy of a matrix in which ``change`` of each part names the columns that are others."""
    shutil.copytree(matrix, out)
    for path in (out / "matrix").glob("*.parquet"):
        table = pq.read_table(path)
        for name, values in change(table).items():
            table = table.set_column(table.column_names.index(name), name, pa.array(values))
        pq.write_table(table, path)
    return out


def test_a_leak_a_constant_an_empty_column_and_a_jump_are_told(matrix, tmp_path):
    june = pd.Timestamp("2021-06-01", tz="Asia/Shanghai").value // 1000

    def spoil(table: pa.Table) -> dict[str, np.ndarray]:
        damage = table["B08_property_damage_count"].to_numpy().copy()
        damage[(table["as_of"].cast("int64").to_numpy() >= june) & (np.arange(len(table)) % 2 == 0)] = np.nan
        return {
            "B01_verbal_altercation_count": table["label_90"].fill_null(0).to_numpy().astype(float),
            "B02_physical_contact_count": np.zeros(len(table)),
            "C01_first_contact_delay_hours": np.full(len(table), np.nan),
            "B08_property_damage_count": damage,
        }

    done = run(tmp_path, "features", "--profile", str(rewritten(matrix, tmp_path / "spoiled", spoil)), "--json")
    told = {(one["kind"], one["column"]): one for one in json.loads(done.stdout)["warnings"]}
    assert ("too_good", "B01_verbal_altercation_count") in told
    assert ("constant", "B02_physical_contact_count") in told
    assert ("always_unknown", "C01_first_contact_delay_hours") in told
    assert "2021-05, in 50% of 2021-06" in told["missingness_jumps", "B08_property_damage_count"]["en"]
    assert len([kind for kind, _ in told if kind == "too_good"]) == 1


def test_a_matrix_without_any_known_label_is_still_profiled(tmp_path):
    run(tmp_path, "features", str(SAMPLE), str(tmp_path / "late"), "--as-of", "2020-12-01T00:00:00+08:00")
    done = run(tmp_path, "features", "--profile", str(tmp_path / "late"))
    assert "not yet known: No row has a known label" in done.stdout
    assert "No row has a known label" in (tmp_path / "late" / "profile.html").read_text("utf-8")


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_is_whole_and_loads_nothing(matrix, profile):
    page = (matrix / "profile.html").read_text("utf-8")
    assert "<script" not in page and "@import" not in page
    assert set(re.findall(r'(?:src|href)="([a-z]+:)', page)) == {"data:"}
    assert page.count("<figure>") == 2 + 2 * len({one.family for one in profile.indicators})
    for one in profile.indicators:
        assert one.id in page and html.escape(one.name_en, quote=False).replace("'", "&#39;") in page
        assert one.name_zh in page
    assert page.count("SYNTHETIC") > 10
    assert "accuracy" not in page.lower()
    assert "B12" not in page
    assert str(matrix) not in page


def test_the_same_matrix_gives_the_same_bytes(matrix, profile, unit_world, tmp_path):
    before = [(matrix / name).read_bytes() for name in ("profile.html", "profile.json")]
    run(tmp_path, "features", str(unit_world), "--profile", str(matrix))
    assert [(matrix / name).read_bytes() for name in ("profile.html", "profile.json")] == before


# --- what can go wrong -----------------------------------------------------------------------------------------------


def test_a_folder_without_a_matrix_is_one_clear_error(matrix, tmp_path):
    said = run(tmp_path, "features", "--profile", str(SAMPLE), expect=2).stderr
    assert "holds no matrix" in said and "Traceback" not in said
    said = run(tmp_path, "features", "--profile", str(matrix / "matrix"), expect=2).stderr
    assert f"name the folder above: {matrix}" in said


def test_records_of_another_matrix_are_refused(matrix, tmp_path):
    said = run(tmp_path, "features", str(SAMPLE), "--profile", str(matrix), expect=2).stderr
    assert "was built from other records" in said and "disputes.csv" in said


def test_without_records_the_page_says_that_channels_are_not_told(matrix, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(matrix, copy)
    run(tmp_path, "features", "--profile", str(copy))
    told = Profile.model_validate_json((copy / "profile.json").read_text("utf-8"))
    assert told.channels is None
    assert all(one.unknown_by_channel is None for one in told.indicators)
    assert "the channel of a dispute is not in the matrix, on purpose" in (copy / "profile.html").read_text("utf-8")


def test_every_declared_default_is_a_number_or_none():
    told = {one.id: default_of(one.declaration()) for one in INDICATORS}
    assert (told["E01"], told["B04"], told["A02"], told["A01"], told["E06"]) == (365, 0, 0, None, None)


# --- explain, and one case -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["B04", "b04", "B04_threat_to_kill_or_seriously_injure"])
def test_an_indicator_is_explained_in_both_languages(asked, tmp_path):
    said = run(tmp_path, "features", "--explain", asked).stdout
    assert said.startswith("B04  Threats to kill or seriously injure  扬言杀伤\n")
    assert "{'en'" not in said
    assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize(
    ("asked", "close"), [("B1", "B10"), ("weapon", "B06"), ("扬言", "B04"), ("Z99", "such as B04")]
)
def test_an_unknown_indicator_comes_with_close_matches(asked, close, tmp_path):
    said = run(tmp_path, "features", "--explain", asked, expect=2).stderr
    assert f"no indicator '{asked}'" in said and close in said


def test_a_refused_row_says_why(tmp_path):
    said = run(tmp_path, "features", "--explain", "D09").stdout
    assert "refused: no model input" in said and "cases are ranked, never people" in " ".join(said.split())


def test_a_case_is_shown_aligned_in_local_time(tmp_path):
    said = run(tmp_path, "features", str(SAMPLE), "--case", "D-LATE-EVENT", "--as-of", AS_OF).stdout
    assert "2020-03-10 20:30:00  2020-05-12 10:00:00  62.6 days    threat (grid, severity 4)  E-LATE-EVENT-1" in said
    values = said.split("Every indicator")[1]
    for one in INDICATORS:
        named = re.search(rf"  {one.id}  +{re.escape(one.title.en)} +{one.title.zh}", values)
        assert (named is not None) != one.care_only, one.id
    blocks = [block.splitlines()[1:] for block in values.split("\n\n")[1:]]
    for first, other in itertools.pairwise(blocks[1]):
        assert re.search(r"  B\d\d ", first).start() == re.search(r"  B\d\d ", other).start()


def test_a_case_that_is_not_there_is_one_clear_error(tmp_path):
    case = ("features", str(SAMPLE), "--case")
    assert "the closest ids are D-LATE-EVENT" in run(tmp_path, *case, "D-LATE-EVEN", "--as-of", AS_OF, expect=2).stderr
    early = run(tmp_path, *case, "D-LATE-EVENT", "--as-of", "2019-05-13T00:00:00+08:00", expect=2).stderr
    assert "first recorded at 2020-03-02T01:00:00Z" in early
    assert "--as-of T" in run(tmp_path, *case, "D-LATE-EVENT", expect=2).stderr


def test_a_statement_of_wanting_to_die_shows_neither_row_nor_value(tmp_path):
    """It is for the care role alone, and the command line knows no role."""
    asked = ("--case", "D0000279", "--as-of", "2020-12-20T00:00:00+08:00")
    for form in ((), ("--json",)):
        said = run(tmp_path, "features", str(SAMPLE), *asked, *form).stdout
        assert "self_harm" not in said
        assert "B12" not in said
        assert "E000002304" not in said
