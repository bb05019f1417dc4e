"""A folder of disputes drawn at random from a seed: every type, code, version, withdrawal, tie and null there can be.

Times are few and often equal, to the microsecond around the landmarks and around the 48 hours of duplicates: wrong
boundaries and ties broken in another order show as another bit.
"""

import random
from datetime import UTC, datetime, timedelta

from features.schema import (
    ASSERTIONS,
    CHANNELS,
    DISPUTE_KINDS,
    EVENT_TYPES,
    PROXIMITIES,
    RELATIONS,
    STAKES,
)
from tests.door_records import write_csv

START = datetime(2023, 1, 1, tzinfo=UTC)
DANGER = (
    "threat", "weapon", "arson_explosive_poison", "strangulation", "breach_of_order", "self_harm_statement",
    "fear_expressed", "first_contact",
)  # fmt: skip
LANDMARKS = tuple(START + timedelta(days=day) for day in (40, 100, 180))
STEPS = (
    timedelta(0), timedelta(microseconds=1), timedelta(hours=1), timedelta(hours=48), timedelta(hours=47, minutes=59),
    timedelta(days=3), timedelta(days=14), timedelta(days=30), timedelta(days=90),
)  # fmt: skip


class Drawing:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.number = 0

    def id(self, letter):
        self.number += 1
        return f"{letter}{self.number:06d}"

    def maybe(self, value, share=0.5):
        return value if self.random.random() < share else None

    def time(self, earliest):
        """Some time not before another: mostly a round step before or after a landmark, or after that other."""
        later = self.random.choice(LANDMARKS) - self.random.choice((-1, 1, 1, 1)) * self.random.choice(STEPS)
        if self.random.random() < 0.7 and later >= earliest:
            return later
        return earliest + self.random.choice(STEPS)

    def versions(self, row, recorded, change, most=3):
        """One to three versions of a row, each recorded later, the last perhaps a withdrawal."""
        rows = []
        for number in range(self.random.choice((1, 1, 1, 2, most))):
            rows.append({**row, **(change() if number else {}), "recorded_at": recorded})
            recorded = recorded + self.random.choice(STEPS[1:])
        if self.random.random() < 0.1:
            rows[-1] |= {"withdrawn": True}
        return rows

    def dispute(self, token):
        opened = START + self.random.choice(
            (timedelta(0), timedelta(days=39), timedelta(days=self.random.random() * 60))
        )
        row = {"dispute_id": self.id("D"), "opened_at": opened, "area": "990103001"} | self.facts(token)
        return self.versions(row, opened + self.random.choice(STEPS[:5]), lambda: self.facts(token))

    def facts(self, token):
        choose = self.random.choice
        return {
            "channel": choose(CHANNELS), "kind": choose(DISPUTE_KINDS), "relation": self.maybe(choose(RELATIONS), 0.8),
            "proximity": self.maybe(choose(PROXIMITIES), 0.7),
            "stakes": self.maybe(self.random.sample(STAKES, self.random.randint(1, 3)), 0.7),
            "amount_cny": self.maybe(round(self.random.random() * 10 ** self.random.randint(0, 7), 2)),
            "wage_arrears_months": self.maybe(self.random.randint(0, 12), 0.3),
            "unpaid_medical_cny": self.maybe(self.random.random() * 1e5, 0.3),
            "minors_in_household": self.maybe(choose((True, False))),
            "pair_token": self.maybe(token, 0.8), "pair_confidence": self.maybe(choose((0.5, 0.9, 0.95, 1.0)), 0.9),
        }  # fmt: skip

    def event(self, dispute, anchor):
        occurred = anchor + self.random.choice(STEPS[:5])
        row = {"event_id": self.id("E"), "dispute_id": dispute["dispute_id"], "occurred_at": occurred} | self.report()
        row["due_at"] = self.maybe(occurred + self.random.choice(STEPS), 0.2)
        row["scheduled_at"] = self.maybe(occurred + self.random.choice(STEPS), 0.3)
        recorded = occurred + self.random.choice(STEPS[:4]) if self.random.random() < 0.5 else self.time(occurred)
        return self.versions(row, recorded, self.report)

    def report(self):
        return {
            "type": self.random.choice(DANGER if self.random.random() < 0.3 else EVENT_TYPES), "channel": self.random.choice(CHANNELS[:3]),
            "severity": self.maybe(self.random.randint(0, 5)), "specifics": self.maybe(self.random.randint(0, 4), 0.3),
            "assertion": self.maybe(self.random.choice(ASSERTIONS), 0.3), "alcohol": self.maybe(True, 0.2),
        }  # fmt: skip

    def petition(self, dispute):
        lodged = dispute["opened_at"] + self.random.choice(STEPS)
        answered = lodged + self.random.choice(STEPS)
        answer = {"answered_at": answered, "answer_recorded_at": self.time(answered)}
        row = {"petition_id": self.id("P"), "dispute_id": dispute["dispute_id"], "lodged_at": lodged}
        row |= {"due_at": lodged + self.random.choice(STEPS), "upheld": self.maybe(self.random.random() < 0.5)}
        row |= answer if self.random.random() < 0.6 else {}
        return self.versions(row, self.time(lodged), lambda: {"upheld": self.maybe(True)})


def _unique(rows, key):
    """The rows without repeated (id, recorded_at), which the door would refuse."""
    return list({(row[key], row["recorded_at"]): row for row in rows}.values())


def _text(rows, names):
    return [
        {name: row[name].isoformat() if isinstance(row.get(name), datetime) else row.get(name) for name in names}
        for row in rows
    ]  # fmt: skip


def drawn_folder(folder, *, seed, disputes):
    """Write a folder of random records as CSV and return it."""
    from features.schema import TABLES_BY_NAME

    drawing = Drawing(seed)
    found = {"disputes": [], "events": [], "petitions": []}
    for _ in range(disputes):
        versions = drawing.dispute(f"pt{drawing.random.randint(0, disputes // 3)}x")
        found["disputes"] += versions
        anchor = drawing.time(versions[0]["opened_at"])
        for _ in range(drawing.random.randint(0, 14)):
            anchor = anchor if drawing.random.random() < 0.6 else drawing.time(versions[0]["opened_at"])
            found["events"] += drawing.event(versions[0], anchor)
        for _ in range(drawing.random.choice((0, 0, 1, 3))):
            found["petitions"] += drawing.petition(versions[0])
    keys = {"disputes": "dispute_id", "events": "event_id", "petitions": "petition_id"}
    records = {
        name: _text(_unique(rows, keys[name]), TABLES_BY_NAME[name].names) for name, rows in found.items()
    }  # fmt: skip
    return write_csv(folder, records)
