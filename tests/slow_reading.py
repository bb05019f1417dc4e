"""A slow, obvious reading of the records contract: one dispute at one time, row by row, in plain Python.

It shares nothing with the feature code but the lists of codes, so that the two can distrust each other.  Rows are
those of ``tests.rows``: dicts with times in microseconds.
"""

import math

from features.schema import CONDUCT_TYPES, DEFAULT_SEVERITY, DISPUTE_KINDS, HANDLING_TYPES

HOUR = 3_600_000_000
DAY = 24 * HOUR
NAN = math.nan


# --- what is visible -------------------------------------------------------------------------------------------------


def visible(tables, name, row_id, as_of, *, recorded="recorded_at"):
    """The last version recorded before ``as_of`` of every row, unless it withdraws the row.

    A version that names a dispute which is not on record by then is not there yet.
    """
    known = {row["dispute_id"] for row in tables["disputes"] if row["recorded_at"] < as_of} | {None}
    last = {}
    for row in sorted(tables[name], key=lambda row: row[recorded]):
        if row[recorded] < as_of and row["dispute_id"] in known:
            last[row[row_id]] = row
    return [row for row in last.values() if not row["withdrawn"]]


def visible_dispute(tables, dispute_id, as_of):
    """The visible version of a dispute, or None."""
    found = visible(tables, "disputes", "dispute_id", as_of)
    return next((row for row in found if row["dispute_id"] == dispute_id), None)


def visible_events(tables, dispute_id, as_of):
    """The visible events of a dispute; a version may have moved an event to another dispute."""
    return [row for row in visible(tables, "events", "event_id", as_of) if row["dispute_id"] == dispute_id]


def in_order(events):
    """Events by the time they occurred, then by id."""
    return sorted(events, key=lambda row: (row["occurred_at"], row["event_id"]))


def is_closed(tables, dispute_id, as_of):
    """Whether the last visible closing or reopening is a closing."""
    turns = [row for row in visible_events(tables, dispute_id, as_of) if row["type"] in ("closed", "reopened")]
    return bool(turns) and in_order(turns)[-1]["type"] == "closed"


# --- duplicates ------------------------------------------------------------------------------------------------------


def groups(events):
    """Reports of the same type merged: anchored at the first report, each channel at most once."""
    found = []
    for event in in_order(events):
        for group in found:
            first = group[0]
            if first["type"] != event["type"] or event["occurred_at"] - first["occurred_at"] >= 48 * HOUR:
                continue
            if event["channel"] not in {member["channel"] for member in group}:
                group.append(event)
                break
        else:
            found.append([event])
    return found


def severity(event):
    """The severity given, or that of the type; a statement of wanting to die is never severe."""
    if event["type"] == "self_harm_statement":
        return 0
    return DEFAULT_SEVERITY.get(event["type"], 0) if event["severity"] is None else event["severity"]


class Reading:
    """Everything visible of one dispute at one time, and every indicator of it."""

    def __init__(self, tables, dispute_id, as_of, *, income=40_000.0):
        self.tables, self.dispute_id, self.as_of, self.income = tables, dispute_id, as_of, income
        self.case = visible_dispute(tables, dispute_id, as_of)
        self.events = visible_events(tables, dispute_id, as_of)
        own = [row for row in visible(tables, "petitions", "petition_id", as_of) if row["dispute_id"] == dispute_id]
        self.petitions = own
        affirmed = [
            row for row in self.events
            if row["type"] in CONDUCT_TYPES and row["assertion"] in (None, "affirmed")
        ]  # fmt: skip
        self.conduct = [
            {
                "type": group[0]["type"], "at": group[0]["occurred_at"],
                "severity": max(severity(row) for row in group),
                "specifics": max(row["specifics"] or 0 for row in group),
                "alcohol": any(row["alcohol"] for row in group),
            }
            for group in groups(affirmed)
        ]  # fmt: skip

    def values(self, names):
        """The values of these indicators by id."""
        return {name: float(getattr(self, name.lower())()) for name in names}

    # pieces

    def _back(self, time, days):
        return self.as_of - days * DAY <= time < self.as_of

    def _done(self, type_, days=None):
        return [
            row for row in self.conduct
            if row["type"] == type_ and (days is None or self._back(row["at"], days))
        ]  # fmt: skip

    def _steps(self, *types, days=None):
        return [
            row for row in in_order(self.events)
            if row["type"] in types and (days is None or self._back(row["occurred_at"], days))
        ]  # fmt: skip

    def _violent(self, days=None):
        return [
            row for row in self.conduct
            if row["severity"] >= 1 and (days is None or self._back(row["at"], days))
        ]  # fmt: skip

    def _stakes(self, *names):
        stakes = self.case["stakes"]
        return any(name in stakes for name in names) if stakes else NAN

    def _handled(self):
        return any(row["type"] in HANDLING_TYPES for row in self.events)

    def _conduct_after(self, types, days):
        settled = [row["occurred_at"] for row in self._steps(*types)]
        return [row for row in self._violent(days) if settled and row["at"] > min(settled)]

    def _settled(self, opening, settling, same=None):
        """The opening steps in order, each with the step that settled it, or None: first in, first out."""
        found = []
        for step in self._steps(opening, *settling):
            if step["type"] == opening:
                found.append([step, None])
                continue
            for waiting in found:
                if waiting[1] is None and (same is None or waiting[0][same] == step[same]):
                    waiting[1] = step
                    break
        return found

    def _days_unsettled(self, opening, *settling, same=None):
        waiting = [step for step, settled in self._settled(opening, settling, same) if settled is None]
        return (self.as_of - waiting[0]["occurred_at"]) / DAY if waiting else 0

    # A

    def a01(self):
        return DISPUTE_KINDS.index(self.case["kind"])

    def a02(self):
        relation, proximity = self.case["relation"], self.case["proximity"]
        if relation is None or (relation == "family" and proximity is None):
            return NAN
        partners = relation in ("spouse_partner", "ex_spouse_partner")
        return partners or (relation == "family" and proximity == "shared_dwelling")

    def a03(self):
        proximity = self.case["proximity"]
        return NAN if proximity is None else proximity != "none"

    def a04(self):
        return self._stakes("homestead", "boundary", "access", "drainage", "land_contract", "demolition")

    def a05(self):
        amount = self.case["amount_cny"]
        return NAN if amount is None else math.log1p(min(amount / self.income, 20))

    def a06(self):
        return self._stakes("custody", "only_dwelling", "burial", "livelihood", "bodily_injury")

    def a09(self):
        token, opened = self.case["pair_token"], self.case["opened_at"]
        count = 0
        for other in {row["dispute_id"] for row in self.tables["disputes"]} - {self.dispute_id}:
            there = visible_dispute(self.tables, other, self.as_of)
            if there is None or token is None or there["pair_token"] != token:
                continue
            sure = min(self.case["pair_confidence"] or 0, there["pair_confidence"] or 0) >= 0.9
            closed = any(row["type"] == "closed" for row in visible_events(self.tables, other, self.as_of))
            count += sure and closed and opened - 1826 * DAY <= there["opened_at"] < opened
        return min(count, 3)

    def a10(self):
        tie = self.a02()
        filed = bool(self._steps("separation_filed", "custody_filed", "protection_order_filed", days=180))
        return tie if math.isnan(tie) else tie and filed

    # B

    def b01(self):
        return min(len(self._done("verbal_altercation", 90)), 10)

    def b01__30d(self):
        return min(len(self._done("verbal_altercation", 30)), 10)

    def b02__30d(self):
        return min(len(self._done("physical_contact", 30)), 5)

    def b04__30d(self):
        return min(sum(row["severity"] >= 4 for row in self._done("threat", 30)), 3)

    def b02(self):
        return min(len(self._done("physical_contact", 180)), 5)

    def b03(self):
        return bool(self._done("injury"))

    def b04(self):
        return min(sum(row["severity"] >= 4 for row in self._done("threat", 180)), 3)

    def b05(self):
        return max((row["specifics"] for row in self._done("threat", 90)), default=0)

    def b06(self):
        return bool(self._done("weapon", 365))

    def b07(self):
        return bool(self._done("arson_explosive_poison", 180))

    def b08(self):
        return min(len(self._done("property_damage", 180)), 5)

    def b09(self):
        return bool(self._done("strangulation"))

    def b10(self):
        return min(len(self._done("stalking_blocking", 90)), 5)

    def b11(self):
        return min(len(self._done("breach_of_order", 365)), 3)

    def b12(self):
        return bool(self._done("self_harm_statement", 90))

    def b13(self):
        return bool(self._done("last_resort_statement", 60))

    # C

    def c01(self):
        if not self._handled():
            return NAN
        contacts = [row["occurred_at"] for row in self._steps("first_contact")]
        hours = (min([*contacts, self.as_of]) - self.case["opened_at"]) / HOUR
        return min(max(hours, 0), 240)

    def c02(self):
        opened = self.case["opened_at"]
        deadlines = [(self._steps("reopened") or [{"occurred_at": opened}])[-1]["occurred_at"] + 30 * DAY]
        deadlines += [] if self._steps("assigned") else [opened + 4 * HOUR]
        deadlines += [] if self._steps("replied") else [opened + 9 * DAY]
        for petition in self.petitions:
            known = petition["answer_recorded_at"]
            if known is None or known >= self.as_of:
                deadlines.append(petition["due_at"])
        days = max(0, *((self.as_of - deadline) / DAY for deadline in deadlines))
        if is_closed(self.tables, self.dispute_id, self.as_of):
            return 0
        return min(days, 60) if days > 0 or self._handled() else NAN

    def c03(self):
        return min(len(self._steps("handed_on")), 8)

    def c04(self):
        return min(len(self._steps("mediation_failed", days=365)), 4)

    def c05(self):
        return bool(
            self._steps("agreement_broken", days=365) or self._conduct_after(("mediation_agreed", "closed"), 365)
        )

    def c06(self):
        waiting, performed, due = [], 0, 0
        for step in self._steps("mediation_agreed", "agreement_performed", "agreement_broken"):
            if step["type"] != "mediation_agreed":
                performed += bool(waiting) and waiting.pop(0) and step["type"] == "agreement_performed"
            elif step["due_at"] is not None and step["due_at"] < self.as_of:
                waiting.append(step)
                due += 1
        return performed / due if due else NAN

    def c07(self):
        if self._steps("neutral_party_joined", days=180):
            return 1
        return 0 if self._steps("mediation_agreed", "mediation_failed", days=180) else NAN

    def c09(self):
        return min(self._days_unsettled("judgment_effective", "judgment_performed"), 720)

    def c10(self):
        return bool(self._steps("adverse_decision", "eviction_notice", days=60))

    def c12(self):
        return bool(self._steps("error_upheld", days=365)) or any(
            row["upheld"] and row["answer_recorded_at"] is not None and row["answer_recorded_at"] < self.as_of
            and self._back(row["answered_at"], 365)
            for row in self.petitions
        )  # fmt: skip

    # D

    def d01(self):
        minors = self.case["minors_in_household"]
        return NAN if minors is None else minors

    def d02(self):
        return bool(self._steps("eviction_notice", days=30)) or any(
            row["scheduled_at"] is not None and -30 * DAY <= row["scheduled_at"] - self.as_of < 90 * DAY
            for row in self._steps("eviction_scheduled")
        )

    def d03(self):
        months = self.case["wage_arrears_months"]
        return NAN if months is None else min(months, 12)

    def d04(self):
        unpaid = self.case["unpaid_medical_cny"]
        return NAN if unpaid is None else min(unpaid / self.income, 10)

    def d06(self):
        return bool(self._done("fear_expressed", 90))

    def d07(self):
        return min(
            self._days_unsettled("support_requested", "support_delivered", "support_refused", same="service"), 90
        )  # fmt: skip

    def d08(self):
        conduct = self._violent(180)
        return sum(row["alcohol"] for row in conduct) / len(conduct) if conduct else 0

    # E

    def e01(self):
        return min([365, *((self.as_of - row["at"]) / DAY for row in self._violent())])

    def e02(self):
        opened, recent = self.case["opened_at"], self.as_of - 30 * DAY
        if recent <= opened:
            return NAN
        first = max(opened, self.as_of - 120 * DAY)
        last = sum(row["at"] >= recent for row in self._violent())
        before = sum(first <= row["at"] < recent for row in self._violent())
        mean = before / ((recent - first) / (30 * DAY))
        return min(max(math.log((last + 0.5) / (mean + 0.5)), -2), 2)

    def e03(self):
        last = [row["severity"] for row in self._violent(180)][-3:]
        return (last[2] - last[0]) / 2 if len(last) == 3 else 0

    def e04(self):
        return max((row["severity"] for row in self._violent(90)), default=0)

    def e05(self):
        return math.fsum(row["severity"] * 0.5 ** ((self.as_of - row["at"]) / (30 * DAY)) for row in self._violent(365))

    def e06(self):
        return math.log1p((self.as_of - self.case["opened_at"]) / DAY)

    def e07(self):
        return min(len(self._steps("reopened", days=180)) + len(self._conduct_after(("closed",), 180)), 3)

    def e09(self):
        dates = self._steps(
            "hearing_scheduled", "enforcement_scheduled", "eviction_scheduled", "handover_scheduled",
            "construction_scheduled",
        )  # fmt: skip
        return any(
            row["scheduled_at"] is not None and 0 <= row["scheduled_at"] - self.as_of < 14 * DAY for row in dates
        )


# --- spine and label -------------------------------------------------------------------------------------------------


def known_at(tables):
    """The greatest recorded or verified time, petitions left out: lodging or answering one moves no landmark."""
    times = [row["recorded_at"] for table in ("disputes", "events") for row in tables[table]]
    return max([*times, *(row["verified_at"] for row in tables["incidents"])], default=0)


def concerning(tables, dispute_id):
    """The dispute, the events that ever were of it, and the disputes they went to: nothing else moves its landmarks."""
    ids = {row["event_id"] for row in tables["events"] if row["dispute_id"] == dispute_id}
    events = [row for row in tables["events"] if row["event_id"] in ids]
    named = {row["dispute_id"] for row in events} | {dispute_id}
    return {"disputes": [row for row in tables["disputes"] if row["dispute_id"] in named], "events": events}


def landmarks(tables, dispute_id, until):
    """The default spine of one dispute up to ``until``."""
    tables = concerning(tables, dispute_id)
    own = sorted({row["recorded_at"] for row in tables["disputes"] if row["dispute_id"] == dispute_id})
    start = own[0] + DAY
    found = {start}
    week = start
    while week <= until:
        if not is_closed(tables, dispute_id, week):
            found.add(week)
        week += 7 * DAY
    found |= _after_events(tables, dispute_id)
    found |= _after_closures(tables, dispute_id, first=own[0])
    return sorted(t for t in found if t <= until and visible_dispute(tables, dispute_id, t) is not None)


def _after_events(tables, dispute_id):
    recorded = {
        row["recorded_at"] + 1 for row in tables["events"]
        if row["dispute_id"] == dispute_id and not row["withdrawn"]
    }  # fmt: skip
    found = []
    for time in sorted(recorded):
        if visible_dispute(tables, dispute_id, time) is None:
            continue
        if not found or time - found[-1] >= DAY:
            found.append(time)
    return set(found)


def _after_closures(tables, dispute_id, *, first):
    """30 and 90 days after each time at which a closure became visible, if it stood all the while."""
    recorded = {row["recorded_at"] for name in ("disputes", "events") for row in tables[name]}
    turns = sorted({first, *(time for time in recorded if time >= first)})
    found = set()
    closed_since = None
    for time, following in zip(turns, [*turns[1:], math.inf], strict=True):
        if not is_closed(tables, dispute_id, time + 1):
            closed_since = None
            continue
        closed_since = time if closed_since is None else closed_since
        found |= {t for days in (30, 90) if time < (t := closed_since + days * DAY) <= following}
    return found


def label(tables, dispute_id, as_of, known, *, delay_days=150, confidence=0.8):
    """1, 0 or None."""
    if as_of + (90 + delay_days) * DAY > known:
        return None
    return int(any(as_of <= at < as_of + 90 * DAY for at in incidents(tables, dispute_id, known, confidence)))


def incidents(tables, dispute_id, known, confidence=0.8):
    """When the sure incidents of a dispute happened, as known at (and including) ``known``."""
    rows = visible(tables, "incidents", "incident_id", known + 1, recorded="verified_at")
    return [
        row["occurred_at"] for row in rows
        if row["dispute_id"] == dispute_id and (row["link_confidence"] or 0) >= confidence
    ]  # fmt: skip
