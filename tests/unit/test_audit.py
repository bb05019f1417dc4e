"""The audit by group: the table is checked, small counts are silent, a planted gap is found and none is made up."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from scipy.special import expit

from features.clock import DAY_US
from features.clock import NEVER as NEVER_US
from features.errors import InvalidRecords, MissingInput
from features.records import read_records
from tests import rows as r
from training.audit.contrast import Comparison, corrected, holm_levels
from training.audit.figures import AuditedRows
from training.audit.groups import Attributes, Drawing, as_first_recorded, audit, encode
from training.audit.proxy import AucDraws, Inputs
from training.audit.record import NOT_RECORDED, AuditGroup
from training.audit.table import MOST_VALUES, find_audit_table
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.measured import Measured
from training.evaluation.metrics import auc
from training.evaluation.rankers import evaluate
from training.run import run_experiment

ROOT = Path(__file__).parents[2]
NEW_YEAR_2024_US = 1_704_038_400_000_000
DISPUTES = 20_000


def world(seed, *, gap=0.0, blind=False, disputes=DISPUTES):
    """Three monthly rows of each dispute; urban cases score ``gap`` log-odds above what is true of them.

    ``blind``: urban cases all score about alike, so that the incidents there are ranked worse.
    """
    rng = np.random.default_rng(seed)
    dispute = np.repeat(np.arange(disputes), 3)
    urban = rng.random(disputes) < 0.55
    truth = -3.9 + 1.1 * rng.normal(size=disputes)
    happens = rng.random(disputes) < expit(truth)
    month = np.tile(np.arange(3), disputes)
    as_of = NEW_YEAR_2024_US + month * 30 * DAY_US
    incident = np.where(happens[dispute], NEW_YEAR_2024_US + 85 * DAY_US, NEVER_US)
    rows = HeldOutRows(
        dispute=dispute, pair=dispute // 2, as_of_us=as_of, incident_at_us=incident,
        label=happens[dispute].astype(np.int8),
    )  # fmt: skip
    margin = np.where(urban & blind, -3.3 + 0.1 * (truth + 3.9), truth) + gap * urban
    scores = Scores(score=margin[dispute], probability=expit(margin[dispute]))
    words = {
        "channel": rng.choice(["grid", "police_110", "sector"], disputes),
        "district": rng.choice([f"1101{n:02d}" for n in range(6)], disputes),
        "kind": rng.choice(["neighbour", "labour", "medical"], disputes),
    }
    protected = {
        "sex_mix": rng.choice(["mixed", "men", "women"], disputes, p=[0.45, 0.4, 0.15]),
        "age_band": rng.choice(["under_35", "35_to_59", "60_and_over"], disputes, p=[0.3, 0.55, 0.15]),
        "urban_rural": np.where(urban, "urban", "rural"),
        "origin": rng.choice(["local", "elsewhere"], disputes, p=[0.8, 0.2]),
    }
    attributes = Attributes(
        open_={name: values[dispute].astype(object) for name, values in words.items()},
        protected={name: values[dispute].astype(object) for name, values in protected.items()},
    )
    return rows, scores, attributes


def found_in(seed, **planted):
    rows, scores, attributes = world(seed, **planted)
    return audit(rows, scores, attributes, drawing=Drawing(draws=150, seed=seed))


def told(found):
    return {(attribute.attribute, group.group, one.figure, one.differs) for attribute, group, one in found.findings()}


@pytest.fixture(scope="module")
def planted():
    return found_in(5, gap=0.6)


# ---- findings


def test_a_planted_gap_is_found_and_named_with_its_direction(planted):
    """Urban cases score too high: fewer incidents than expected there, a larger share of them in the top 5%."""
    assert told(planted) == {
        ("urban_rural", "urban", "observed_over_expected", "below"),
        ("urban_rural", "rural", "observed_over_expected", "above"),
        ("urban_rural", "urban", "dispute_recall_at_5pct", "above"),
        ("urban_rural", "rural", "dispute_recall_at_5pct", "below"),
        ("urban_rural", "urban", "score_over_same_kind_and_district", "above"),
        ("urban_rural", "rural", "score_over_same_kind_and_district", "below"),
    }


def test_a_small_gap_in_recording_shows_in_the_scores_first():
    """A shift of 0.1 log-odds is within the noise of incidents, not within that of scores."""
    found = told(found_in(6, gap=0.1))
    assert {figure for *_, figure, _ in found} == {"score_over_same_kind_and_district"}
    assert {attribute for attribute, *_ in found} == {"urban_rural"}


def test_incidents_that_are_ranked_worse_are_found():
    found = told(found_in(7, blind=True))
    assert ("urban_rural", "urban", "dispute_recall_at_5pct", "below") in found


@pytest.fixture(scope="module")
def null_worlds():
    return [found_in(seed) for seed in range(12)]


def test_without_a_gap_hardly_any_world_gives_a_finding(null_worlds):
    """At a family-wise level of 5% twelve worlds give a finding in more than two with a chance of one in fifty."""
    assert sum(bool(found.findings()) for found in null_worlds) <= 2


def test_uncorrected_the_same_worlds_would_give_findings(null_worlds):
    """The correction is not idle: at 5% each, of some forty comparisons two are expected by chance."""
    p_values = [
        one.p_value for found in null_worlds for attribute in found.attributes for group in attribute.groups
        for one in group.contrasts
    ]  # fmt: skip
    assert min(found.n_comparisons for found in null_worlds) > 30
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.12


def test_holm_by_hand():
    assert holm_levels([0.04, 0.001, 0.02, 0.5]).tolist() == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3])
    assert holm_levels([0.01, 0.02]).tolist() == pytest.approx([0.025, 0.05])
    assert holm_levels([]).tolist() == []


def comparison(shift, error):
    return Comparison(
        attribute="a", group="b", figure="dispute_recall_at_5pct", shift=shift, error=error, n_events=60,
        is_ratio=False,
    )  # fmt: skip


def test_a_group_is_a_finding_just_where_its_corrected_interval_excludes_the_overall_figure():
    clear, near, none = corrected([comparison(0.5, 0.1), comparison(-0.22, 0.1), comparison(0.01, 0.1)])
    assert (clear.differs, near.differs, none.differs) == ("above", None, None)
    assert near.low < 0 < near.high  # 2.2 standard errors: past 1.96, not past Holm's 2.24
    (alone,) = corrected([comparison(-0.22, 0.1)])
    assert alone.differs == "below" and alone.high < 0


# ---- figures


def test_the_figures_are_the_plain_ones_and_their_intervals_hold_them(planted):
    rows, scores, attributes = world(5, gap=0.6)
    urban = attributes.protected["urban_rural"] == "urban"
    group = next(g for a in planted.attributes if a.attribute == "urban_rural" for g in a.groups if g.group == "urban")
    ratio = rows.label[urban].sum() / scores.probability[urban].sum()
    assert group.observed_over_expected.value == pytest.approx(ratio)
    cut = np.sort(scores.score)[-round(0.05 * len(scores.score))]
    hit = urban & (rows.label == 1)
    found = {d for d in rows.dispute[hit & (scores.score >= cut)]}
    assert group.dispute_recall_at_5pct.value == pytest.approx(len(found) / len(set(rows.dispute[hit])), abs=0.01)
    assert (group.n_rows, group.n_events) == (urban.sum(), len(set(rows.dispute[hit])))
    for attribute in planted.attributes:
        for item in (g.observed_over_expected for g in attribute.groups):
            assert item.low < item.value < item.high


def test_recall_over_all_groups_is_that_of_the_evaluation():
    rows, scores, attributes = world(3, disputes=4000)
    whole = evaluate(rows, rankers={"lightgbm": scores}, draws=20).find("dispute_recall_at_5pct", ranker="lightgbm")
    coded = [encode(attributes.open_[name])[0] for name in ("kind", "district")]
    audited = AuditedRows.of(rows, scores, ranker="lightgbm", kind=coded[0], district=coded[1])
    assert audited.found.mean() == pytest.approx(whole.value)


def test_risk_that_differs_between_kinds_is_no_gap_in_the_scores():
    """Urban cases are of a riskier kind: their scores are higher, but not higher than in cases of that kind."""
    rows, scores, attributes = world(8)
    high = scores.score > np.median(scores.score)
    kind = np.where(high, "labour", "medical").astype(object)
    rng = np.random.default_rng(1)
    urban = np.where(rng.random(DISPUTES)[rows.dispute] < np.where(high, 0.7, 0.4), "urban", "rural").astype(object)
    mixed = Attributes(open_=attributes.open_ | {"kind": kind}, protected={"urban_rural": urban})
    raw = [scores.probability[urban == name].mean() for name in ("urban", "rural")]
    assert raw[0] > 1.2 * raw[1]
    found = audit(rows, scores, mixed, drawing=Drawing(draws=100))
    assert not [one for one in told(found) if one[2] == "score_over_same_kind_and_district"]


# ---- what is not told


def test_small_groups_are_silent():
    rows, scores, attributes = world(4, disputes=4000)
    dispute = rows.dispute
    events = np.unique(dispute[rows.label == 1])
    band = np.full(4000, "many", dtype=object)
    band[events[:30]] = "thirty"
    band[events[30:35]] = "five"
    band[np.setdiff1d(np.arange(4000), events)[:200]] = "none"
    band[np.setdiff1d(np.arange(4000), events)[200:203]] = "three"
    found = audit(
        rows, scores, Attributes(open_=attributes.open_, protected={"origin": band[dispute]}), drawing=Drawing(draws=60)
    )
    groups = {group.group: group for group in found.attributes[-1].groups}
    assert (groups["three"].n_rows, groups["three"].n_disputes, groups["three"].n_events) == (None, None, None)
    assert groups["five"].n_rows == 15 and groups["five"].n_disputes is None and groups["five"].n_events is None
    assert groups["five"].observed_over_expected is None
    assert groups["three"].score_over_same_kind_and_district is None
    score = groups["none"].score_over_same_kind_and_district
    assert score.value is not None and (score.n_events, score.n_positive_rows) == (200, 0)  # no incident enters it
    assert groups["none"].n_disputes == 200 and groups["none"].n_events is None
    assert groups["thirty"].n_events == 30 and groups["thirty"].observed_over_expected.value is None
    assert "fewer than 50" in groups["thirty"].observed_over_expected.reason
    assert groups["thirty"].contrasts == ()
    assert groups["many"].observed_over_expected.value is not None


def test_the_record_refuses_a_small_count_and_a_figure_of_few_events():
    item = Measured(
        name="observed_over_expected", value=1.0, low=0.9, high=1.1, n_events=49, n_positive_rows=60, n_rows=100,
        unit="ratio", population="x", interval="cluster bootstrap",
    )  # fmt: skip
    AuditGroup(group="x", n_rows=100, observed_over_expected=item.model_copy(update={"n_events": 50}))
    with pytest.raises(ValidationError, match="too few to say"):
        AuditGroup(group="x", n_rows=100, observed_over_expected=item)
    silent = item.model_copy(update={"n_events": 9, "value": None, "low": None, "high": None, "reason": "few"})
    with pytest.raises(ValidationError, match="must not be told"):
        AuditGroup(group="x", observed_over_expected=silent)
    with pytest.raises(ValidationError):
        AuditGroup(group="x", n_rows=9)


def numbers_of(node):
    if isinstance(node, dict):
        for name, value in node.items():
            if name.startswith("n_") and name != "n_comparisons" and value != 0:
                yield value
            yield from numbers_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from numbers_of(value)


def test_no_count_under_ten_stands_anywhere(planted):
    rows, scores, attributes = world(4, disputes=900)
    for found in (planted, audit(rows, scores, attributes, drawing=Drawing(draws=40))):
        counts = list(numbers_of(json.loads(found.model_dump_json())))
        assert counts and all(count is None or count >= 10 for count in counts)


def test_without_a_table_channel_district_and_kind_are_still_told():
    rows, scores, attributes = world(4, disputes=2000)
    found = audit(rows, scores, Attributes(open_=attributes.open_), drawing=Drawing(draws=40))
    assert not found.has_table and found.proxies == ()
    assert [one.attribute for one in found.attributes] == ["channel", "district", "kind"]
    assert not any(one.protected for one in found.attributes)


# ---- proxies


@pytest.fixture(scope="module")
def proxied():
    rows, scores, attributes = world(9, disputes=5000)
    rng = np.random.default_rng(2)
    urban = (attributes.protected["urban_rural"] == "urban").astype(float)
    values = np.column_stack([rng.normal(size=len(urban)), urban + 1.2 * rng.normal(size=5000)[rows.dispute]])
    return audit(rows, scores, attributes, drawing=Drawing(draws=80, seed=1), inputs=Inputs(values)).proxies


def test_an_attribute_that_shows_in_the_columns_is_warned_of(proxied):
    warned = {(one.attribute, one.group) for one in proxied if one.warning}
    assert warned == {("urban_rural", "rural")}
    (one,) = (one for one in proxied if one.attribute == "urban_rural")
    assert one.from_columns.value > 0.65 and 0.45 < one.from_kind_and_district.value < 0.55
    assert one.difference.low > 0.1
    assert one.difference.value == pytest.approx(one.from_columns.value - one.from_kind_and_district.value)


def test_every_value_is_told_but_the_twin_of_a_pair(proxied):
    assert [(one.attribute, one.group) for one in proxied if one.attribute in ("sex_mix", "origin")] == [
        ("sex_mix", "men"), ("sex_mix", "mixed"), ("sex_mix", "women"), ("origin", "elsewhere"),
    ]  # fmt: skip


def test_the_auc_of_a_draw_is_that_of_the_rows_repeated():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 60), np.round(rng.normal(size=60), 1)
    weights = rng.integers(0, 3, (20, 4)).astype(np.float32)
    cluster = rng.integers(0, 20, 60)
    drawn = AucDraws(label, cluster, {"x": score}, n_clusters=20).draw(weights)["x",]
    for place in range(4):
        times = weights[cluster, place].astype(int)
        assert drawn[place] == pytest.approx(auc(np.repeat(label, times), np.repeat(score, times)))


# ---- the table

COLUMNS = {
    "dispute_id": ["D1", "D2", "D3", "D3"],
    "sex_mix": ["men", None, "mixed", "men"],
    "age_band": ["under_35", "", "35_to_59", "35_to_59"],
    "urban_rural": ["urban", "rural", "urban", "urban"],
    "origin": ["local", "elsewhere", "local", "local"],
}


def write(folder, columns, *, how):
    table = pa.table(columns)
    if how == "csv":
        pa_csv.write_csv(table, folder / "audit.csv")
    elif how == "parquet":
        pq.write_table(table, folder / "audit.parquet")
    else:
        (folder / "audit").mkdir()
        pq.write_table(table.slice(0, 2), folder / "audit" / "part-0.parquet")
        pa_csv.write_csv(table.slice(2), folder / "audit" / "part-1.csv")


@pytest.mark.parametrize("how", ["csv", "parquet", "folder"])
def test_the_table_is_read_beside_the_disputes(tmp_path, how):
    """A dispute told of twice is not recorded, nor is an empty cell or a dispute that is not in the table."""
    write(tmp_path, COLUMNS, how=how)
    found = find_audit_table(tmp_path).of_disputes(np.array(["D2", "D9", "D1", "D3"], dtype=object))
    assert {name: values.tolist() for name, values in found.items()} == {
        "sex_mix": [None, None, "men", None],
        "age_band": [None, None, "under_35", None],
        "urban_rural": ["rural", None, "urban", None],
        "origin": ["elsewhere", None, "local", None],
    }
    codes, names = encode(found["sex_mix"])
    assert names == ("men", NOT_RECORDED) and codes.tolist() == [1, 1, 0, 1]


def test_no_table_is_no_error(tmp_path):
    assert find_audit_table(tmp_path) is None and find_audit_table(None) is None
    with pytest.raises(MissingInput):
        find_audit_table(tmp_path / "nothing")


@pytest.mark.parametrize(
    "columns",
    [
        {name: values for name, values in COLUMNS.items() if name != "origin"},
        {name: values for name, values in COLUMNS.items() if name != "dispute_id"},
        COLUMNS | {"income": ["a", "b", "c", "d"]},
        COLUMNS | {"ethnicity": ["a", "b", "c", "d"]},
    ],
    ids=["an attribute is missing", "the id is missing", "one too many", "a refused one"],
)
@pytest.mark.parametrize("how", ["csv", "parquet"])
def test_other_columns_are_one_clear_error(tmp_path, columns, how):
    write(tmp_path, columns, how=how)
    with pytest.raises(InvalidRecords, match="dispute_id, sex_mix, age_band, urban_rural, origin, and no other"):
        find_audit_table(tmp_path)


def test_a_table_that_is_there_twice_or_broken_is_refused(tmp_path):
    write(tmp_path, COLUMNS, how="csv")
    (tmp_path / "audit.parquet").write_bytes(b"not a table")
    with pytest.raises(InvalidRecords):
        find_audit_table(tmp_path)
    (tmp_path / "audit.csv").unlink()
    with pytest.raises(InvalidRecords):
        find_audit_table(tmp_path)


def test_what_could_point_at_somebody_is_refused_and_not_echoed(tmp_path):
    ids = [f"D{n}" for n in range(MOST_VALUES + 1)]
    whole = {name: ["x"] * len(ids) for name in COLUMNS} | {"dispute_id": ids}
    write(tmp_path, whole | {"origin": [f"village {n}" for n in range(len(ids))]}, how="csv")
    with pytest.raises(InvalidRecords, match=r"audit\.origin has 25 values"):
        find_audit_table(tmp_path).of_disputes(np.array(ids, dtype=object))
    write(tmp_path, whole | {"origin": ["13812345678"] * len(ids)}, how="csv")
    with pytest.raises(InvalidRecords, match="phone") as caught:
        find_audit_table(tmp_path).of_disputes(np.array(ids, dtype=object))
    assert "13812345678" not in str(caught.value)


# ---- where it may be read, and what is written


def test_the_table_is_opened_in_one_module_and_joined_for_the_report_alone():
    """Charter rule 4: past the door, which checks every table, only the audit asks for it, and the run hands it over."""
    naming = {
        path.relative_to(ROOT).as_posix()
        for floor in ("training", "serving")
        for path in (ROOT / floor).rglob("*.py")
        if re.search(r"import find_audit_table|import AuditTable|import AUDIT\b", path.read_text("utf-8"))
    }
    assert naming == {"training/audit/table.py", "training/audit/groups.py", "training/run.py"}


def test_a_faulty_table_stops_a_run_before_anything_is_built(tmp_path):
    write(tmp_path, COLUMNS | {"income": ["a", "b", "c", "d"]}, how="csv")
    with pytest.raises(InvalidRecords, match="and no other"):
        run_experiment(None, "", None, home=None, audit_folder=tmp_path)


def test_channel_district_and_kind_are_those_first_recorded(tmp_path):
    """A kind that is mended after the incident would group by the outcome."""
    tables = r.no_rows()
    first = r.dispute("D1", r.NEW_YEAR, r.NEW_YEAR + r.DAY, kind="neighbour", channel="grid", area="110101001")
    later = first | {"recorded_at": r.NEW_YEAR + 9 * r.DAY, "kind": "marriage_family", "area": "110202001"}
    other = r.dispute("D2", r.NEW_YEAR, r.NEW_YEAR + r.DAY, kind="labour", channel="court", area="110303001")
    tables["disputes"] += [first, later, other]
    with read_records(r.write_records(tmp_path, tables), strict=True, now=r.NOW) as records:
        found = as_first_recorded(records, np.array(["D2", "D1"], dtype=object))
    assert {name: values.tolist() for name, values in found.items()} == {
        "channel": ["court", "grid"], "district": ["110303", "110101"], "kind": ["labour", "neighbour"],
    }  # fmt: skip
