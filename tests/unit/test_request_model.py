"""The door for requests: a case record becomes plain rows, or every fault of it is named."""

import json

import pytest

from features.errors import InvalidRecords, UserError
from features.request_model import MAX_EVENTS, case_model, case_schema, parse_case
from features.rules import Rule
from features.schema import EVENT_TYPES, EVENTS
from tests.door_records import NOW_US, body, case, row


def faults(record):
    """The faults of a record as (path, rule)."""
    with pytest.raises(InvalidRecords) as caught:
        parse_case(record if isinstance(record, bytes) else body(record), now_us=NOW_US)
    return [(fault.path, str(fault.rule)) for fault in caught.value.faults]


def parse(record):
    return parse_case(body(record), now_us=NOW_US)


# --- good records ----------------------------------------------------------------------------------------------------


def test_rows_come_out_typed_and_without_narratives():
    parsed = parse(case())
    assert parsed.dispute_id == "D1"
    assert parsed.as_of == NOW_US
    (dispute,), (event,) = parsed.dispute, parsed.events
    assert dispute["opened_at"] == 1_714_527_000_000_000
    assert dispute["recorded_at"] == 1_714_530_600_250_000
    assert (dispute["stakes"], dispute["amount_cny"], dispute["wage_arrears_months"]) == (
        ["wages", "debt"],
        13800.5,
        3.0,
    )
    assert (event["severity"], event["alcohol"], event["due_at"]) == (3, False, None)
    assert parsed.prior_disputes[0]["closed_at"] == 1_685_583_000_000_000
    assert "narrative" not in dispute
    assert "narrative" not in event


def test_bytes_and_objects_are_the_same():
    assert parse_case(case(), now_us=NOW_US) == parse(case())


def test_a_single_dispute_is_one_version():
    versions = [row("disputes"), row("disputes", recorded_at="2024-05-09T00:00:00Z")]
    assert parse(case(dispute=[versions[0]])) == parse(case())
    assert len(parse(case(dispute=versions)).dispute) == 2


def test_what_may_be_null_may_be_left_out():
    sparse = {key: value for key, value in row("events").items() if key not in ("severity", "due_at", "withdrawn")}
    record = case(events=[sparse])
    del record["prior_disputes"], record["as_of"]
    parsed = parse(record)
    assert parsed.events[0]["severity"] is None
    assert parsed.prior_disputes == ()


def test_empty_texts_and_lists_are_null():
    parsed = parse(case(dispute=row("disputes", stakes=[], relation="", pair_token="")))
    assert [parsed.dispute[0][name] for name in ("stakes", "relation", "pair_token")] == [None] * 3


def test_as_of_is_kept_and_rows_after_it_are_not_the_door_s_business():
    parsed = parse(case(as_of="2024-01-01T00:00:00+08:00"))
    assert parsed.as_of == 1_704_038_400_000_000
    assert len(parsed.events) == 1


def test_now_itself_is_not_the_future():
    now = "2024-07-01T08:00:00+08:00"
    assert parse(case(as_of=now, events=[row("events", recorded_at=now)])).as_of == NOW_US


def test_whole_numbers_may_be_written_as_floats():
    assert parse(case(events=[row("events", severity=3.0)])).events[0]["severity"] == 3


def test_many_events_are_fine():
    events = [row("events", event_id=f"E{number}") for number in range(MAX_EVENTS)]
    assert len(parse(case(events=events)).events) == MAX_EVENTS


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dispute_id": None}, ("dispute.dispute_id", "required")),
        ({"dispute_id": 7}, ("dispute.dispute_id", "bad_type")),
        ({"kind": 7}, ("dispute.kind", "bad_type")),
        ({"kind": "x"}, ("dispute.kind", "unknown_code")),
        ({"stakes": "wages|debt"}, ("dispute.stakes", "bad_type")),
        ({"stakes": ["wages", None]}, ("dispute.stakes", "unknown_code")),
        ({"amount_cny": "5"}, ("dispute.amount_cny", "bad_type")),
        ({"amount_cny": True}, ("dispute.amount_cny", "bad_type")),
        ({"amount_cny": -0.5}, ("dispute.amount_cny", "out_of_range")),
        ({"amount_cny": float("nan")}, ("dispute.amount_cny", "not_a_number")),
        ({"amount_cny": float("-inf")}, ("dispute.amount_cny", "not_a_number")),
        ({"minors_in_household": 1}, ("dispute.minors_in_household", "bad_type")),
        ({"opened_at": 1714527000}, ("dispute.opened_at", "bad_type")),
        ({"opened_at": "2024-05-01T09:30:00"}, ("dispute.opened_at", "naive_time")),
        ({"opened_at": "2024-05-01T09:30Z"}, ("dispute.opened_at", "bad_type")),
        ({"area": "330106001\n"}, ("dispute.area", "bad_pattern")),
        ({"narrative": "打13812345678"}, ("dispute.narrative", "refused_value_shape")),
        ({"民族": "x"}, ("dispute.民族", "refused_input")),
        ({"ethnicity": "x"}, ("dispute.ethnicity", "refused_input")),
        ({"age_band": "30-45"}, ("dispute.age_band", "refused_input")),
        ({"severity": 3}, ("dispute.severity", "unknown_column")),
        ({"13812345678": 3}, ("dispute.attribute 18", "unknown_column")),
        ({"recorded_at": "2024-05-01T00:00:00Z"}, ("dispute.recorded_at", "recorded_before_occurred")),
        ({"recorded_at": "2024-07-01T00:00:00.000001Z"}, ("dispute.recorded_at", "recorded_in_future")),
    ],
)
def test_faults_of_a_dispute(changes, expected):
    assert faults(case(dispute=row("disputes", **changes))) == [expected]


@pytest.mark.parametrize(
    ("part", "changes", "expected"),
    [
        ("events", {"event_id": ""}, ("events[0].event_id", "required")),
        ("events", {"severity": 3.5}, ("events[0].severity", "bad_type")),
        ("events", {"severity": float("nan")}, ("events[0].severity", "not_a_number")),
        ("events", {"severity": 10**30}, ("events[0].severity", "out_of_range")),
        ("events", {"dispute_id": "D2"}, ("events[0].dispute_id", "unknown_dispute")),
        ("events", {"phone": "x"}, ("events[0].phone", "refused_input")),
        ("petitions", {"level": "x"}, ("petitions[0].level", "unknown_column")),
        ("petitions", {"dispute_id": "D2"}, ("petitions[0].dispute_id", "unknown_dispute")),
        ("petitions", {"answered_at": None}, ("petitions[0].answer_recorded_at", "answer_incomplete")),
        ("petitions", {"answered_at": "2024-05-01T00:00:00Z"}, ("petitions[0].answered_at", "answer_before_lodged")),
    ],
)
def test_faults_of_other_rows(part, changes, expected):
    assert faults(case(**{part: [row(part, **changes)]})) == [expected]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dispute_id": "D1"}, ("dispute_id", "repeated_key")),
        ({"closed_at": None}, ("closed_recorded_at", "closure_incomplete")),
        ({"closed_recorded_at": None}, ("closed_at", "closure_incomplete")),
        ({"closed_recorded_at": "2023-05-30T00:00:00Z"}, ("closed_recorded_at", "recorded_before_occurred")),
        ({"closed_recorded_at": "2025-05-30T00:00:00Z"}, ("closed_recorded_at", "recorded_in_future")),
        ({"closed_at": "2023-04-30T00:00:00Z"}, ("closed_at", "closed_before_opened")),
        ({"pair_confidence": 2}, ("pair_confidence", "out_of_range")),
        ({"pair_token": "t"}, ("pair_token", "unknown_column")),
    ],
)
def test_faults_of_prior_disputes(changes, expected):
    prior = {**case()["prior_disputes"][0], **changes}
    column, rule = expected
    assert faults(case(prior_disputes=[prior])) == [(f"prior_disputes[0].{column}", rule)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"as_of": "2024-07-01T00:00:00.000001Z"}, [("as_of", "as_of_in_future")]),
        ({"as_of": "2024-06-01"}, [("as_of", "naive_time")]),
        ({"as_of": 5}, [("as_of", "bad_type")]),
        ({"dispute": []}, [("dispute", "required")]),
        ({"dispute": None}, [("dispute", "bad_type")]),
        ({"events": None}, [("events", "bad_type")]),
        ({"events": [None]}, [("events[0]", "bad_type")]),
        ({"audit": {}}, [("audit", "unknown_column")]),
        ({"party_names": ["张三"]}, [("party_names", "refused_input")]),
        ({"events": [row("events"), row("events", severity=1)]}, [("events[1].event_id", "repeated_key")]),
        (
            {"events": [row("events", event_id=f"E{number}") for number in range(MAX_EVENTS + 1)]},
            [("events", "too_many_rows")],
        ),
        (
            {"dispute": [row("disputes"), row("disputes", dispute_id="D2")]},
            [("dispute[1].dispute_id", "unknown_dispute")],
        ),
    ],
)  # fmt: skip
def test_faults_of_the_record(changes, expected):
    assert faults(case(**changes)) == expected


@pytest.mark.parametrize("part", ["dispute", "events", "petitions"])
def test_lists_that_may_not_be_left_out(part):
    record = case()
    del record[part]
    assert faults(record) == [(part, "required")]


def test_all_faults_are_told_at_once():
    record = case(
        dispute=row("disputes", kind="x", amount_cny=-1, sex="x"),
        events=[row("events", severity=9, channel=None), 5, row("events", recorded_at="2030-01-01T00:00:00Z")],
        as_of="soon",
        extra=1,
    )
    assert set(faults(record)) == {
        ("extra", "unknown_column"), ("as_of", "bad_type"), ("dispute.kind", "unknown_code"),
        ("dispute.amount_cny", "out_of_range"), ("dispute.sex", "refused_input"), ("events[0].severity", "out_of_range"),
        ("events[0].channel", "required"), ("events[1]", "bad_type"), ("events[2].recorded_at", "recorded_in_future"),
    }  # fmt: skip


def test_a_faulty_dispute_id_is_not_told_again_for_every_row():
    assert faults(case(dispute=row("disputes", dispute_id="13812345678"))) == [
        ("dispute.dispute_id", "refused_value_shape")
    ]


def test_faults_name_what_was_allowed_and_the_register_but_no_value():
    record = case(dispute=row("disputes", kind="top-secret", 民族="secret-too", narrative="车牌浙A12345"))
    with pytest.raises(InvalidRecords) as caught:
        parse(record)
    told = str(caught.value) + repr(caught.value.faults)
    assert "R01 ethnicity (民族)" in told
    assert "one of neighbour" in told
    for secret in ("top-secret", "secret-too", "浙A12345"):
        assert secret not in told
    assert caught.value.__context__ is None, "an error of pydantic in tow would hold the values"
    assert caught.value.http_status == 422


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe", b'{"dispute": nope}'])
def test_what_is_not_json(broken):
    with pytest.raises(UserError) as caught:
        parse_case(broken, now_us=NOW_US)
    assert not isinstance(caught.value, InvalidRecords)
    assert (caught.value.http_status, caught.value.__context__) == (400, None)


@pytest.mark.parametrize("other", [b"[]", b"null", b"3"])
def test_json_that_is_not_an_object(other):
    assert faults(other) == [("case", "bad_type")]


# --- the schema ------------------------------------------------------------------------------------------------------


def test_json_schema_says_what_the_door_enforces():
    schema = case_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["dispute", "events", "petitions"]
    assert schema["properties"]["events"]["maxItems"] == MAX_EVENTS
    single, several = schema["properties"]["dispute"]["anyOf"]
    assert several == {"items": single, "type": "array"}
    event = schema["$defs"]["EventsRow"]
    assert event["additionalProperties"] is False
    assert set(event["properties"]) == set(EVENTS.names)
    assert set(event["required"]) == {column.name for column in EVENTS.columns if not column.nullable}
    severity, null = event["properties"]["severity"]["anyOf"]
    assert (severity["type"], severity["minimum"], severity["maximum"], null) == ("integer", 0, 5, {"type": "null"})
    assert event["properties"]["type"]["enum"] == list(EVENT_TYPES)
    assert event["properties"]["recorded_at"]["format"] == "date-time"


def test_json_schema_can_point_into_openapi():
    text = json.dumps(case_schema(ref_template="#/components/schemas/{model}"))
    assert "#/components/schemas/EventsRow" in text
    assert "#/$defs/" not in text


def test_models_are_frozen():
    parsed = case_model().model_validate(case())
    with pytest.raises(ValueError, match="frozen"):
        parsed.as_of = 3


def test_rule_names_are_rules():
    with pytest.raises(InvalidRecords) as caught:
        parse(case(events=[row("events", severity=9)]))
    assert all(fault.rule in set(Rule) for fault in caught.value.faults)
