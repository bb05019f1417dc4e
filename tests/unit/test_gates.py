"""Each gate of a promotion: what it lets through, what it refuses and why, and what it says where nothing can be said."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import lightgbm as lgb
import numpy as np
import pytest

from features import catalogue
from features.errors import InvalidConfiguration, MissingInput, UserError
from training.artifact.contract import (
    Calibration,
    ColumnContract,
    IntervalKnots,
    ModelContract,
    PointsContract,
    Provenance,
    TierCuts,
)
from training.artifact.home import Home
from training.artifact.store import save_model
from training.evaluation.measured import Difference, Measured
from training.evaluation.probe_record import Probe
from training.evaluation.record import Alarm, Evaluation, RunFacts
from training.evaluation.usual_care_record import UsualCareFigure, UsualCareRecord
from training.gates import Answers, run_gates
from training.impact import TEMPLATE, read_impact, write_impact_template

TODAY = dt.date(2026, 5, 4)
COLUMN = "A03_forced_proximity"
LINE = Calibration(intercept=0.0, slope=1.0)
KNOTS = IntervalKnots(margin=(-5.0, 5.0), standard_error=(0.1, 0.1))
CUTS = TierCuts(red=3.0, orange=2.0, yellow=1.0)
IMPACT = """
owner = "county mediation office"
legal_basis = "mediation law, article 17"
purpose = "offers of help come sooner"
date = 2026-03-01
review_by = 2027-02-28
reviewed_by = "data protection officer"
"""
GATES = [
    "verified", "report", "beats_points", "observed_over_expected", "calibration_slope", "too_good", "subgroups",
    "leak_probe", "probes", "impact_assessment",
]  # fmt: skip


def measured(name, value, low, high, *, n_events=400, ranker="lightgbm"):
    silent = value is None
    return Measured(
        name=name, value=value, low=low, high=high, n_events=n_events, n_positive_rows=n_events, n_rows=90_000,
        unit="ratio", population="all", ranker=ranker, interval=None if silent else "cluster bootstrap",
        reason="events in 2 pairs only" if silent else None,
    )  # fmt: skip


def evaluation(
    *, difference=(0.02, 0.01, 0.03), ratio=(1.0, 0.9, 1.1), slope=(1.0, 0.9, 1.1), probe=(0.5, 0.4, 0.6), events=400,
    alarms=(), **changed,
):  # fmt: skip
    told = measured("auc", *difference, n_events=events)
    return Evaluation(
        **{
            "horizon_days": 90, "early_hours": 24, "draws": 200, "seed": 1, "interval_level": 0.95,
            "capacities": (0.01, 0.05), "rankers": ("lightgbm", "points"), "n_rows": 90_000, "n_positive_rows": 400,
            "n_events": events, "n_disputes": 9000, "n_pairs": 8000, "base_rate": measured("base_rate", 4e-3, 3e-3, 5e-3),
            "measured": (
                measured("observed_over_expected", *ratio, n_events=events),
                measured("calibration_slope", *slope, n_events=events),
                measured("observed_over_expected", 9.0, 8.0, 10.0, ranker="points"),
            ),
            "differences": (
                Difference(metric="recall_at_5pct", ranker="lightgbm", baseline="points", verdict="worse",
                           difference=measured("recall_at_5pct", -0.2, -0.3, -0.1)),
                Difference(metric="auc", ranker="lightgbm", baseline="points", verdict="better", difference=told),
            ),
            "ties": (), "bands": (), "months": (), "gains": (), "alarms": alarms,
            "leak_probe": None if probe is None else measured("auc_of_shuffled_labels", *probe),
            **changed,
        }
    )  # fmt: skip


NAMES = ("shuffled_labels", "delayed_features", "missing_channel")


def probe(name, verdict):
    return Probe(probe=name, subject="a week", n_rows=90_000, probed=(measured("auc", 0.7, 0.6, 0.8),), verdict=verdict)


def under_usual_care(*ratio):
    """What a report of a model of risk under usual care holds, as far as a gate reads it."""
    one = measured("observed_over_expected", *ratio)
    figure = UsualCareFigure(usual_care=one, as_observed=measured("observed_over_expected", 0.6, 0.5, 0.7), ratio=one)
    return UsualCareRecord(
        estimand="usual_care", horizon_days=90, effect_days=182, least_chance=0.05, announced_by=("D07",), n_rows=9,
        n_under_support=1, n_censored=1, n_events_censored=0, n_truncated=0, largest_weight=2.0, effective_rows=8.0,
        figures=(figure,),
    )  # fmt: skip


def saved(home, *, synthetic):
    generator = np.random.default_rng(0)
    values = generator.normal(size=(60, 1))
    data = lgb.Dataset(values, (values[:, 0] > 0).astype(int), feature_name=[COLUMN])
    settings = {"objective": "binary", "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
    text = lgb.train(settings, data, 3).model_to_string()
    contract = ModelContract(
        horizon_days=90, reference_income_cny=4e4, calibration=LINE, intervals=KNOTS, tiers=CUTS, base_rate=1e-3,
        columns=(ColumnContract(indicator="A03", column=COLUMN, typical=0.0, low=-3.0, high=3.0),), raw_base=-1.0,
        points=PointsContract(items=(), calibration=LINE, intervals=KNOTS, tiers=CUTS),
        provenance=Provenance(experiment="x", experiment_digest="e", data_digest="d", synthetic=synthetic,
                              catalogue_digest=catalogue.digest(), trained_through="2026-01-01T00:00:00Z"),
        scorer_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    return save_model(text, contract, home.models).name


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two homes that differ in where the records of their model came from, and the digests of the models."""
    homes = {kind: Home(tmp_path_factory.mktemp(kind)) for kind in ("real", "SYNTHETIC")}
    return {kind: (home, saved(home, synthetic=kind == "SYNTHETIC")) for kind, home in homes.items()}


@pytest.fixture
def judged(models):
    """What the gates say of a version, by gate."""

    def judge(
        evaluation=None, *, kind="real", answers=None, audit=None, digest=None, impact=IMPACT, report=True,
        probes=("passed", "passed", "holds up"), text="", usual_care=None,
    ):  # fmt: skip
        home, own = models[kind]
        folder = home.reports / "run-1"
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder / "report.json", home.root / "impact_assessment.toml"):
            path.unlink(missing_ok=True)
        if impact is not None:
            (home.root / "impact_assessment.toml").write_text(impact, "utf-8")
        if report is True:
            run = RunFacts(
                run_id="run-1", created_at_utc="2026-05-02T08:00:00Z", model_name="defuse", model_digest=digest or own,
                data_digests={}, experiment_name="x", experiment_text=text, synthetic=kind == "SYNTHETIC",
                horizon_days=90, label_delay_days=150, sampling_rate=0.1, splits=(), features=(),
            )  # fmt: skip
            content = {"run": run.model_dump(), "evaluation": (evaluation or _sound()).model_dump(mode="json")}
            content |= {"probes": [probe(*one).model_dump() for one in zip(NAMES, probes, strict=False)]}
            content |= {"usual_care": usual_care and usual_care.model_dump()}
            report = json.dumps(content if audit is None else content | {"audit": audit})
        if report:
            (folder / "report.json").write_text(report, "utf-8")
        found = {"version": "1", "digest": own, "run_id": "run-1"}
        return {one.gate: one for one in run_gates(home, found, answers or Answers(), today=TODAY)}

    return judge


_sound = evaluation


def blocked(results):
    return [name for name, one in results.items() if one.blocks]


def test_a_sound_version_passes_every_gate(judged):
    results = judged()
    assert list(results) == GATES
    states = {name: one.state for name, one in results.items()}
    assert states.pop("subgroups") == "not applicable"
    assert set(states.values()) == {"passed"}
    assert results["impact_assessment"].sha256 == hashlib.sha256(IMPACT.encode()).hexdigest()
    assert results["beats_points"].figure_text == "0.02 (0.01 to 0.03; 400 events)"


def test_the_experiment_file_may_make_the_limits_stricter_never_laxer(judged):
    """The very version that passes the house's limits fails those of a stricter file; a laxer one changes nothing."""
    strict = "[gates]\npoints_margin = 0.03\nobserved_over_expected = [0.99, 1.0]\n"
    refused = judged(text=strict)
    assert blocked(refused)[:1] == ["beats_points"]
    assert "0.03" in refused["beats_points"].limit
    assert "0.99 to 1.0" in refused["observed_over_expected"].limit
    bad = evaluation(difference=(-0.1, -0.2, -0.01))
    assert blocked(judged(bad, text="[gates]\npoints_margin = -0.5\n")) == ["beats_points"]
    assert blocked(judged(text="no TOML [")) == []


def test_all_that_is_wrong_is_told_at_once(judged):
    bad = evaluation(
        difference=(-0.1, -0.2, -0.01), ratio=(3.0, 2.0, 4.0), slope=(0.4, 0.3, 0.5), probe=(0.8, 0.7, 0.9)
    )
    expected = ["beats_points", "observed_over_expected", "calibration_slope", "leak_probe", "impact_assessment"]
    results = judged(bad, impact=None)
    assert blocked(results) == expected
    assert all(results[name].to_do for name in expected)


@pytest.mark.parametrize(("difference", "refused"), [
    ((-0.004, -0.02, 0.01), None),
    ((-0.005, -0.02, 0.01), None),
    ((-0.006, -0.02, 0.01), "point estimate"),
    ((-0.02, -0.03, -0.006), "whole interval"),
])  # fmt: skip
def test_a_version_worse_than_the_points_score_is_refused(judged, difference, refused):
    one = judged(evaluation(difference=difference))["beats_points"]
    assert one.blocks == bool(refused)
    assert refused is None or refused in one.says
    assert one.n_events == 400


@pytest.mark.parametrize(("kind", "events", "difference", "state"), [
    ("SYNTHETIC", 99, (-0.05, -0.1, 0.01), "not applicable"),
    ("SYNTHETIC", 100, (-0.05, -0.1, 0.01), "refused"),
    ("SYNTHETIC", 99, (-0.05, -0.1, -0.01), "refused"),
    ("real", 99, (-0.05, -0.1, 0.01), "refused"),
])  # fmt: skip
def test_only_in_a_small_synthetic_test_may_a_point_estimate_be_bad_luck(judged, kind, events, difference, state):
    one = judged(evaluation(difference=difference, events=events), kind=kind)["beats_points"]
    assert one.state == state
    assert ("SYNTHETIC" in one.says) == (state == "not applicable")


def test_the_points_score_itself_need_not_beat_itself(judged):
    alone = evaluation(rankers=("points",), differences=())
    assert judged(alone)["beats_points"].state == "not applicable"
    assert judged(evaluation(differences=()))["beats_points"].state == "refused"


@pytest.mark.parametrize("name", ["observed_over_expected", "calibration_slope"])
def test_an_interval_must_touch_the_range_of_a_calibrated_score(judged, name):
    edges = {"observed_over_expected": (0.8, 1.25), "calibration_slope": (0.85, 1.15)}[name]
    argument = {"observed_over_expected": "ratio", "calibration_slope": "slope"}[name]
    for numbers, refused in [
        ((edges[0] - 0.1, 0.1, edges[0]), False),
        ((edges[0] - 0.1, 0.1, edges[0] - 0.001), True),
        ((edges[1] + 0.1, edges[1], 9.0), False),
        ((edges[1] + 0.1, edges[1] + 0.001, 9.0), True),
    ]:
        results = judged(evaluation(**{argument: numbers}))
        assert blocked(results) == ([name] if refused else []), numbers


@pytest.mark.parametrize("gate", ["difference", "ratio", "slope", "probe"])
def test_thin_evidence_waits_for_a_reason_that_is_kept(judged, gate):
    thin = evaluation(**{gate: (None, None, None)})
    (name,) = blocked(judged(thin))
    one = judged(thin)[name]
    assert one.state == "too few to say"
    assert "--accept-thin-evidence" in one.to_do
    assert judged(thin, kind="SYNTHETIC")[name].state == "not applicable"
    accepted = judged(thin, answers=Answers(accept_thin_evidence="a pilot in one district"))
    assert blocked(accepted) == []
    assert accepted[name].sentence.endswith("(accepted: a pilot in one district)")


def test_a_reason_for_thin_evidence_excuses_no_refusal(judged):
    answers = Answers(accept_thin_evidence="please", explain_too_good="please")
    assert blocked(judged(evaluation(slope=(0.4, 0.3, 0.5)), answers=answers)) == ["calibration_slope"]


def test_a_too_good_result_waits_for_an_explanation(judged):
    alarm = Alarm(metric="auc", ranker="lightgbm", value=0.97, limit=0.9, message_en="AUC above 0.90", message_zh="好")
    alarmed = evaluation(alarms=(alarm,))
    assert blocked(judged(alarmed)) == ["too_good"]
    assert "AUC above 0.90" in judged(alarmed)["too_good"].says
    explained = judged(alarmed, answers=Answers(explain_too_good="a world drawn with one cause"))
    assert blocked(explained) == []
    assert explained["too_good"].accepted == "a world drawn with one cause"


def group(name, *numbers, ranker="lightgbm"):
    return {"attribute": "district", "level": name,
            "numbers": [measured("observed_over_expected", *numbers, ranker=ranker).model_dump()]}  # fmt: skip


def test_a_group_that_is_badly_served_is_refused_by_name(judged):
    fine = group("9901", 0.4, 0.3, 0.5)
    results = judged(
        audit={"groups": [fine, group("9902", 3.0, 2.1, 4.0), group("9903", 5.0, 4.0, 6.0, ranker="points")]}
    )
    assert blocked(results) == ["subgroups"]
    one = results["subgroups"]
    assert "district 9902" in one.says
    assert "9901" not in one.says
    assert "9903" not in one.says, "the points score is judged apart"
    assert (one.figure, one.low, one.high) == (3.0, 2.1, 4.0)
    low = judged(audit=[group("9904", 0.3, 0.2, 0.49)])
    assert blocked(low) == ["subgroups"]


def test_what_a_probe_stresses_on_purpose_is_no_group(judged):
    results = judged(audit={"probes": [group("no channel", 9.0, 8.0, 10.0)], "groups": [group("9901", 1.0, 0.7, 1.4)]})
    assert results["subgroups"].says.startswith("1 groups within the limits, 0 with")


def test_a_group_may_be_named_by_its_population(judged):
    badly = measured("observed_over_expected_exact", 3.0, 2.1, 4.0).model_dump() | {"population": "channel=hotline"}
    assert "channel=hotline" in judged(audit={"numbers": [badly]})["subgroups"].says


def test_groups_too_small_to_say_are_counted_and_do_not_refuse(judged):
    silent = group("9905", None, None, None)
    results = judged(audit={"groups": [group("9901", 1.0, 0.7, 1.4), silent]})
    assert blocked(results) == []
    assert "1 groups within the limits, 1 with too few" in results["subgroups"].says
    assert judged(audit={"groups": [silent]})["subgroups"].state == "too few to say"


def test_without_a_probe_nothing_is_promoted(judged):
    assert blocked(judged(evaluation(probe=None))) == ["leak_probe"]


OF_THE_REPORT = ["report", *GATES[2:9]]


@pytest.mark.parametrize(("given", "says"), [
    ({"report": None}, "no report of run run-1"),
    ({"report": "{"}, "damaged"),
    ({"report": '{"run": {}, "evaluation": []}'}, "damaged"),
    ({"report": "[]"}, "damaged"),
    ({"digest": "f" * 64}, "speaks of the model ffffffffffff"),
])  # fmt: skip
def test_a_report_of_another_model_or_none_stands_for_nothing(judged, given, says):
    results = judged(**given)
    assert blocked(results) == OF_THE_REPORT
    assert says in results["report"].says
    assert {results[name].needs for name in OF_THE_REPORT[1:]} == {"report"}


def test_a_damaged_model_is_told_beside_all_else(judged, models):
    home, digest = models["real"]
    trees = home.models / digest / "booster.txt"
    whole = trees.read_bytes()
    trees.write_bytes(whole + b"#")
    try:
        results = judged(evaluation(slope=(0.4, 0.3, 0.5)))
    finally:
        trees.write_bytes(whole)
    assert blocked(results) == ["verified", "calibration_slope"]
    assert "a file was changed" in results["verified"].says


# --- impact assessment -----------------------------------------------------------------------------------------------


def test_a_synthetic_model_needs_no_impact_assessment_and_says_so(judged):
    one = judged(kind="SYNTHETIC", impact=None)["impact_assessment"]
    assert (one.state, one.says.startswith("SYNTHETIC")) == ("not applicable", True)


def test_a_named_file_is_judged_even_for_a_synthetic_model(judged, tmp_path):
    (tmp_path / "own.toml").write_text(IMPACT, "utf-8")
    answers = Answers(impact_assessment=tmp_path / "own.toml")
    assert judged(kind="SYNTHETIC", answers=answers, impact=None)["impact_assessment"].sha256
    (tmp_path / "own.toml").write_text(IMPACT.replace("owner", "#"), "utf-8")
    assert blocked(judged(kind="SYNTHETIC", answers=answers, impact=None)) == ["impact_assessment"]


@pytest.mark.parametrize(("old", "new", "says"), [
    ('owner = "county mediation office"', "", "owner: missing"),
    ('owner = "county mediation office"', 'owner = "  "', "owner: string_too_short"),
    ("2027-02-28", "2026-05-03", "past"),
    ("2027-02-28", "2026-02-01", "later than date"),
    ("2026-03-01", "2026-05-05", "future"),
    ("2026-03-01", '"soon"', "date: date_"),
    ("data protection officer", "County mediation office", "another role"),
    ("data protection officer", "officer 138 1234 5678", "reviewed_by: value_error"),
    ("purpose =", "purposes =", "purposes: extra_forbidden"),
    ("owner =", "owner", "not TOML"),
])  # fmt: skip
def test_an_impact_assessment_that_does_not_hold(judged, old, new, says):
    assert old in IMPACT
    results = judged(impact=IMPACT.replace(old, new))
    assert blocked(results) == ["impact_assessment"]
    assert says in results["impact_assessment"].says
    assert "1234" not in results["impact_assessment"].says


def test_it_holds_on_the_last_day_of_its_time(tmp_path):
    path = tmp_path / "impact.toml"
    path.write_text(IMPACT, "utf-8")
    assert read_impact(path, today=dt.date(2027, 2, 28)).assessment.owner == "county mediation office"
    with pytest.raises(InvalidConfiguration, match="past"):
        read_impact(path, today=dt.date(2027, 3, 1))


def test_the_template_is_not_an_assessment_until_it_is_filled_in(tmp_path):
    path = tmp_path / "impact.toml"
    with pytest.raises(MissingInput):
        read_impact(path, today=TODAY)
    write_impact_template(path)
    with pytest.raises(InvalidConfiguration) as caught:
        read_impact(path, today=TODAY)
    assert {fault.path for fault in caught.value.faults} == {
        "owner", "legal_basis", "purpose", "date", "review_by", "reviewed_by",
    }  # fmt: skip
    filled = TEMPLATE
    for key, value in [("date", "2026-03-01"), ("review_by", "2027-02-28")]:
        filled = filled.replace(f'{key} = ""', f'{key} = "{value}"')
    for key in ("owner", "legal_basis", "purpose", "reviewed_by"):
        filled = filled.replace(f'{key} = ""', f'{key} = "the {key}"')
    path.write_text(filled, "utf-8")
    assert read_impact(path, today=TODAY).sha256 == hashlib.sha256(filled.encode()).hexdigest()
    with pytest.raises(UserError, match="left alone"):
        write_impact_template(path)


def test_a_probe_that_looks_like_a_leak_is_refused(judged):
    assert blocked(judged(probes=("passed", "look for a leak", "holds up"))) == ["probes"]
    assert blocked(judged(probes=("look for a leak", "passed", "holds up"))) == ["probes"]
    leaning = judged(probes=("passed", "passed", "leans on it"))
    assert blocked(leaning) == []
    assert "leans on it" in leaning["probes"].says


def test_probes_that_are_absent_or_can_not_say(judged):
    absent = judged(probes=("passed",))
    assert blocked(absent) == ["probes"]
    assert "delayed features" in absent["probes"].says
    silent = {"probes": ("passed", "too few to say", "holds up")}
    assert blocked(judged(**silent)) == ["probes"]
    assert blocked(judged(**silent, answers=Answers(accept_thin_evidence="all there is"))) == []
    assert judged(**silent, kind="SYNTHETIC", impact=None)["probes"].state == "not applicable"


def test_the_file_of_the_experiment_may_be_stricter(judged):
    text = "[gates]\npoints_margin = 0.05\ncalibration_slope = [0.95, 1.05]\nsubgroup_ratio = [0.9, 1.1]\n"
    sound = evaluation(slope=(0.9, 0.86, 0.94))
    assert blocked(judged(sound)) == []
    assert blocked(judged(sound, text=text)) == ["beats_points", "calibration_slope"]
    assert "at least 0.05" in judged(sound, text=text)["beats_points"].limit


def test_risk_under_usual_care_is_held_against_usual_care(judged):
    """Help prevented half of what was foretold: the model is not too high for that."""
    prevented = evaluation(ratio=(0.6, 0.5, 0.7))
    assert blocked(judged(prevented)) == ["observed_over_expected"]
    assert blocked(judged(prevented, usual_care=under_usual_care(1.0, 0.9, 1.1))) == []
    assert blocked(judged(usual_care=under_usual_care(2.0, 1.8, 2.2))) == ["observed_over_expected"]
