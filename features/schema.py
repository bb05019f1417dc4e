"""The five record tables as one typed definition.

Validation, the reference page of the docs and the request model of the service are all made from ``TABLES``:
a column is described here and nowhere else.  Source: the records contract (``docs/reference/records.md`` is generated).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds.  Times are stored as microseconds UTC; ``CODES`` is a list of codes."""

    TEXT = "text"
    TIME = "time"
    CODE = "code"
    CODES = "list of codes"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "bool"


@dataclass(frozen=True)
class Column:
    """One column: its name, kind, whether it may be null, the allowed codes or bounds, and its meaning."""

    name: str
    kind: Kind
    nullable: bool = False
    codes: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    pattern: str | None = None
    meaning: str = ""
    free_text: bool = False

    @property
    def allowed(self) -> str:
        """What a value of this column may be, in words fit for an error message."""
        if self.kind in (Kind.CODE, Kind.CODES):
            what = ("a list of " if self.kind is Kind.CODES else "one of ") + ", ".join(self.codes)
        elif self.kind is Kind.TIME:
            what = "an RFC 3339 time with an offset, such as 2024-05-01T09:30:00+08:00"
        elif self.kind is Kind.BOOLEAN:
            what = "true or false"
        elif self.kind in (Kind.NUMBER, Kind.INTEGER):
            what = "a whole number" if self.kind is Kind.INTEGER else "a number"
            if self.low is not None and self.high is not None:
                what += f" from {self.low:g} to {self.high:g}"
            elif self.low is not None:
                what += f" of at least {self.low:g}"
        else:
            what = "text" if self.pattern is None else f"text matching {self.pattern}"
        return what + (" or null" if self.nullable else "")


@dataclass(frozen=True)
class Table:
    """One table: its columns, and which of them are its row id, its occurred clock and its recorded clock."""

    name: str
    columns: tuple[Column, ...]
    row_id: str
    occurred: str | None
    recorded: str | None
    meaning: str

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in the order of the contract."""
        return tuple(column.name for column in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify one version of one row."""
        return (self.row_id,) if self.recorded is None else (self.row_id, self.recorded)


CHANNELS = ("grid", "police_110", "citizen_app", "hotline_12345", "sector", "court", "petition_office", "walk_in")
DISPUTE_KINDS = (
    "neighbour", "marriage_family", "debt_finance", "labour", "land_eviction", "property_mgmt",
    "consumer", "traffic", "medical", "village_affairs", "inheritance", "other",
)  # fmt: skip
RELATIONS = (
    "spouse_partner", "ex_spouse_partner", "family", "neighbour", "work", "commercial", "tenancy", "care", "other",
)  # fmt: skip
PROXIMITIES = ("shared_dwelling", "adjoining", "shared_worksite", "none")
STAKES = (
    "homestead", "boundary", "access", "drainage", "land_contract", "demolition", "custody", "only_dwelling",
    "burial", "livelihood", "bodily_injury", "wages", "debt", "medical_cost", "noise", "other",
)  # fmt: skip

CONDUCT_TYPES = (
    "verbal_altercation", "physical_contact", "injury", "threat", "weapon", "arson_explosive_poison",
    "property_damage", "strangulation", "stalking_blocking", "breach_of_order", "self_harm_statement",
    "last_resort_statement", "fear_expressed",
)  # fmt: skip
HANDLING_TYPES = (
    "registered", "assigned", "first_contact", "handed_on", "mediation_agreed", "mediation_failed",
    "agreement_performed", "agreement_broken", "neutral_party_joined", "replied", "error_upheld",
    "followed_up", "closed", "reopened",
)  # fmt: skip
PROCEEDING_TYPES = (
    "separation_filed", "custody_filed", "protection_order_filed", "hearing_scheduled", "judgment_effective",
    "judgment_performed", "adverse_decision", "enforcement_scheduled", "eviction_notice", "eviction_scheduled",
    "handover_scheduled", "construction_scheduled",
)  # fmt: skip
SUPPORT_TYPES = ("support_requested", "support_delivered", "support_refused")
EVENT_TYPES = CONDUCT_TYPES + HANDLING_TYPES + PROCEEDING_TYPES + SUPPORT_TYPES

ASSERTIONS = ("affirmed", "denied", "feared", "hearsay", "past")
SERVICES = (
    "legal_aid", "protection_order", "psychological", "hardship", "housing", "child", "labour_arbitration",
    "enforcement",
)  # fmt: skip
INCIDENT_TYPES = (
    "homicide", "attempted_homicide", "serious_injury", "arson", "explosion", "poisoning", "kidnapping",
    "vehicle_attack",
)  # fmt: skip

DEFAULT_SEVERITY: dict[str, int] = {
    "verbal_altercation": 1, "property_damage": 2, "physical_contact": 3, "stalking_blocking": 3,
    "breach_of_order": 3, "last_resort_statement": 3, "threat": 3, "injury": 4, "weapon": 5,
    "arson_explosive_poison": 5, "strangulation": 5, "fear_expressed": 0, "self_harm_statement": 0,
}  # fmt: skip
"""Severity of a conduct event whose ``severity`` is null, by type; every other type counts 0."""

NEVER_SEVERE = "self_harm_statement"
"""A statement of wanting to die is no violence towards anybody: whatever severity was written beside it counts 0.

Otherwise the code would show in indicators that everybody sees, while the statement is for the care role alone.
"""

ID_PATTERN = r"^[A-Za-z][A-Za-z0-9_.:-]{0,63}$"
AREA_PATTERN = r"^[0-9]{9}$"


def _text(name: str, meaning: str, *, nullable: bool = False, pattern: str | None = None, free: bool = False) -> Column:
    return Column(name, Kind.TEXT, nullable, pattern=pattern, meaning=meaning, free_text=free)


def _time(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.TIME, nullable, meaning=meaning)


def _code(name: str, codes: tuple[str, ...], meaning: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.CODE, nullable, codes=codes, meaning=meaning)


def _number(name: str, meaning: str, *, low: float = 0, high: float | None = None, nullable: bool = True) -> Column:
    return Column(name, Kind.NUMBER, nullable, low=low, high=high, meaning=meaning)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, Kind.BOOLEAN, True, meaning=meaning)


_WITHDRAWN = _flag("withdrawn", "true: this version removes the row from its recorded time on; null = false")

DISPUTES = Table(
    "disputes",
    (
        _text("dispute_id", "opaque, with a letter prefix", pattern=ID_PATTERN),
        _time("opened_at", "when the dispute was first registered by anyone"),
        _time("recorded_at", "when this version was known"),
        _code("channel", CHANNELS, "through which the dispute came in"),
        _code("kind", DISPUTE_KINDS, "what it is about"),
        _code("relation", RELATIONS, "between the parties of this dispute", nullable=True),
        _code("proximity", PROXIMITIES, "whether the parties must keep meeting", nullable=True),
        Column("stakes", Kind.CODES, True, codes=STAKES, meaning="what is at stake"),
        _number("amount_cny", "claimed amount"),
        _number("wage_arrears_months", "months of unpaid wages"),
        _number("unpaid_medical_cny", "unpaid medical cost; amount only, no diagnosis"),
        _flag("minors_in_household", "disclosed by a party, for child support"),
        _text("pair_token", "same pair or households in two disputes = same token; made upstream with a "
              "per-deployment salt; never in a response, page or log", nullable=True),
        _number("pair_confidence", "of that link", high=1),
        _text("area", "9-digit township code; routing, access scope and audit, never a model input",
              pattern=AREA_PATTERN),
        _text("narrative", "intake text; shown to reviewers, never read by features", nullable=True, free=True),
        _WITHDRAWN,
    ),
    row_id="dispute_id", occurred="opened_at", recorded="recorded_at",
    meaning="One row per version of a dispute case.",
)  # fmt: skip

EVENTS = Table(
    "events",
    (
        _text("event_id", "id of the event, stable across its versions"),
        _text("dispute_id", "the dispute it belongs to", pattern=ID_PATTERN),
        _code("type", EVENT_TYPES, "conduct, handling, proceedings or support"),
        _time("occurred_at", "when it happened"),
        _time("recorded_at", "when this version was known"),
        _code("channel", CHANNELS, "through which it was reported"),
        Column("severity", Kind.INTEGER, True, low=0, high=5,
               meaning="0 none, 1 verbal, 2 property, 3 shove or vague threat, 4 injury or threat to kill, "
               "5 weapon, arson preparation, strangulation; null = the type's default"),
        Column("specifics", Kind.INTEGER, True, low=0, high=4,
               meaning="for a threat: how many of time, place, means, target were named"),
        _code("assertion", ASSERTIONS, "null = affirmed; only affirmed counts, the others stay on the timeline",
              nullable=True),
        _flag("alcohol", "drinking recorded at the scene"),
        _time("due_at", "a deadline", nullable=True),
        _time("scheduled_at", "a known future date", nullable=True),
        _code("service", SERVICES, "for support events", nullable=True),
        _text("narrative", "what was written down; never read by features", nullable=True, free=True),
        _WITHDRAWN,
    ),
    row_id="event_id", occurred="occurred_at", recorded="recorded_at",
    meaning="One row per version of something that happened in a dispute.",
)  # fmt: skip

PETITIONS = Table(
    "petitions",
    (
        _text("petition_id", "id of the petition"),
        _text("dispute_id", "the dispute it belongs to", pattern=ID_PATTERN),
        _time("lodged_at", "when it was lodged (its occurred time)"),
        _time("recorded_at", "when this version was known"),
        _time("due_at", "when the institution owed an answer"),
        _time("answered_at", "when the institution answered", nullable=True),
        _time("answer_recorded_at", "when the answer was known", nullable=True),
        _flag("upheld", "true: the petition was found justified"),
        _WITHDRAWN,
    ),
    row_id="petition_id",
    occurred="lodged_at",
    recorded="recorded_at",
    meaning="How an institution answered. No level or destination column, on purpose.",
)

INCIDENTS = Table(
    "incidents",
    (
        _text("incident_id", "id of the incident"),
        _text("dispute_id", "null = no dispute was on the books; needed for coverage", nullable=True,
              pattern=ID_PATTERN),
        _time("occurred_at", "when it happened"),
        _time("verified_at", "when it was verified (its recorded time)"),
        _code("type", INCIDENT_TYPES, "homicide or other serious violence"),
        _number("link_confidence", "of the link to the dispute", high=1, nullable=True),
        _WITHDRAWN,
    ),
    row_id="incident_id", occurred="occurred_at", recorded="verified_at",
    meaning="The outcome: homicide and other serious violence.",
)  # fmt: skip

AUDIT = Table(
    "audit",
    (
        _text("dispute_id", "the dispute it describes", pattern=ID_PATTERN),
        _text("sex_mix", "of the parties, where lawfully held", nullable=True),
        _text("age_band", "of the parties, in bands", nullable=True),
        _text("urban_rural", "of the township", nullable=True),
        _text("origin", "local or elsewhere", nullable=True),
    ),
    row_id="dispute_id", occurred=None, recorded=None,
    meaning="Protected attributes, for the fairness report alone; the feature code cannot read them.",
)  # fmt: skip

TABLES: tuple[Table, ...] = (DISPUTES, EVENTS, PETITIONS, INCIDENTS, AUDIT)
FEATURE_TABLES: tuple[Table, ...] = (DISPUTES, EVENTS, PETITIONS, INCIDENTS)
"""The tables ``read_records`` opens: never ``audit``."""

TABLES_BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
