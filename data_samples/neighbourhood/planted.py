"""The planted disputes: each shows one trap of the records.  ``README.md`` says what the right answer is, and when.

Times are written ``MM-DD HH:MM`` of 2020, +08:00.  Nobody in here exists.
"""

from __future__ import annotations

Row = dict[str, str]
Rows = dict[str, list[Row]]

YEAR = 2020
_AREA = "990101001"


def planted_rows() -> Rows:
    """The rows of all planted disputes by table; a column left out is null."""
    rows: Rows = {"disputes": [], "events": [], "petitions": [], "incidents": [], "audit": []}
    for plant in (_known_late, _corrections, _duplicates, _assertions, _labels, _petitions, _pairs, _dates):
        plant(rows)
    return rows


def _at(text: str) -> str:
    """An RFC 3339 time of the year; an empty text stays null."""
    if not text:
        return ""
    day, clock = text.split()
    return f"{YEAR}-{day}T{clock}:00+08:00"


def _dispute(rows: Rows, dispute_id: str, opened: str, *, recorded: str = "", **columns: str) -> None:
    """A dispute of two neighbours, known when opened unless told otherwise."""
    usual = {
        "channel": "grid",
        "kind": "neighbour",
        "relation": "neighbour",
        "proximity": "adjoining",
        "stakes": "boundary",
        "amount_cny": "3000",
        "minors_in_household": "false",
        "area": _AREA,
        "withdrawn": "false",
    }
    times = {"dispute_id": dispute_id, "opened_at": _at(opened), "recorded_at": _at(recorded or opened)}
    rows["disputes"].append(usual | times | columns)


def _handled(rows: Rows, dispute_id: str, day: str) -> None:
    """The dispute is registered, assigned, contacted and answered on its first day, all in time."""
    for step, (kind, clock) in enumerate(
        (("registered", "09:00"), ("assigned", "10:00"), ("first_contact", "11:00"), ("replied", "17:00"))
    ):
        _event(rows, f"E-{dispute_id[2:]}-H{step + 1}", dispute_id, kind, f"{day} {clock}")


def _event(
    rows: Rows, event_id: str, dispute_id: str, kind: str, occurred: str, *, recorded: str = "", **columns: str
) -> None:
    """An event, known when it occurred unless told otherwise."""
    for column in ("due_at", "scheduled_at"):
        if column in columns:
            columns[column] = _at(columns[column])
    row = {
        "event_id": event_id,
        "dispute_id": dispute_id,
        "type": kind,
        "occurred_at": _at(occurred),
        "recorded_at": _at(recorded or occurred),
        "channel": "grid",
        "withdrawn": "false",
    }
    rows["events"].append(row | columns)


def _known_late(rows: Rows) -> None:
    """Occurred long before it was known; and known at the very instant of a landmark."""
    _dispute(rows, "D-LATE-EVENT", "03-02 09:00", narrative="双方为宅基地界址争执多次，社区已登记。")
    _handled(rows, "D-LATE-EVENT", "03-02")
    _event(
        rows,
        "E-LATE-EVENT-1",
        "D-LATE-EVENT",
        "threat",
        "03-10 20:30",
        recorded="05-12 10:00",
        severity="4",
        specifics="2",
        narrative="甲方三月在界墙旁对乙方说“今晚就去你家放火”，乙方五月才向网格员讲起。",
    )
    _dispute(rows, "D-EQUAL-INSTANT", "05-20 09:00", stakes="drainage")
    _handled(rows, "D-EQUAL-INSTANT", "05-20")
    _event(
        rows, "E-EQUAL-INSTANT-1", "D-EQUAL-INSTANT", "physical_contact", "05-31 18:00", recorded="06-01 00:00",
        severity="3",
    )  # fmt: skip
    _dispute(rows, "D-LATE-CLOSURE", "04-06 09:00", stakes="noise")
    _handled(rows, "D-LATE-CLOSURE", "04-06")
    _event(rows, "E-LATE-CLOSURE-1", "D-LATE-CLOSURE", "closed", "05-05 16:00", recorded="06-01 09:00")


def _corrections(rows: Rows) -> None:
    """A later version of a row replaces it from its own recorded time on."""
    _dispute(rows, "D-CORRECTED", "03-01 09:00", stakes="access", channel="police_110")
    _handled(rows, "D-CORRECTED", "03-01")
    for recorded, severity, told in (
        ("03-03 22:00", "5", "报警称对方持刀，民警到场处置。"),
        ("03-20 09:00", "3", "更正：现场未发现刀具，双方仅互相推搡，无人受伤。"),
    ):
        _event(
            rows, "E-CORRECTED-1", "D-CORRECTED", "physical_contact", "03-03 21:00", recorded=recorded,
            channel="police_110", severity=severity, alcohol="true", narrative=told,
        )  # fmt: skip
    _dispute(rows, "D-WITHDRAWN", "04-01 09:00", stakes="homestead")
    _handled(rows, "D-WITHDRAWN", "04-01")
    for recorded, withdrawn in (("04-02 21:00", "false"), ("04-20 09:00", "true")):
        _event(
            rows, "E-WITHDRAWN-1", "D-WITHDRAWN", "weapon", "04-02 19:00", recorded=recorded,
            channel="police_110", severity="5", withdrawn=withdrawn, narrative="登记有误：此事属另一起纠纷。",
        )  # fmt: skip


def _duplicates(rows: Rows) -> None:
    """One quarrel told through two channels counts once; two quarrels told through one channel count twice."""
    _dispute(rows, "D-TWO-CHANNELS", "06-01 09:00", channel="police_110")
    _handled(rows, "D-TWO-CHANNELS", "06-01")
    for number, (occurred, recorded, channel, severity) in enumerate(
        (
            ("06-05 20:00", "06-05 21:00", "police_110", "1"),
            ("06-06 09:00", "06-08 09:00", "grid", "2"),
            ("06-07 22:00", "06-08 22:00", "hotline_12345", "1"),
        )
    ):
        _event(
            rows, f"E-TWO-CHANNELS-{number + 1}", "D-TWO-CHANNELS", "verbal_altercation", occurred,
            recorded=recorded, channel=channel, severity=severity,
        )  # fmt: skip
    _dispute(rows, "D-SAME-CHANNEL", "06-01 09:00", channel="police_110")
    _handled(rows, "D-SAME-CHANNEL", "06-01")
    for number, occurred in enumerate(("06-05 15:00", "06-05 20:00")):
        _event(
            rows, f"E-SAME-CHANNEL-{number + 1}", "D-SAME-CHANNEL", "verbal_altercation", occurred,
            channel="police_110", severity="1",
        )  # fmt: skip
    _dispute(rows, "D-LATE-DUPLICATE", "03-01 09:00")
    _handled(rows, "D-LATE-DUPLICATE", "03-01")
    _event(
        rows, "E-LATE-DUPLICATE-1", "D-LATE-DUPLICATE", "threat", "03-04 19:00", recorded="03-05 09:00",
        severity="3", specifics="0", narrative="甲方对乙方说“走着瞧”。",
    )  # fmt: skip
    _event(
        rows, "E-LATE-DUPLICATE-2", "D-LATE-DUPLICATE", "threat", "03-05 08:00", recorded="03-25 09:00",
        channel="police_110", severity="4", specifics="1", narrative="同一次争吵，乙方补充：甲方说“弄死你”。",
    )  # fmt: skip


def _assertions(rows: Rows) -> None:
    """What was denied or only heard of stays on the timeline and counts for nothing."""
    _dispute(rows, "D-DENIED", "05-01 09:00", stakes="noise")
    _handled(rows, "D-DENIED", "05-01")
    _event(
        rows, "E-DENIED-1", "D-DENIED", "threat", "05-04 19:00", recorded="05-04 20:00", severity="4",
        specifics="1", assertion="denied", narrative="甲方否认说过“要你全家好看”，在场邻居也未听到。",
    )  # fmt: skip
    _dispute(rows, "D-HEARSAY", "05-01 09:00", stakes="demolition", kind="land_eviction")
    _handled(rows, "D-HEARSAY", "05-01")
    _event(
        rows, "E-HEARSAY-1", "D-HEARSAY", "arson_explosive_poison", "05-06 12:00", recorded="05-07 09:00",
        severity="5", assertion="hearsay", narrative="调解员转述：听他人讲甲方买了汽油，未核实。",
    )  # fmt: skip
    _dispute(
        rows, "D-BENIGN-WORDS", "05-01 09:00", kind="consumer", relation="commercial", proximity="none",
        stakes="other", amount_cny="68", channel="hotline_12345",
        narrative="来电人称在刀削面馆杀价不成，气得要死，要求退还多收的餐费。",
    )  # fmt: skip
    _handled(rows, "D-BENIGN-WORDS", "05-01")


def _labels(rows: Rows) -> None:
    """An outcome that is verified, and a label that is not known yet all the same."""
    for dispute_id, opened, occurred, verified, confidence in (
        ("D-MATURE", "03-01 09:00", "04-20 18:00", "05-20 09:00", "0.97"),
        ("D-IMMATURE", "06-01 09:00", "07-10 18:00", "07-25 09:00", "0.97"),
        ("D-WEAK-LINK", "03-01 09:00", "04-20 18:00", "05-20 09:00", "0.5"),
    ):
        _dispute(rows, dispute_id, opened, stakes="homestead|only_dwelling")
        _handled(rows, dispute_id, opened.split()[0])
        rows["incidents"].append({
            "incident_id": f"I-{dispute_id[2:]}",
            "dispute_id": dispute_id,
            "occurred_at": _at(occurred),
            "verified_at": _at(verified),
            "type": "serious_injury",
            "link_confidence": confidence,
            "withdrawn": "false",
        })  # fmt: skip


def _petitions(rows: Rows) -> None:
    """Only an institution that is late counts; a petition answered in time leaves no trace in a score."""
    for dispute_id, answers in (
        ("D-NO-PETITION", ()),
        ("D-OVERDUE", (("", ""),)),
        ("D-TEN-OVERDUE", (("", ""),) * 10),
        ("D-ANSWERED", (("04-10 10:00", "04-10 11:00"),) * 5),
        ("D-ANSWER-KNOWN-LATE", (("04-10 10:00", "04-28 09:00"),)),
    ):
        _dispute(rows, dispute_id, "04-01 09:00", kind="labour", relation="work", proximity="none", stakes="wages")
        _handled(rows, dispute_id, "04-01")
        for number, (answered, answer_recorded) in enumerate(answers):
            rows["petitions"].append({
                "petition_id": f"P-{dispute_id[2:]}-{number + 1}",
                "dispute_id": dispute_id,
                "lodged_at": _at("04-03 09:00"),
                "recorded_at": _at("04-03 10:00"),
                "due_at": _at("04-18 09:00"),
                "answered_at": _at(answered),
                "answer_recorded_at": _at(answer_recorded),
                "upheld": "false" if answered else "",
                "withdrawn": "false",
            })  # fmt: skip


def _pairs(rows: Rows) -> None:
    """The link to an earlier dispute of the same pair becomes known three weeks after the second was opened."""
    _dispute(rows, "D-PAIR-FIRST", "02-10 09:00", pair_token="pair-of-the-sample", pair_confidence="0.95")
    _handled(rows, "D-PAIR-FIRST", "02-10")
    _event(rows, "E-PAIR-FIRST-1", "D-PAIR-FIRST", "closed", "04-01 16:00", recorded="04-02 09:00")
    _dispute(rows, "D-PAIR-SECOND", "05-01 09:00")
    _dispute(
        rows, "D-PAIR-SECOND", "05-01 09:00", recorded="05-20 09:00", pair_token="pair-of-the-sample",
        pair_confidence="0.95",
    )  # fmt: skip
    _handled(rows, "D-PAIR-SECOND", "05-01")


def _dates(rows: Rows) -> None:
    """A known date ahead: the look-ahead holds its first instant and not its last."""
    _dispute(rows, "D-KNOWN-DATE", "07-01 09:00", stakes="boundary|access")
    _handled(rows, "D-KNOWN-DATE", "07-01")
    _event(
        rows, "E-KNOWN-DATE-1", "D-KNOWN-DATE", "construction_scheduled", "07-20 09:00", recorded="07-20 10:00",
        scheduled_at="08-10 09:00", narrative="施工队通知八月十日砌墙，双方均已知悉。",
    )  # fmt: skip
