"""Small random worlds of records, full of ties: equal instants, window edges, versions, withdrawals, duplicates.

``rng`` is a ``random.Random``: seeded for large worlds, or hypothesis' own, so that it can shrink small ones.
"""

import copy

from features.schema import (
    ASSERTIONS,
    CHANNELS,
    CONDUCT_TYPES,
    DISPUTE_KINDS,
    EVENT_TYPES,
    INCIDENT_TYPES,
    PROXIMITIES,
    RELATIONS,
    SERVICES,
    STAKES,
)
from tests import rows as r

DAYS = 500
LAGS = (0, 0, 1, 6 * r.HOUR, 12 * r.HOUR, 2 * r.DAY, 30 * r.DAY, 100 * r.DAY)
WINDOWS = (30, 60, 90, 180, 365)
APART = (0, 12 * r.HOUR, 24 * r.HOUR, 47 * r.HOUR, 48 * r.HOUR - 1, 48 * r.HOUR, 49 * r.HOUR)
SETTLING = (
    "mediation_agreed", "agreement_performed", "agreement_broken", "judgment_effective", "judgment_performed",
    "support_requested", "support_delivered", "support_refused", "neutral_party_joined",
)  # fmt: skip
KEYS = {
    "disputes": ("dispute_id", "recorded_at"), "events": ("event_id", "recorded_at"),
    "petitions": ("petition_id", "recorded_at"), "incidents": ("incident_id", "verified_at"),
}  # fmt: skip


def moment(rng, first=0, last=DAYS):
    """A time on a grid of half days, sometimes a microsecond or three hours off it."""
    steps = rng.randrange(2 * first, 2 * last + 1)
    return r.NEW_YEAR + steps * (r.DAY // 2) + rng.choice((0, 0, 0, 0, 1, -1, 3 * r.HOUR))


def world(rng, *, disputes=30, events=12, pairs=None):
    """Records of some disputes, each with up to ``events`` events, under ``pairs`` pair tokens."""
    tables = r.no_rows()
    tokens = [None, *(f"pt-{n}" for n in range(max(disputes // 4, 1) if pairs is None else pairs))]
    for number in range(disputes):
        name = f"D{number:03d}"
        _add_dispute(rng, tables, name, tokens)
        for _ in range(rng.randrange(events + 1)):
            add_event(rng, tables, name)
        for _ in range(rng.choice((0, 0, 1, 2))):
            add_petition(rng, tables, name)
        if rng.random() < 0.4:
            add_incident(rng, tables, name)
    add_incident(rng, tables, None)
    return tables


def names(tables):
    """The ids of all disputes."""
    return sorted({row["dispute_id"] for row in tables["disputes"]})


def _add(tables, table, row):
    """Add a row unless its key is taken."""
    key = KEYS[table]
    if all(any(row[name] != other[name] for name in key) for other in tables[table]):
        tables[table].append(row)


def _details(rng, tokens):
    return {
        "channel": rng.choice(CHANNELS), "kind": rng.choice(DISPUTE_KINDS),
        "relation": rng.choice((None, "family", "spouse_partner", rng.choice(RELATIONS))),
        "proximity": rng.choice((None, *PROXIMITIES)),
        "stakes": rng.choice((None, rng.sample(STAKES, rng.randrange(1, 4)))),
        "amount_cny": rng.choice((None, 0.0, 12_345.67, 800_000.0, 2e6)),
        "minors_in_household": rng.choice((None, True, False)),
        "wage_arrears_months": rng.choice((None, 0.0, 2.5, 14.0)),
        "unpaid_medical_cny": rng.choice((None, 0.0, 54_321.0, 900_000.0)),
        "pair_token": rng.choice(tokens), "pair_confidence": rng.choice((None, 0.5, 0.9, 0.9, 1.0, 1.0)),
    }  # fmt: skip


def _add_dispute(rng, tables, name, tokens):
    opened = moment(rng, last=DAYS // 2)
    first = r.dispute(name, opened, opened + rng.choice(LAGS), **_details(rng, tokens))
    tables["disputes"].append(first)
    for _ in range(rng.choice((0, 0, 1, 2))):
        recorded = max(moment(rng), first["recorded_at"] + 1)
        later = r.dispute(name, opened, recorded, **_details(rng, tokens), withdrawn=rng.choice((None, None, True)))
        _add(tables, "disputes", later)


def add_event(rng, tables, name):
    """An event, perhaps with duplicates through other channels, perhaps with later versions."""
    opened = next(row["opened_at"] for row in tables["disputes"] if row["dispute_id"] == name)
    occurred = max(moment(rng), opened - r.DAY)
    turning = rng.choice(("closed", "reopened", "assigned", "replied", "first_contact", "mediation_agreed"))
    dated = rng.choice(("eviction_notice", "eviction_scheduled", "hearing_scheduled"))
    settled = rng.choice(SETTLING)
    conduct = (rng.choice(CONDUCT_TYPES), rng.choice(CONDUCT_TYPES))
    type_ = rng.choice((rng.choice(EVENT_TYPES), *conduct, turning, dated, settled))
    for copies in range(rng.choice((1, 1, 2, 3))):
        at = occurred if copies == 0 else occurred + rng.choice(APART)
        event = _event(rng, f"E{len(tables['events'])}", name, type_, at)
        _add(tables, "events", event)
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            add_event_version(rng, tables, event, at_least=event["recorded_at"] + 1)


def _event(rng, event_id, name, type_, occurred):
    return r.event(
        event_id, name, type_, occurred, occurred + rng.choice(LAGS), channel=rng.choice(CHANNELS),
        severity=rng.choice((None, None, 0, 1, 3, 4, 5)), specifics=rng.choice((None, 0, 2, 4)),
        assertion=rng.choice((None, None, "affirmed", *ASSERTIONS)), alcohol=rng.choice((None, True, False)),
        scheduled_at=rng.choice((None, occurred + rng.choice((7, 14, 30, 90, 120)) * r.DAY)),
        due_at=rng.choice((None, occurred + rng.choice((0, 7, 30)) * r.DAY)),
        service=rng.choice((None, None, *SERVICES[:2])),
    )  # fmt: skip


def add_event_version(rng, tables, event, *, at_least, exactly=None):
    """A later version of an event: another severity, type or time, moved to another dispute, or withdrawn."""
    later = copy.deepcopy(event)
    later["recorded_at"] = exactly or max(moment(rng), at_least)
    change = rng.choice(("withdrawn", "severity", "assertion", "type", "occurred", "dispute", "back"))
    if change == "withdrawn":
        later["withdrawn"] = True
    elif change == "severity":
        later |= {"severity": rng.choice((None, 0, 5)), "specifics": rng.choice((None, 1, 4))}
    elif change == "assertion":
        later["assertion"] = rng.choice((None, *ASSERTIONS))
    elif change == "type":
        later["type"] = rng.choice(EVENT_TYPES)
    elif change == "occurred":
        later["occurred_at"] -= rng.choice((1, r.DAY, 40 * r.DAY))
    elif change == "dispute":
        later["dispute_id"] = rng.choice(names(tables))
    _add(tables, "events", later)


def add_petition(rng, tables, name):
    """A petition of any kind, perhaps answered, perhaps with a later version."""
    lodged = moment(rng)
    due = lodged + rng.choice((1, 15, 60)) * r.DAY
    row = r.petition(
        f"P{len(tables['petitions'])}", name, lodged, lodged + rng.choice(LAGS), due_at=due,
        upheld=rng.choice((None, True, False)),
    )  # fmt: skip
    if rng.random() < 0.6:
        answered = lodged + rng.choice((0, 10, 15, 60, 100)) * r.DAY
        row |= {"answered_at": answered, "answer_recorded_at": answered + rng.choice(LAGS)}
    _add(tables, "petitions", row)
    if rng.random() < 0.3:
        later = row | {"recorded_at": row["recorded_at"] + rng.choice((1, 5 * r.DAY, 30 * r.DAY))}
        later |= rng.choice(({"withdrawn": True}, {"due_at": due + r.DAY}, {"upheld": True}))
        _add(tables, "petitions", later)


def add_incident(rng, tables, name):
    """An incident, sure or not, perhaps with a later version."""
    occurred = moment(rng)
    row = r.incident(
        f"I{len(tables['incidents'])}", name, occurred, occurred + rng.choice(LAGS), type=rng.choice(INCIDENT_TYPES),
        link_confidence=rng.choice((None, 0.5, 0.79, 0.8, 1.0, 1.0)),
    )  # fmt: skip
    _add(tables, "incidents", row)
    if rng.random() < 0.3:
        later = row | {"verified_at": row["verified_at"] + rng.choice((1, 30 * r.DAY))}
        change = {"withdrawn": True}, {"link_confidence": 1.0}, {"occurred_at": occurred - r.DAY}
        _add(tables, "incidents", later | rng.choice(change))


# --- what may still come ---------------------------------------------------------------------------------------------


def future(rng, tables, as_of, *, rows=40):
    """The same records and what became known at or after ``as_of``, of every kind; and the kinds that came."""
    tables = copy.deepcopy(tables)
    kinds = []
    for _ in range(rows):
        when = as_of + rng.choice((0, 0, 1, r.HOUR, 3 * r.DAY, 40 * r.DAY))
        kind = rng.choice(tuple(_COMING))
        if _COMING[kind](rng, tables, when):
            kinds.append(kind)
    return tables, kinds


def _some(rng, tables, table, when, keep=lambda row: True):
    known = KEYS[table][1]
    rows = [row for row in tables[table] if row[known] < when and keep(row)]
    return copy.deepcopy(rng.choice(rows)) if rows else None


def _come(tables, table, row):
    before = len(tables[table])
    _add(tables, table, row)
    return len(tables[table]) > before


def _late_event(rng, tables, when):
    occurred = when - rng.choice((0, 1, r.DAY, 20 * r.DAY, 80 * r.DAY))
    event = _event(rng, f"F{len(tables['events'])}", rng.choice(names(tables)), rng.choice(EVENT_TYPES), occurred)
    return _come(tables, "events", event | {"recorded_at": when, "assertion": None})


def _late_duplicate(rng, tables, when):
    row = _some(rng, tables, "events", when, lambda row: row["type"] in CONDUCT_TYPES)
    if row is None:
        return False
    earlier = row["occurred_at"] + rng.choice((-r.HOUR, 0, r.HOUR))
    other = rng.choice([channel for channel in CHANNELS if channel != row["channel"]])
    changed = {"occurred_at": min(earlier, when), "recorded_at": when, "channel": other, "severity": 5}
    changed |= {"specifics": 4, "assertion": None, "withdrawn": None}
    return _come(tables, "events", row | {"event_id": f"F{len(tables['events'])}"} | changed)


def _late_version(rng, tables, when):
    row = _some(rng, tables, "events", when)
    before = len(tables["events"])
    if row is not None:
        add_event_version(rng, tables, row, at_least=when, exactly=when)
    return len(tables["events"]) > before


def _late_withdrawal(rng, tables, when):
    table = rng.choice(("disputes", "events", "petitions"))
    row = _some(rng, tables, table, when)
    return row is not None and _come(tables, table, row | {"recorded_at": when, "withdrawn": True})


def _late_closure(rng, tables, when):
    occurred = when - rng.choice((0, r.DAY, 60 * r.DAY))
    name, type_ = rng.choice(names(tables)), rng.choice(("closed", "closed", "reopened"))
    return _come(tables, "events", r.event(f"F{len(tables['events'])}", name, type_, occurred, when))


def _late_dispute_version(rng, tables, when):
    row = _some(rng, tables, "disputes", when)
    if row is None:
        return False
    linked = {"pair_token": "pt-0", "pair_confidence": 1.0}
    return _come(tables, "disputes", row | _details(rng, [None, "pt-1"]) | linked | {"recorded_at": when})


def _new_dispute(rng, tables, when):
    name = f"N{len(tables['disputes'])}"
    opened = when - rng.choice((0, r.DAY, 300 * r.DAY))
    tables["disputes"].append(r.dispute(name, opened, when, pair_token="pt-0", pair_confidence=1.0))
    return _come(tables, "events", r.event(f"F{len(tables['events'])}", name, "closed", opened, when))


def _late_answer(rng, tables, when):
    """An answer known later in a row that is already there: the one value with a known-at of its own."""
    open_ = [row for row in tables["petitions"] if row["answered_at"] is None and row["lodged_at"] <= when]
    if not open_:
        return False
    row = rng.choice(open_)
    row |= {"answered_at": row["lodged_at"], "answer_recorded_at": when, "upheld": True}
    return True


def _late_petition(rng, tables, when):
    lodged = when - rng.choice((0, r.DAY, 90 * r.DAY))
    row = r.petition(f"Q{len(tables['petitions'])}", rng.choice(names(tables)), lodged, when, due_at=lodged + r.DAY)
    return _come(tables, "petitions", row)


def _late_petition_version(rng, tables, when):
    row = _some(rng, tables, "petitions", when)
    changed = {"recorded_at": when, "due_at": when - 50 * r.DAY, "answered_at": None, "answer_recorded_at": None}
    return row is not None and _come(tables, "petitions", row | changed)


def _late_incident(rng, tables, when):
    row = r.incident(f"J{len(tables['incidents'])}", rng.choice(names(tables)), when - r.DAY, when)
    return _come(tables, "incidents", row)


_COMING = {
    "event": _late_event, "duplicate": _late_duplicate, "version": _late_version, "withdrawal": _late_withdrawal,
    "closure": _late_closure, "dispute version": _late_dispute_version, "dispute": _new_dispute,
    "answer": _late_answer, "petition": _late_petition, "petition version": _late_petition_version,
    "incident": _late_incident,
}  # fmt: skip


def interesting_time(rng, tables):
    """A landmark worth looking at: the very instant at which something was recorded, or leaves or enters a window."""
    table = rng.choice(("events", "events", "disputes", "petitions"))
    row = rng.choice(tables[table]) if tables[table] else {"recorded_at": r.NEW_YEAR}
    edges = [row["recorded_at"], row["recorded_at"] + 1]
    if "occurred_at" in row:
        edges += [row["occurred_at"] + days * r.DAY for days in WINDOWS]
        edges += [row["scheduled_at"] + days * r.DAY for days in (-90, -14, 0, 30) if row["scheduled_at"] is not None]
    return rng.choice(edges) + rng.choice((0, 0, 1))
