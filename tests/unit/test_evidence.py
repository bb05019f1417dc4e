"""The rows named as evidence are those that made the value: visible, affirmed, and no others."""

import random

from features.catalogue import INDICATORS, measure_all
from features.schema import CONDUCT_TYPES
from tests import rows as r
from tests import slow_reading as slow
from tests import worlds
from tests.spec.drawn import draw, moment

PAGE = draw("""
NEIGHBOURS  A separation filed between neighbours makes no value, so it is no evidence.
    opened               01-01 09:00  relation=neighbour
    E1 separation_filed  01-10 09:00

PARTNERS  Between partners it does.
    opened               01-01 09:00  relation=spouse_partner
    E1 separation_filed  01-10 09:00
    E2 custody_filed     01-11 09:00

LADDER  Not closed for 32 days longer than allowed; the petition is overdue by 2 days only.
    opened       01-01 09:00
    E1 assigned  01-01 09:00
    E2 replied   01-01 09:00
    P1 petition  01-10 09:00  due_at=03-01T09:00

PETITIONS  Two petitions overdue since the same time, one since later.
    opened       02-20 09:00
    E1 assigned  02-20 09:00
    E2 replied   02-20 09:00
    P1 petition  02-20 09:00  due_at=02-25T09:00
    P2 petition  02-20 09:00  due_at=02-25T09:00
    P3 petition  02-20 09:00  due_at=02-26T09:00

CLOSED  Closed: nothing is overdue.
    opened       02-20 09:00
    E1 closed    02-20 09:00
    P1 petition  02-20 09:00  due_at=02-25T09:00

LONG-OVERDUE  Both beyond the cap of 60 days.
    opened       2023-01-01 09:00
    P1 petition  2023-01-02 09:00  due_at=2023-01-05T09:00
    P2 petition  2023-01-02 09:00  due_at=2023-02-05T09:00

ONE-THREAT  Two reports of one threat, the second graver; and a lesser threat of another day.
    opened     01-01 09:00
    E1 threat  02-20 09:00  specifics=1
    E2 threat  02-20 10:00  police_110 severity=4 specifics=3
    E3 threat  02-25 09:00  specifics=2
    E4 threat  02-27 09:00  severity=5 specifics=4 denied
""")
AS_OF = moment("03-03 09:00")
EVIDENCE = {
    ("NEIGHBOURS", "A10"): [],
    ("PARTNERS", "A10"): ["E1", "E2"],
    ("LADDER", "C02"): [],
    ("PETITIONS", "C02"): ["P1", "P2"],
    ("CLOSED", "C02"): [],
    ("LONG-OVERDUE", "C02"): ["P1", "P2"],
    ("ONE-THREAT", "B04"): ["E1", "E2"],
    ("ONE-THREAT", "B05"): ["E1", "E2"],
    ("ONE-THREAT", "E01"): ["E3"],
    ("ONE-THREAT", "E05"): ["E1", "E2", "E3"],
    ("ONE-THREAT", "E04"): ["E1", "E2"],
}


def evidence(tables, name, as_of):
    measures = measure_all(r.online_view(r.case_record(tables, name, as_of)), INDICATORS)
    return {indicator: measure.row_ids(0) for indicator, measure in measures.items()}


def test_drawn():
    found = {
        (name, what): [row.partition(".")[2] for row in evidence(PAGE.tables, name, AS_OF)[what]]
        for name, what in EVIDENCE
    }
    assert found == EVIDENCE


def test_evidence_is_visible_and_affirmed():
    rng = random.Random(6)
    named = set()
    for _ in range(150):
        tables = worlds.world(rng, disputes=1, events=8)
        as_of = worlds.interesting_time(rng, tables)
        if slow.visible_dispute(tables, "D000", as_of) is None:
            continue
        events = {
            row["event_id"]
            for row in slow.visible_events(tables, "D000", as_of)
            if row["type"] not in CONDUCT_TYPES or row["assertion"] in (None, "affirmed")
        }
        petitions = {row["petition_id"] for row in slow.visible(tables, "petitions", "petition_id", as_of)}
        for indicator, rows in evidence(tables, "D000", as_of).items():
            assert set(rows) <= (events | petitions if indicator in ("C02", "C12") else events)
            assert len(set(rows)) == len(rows)
            named |= {indicator} if rows else set()
    assert len(named) > 20
