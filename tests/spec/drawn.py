"""Cases drawn as text: what happened, when it was known, and what an indicator must then say.

A drawn page holds disputes.  A dispute starts with a line that is not indented, its name and a sentence::

    TOLD-LATE  A threat to kill, told to the grid worker two days later.
        what       happened     known        details
        opened     01-01 09:00
        E1 threat  03-01 10:00  03-03 10:00  severity=4

        asked at      B04  B05
        03-03 10:00   0    0    known at this very instant: not yet visible
        03-03 10:00+  1    0    a microsecond later

Columns stand at least two spaces apart.  A time is ``MM-DD HH:MM`` of 2024 or ``YYYY-MM-DD HH:MM``, in Shanghai; ``+``
and ``-`` behind it mean a microsecond later and earlier; an empty ``known`` means at once.  The same row name again
is a later version of that row.  Details are ``name=value`` (times written with a T), codes of a channel or an
assertion, ``withdrawn``, ``drunk``, ``upheld``.  Of an answer: ``?`` is unknown (NaN or not yet known), anything after
the asked columns is a remark.
"""

import math
import re
from dataclasses import dataclass

import pytest

from features.case_export import case_record as exported_record
from features.clock import format_time, parse_time
from features.records import read_records
from features.schema import ASSERTIONS, CHANNELS, DISPUTES, EVENTS, INCIDENTS, PETITIONS, Kind
from tests import rows as r
from tests import slow_reading as slow

_GAP = re.compile(r"\s{2,}")
_TIME = re.compile(r"(?:(\d{4})-)?(\d\d-\d\d)[ T](\d\d:\d\d)([+-]?)")


@dataclass(frozen=True)
class Asked:
    """One question put to a drawn dispute, and the answer worked out by hand."""

    dispute_id: str
    as_of: int
    what: str
    answer: float
    line: str

    def __str__(self):
        return f"{self.dispute_id}: {self.what} at {self.line.strip()}"


@dataclass(frozen=True)
class Page:
    """Drawn disputes as rows, and the questions put to them."""

    tables: dict
    asked: list[Asked]


def moment(text):
    """Microseconds UTC of a drawn time."""
    found = _TIME.fullmatch(text)
    assert found, f"not a drawn time: {text!r}"
    year, day, clock, nudge = found.groups()
    return parse_time(f"{year or 2024}-{day}T{clock}:00+08:00") + {"": 0, "+": 1, "-": -1}[nudge]


def draw(text):
    """The page drawn in ``text``."""
    tables, asked, dispute_id, questions = r.no_rows(), [], "", None
    for line in text.splitlines():
        cells = _GAP.split(line.strip())
        if not line.strip() or cells[0] == "what":
            questions = None if line.strip() else questions
        elif not line.startswith(" "):
            dispute_id, questions = cells[0], None
        elif cells[0] == "asked at":
            questions = cells[1:]
        elif questions is None:
            _add(tables, dispute_id, cells)
        else:
            answers = zip(questions, cells[1:], strict=False)
            asked += [Asked(dispute_id, moment(cells[0]), what, _answer(cell), line) for what, cell in answers]
    return Page(tables, asked)


def _answer(cell):
    return math.nan if cell == "?" else float(cell)


def _add(tables, dispute_id, cells):
    """Add one drawn row to its table."""
    assert len(cells) > 1, f"columns stand two spaces apart: {cells}"
    name, happened, *rest = cells
    known = rest.pop(0) if rest and _TIME.fullmatch(rest[0]) else happened
    table, row_id, what = _named(name, dispute_id)
    former = next((row for row in reversed(tables[table.name]) if row[table.row_id] == row_id), {})
    told = {"opened": {}, "dispute": {}}.get(what, {"type": what} if "type" in table.names else {})
    own = {
        table.row_id: row_id, "dispute_id": dispute_id, table.occurred: moment(happened), table.recorded: moment(known),
        **({} if former else {"opened": {"area": r.AREA, "channel": "grid", "kind": "neighbour"}}.get(what, {})),
        **({"channel": "grid"} if table is EVENTS else {"link_confidence": 1.0} if table is INCIDENTS else {}),
    }  # fmt: skip
    inherited = former if what == "dispute" else {}
    details = _details(table, rest[0].split() if rest else [])
    tables[table.name].append({**dict.fromkeys(table.names), **inherited, **own, **told, **details})


def _named(name, dispute_id):
    if name in ("opened", "dispute"):
        return DISPUTES, dispute_id, name
    row_id, _, what = name.rpartition(" ")
    if what == "petition":
        return PETITIONS, f"{dispute_id}.{row_id}", what
    return INCIDENTS if row_id.startswith("I") else EVENTS, f"{dispute_id}.{row_id}", what


def _details(table, words):
    values = {}
    for word in words:
        name, is_set, value = word.partition("=")
        if not is_set:
            values |= _bare(word)
        else:
            column = table[name]
            values[name] = {
                Kind.TIME: moment, Kind.NUMBER: float, Kind.INTEGER: int, Kind.BOOLEAN: "true".__eq__,
                Kind.CODES: lambda text: text.split("|"),
            }.get(column.kind, str)(value)  # fmt: skip
    return values


def _bare(word):
    if word in CHANNELS:
        return {"channel": word}
    if word in ASSERTIONS:
        return {"assertion": word}
    return {{"withdrawn": "withdrawn", "drunk": "alcohol", "upheld": "upheld"}[word]: True}


class Answers:
    """A page measured on all paths: the matrix, the rows as a request, and the case record exported from the folder.

    The export is asked for once a dispute, at its last question.
    """

    def __init__(self, page, place, **options):
        folder = r.write_records(place / "records", page.tables)
        last = {question.dispute_id: question.as_of for question in sorted(page.asked, key=lambda q: q.as_of)}
        self.online = {}
        with read_records(folder, strict=True, now=r.NOW) as records:
            times = r.at(*(question.as_of for question in page.asked))
            self.matrix = r.build_records(records, place / "out", **{"as_of": times, **options})
            for dispute_id, as_of in dict.fromkeys((q.dispute_id, q.as_of) for q in page.asked):
                priors = _prior_disputes(page.tables, dispute_id, as_of)
                paths = [r.online(r.case_record(page.tables, dispute_id, as_of, priors))]
                if last[dispute_id] == as_of:
                    paths.append(r.online(exported_record(records, dispute_id, as_of=as_of)))
                self.online[dispute_id, as_of] = paths

    def check(self, question):
        """The batch gives the drawn answer, and both online paths the same bits."""
        values = self.matrix.of(question.dispute_id, question.as_of)
        found, right = values[question.what], question.answer
        assert found == pytest.approx(right, rel=1e-6, abs=1e-12, nan_ok=True), (
            f"{found:.12g}, but {right:.12g} is right"
        )
        for path in self.online[question.dispute_id, question.as_of]:
            assert r.bits(path) == r.bits(values), f"online {path}, batch {values}"


def _prior_disputes(tables, dispute_id, as_of):
    """What an intake system would send as the earlier disputes of the pair."""
    here = slow.visible_dispute(tables, dispute_id, as_of)
    found = []
    for other in sorted({row["dispute_id"] for row in tables["disputes"]} - {dispute_id}):
        there = slow.visible_dispute(tables, other, as_of)
        if here is None or there is None or here["pair_token"] is None or here["pair_token"] != there["pair_token"]:
            continue
        closures = [e for e in slow.visible_events(tables, other, as_of) if e["type"] == "closed"]
        closure = min(closures, key=lambda e: e["recorded_at"], default=None)
        found.append({
            "dispute_id": other,
            "opened_at": format_time(there["opened_at"]),
            "closed_at": closure and format_time(closure["occurred_at"]),
            "closed_recorded_at": closure and format_time(closure["recorded_at"]),
            "recorded_at": format_time(max(here["recorded_at"], there["recorded_at"])),
            "pair_confidence": min(here["pair_confidence"] or 0, there["pair_confidence"] or 0),
        })  # fmt: skip
    return found


def questions(page):
    """The questions of a page as parameters of a test."""
    return pytest.mark.parametrize("question", page.asked, ids=str)
