"""Case records made from the text of CSV files by the ``csv`` module alone: nothing of ours between file and request.

Every row of the dispute goes in, also those recorded after ``as_of``, as a careless client would send them; times keep
the offset they are written with.  Only ``prior_disputes`` has to be worked out, by the words of ``records.md``.
"""

import csv
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

NUMBERS = {
    "amount_cny", "wage_arrears_months", "unpaid_medical_cny", "pair_confidence", "severity", "specifics",
}  # fmt: skip
FLAGS = {"minors_in_household", "alcohol", "upheld", "withdrawn"}


@cache
def table(folder, name):
    """The rows of a CSV file as JSON takes them; empty cells are left out."""
    with Path(folder, f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [{key: _value(key, text) for key, text in row.items() if text != ""} for row in csv.DictReader(file)]


def _value(name, text):
    if name == "stakes":
        return text.split("|")
    if name in FLAGS:
        return {"true": True, "false": False}[text]
    return float(text) if name in NUMBERS else text


@cache
def _by_dispute(folder, name):
    found = {}
    for row in table(folder, name):
        found.setdefault(row["dispute_id"], []).append(row)
    return found


@cache
def moment(text):
    return datetime.fromisoformat(text)


def _visible(rows, key, as_of):
    """The last version of each row that was recorded before ``as_of``, without withdrawn ones."""
    last = {}
    for row in sorted(rows, key=lambda row: moment(row["recorded_at"])):
        if moment(row["recorded_at"]) < as_of:
            last[row[key]] = row
    return [row for row in last.values() if not row.get("withdrawn")]


@cache
def _pairs(folder, as_of):
    found = {}
    for row in _visible(table(folder, "disputes"), "dispute_id", as_of):
        if "pair_token" in row:
            found.setdefault(row["pair_token"], []).append(row)
    return found


def _prior_disputes(folder, dispute_id, as_of):
    here = [r for r in _visible(_by_dispute(folder, "disputes")[dispute_id], "dispute_id", as_of) if "pair_token" in r]
    if not here:
        return []
    priors = []
    for there in _pairs(folder, as_of)[here[0]["pair_token"]]:
        if there["dispute_id"] == dispute_id:
            continue
        events = _visible(_by_dispute(folder, "events").get(there["dispute_id"], []), "event_id", as_of)
        closures = sorted((moment(e["recorded_at"]), e["recorded_at"], e["occurred_at"]) for e in events if e["type"] == "closed")  # fmt: skip
        prior = {
            "dispute_id": there["dispute_id"],
            "opened_at": there["opened_at"],
            "recorded_at": max(there["recorded_at"], here[0]["recorded_at"], key=moment),
        }
        if closures:
            prior |= {"closed_recorded_at": closures[0][1], "closed_at": closures[0][2]}
        if "pair_confidence" in there and "pair_confidence" in here[0]:
            prior["pair_confidence"] = min(there["pair_confidence"], here[0]["pair_confidence"])
        priors.append(prior)
    return priors


def plain_case(folder, dispute_id, as_of):
    """The case record of a dispute at the time ``as_of`` (RFC 3339 text)."""
    return {
        "dispute": _by_dispute(folder, "disputes")[dispute_id],
        "events": _by_dispute(folder, "events").get(dispute_id, []),
        "petitions": _by_dispute(folder, "petitions").get(dispute_id, []),
        "prior_disputes": _prior_disputes(folder, dispute_id, moment(as_of)),
        "as_of": as_of,
    }


@cache
def waiting(folder, at):
    """The disputes to score at a time: open, or closed less than 90 days before, as a reader of the CSV finds them."""
    found = set()
    for row in _visible(table(folder, "disputes"), "dispute_id", at):
        events = _visible(_by_dispute(folder, "events").get(row["dispute_id"], []), "event_id", at)
        turns = [event for event in events if event["type"] in ("closed", "reopened")]
        last = max(turns, key=lambda event: (moment(event["occurred_at"]), event["event_id"]), default=None)
        is_open = last is None or last["type"] == "reopened"
        if is_open or at - moment(last["occurred_at"]) < timedelta(days=90):
            found.add(row["dispute_id"])
    return found


def covering_times(folder, *main_times):
    """The main times, and as few others as it takes for every dispute of a folder to be scored at one of them."""
    rows = table(folder, "disputes")
    missing = {row["dispute_id"] for row in rows}.difference(*(waiting(folder, moment(at)) for at in main_times))
    first = min(moment(row["recorded_at"]) for row in rows)
    weeks = [(first + timedelta(days=1 + 7 * week)).astimezone(UTC) for week in range(110)]
    times = [*main_times]
    while missing:
        best = max(weeks, key=lambda at: len(waiting(folder, at) & missing))
        found = waiting(folder, best) & missing
        if not found:
            raise AssertionError(f"no week has {sorted(missing)[:5]} waiting: look at shorter steps")
        missing -= found
        times.append(best.isoformat())
    return tuple(times)
