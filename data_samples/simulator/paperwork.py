"""Plain constants of what offices do: handling, petitions, proceedings, support and what an intake form holds.

None of it has an effect on the hazard, apart from the trigger dates, which are part of the world: here stands only how
often such a date is known in advance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ByState = tuple[float, float, float, float]


@dataclass(frozen=True)
class Lag:
    """A lognormal delay: its median in days and its sigma."""

    median_days: float
    sigma: float


@dataclass(frozen=True)
class Filing:
    """A proceeding that some disputes of some kinds see once, so many days after opening.

    ``date_after_days`` gives the known future date it announces; ``performed`` is the share followed by
    ``judgment_performed``.
    """

    type: str
    kinds: tuple[str, ...]
    share: float
    within_days: float
    date_after_days: float | None = None
    performed: float = 0.0


def _filings() -> tuple[Filing, ...]:
    family, debt, labour, land = ("marriage_family",), ("debt_finance",), ("labour",), ("land_eviction",)
    return (
        Filing("separation_filed", family, 0.030, 120.0),
        Filing("custody_filed", family, 0.015, 120.0),
        Filing("protection_order_filed", family, 0.015, 90.0),
        Filing("hearing_scheduled", (*family, *debt, *labour, "inheritance"), 0.03, 120.0, 35.0),
        Filing("judgment_effective", (*debt, *labour, "traffic", "medical"), 0.08, 150.0, performed=0.4),
        Filing("enforcement_scheduled", debt, 0.02, 200.0, 30.0),
        Filing("adverse_decision", (*land, *labour, "village_affairs"), 0.03, 120.0),
        Filing("eviction_notice", land, 0.04, 120.0),
        Filing("eviction_scheduled", land, 0.02, 150.0, 30.0),
        Filing("handover_scheduled", (*family, "property_mgmt"), 0.01, 120.0, 20.0),
        Filing("construction_scheduled", (*land, "neighbour"), 0.01, 120.0, 20.0),
    )


def _trigger_types() -> dict[str, tuple[str, ...]]:
    return {
        "neighbour": ("construction_scheduled", "hearing_scheduled"),
        "marriage_family": ("hearing_scheduled", "handover_scheduled"),
        "debt_finance": ("hearing_scheduled", "enforcement_scheduled"),
        "land_eviction": ("eviction_scheduled", "construction_scheduled"),
        "property_mgmt": ("handover_scheduled", "hearing_scheduled"),
    }


def _services() -> dict[str, tuple[str, ...]]:
    return {
        "marriage_family": ("psychological", "legal_aid", "protection_order", "child", "hardship"),
        "debt_finance": ("legal_aid", "enforcement", "hardship"),
        "labour": ("labour_arbitration", "legal_aid", "hardship"),
        "land_eviction": ("housing", "legal_aid", "hardship"),
        "medical": ("legal_aid", "hardship", "psychological"),
        "traffic": ("legal_aid", "hardship"),
    }


def _amount_medians() -> dict[str, float]:
    return {
        "neighbour": 6_000.0, "marriage_family": 30_000.0, "debt_finance": 45_000.0, "labour": 18_000.0,
        "land_eviction": 60_000.0, "property_mgmt": 3_000.0, "consumer": 1_500.0, "traffic": 12_000.0,
        "medical": 50_000.0, "village_affairs": 8_000.0, "inheritance": 120_000.0, "other": 5_000.0,
    }  # fmt: skip


def _no_claim() -> dict[str, float]:
    return {"neighbour": 0.5, "marriage_family": 0.6, "property_mgmt": 0.3, "village_affairs": 0.4, "other": 0.4}


@dataclass(frozen=True)
class Paperwork:
    """How offices work, and what an intake form holds."""

    registered: Lag = Lag(0.05, 0.8)
    entered: Lag = Lag(0.3, 1.0)
    assigned: Lag = Lag(0.1, 0.8)
    never_assigned: dict[str, float] = field(default_factory=lambda: {"police_110": 0.069})
    first_contact: Lag = Lag(0.6, 0.9)
    replied: Lag = Lag(5.0, 0.6)
    neutral_party: float = 0.5
    neutral_party_within_days: float = 21.0
    handed_on_per_week: float = 0.02
    error_upheld_per_week: float = 0.002
    followed_up: float = 0.5
    followed_up_after_days: tuple[float, float] = (10.0, 30.0)
    agreed: ByState = (0.80, 0.65, 0.45, 0.25)
    agreement_due_days: tuple[float, float] = (14.0, 45.0)
    performed: ByState = (0.85, 0.70, 0.45, 0.25)
    broken: ByState = (0.05, 0.15, 0.35, 0.55)
    closed_after_incident: float = 0.8
    closed_after_incident_days: tuple[float, float] = (5.0, 60.0)
    petition_due_days: float = 30.0
    petition_answer: Lag = Lag(18.0, 0.6)
    petition_never_answered: float = 0.05
    petition_upheld: float = 0.10
    filings: tuple[Filing, ...] = field(default_factory=_filings)
    judgment_performed_days: tuple[float, float] = (20.0, 200.0)
    trigger_known: float = 0.3
    trigger_notice_days: tuple[float, float] = (5.0, 30.0)
    trigger_types: dict[str, tuple[str, ...]] = field(default_factory=_trigger_types)
    support_wait: Lag = Lag(7.0, 0.8)
    unmet_request_per_week: float = 0.004
    request_refused: float = 0.4
    services: dict[str, tuple[str, ...]] = field(default_factory=_services)
    severity_left_out: float = 0.3
    alcohol: float = 0.15
    alcohol_not_asked: float = 0.4
    amount_median: dict[str, float] = field(default_factory=_amount_medians)
    amount_sigma: float = 1.0
    no_claim: dict[str, float] = field(default_factory=_no_claim)
    arrears_median_months: float = 3.0
    arrears_sigma: float = 0.7
    medical_cost_median: float = 20_000.0
    medical_cost_sigma: float = 1.0
    minors: dict[str, float] = field(default_factory=lambda: {"marriage_family": 0.40})
    minors_elsewhere: float = 0.10
