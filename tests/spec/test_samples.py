"""The sample neighbourhood: its files are what its script makes, and every trap its README names is really in them.

The right answers are worked out again here by a slow reading of the rows, made for this test alone: it shares nothing
with the feature code, so that the two can distrust each other.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from data_samples.neighbourhood.build import FOLDER, sample_files
from features.schema import DEFAULT_SEVERITY
from features.validation import validate_records

README = (FOLDER / "README.md").read_text(encoding="utf-8")
ANSWERS = re.findall(r"^\| (D-[A-Z-]+) \| (\S+) \| (\w+) \| (\d*) ?\|$", README, re.MULTILINE)
DAY = timedelta(days=1)
SIX_MONTHS, QUARTER = 180 * DAY, 90 * DAY


@cache
def rows(table: str) -> list[dict[str, str]]:
    with (FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def visible(
    table: str, row_id: str, dispute_id: str, as_of: datetime, known: str = "recorded_at"
) -> list[dict[str, str]]:
    """The last version known strictly before ``as_of`` of each row of the dispute, unless it withdraws the row."""
    last: dict[str, dict[str, str]] = {}
    for row in sorted(rows(table), key=lambda row: time(row[known])):
        if row["dispute_id"] == dispute_id and time(row[known]) < as_of:
            last[row[row_id]] = row
    return [row for row in last.values() if row["withdrawn"] != "true"]


def conduct(dispute_id: str, as_of: datetime, window: timedelta, *types: str) -> list[tuple[int, int]]:
    """(severity, specifics) of each thing that happened: duplicates across channels are one."""
    events = [
        event
        for event in visible("events", "event_id", dispute_id, as_of)
        if event["type"] in (types or DEFAULT_SEVERITY) and event["assertion"] in ("", "affirmed")
    ]
    groups: list[list[dict[str, str]]] = []
    for event in sorted(events, key=lambda event: (time(event["occurred_at"]), event["event_id"])):
        for group in groups:
            first = group[0]
            if (
                first["type"] == event["type"]
                and time(event["occurred_at"]) - time(first["occurred_at"]) < 2 * DAY
                and event["channel"] not in {one["channel"] for one in group}
            ):
                group.append(event)
                break
        else:
            groups.append([event])
    return [
        (
            max(int(one["severity"] or DEFAULT_SEVERITY[one["type"]]) for one in group),
            max(int(one["specifics"] or 0) for one in group),
        )
        for group in groups
        if as_of - window <= time(group[0]["occurred_at"]) < as_of
    ]


def days_overdue(dispute_id: str, as_of: datetime) -> float:
    """Of the planted disputes, whose other deadlines are all met."""
    (dispute,) = visible("disputes", "dispute_id", dispute_id, as_of)
    events = visible("events", "event_id", dispute_id, as_of)
    if any(event["type"] == "closed" for event in events):
        return 0.0
    deadlines = [time(dispute["opened_at"]) + 30 * DAY]
    for petition in visible("petitions", "petition_id", dispute_id, as_of):
        if not petition["answer_recorded_at"] or time(petition["answer_recorded_at"]) >= as_of:
            deadlines.append(time(petition["due_at"]))
    return max(0.0, *[(as_of - deadline) / DAY for deadline in deadlines])


def earlier_disputes(dispute_id: str, as_of: datetime) -> int:
    (dispute,) = visible("disputes", "dispute_id", dispute_id, as_of)
    others = {row["dispute_id"] for row in rows("disputes")} - {dispute_id}
    same_pair = [
        other
        for name in others
        for other in visible("disputes", "dispute_id", name, as_of)
        if other["pair_token"] and other["pair_token"] == dispute["pair_token"]
        and time(other["opened_at"]) < time(dispute["opened_at"])
    ]  # fmt: skip
    return sum(
        any(event["type"] == "closed" for event in visible("events", "event_id", other["dispute_id"], as_of))
        for other in same_pair
    )


def date_ahead(dispute_id: str, as_of: datetime) -> int:
    events = visible("events", "event_id", dispute_id, as_of)
    return int(
        any(as_of <= time(event["scheduled_at"]) < as_of + 14 * DAY for event in events if event["scheduled_at"])
    )


def label(dispute_id: str, as_of: datetime) -> int | None:
    known_at = max(
        time(row["verified_at" if table == "incidents" else "recorded_at"])
        for table in ("disputes", "events", "petitions", "incidents")
        for row in rows(table)
    )
    if as_of + 90 * DAY + 150 * DAY > known_at:
        return None
    incidents = visible("incidents", "incident_id", dispute_id, known_at + DAY, "verified_at")
    return int(
        any(
            as_of <= time(row["occurred_at"]) < as_of + QUARTER and float(row["link_confidence"]) >= 0.8
            for row in incidents
        )
    )


READINGS = {
    "A09": earlier_disputes,
    "B01": lambda d, t: len(conduct(d, t, QUARTER, "verbal_altercation")),
    "B02": lambda d, t: len(conduct(d, t, SIX_MONTHS, "physical_contact")),
    "B04": lambda d, t: sum(severity >= 4 for severity, _ in conduct(d, t, SIX_MONTHS, "threat")),
    "B05": lambda d, t: max((specifics for _, specifics in conduct(d, t, QUARTER, "threat")), default=0),
    "B06": lambda d, t: int(bool(conduct(d, t, 365 * DAY, "weapon"))),
    "B07": lambda d, t: int(bool(conduct(d, t, SIX_MONTHS, "arson_explosive_poison"))),
    "C02": days_overdue,
    "E04": lambda d, t: max((severity for severity, _ in conduct(d, t, QUARTER)), default=0),
    "E09": date_ahead,
    "label": label,
}


def test_committed_files_are_what_the_script_makes() -> None:
    for name, text in sample_files().items():
        assert (FOLDER / name).read_bytes() == text.encode(), f"{name}: run python -m data_samples.neighbourhood"


def test_sample_passes_the_door_without_a_fault() -> None:
    report = validate_records(FOLDER, now=datetime(2021, 1, 2, tzinfo=UTC))
    assert [str(fault) for fault in report.faults] == []
    assert report.reconciliation["disputes"].rows_in == len(rows("disputes"))


def test_sample_is_small_and_has_a_few_hundred_disputes() -> None:
    assert sum((FOLDER / name).stat().st_size for name in sample_files()) < 1_000_000
    assert 250 <= len({row["dispute_id"] for row in rows("disputes")}) <= 400


def test_readme_names_every_planted_dispute_and_no_other() -> None:
    named = set(re.findall(r"^\| `(D-[A-Z-]+)` \|", README, re.MULTILINE))
    planted = {row["dispute_id"] for row in rows("disputes") if row["dispute_id"].startswith("D-")}
    assert named == planted
    assert {answer[0] for answer in ANSWERS} == planted - {"D-PAIR-FIRST"}


@pytest.mark.parametrize(("dispute_id", "as_of", "what", "answer"), ANSWERS)
def test_right_answer(dispute_id: str, as_of: str, what: str, answer: str) -> None:
    assert READINGS[what](dispute_id, time(as_of)) == (float(answer) if answer else None)


@pytest.mark.parametrize(("dispute_id", "wrong", "what"), [
    ("D-LATE-EVENT", "2020-04-01T00:00:00+08:00", 1),
    ("D-DENIED", "2020-05-10T00:00:00+08:00", 1),
])  # fmt: skip
def test_a_wrong_reading_gives_another_number(dispute_id: str, wrong: str, what: int) -> None:
    """Counting by the occurred time, or without the assertion, finds the threat: the trap can catch."""
    threats = [
        row
        for row in rows("events")
        if row["dispute_id"] == dispute_id and row["type"] == "threat" and time(row["occurred_at"]) < time(wrong)
    ]
    assert len(threats) == what != READINGS["B04"](dispute_id, time(wrong))


def test_traps_hold_chinese_narratives_and_nothing_like_a_number_of_a_person() -> None:
    texts = [row["narrative"] for table in ("disputes", "events") for row in rows(table) if row["narrative"]]
    assert len(texts) >= 6
    assert all(re.search(r"[\u4e00-\u9fff]", text) and not re.search(r"\d{5}", text) for text in texts)


def test_folder_says_that_it_is_synthetic() -> None:
    assert '"synthetic": true' in (Path(FOLDER) / "source.json").read_text(encoding="utf-8")
