"""Plain constants of what goes wrong in records, of what changes over the years, and of what texts hold.

Source: parts F3, F6 and F8 of the simulator specification.  Chances are shares of rows unless told otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Drift:
    """What changes over the years.  Years and quarters count from 0, the first written one."""

    hazard_per_year: float = -0.05
    kinds_per_year: dict[str, float] = field(default_factory=lambda: {"property_mgmt": 0.15, "debt_finance": 0.10})
    late_channel: str = "citizen_app"
    late_channel_from_year: int = 1
    missing_port: str = "sector"
    missing_port_quarter: int = 6
    deadline_from_year: int = 2
    deadline_factor: float = 0.5
    severity_split_from_year: int = 2
    severity_split: float = 0.5
    """Share of what was severity 3 (a shove, a vague threat) that the new form calls 2."""
    new_form_from_year: int = 2
    shock_kind: str = "debt_finance"
    shock_quarter: int = 12
    shock_quarters: int = 2
    shock_excess: float = 0.6


def _unaffirmed_types() -> dict[str, float]:
    return {
        "threat": 0.30, "verbal_altercation": 0.20, "physical_contact": 0.15, "weapon": 0.10, "property_damage": 0.08,
        "arson_explosive_poison": 0.05, "injury": 0.05, "stalking_blocking": 0.04, "last_resort_statement": 0.03,
    }  # fmt: skip


@dataclass(frozen=True)
class Flaws:
    """What goes wrong between what happened and what is on record."""

    # duplicates, of recorded affirmed conduct
    second_channel: float = 0.12
    third_channel: float = 0.02
    copy_after_mean_hours: float = 8.0
    copy_differs: float = 0.25
    # reports that affirm nothing, relative to 0.70 affirmed ones; they come at one rate whatever the state
    assertions: dict[str, float] = field(
        default_factory=lambda: {"denied": 0.08, "feared": 0.12, "hearsay": 0.07, "past": 0.03}
    )
    affirmed: float = 0.70
    unaffirmed_types: dict[str, float] = field(default_factory=_unaffirmed_types)
    # links between disputes of one pair
    false_merge: float = 0.02
    missed_link: float = 0.05
    sure_when_right: float = 0.93
    sure_when_wrong: float = 0.12
    # needs lost from the file of a dispute once it is so many days overdue
    needs_lost: float = 0.15
    needs_lost_when_overdue: float = 9.0
    # wrong codes and dates, corrections, withdrawals
    wrong_kind: float = 0.06
    kind_corrected: float = 0.5
    corrected_after_days: tuple[float, float] = (5.0, 60.0)
    wrong_date: float = 0.01
    date_corrected: float = 0.4
    wrong_dispute: float = 0.01
    """Conduct entered in the wrong dispute and withdrawn later, relative to all conduct."""
    dispute_withdrawn: float = 0.002
    petition_withdrawn: float = 0.01
    withdrawn_after_days: tuple[float, float] = (3.0, 60.0)
    # rows that break a rule of the door
    recorded_before_occurred: float = 0.003
    recorded_in_future: float = 0.001
    unknown_code: float = 0.0005
    out_of_range: float = 0.0005
    repeated_key: float = 0.0005
    unknown_dispute: float = 0.0002
    bad_dispute: float = 0.0003
    answer_before_lodged: float = 0.001
    # outcomes
    reclassified: float = 0.05
    reclassified_withdrawn: float = 0.2
    """Of the reclassified: those found not to be serious after all."""
    reclassified_after_days: tuple[float, float] = (10.0, 120.0)
    wrong_case: float = 0.04
    link_sure_when_right: float = 0.96
    link_sure_when_wrong: float = 0.2
    # recording by audit attribute: a factor on the chance of being recorded, and no other effect
    urban_recorded: float = 0.15
    elsewhere_recorded: float = -0.15
    # texts
    conduct_narrated: float = 0.9
    intake_narrated: float = 0.9
    look_alike: float = 0.10
    protected_remark: float = 0.03
    instruction: float = 0.001
    rights_remark: float = 0.02
    drift: Drift = field(default_factory=Drift)
