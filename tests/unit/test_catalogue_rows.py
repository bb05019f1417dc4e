"""The catalogue is the whole specification: 56 rows, of which 46 are model inputs and 10 can be none."""

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner

from defuse import main
from features import catalogue
from features.errors import InvalidConfiguration
from features.indicator import Direction
from features.not_inputs import NOT_INPUTS, Status
from features.records import read_records
from tests import rows as r
from training.experiment import read_experiment

INPUTS = {
    "A01": "dispute_kind", "A02": "intimate_or_family_tie", "A03": "forced_proximity",
    "A04": "land_homestead_boundary_stake", "A05": "relative_amount", "A06": "indivisible_stake",
    "A09": "prior_same_pair_dispute", "A10": "recent_separation_or_divorce_filing",
    "B01": "verbal_altercation_count", "B02": "physical_contact_count", "B03": "injury_recorded",
    "B04": "threat_to_kill_or_seriously_injure", "B05": "threat_specificity", "B06": "weapon_present",
    "B07": "arson_explosive_poison_threat_or_prep", "B08": "property_damage_count", "B09": "strangulation_reported",
    "B10": "stalking_or_blocking", "B11": "breach_of_order_or_undertaking", "B12": "self_harm_statement_recorded",
    "B13": "last_resort_or_leakage_language",
    "C01": "first_contact_delay_hours", "C02": "overdue_days_current_step", "C03": "handoff_count",
    "C04": "failed_mediation_count", "C05": "agreement_broken", "C06": "agreement_performance_rate",
    "C07": "neutral_third_party_engaged", "C09": "unperformed_judgment_days", "C10": "adverse_decision_recent",
    "C12": "procedural_error_upheld",
    "D01": "minors_in_affected_household", "D02": "housing_loss_pending", "D03": "income_or_wage_arrears_months",
    "D04": "unpaid_injury_or_medical_cost", "D06": "party_expressed_fear", "D07": "unmet_support_request_days",
    "D08": "alcohol_noted_at_incident",
    "E01": "days_since_last_incident", "E02": "incident_acceleration", "E03": "severity_trend", "E04": "max_severity_90d",
    "E05": "decayed_severity_load", "E06": "case_age_days", "E07": "relapse_after_closure",
    "E09": "known_trigger_within_14d",
}  # fmt: skip
AUDIT_ONLY = {
    "A07": "first_report_channel", "A08": "party_count", "C08": "support_services_delivered",
    "C11": "lawful_petition_count", "D05": "no_legal_help_recorded", "E08": "distinct_channels_30d",
}  # fmt: skip
REFUSED = {
    "B14": "personality_or_habit_traits", "D09": "key_person_list_or_ex_prisoner", "D10": "mental_health_diagnosis",
    "E10": "location_trace_or_online_speech_change",
}  # fmt: skip
LOWERING = {"C06", "C07", "E01"}
FREE = {"A01", "D01", "E03", "E06"}


# --- which rows there are --------------------------------------------------------------------------------------------


def test_the_rows_are_those_of_the_specification():
    assert {one.id: one.name for one in catalogue.INDICATORS} == INPUTS
    for status, expected in ((Status.AUDIT_ONLY, AUDIT_ONLY), (Status.REFUSED, REFUSED)):
        assert {one.id: one.name for one in NOT_INPUTS if one.status is status} == expected
    ids = [row.id for row in catalogue.ROWS]
    assert ids == sorted(INPUTS | AUDIT_ONLY | REFUSED)
    assert Counter(name[0] for name in ids) == {"A": 10, "B": 14, "C": 12, "D": 10, "E": 10}
    assert ids == [
        f"{family}{n:02d}"
        for family, most in zip("ABCDE", (10, 14, 12, 10, 10), strict=True)
        for n in range(1, most + 1)
    ]


def test_every_row_stands_in_its_family_and_order():
    assert all(row.family.id == row.id[0] for row in catalogue.ROWS)
    assert [one.id for one in catalogue.INDICATORS] == sorted(INPUTS)


def test_the_directions_are_those_of_the_specification():
    found = {
        direction: {one.id for one in catalogue.INDICATORS if one.direction is direction} for direction in Direction
    }  # fmt: skip
    assert found[Direction.LOWERS] == LOWERING
    assert found[Direction.FREE] == FREE
    assert {direction.monotone: len(ids) for direction, ids in found.items()} == {1: 39, -1: 3, 0: 4}


# --- their words -----------------------------------------------------------------------------------------------------


def is_chinese(text):
    return any("一" <= letter <= "鿿" for letter in text)


def is_english(text):
    return any(letter.isascii() and letter.isalpha() for letter in text) and not is_chinese(text)


@pytest.mark.parametrize("one", catalogue.INDICATORS, ids=lambda one: one.id)
def test_an_input_has_all_its_words(one):
    words = one.wording
    for told in (one.title, one.family.name, one.unit, words.present, words.absent, words.unknown, *one.categories):
        assert is_english(told.en), told
        assert is_chinese(told.zh), told
    assert all((one.definition, one.window, one.value_type, one.missing, one.source))
    assert ("{value}" in words.present.en) == ("{value}" in words.present.zh)
    if one.value_type != "binary":
        assert "{value}" in words.present.en, "a number is told"


def test_no_two_inputs_say_the_same():
    for told in (
        [(one.title.en, one.title.zh) for one in catalogue.INDICATORS],
        [one.wording.present.en for one in catalogue.INDICATORS],
        [one.wording.present.zh for one in catalogue.INDICATORS],
        [one.wording.absent.en for one in catalogue.INDICATORS],
        [one.wording.absent.zh for one in catalogue.INDICATORS],
    ):
        assert len(set(told)) == len(told)


@pytest.mark.parametrize("one", NOT_INPUTS, ids=lambda one: one.id)
def test_what_is_no_input_says_what_it_would_be_and_why_not(one):
    for told in (one.title, one.reason):
        assert is_english(told.en)
        assert is_chinese(told.zh)
    assert one.would_be
    assert len(one.reason.en) > 40


# --- no path into a matrix -------------------------------------------------------------------------------------------


def test_what_is_no_input_has_no_measure_and_cannot_get_one():
    for one in NOT_INPUTS:
        assert not hasattr(one, "measure")
        assert not hasattr(one, "column")
        assert not any(callable(getattr(one, name)) for name in vars(one))
        with pytest.raises(AttributeError):  # frozen
            one.measure = lambda view: view
        assert pickle.loads(pickle.dumps(one)) == one
    assert not isinstance(NOT_INPUTS[0], type(catalogue.INDICATORS[0]))
    held = {row["id"] for row in catalogue.column_contract(catalogue.chosen())}
    assert held == set(INPUTS) == set(catalogue.BY_ID)


@pytest.mark.parametrize("one", NOT_INPUTS, ids=lambda one: one.id)
def test_asking_for_it_is_answered_with_the_reason(one, tmp_path):
    """By name, in Python, in an experiment and for a matrix: one error each, which says why."""
    told = rf"{one.id} {one.name} is {one.status}: "
    with pytest.raises(InvalidConfiguration, match=told) as caught:
        catalogue.chosen(["A01", one.id])
    assert one.reason.en in str(caught.value)
    experiment = tmp_path / "asks.toml"
    experiment.write_text(f'name = "x"\nquestion = "?"\nseed = 1\n[matrix]\nindicators = ["{one.id}"]\n', "utf-8")
    with pytest.raises(InvalidConfiguration, match=told):
        read_experiment(experiment)


def test_no_matrix_is_built_of_it(tmp_path):
    folder = r.write_records(tmp_path / "records", {**r.no_rows(), "disputes": [r.dispute("D1", r.NEW_YEAR)]})
    with read_records(folder, strict=True, now=r.NOW) as records:
        with pytest.raises(InvalidConfiguration, match="C11 lawful_petition_count is audit only"):
            r.build_records(records, tmp_path / "out", as_of=r.at(r.NEW_YEAR + r.DAY), indicators=["C11"])
        matrix = r.build_records(records, tmp_path / "all", as_of=r.at(r.NEW_YEAR + r.DAY))
    assert matrix.values.shape == (1, len(catalogue.columns_of()))
    assert not np.isinf(matrix.values).any()


def test_an_unknown_row_is_no_row():
    with pytest.raises(InvalidConfiguration, match="no indicator Z99; the catalogue has A01"):
        catalogue.chosen(["Z99"])


@pytest.mark.parametrize("name", [*AUDIT_ONLY, *REFUSED])
def test_the_command_line_explains_why_not(name):
    (row,) = (one for one in NOT_INPUTS if one.id == name)
    shown, record = (CliRunner().invoke(main, ["features", "--explain", name, *more]) for more in ([], ["--json"]))
    assert shown.exit_code == record.exit_code == 0
    assert json.loads(record.output) == row.declaration()
    told = " ".join(shown.output.split())
    assert f"status {row.status}" in told
    assert row.reason.en in told
    assert row.reason.zh in told


def test_the_command_line_explains_an_input():
    done = CliRunner().invoke(main, ["features", "--explain", "D07", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["column"] == "D07_unmet_support_request_days"
    assert CliRunner().invoke(main, ["features", "--explain", "Z99"]).exit_code == 2
