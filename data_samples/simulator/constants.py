"""Every number that makes the simulated world, in one frozen place.

Source: the simulator specification, parts F1 (world), F2 (volume and channels), F3 (imperfections, in ``flaws``), F4
(treatments) and F8.  The digest is
pinned by a test, so that nobody tunes the world to a model.  ``Constants.perturbed`` makes the second world in which an
acceptance check must hold as well.  States are 0 calm, 1 friction, 2 hostile, 3 acute.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from data_samples.simulator.flaws import Flaws
from data_samples.simulator.paperwork import Paperwork

ByState = tuple[float, float, float, float]


@dataclass(frozen=True)
class KindTraits:
    """One dispute kind: its share, hazard ratio, and how often the stake is indivisible and the parties are close."""

    share: float
    hazard_ratio: float
    indivisible: float
    proximity: float


@dataclass(frozen=True)
class Channel:
    """One reporting channel: share of disputes, chance that what happens is recorded, and the delay in days."""

    share: float
    recorded: float
    delay_median_days: float
    delay_sigma: float


def _kinds() -> dict[str, KindTraits]:
    return {
        "neighbour": KindTraits(0.27, 1.0, 0.25, 0.85),
        "marriage_family": KindTraits(0.19, 2.6, 0.35, 0.70),
        "debt_finance": KindTraits(0.12, 1.0, 0.08, 0.05),
        "labour": KindTraits(0.11, 0.5, 0.15, 0.30),
        "land_eviction": KindTraits(0.07, 1.5, 0.40, 0.40),
        "property_mgmt": KindTraits(0.09, 0.35, 0.05, 0.50),
        "consumer": KindTraits(0.03, 0.35, 0.02, 0.02),
        "traffic": KindTraits(0.03, 0.35, 0.02, 0.02),
        "medical": KindTraits(0.01, 0.9, 0.15, 0.02),
        "village_affairs": KindTraits(0.025, 0.5, 0.05, 0.10),
        "inheritance": KindTraits(0.015, 0.5, 0.05, 0.10),
        "other": KindTraits(0.04, 0.5, 0.05, 0.10),
    }


def _channels() -> dict[str, Channel]:
    return {
        "grid": Channel(0.319, 0.55, 2.0, 1.0),
        "police_110": Channel(0.358, 0.80, 0.1, 0.8),
        "citizen_app": Channel(0.049, 0.45, 0.2, 0.7),
        "hotline_12345": Channel(0.044, 0.50, 1.0, 0.8),
        "sector": Channel(0.20, 0.60, 7.0, 0.9),
        "court": Channel(0.01, 0.60, 7.0, 0.9),
        "petition_office": Channel(0.01, 0.60, 7.0, 0.9),
        "walk_in": Channel(0.01, 0.60, 7.0, 0.9),
    }


def _conduct() -> dict[str, ByState]:
    return {
        "verbal_altercation": (0.010, 0.05, 0.15, 0.30),
        "physical_contact": (0.0008, 0.008, 0.05, 0.15),
        "threat": (0.0004, 0.004, 0.03, 0.14),
        "specific_threat": (0.0001, 0.0008, 0.006, 0.05),
        "weapon": (0.0001, 0.001, 0.008, 0.05),
        "property_damage": (0.0005, 0.004, 0.02, 0.06),
        "injury": (0.0002, 0.002, 0.012, 0.05),
        "fear_expressed": (0.0005, 0.005, 0.03, 0.10),
        "last_resort_statement": (0.0001, 0.0008, 0.008, 0.06),
    }


def _of_threat() -> dict[str, float]:
    return {
        "arson_explosive_poison": 0.1,
        "strangulation": 0.05,
        "stalking_blocking": 0.3,
        "breach_of_order": 0.1,
        "self_harm_statement": 0.1,
    }


@dataclass(frozen=True)
class World:
    """F1: latent hostility, states, hazard, and what happens each week."""

    kinds: dict[str, KindTraits] = field(default_factory=_kinds)
    trusted_third_party: float = 0.45
    state_hazard: ByState = (1.0, 3.0, 14.0, 70.0)
    hazard_per_hostility: float = 0.5
    hazard_per_indivisible: float = 0.5
    hazard_per_history: float = 0.3
    hazard_per_trigger: float = 0.7
    district_hazard_sigma: float = 0.15
    start_weights: ByState = (0.62, 0.29, 0.08, 0.01)
    start_per_hostility: ByState = (0.0, 0.3, 0.7, 1.0)
    start_per_history: ByState = (0.0, 0.3, 0.4, 0.5)
    start_per_police: ByState = (0.0, 0.0, 0.3, 0.5)
    up: ByState = (0.012, 0.022, 0.018, 0.0)
    down: ByState = (0.0, 0.08, 0.09, 0.16)
    up_in_trigger_weeks: float = 2.0
    up_when_closed: float = 0.5
    heat_hostility: float = 0.5
    heat_history: float = 0.25
    heat_close_and_kin: float = 0.3
    heat_overdue: float = 0.02
    heat_overdue_cap: float = 10.0
    heat_trusted: float = -0.25
    heat_on_down: float = -0.3
    overdue_from_week: int = 4
    overdue_per_week: float = 0.5
    overdue_cap: float = 12.0
    history_base: float = -1.6
    history_hostility: float = 0.5
    history_kinds: dict[str, float] = field(
        default_factory=lambda: {"neighbour": 0.5, "marriage_family": 0.4, "land_eviction": 0.5}
    )
    trigger_range_weeks: int = 26
    trigger_weeks: int = 2
    close: ByState = (0.22, 0.14, 0.06, 0.02)
    close_when_mediated: float = 1.4
    close_otherwise: float = 0.6
    administrative: float = 0.12
    settled_by_agreement: int = 1
    reopen: ByState = (0.0015, 0.008, 0.03, 0.06)
    petition: float = 0.012
    petition_per_overdue: float = 0.10
    conduct: dict[str, ByState] = field(default_factory=_conduct)
    conduct_of_threat: dict[str, float] = field(default_factory=_of_threat)
    fight_row_share: float = 0.10


@dataclass(frozen=True)
class Treatment:
    """One treatment: the weekly chance of getting it, and what it does while it lasts."""

    weekly: float
    weekly_per_state: float
    hazard_ratio: float
    on_up: float
    on_down: float
    weeks: int = 26
    weekly_cap: float = 0.6


@dataclass(frozen=True)
class RedPackage:
    """Help for the disputes that a score ranks highest: who gets it is the policy of a simulation, off by default.

    The score is the log of the hazard without help plus noise of a dispute's own, about as good as a model.
    ``capacity`` is the share of open disputes that get it; ``band``, the ranks about the capacity line that a trial
    decides by chance, relative to the capacity.
    """

    hazard_ratio: float = 0.50
    family_share_of_effect: float = 0.5
    weeks: int = 13
    capacity: float = 0.01
    band: float = 0.2
    band_chance: float = 0.5
    rank_noise: float = 1.2


@dataclass(frozen=True)
class HeavyContact:
    """Harm: some disputes of low state get heavy contact from their first week on, which makes them worse."""

    share: float = 0.05
    highest_state: int = 1
    hazard_excess: float = 0.2
    weeks: int = 26
    visit_every_weeks: int = 3


@dataclass(frozen=True)
class Treatments:
    """F4.  The sicker get more mediation and services, on purpose (confounding)."""

    mediation: Treatment = Treatment(0.25, 0.03, 0.65, 0.75, 1.5)
    services: Treatment = Treatment(0.01, 0.01, 0.75, 1.0, 1.3)
    red_package: RedPackage = RedPackage()
    heavy_contact: HeavyContact = HeavyContact()


@dataclass(frozen=True)
class Recording:
    """F2 and the label delay of F3: who records what, and when it becomes known."""

    channels: dict[str, Channel] = field(default_factory=_channels)
    same_channel: float = 0.75
    district_recorded_sigma: float = 0.30
    district_speed_sigma: float = 0.25
    recorded_cap: float = 0.98
    month_end: dict[str, float] = field(default_factory=lambda: {"sector": 0.30})
    verified_median_days: float = 21.0
    verified_sigma: float = 0.82
    coverage: float = 0.50
    incident_types: dict[str, float] = field(
        default_factory=lambda: {
            "homicide": 0.22, "attempted_homicide": 0.13, "serious_injury": 0.50, "arson": 0.04,
            "explosion": 0.01, "poisoning": 0.03, "kidnapping": 0.03, "vehicle_attack": 0.04,
        }
    )  # fmt: skip
    missing: dict[str, tuple[float, float, float, float]] = field(
        default_factory=lambda: {
            "grid": (0.10, 0.35, 0.10, 0.20),
            "police_110": (0.25, 0.70, 0.30, 0.60),
            "citizen_app": (0.55, 0.60, 0.40, 0.70),
            "hotline_12345": (0.45, 0.55, 0.50, 0.60),
            "sector": (0.15, 0.10, 0.45, 0.35),
            "court": (0.15, 0.10, 0.45, 0.35),
            "petition_office": (0.15, 0.10, 0.45, 0.35),
            "walk_in": (0.15, 0.10, 0.45, 0.35),
        }
    )
    """Chance that relation, amount, proximity and needs are null, by channel."""


@dataclass(frozen=True)
class Constants:
    """All constants of a world.  The base hazard is not here: it is what a preset sets."""

    districts: int = 12
    world: World = field(default_factory=World)
    treatments: Treatments = field(default_factory=Treatments)
    recording: Recording = field(default_factory=Recording)
    paperwork: Paperwork = field(default_factory=Paperwork)
    flaws: Flaws = field(default_factory=Flaws)

    @property
    def digest(self) -> str:
        """SHA-256 of every constant, in hexadecimal."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def perturbed(self, seed: int, *, spread: float = 0.3) -> Constants:
        """Another world: every real-valued constant times a factor drawn from 1 - spread to 1 + spread.

        Whole numbers (weeks, districts) stay; shares are normalised where they are used, chances above 1 mean always.
        """
        result: Constants = _perturb(self, np.random.default_rng(seed), spread)
        return result

    def with_hazard_ratios(
        self, *, mediation: float | None = None, services: float | None = None, red_package: float | None = None
    ) -> Constants:
        """The same world but for what help does to the hazard while it lasts; None leaves a ratio as it is."""
        ratios = {"mediation": mediation, "services": services, "red_package": red_package}
        changed = {
            name: replace(getattr(self.treatments, name), hazard_ratio=ratio)
            for name, ratio in ratios.items()
            if ratio is not None
        }
        return replace(self, treatments=replace(self.treatments, **changed))

    def with_extra_support(
        self, *, hazard_ratio: float, weekly: float | None = None, weekly_per_state: float | None = None
    ) -> Constants:
        """The same world where extra support (services) does nothing but multiply the hazard while it lasts.

        It leaves the state alone, so that the potential outcomes of the truth, which undo what it does to the hazard,
        are the whole of its effect.  The weekly chances of getting it may be others.
        """
        services = self.treatments.services
        changed = replace(
            services, hazard_ratio=hazard_ratio, on_up=1.0, on_down=1.0,
            weekly=services.weekly if weekly is None else weekly,
            weekly_per_state=services.weekly_per_state if weekly_per_state is None else weekly_per_state,
        )  # fmt: skip
        return replace(self, treatments=replace(self.treatments, services=changed))

    def null_world(self) -> Constants:
        """The same world where no help, mediation or contact has any effect, neither on the hazard nor on the state.

        A dispute closes as fast with mediation as without, or closing would carry the effect.
        """
        arms = self.treatments
        nothing = Treatments(
            mediation=replace(arms.mediation, hazard_ratio=1.0, on_up=1.0, on_down=1.0),
            services=replace(arms.services, hazard_ratio=1.0, on_up=1.0, on_down=1.0),
            red_package=replace(arms.red_package, hazard_ratio=1.0),
            heavy_contact=replace(arms.heavy_contact, hazard_excess=0.0),
        )
        closing = replace(self.world, close_when_mediated=1.0, close_otherwise=1.0)
        return replace(self, treatments=nothing, world=closing)


def _perturb(value: Any, rng: np.random.Generator, spread: float) -> Any:
    if isinstance(value, float):
        return value * (1.0 + spread * (2.0 * rng.random() - 1.0))
    if isinstance(value, tuple):
        return tuple(_perturb(item, rng, spread) for item in value)
    if isinstance(value, dict):
        return {key: _perturb(item, rng, spread) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _perturb(getattr(value, f.name), rng, spread) for f in fields(value)}
        return replace(value, **changed)
    return value
