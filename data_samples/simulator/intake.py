"""What an intake form says about a dispute: relation, proximity, stakes, amounts, needs.

Codes agree with the kind of dispute and its true traits.  What a channel does not ask is null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.rows import NO_CODE
from data_samples.simulator.world import Cases, Setting, by_name
from features.schema import CHANNELS, DISPUTE_KINDS, PROXIMITIES, RELATIONS, STAKES

_RELATIONS: dict[str, dict[str, float]] = {
    "neighbour": {"neighbour": 1.0},
    "marriage_family": {"spouse_partner": 0.5, "ex_spouse_partner": 0.15, "family": 0.35},
    "debt_finance": {"commercial": 0.5, "other": 0.3, "family": 0.1, "neighbour": 0.1},
    "labour": {"work": 1.0},
    "land_eviction": {"neighbour": 0.5, "family": 0.1, "other": 0.4},
    "property_mgmt": {"tenancy": 0.4, "commercial": 0.4, "neighbour": 0.2},
    "consumer": {"commercial": 1.0},
    "traffic": {"other": 1.0},
    "medical": {"care": 1.0},
    "village_affairs": {"neighbour": 0.6, "other": 0.4},
    "inheritance": {"family": 1.0},
    "other": {"other": 0.7, "commercial": 0.2, "tenancy": 0.1},
}
_CLOSE_BY: dict[str, str] = {
    "marriage_family": "shared_dwelling", "inheritance": "shared_dwelling", "labour": "shared_worksite",
    "medical": "shared_worksite", "consumer": "shared_worksite",
}  # fmt: skip
_DIVISIBLE: dict[str, tuple[str, ...]] = {
    "neighbour": ("homestead", "boundary", "access", "drainage", "noise"),
    "marriage_family": ("other", "debt"),
    "debt_finance": ("debt",),
    "labour": ("wages",),
    "land_eviction": ("land_contract", "demolition", "homestead"),
    "property_mgmt": ("noise", "access", "other"),
    "consumer": ("other",),
    "traffic": ("medical_cost", "other"),
    "medical": ("medical_cost",),
    "village_affairs": ("land_contract", "drainage", "other"),
    "inheritance": ("debt", "homestead", "other"),
    "other": ("other", "debt"),
}
_INDIVISIBLE: dict[str, tuple[str, ...]] = {
    "neighbour": ("bodily_injury", "only_dwelling", "burial"),
    "marriage_family": ("custody", "only_dwelling"),
    "debt_finance": ("livelihood",),
    "labour": ("livelihood", "bodily_injury"),
    "land_eviction": ("only_dwelling", "livelihood", "burial"),
    "property_mgmt": ("only_dwelling",),
    "consumer": ("bodily_injury",),
    "traffic": ("bodily_injury",),
    "medical": ("bodily_injury",),
    "village_affairs": ("livelihood", "burial"),
    "inheritance": ("only_dwelling",),
    "other": ("bodily_injury", "livelihood"),
}
_TURNS = 60


@dataclass(frozen=True)
class Intake:
    """The form of every dispute: codes (``NO_CODE`` = null), numbers (NaN = null)."""

    relation: NDArray[np.int8]
    proximity: NDArray[np.int8]
    first_stake: NDArray[np.int8]
    second_stake: NDArray[np.int8]
    amount_cny: NDArray[np.float64]
    wage_arrears_months: NDArray[np.float64]
    unpaid_medical_cny: NDArray[np.float64]
    minors: NDArray[np.int8]


def fill_in(rng: np.random.Generator, setting: Setting, cases: Cases, root: NDArray[np.int32]) -> Intake:
    """The forms of all disputes; disputes of one pair and kind name the same relation."""
    paperwork, count = setting.constants.paperwork, len(cases)
    chances = setting.constants.recording.missing
    missing = np.array([chances[name] for name in CHANNELS])[cases.channel]
    asked = (rng.random((4, count)) >= missing.T) | (not setting.imperfections.missingness)
    no_relation, no_amount, no_proximity, no_needs = ~asked
    relation = _weighted(rng, _RELATIONS, RELATIONS)[cases.kind, rng.integers(0, _TURNS, count)]
    relation = np.where(cases.kind[root] == cases.kind, relation[root], relation)
    near = [PROXIMITIES.index(_CLOSE_BY.get(name, "adjoining")) for name in DISPUTE_KINDS]
    proximity = np.where(cases.close, np.array(near)[cases.kind], PROXIMITIES.index("none"))
    minors = by_name(DISPUTE_KINDS, paperwork.minors, paperwork.minors_elsewhere)[cases.kind]
    arrears = _for_kinds(
        rng, cases, ("labour",), median=paperwork.arrears_median_months, sigma=paperwork.arrears_sigma, decimals=1
    )
    medical = _for_kinds(
        rng,
        cases,
        ("medical", "traffic"),
        median=paperwork.medical_cost_median,
        sigma=paperwork.medical_cost_sigma,
        decimals=0,
    )
    return Intake(
        relation=np.where(no_relation, NO_CODE, relation).astype(np.int8),
        proximity=np.where(no_proximity, NO_CODE, proximity).astype(np.int8),
        first_stake=_in_turn(_DIVISIBLE)[cases.kind, rng.integers(0, _TURNS, count)],
        second_stake=np.where(
            cases.indivisible, _in_turn(_INDIVISIBLE)[cases.kind, rng.integers(0, _TURNS, count)], NO_CODE
        ).astype(np.int8),
        amount_cny=np.where(no_amount, np.nan, _amounts(rng, setting, cases)),
        wage_arrears_months=np.where(no_needs, np.nan, arrears),
        unpaid_medical_cny=np.where(no_needs, np.nan, medical),
        minors=np.where(no_needs, NO_CODE, rng.random(count) < minors).astype(np.int8),
    )


def _weighted(
    rng: np.random.Generator, weights: dict[str, dict[str, float]], names: tuple[str, ...]
) -> NDArray[np.int8]:
    """Codes by [kind, turn]: each kind's codes as often as their weights say."""
    table = np.empty((len(DISPUTE_KINDS), _TURNS), np.int8)
    for row, kind in enumerate(DISPUTE_KINDS):
        codes = [names.index(name) for name in weights[kind]]
        numbers = np.rint(np.array(list(weights[kind].values())) * _TURNS).astype(int)
        table[row] = rng.permutation(np.repeat(codes, numbers))
    return table


def _in_turn(lists: dict[str, tuple[str, ...]]) -> NDArray[np.int8]:
    """Stake codes by [kind, turn], each equally often."""
    return np.array(
        [[STAKES.index(lists[kind][turn % len(lists[kind])]) for turn in range(_TURNS)] for kind in DISPUTE_KINDS],
        np.int8,
    )


def _amounts(rng: np.random.Generator, setting: Setting, cases: Cases) -> NDArray[np.float64]:
    paperwork, count = setting.constants.paperwork, len(cases)
    median = by_name(DISPUTE_KINDS, paperwork.amount_median, 0.0)[cases.kind]
    amount = np.round(median * np.exp(paperwork.amount_sigma * rng.standard_normal(count)), -2)
    nothing = rng.random(count) < by_name(DISPUTE_KINDS, paperwork.no_claim, 0.0)[cases.kind]
    return np.where(nothing, 0.0, amount)


def _for_kinds(
    rng: np.random.Generator, cases: Cases, kinds: tuple[str, ...], *, median: float, sigma: float, decimals: int
) -> NDArray[np.float64]:
    """A lognormal number that only disputes of some kinds have; NaN for the others."""
    value = np.round(median * np.exp(sigma * rng.standard_normal(len(cases))), decimals)
    return np.where(np.array([name in kinds for name in DISPUTE_KINDS])[cases.kind], value, np.nan)
