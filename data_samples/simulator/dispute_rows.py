"""The rows of disputes: the first as it came in, and later versions that correct, lose or withdraw something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_samples.simulator.bad_rows import bad_disputes
from data_samples.simulator.clock import NEVER, Times, days
from data_samples.simulator.narratives import intake_places
from data_samples.simulator.rows import NO_CODE
from data_samples.simulator.world import Cases, Setting
from features.schema import DISPUTE_KINDS

UNKNOWN_KIND = len(DISPUTE_KINDS)
"""A kind that the contract does not know: a bad row."""


@dataclass(frozen=True)
class DisputeRows:
    """Versions of disputes in order of their recorded time.  ``case`` is the row of the dispute."""

    case: NDArray[np.intp]
    recorded: Times
    kind: NDArray[np.int8]
    needs_lost: NDArray[np.bool_]
    withdrawn: NDArray[np.int8]
    text: NDArray[np.int32]
    bad_amount: NDArray[np.bool_]
    planted: dict[str, int]


def dispute_rows(
    rng: np.random.Generator, setting: Setting, cases: Cases, *, order: NDArray[np.intp], known: Times, overdue: Times
) -> DisputeRows:
    """All versions of the disputes in ``order`` (that of ``known``).  ``overdue``: since when each is long overdue."""
    kinds_rng, needs_rng, bad_rng, text_rng = rng.spawn(4)
    wrong, corrected, withdrawn = _slips(kinds_rng, setting, cases, known)
    lost = _needs_lost(needs_rng, setting, known, overdue)
    first = np.where(wrong == NO_CODE, cases.kind, wrong).astype(np.int8)
    text = intake_places(text_rng, setting, cases, first, known)
    if not setting.imperfections.narratives:
        text[:] = NO_CODE
    moments = [(order, known[order])]
    for times in (corrected, lost, withdrawn):
        later = order[times[order] < setting.end]
        moments.append((later, times[later]))
    case = np.concatenate([which for which, _ in moments])
    recorded = np.concatenate([times for _, times in moments])
    by_time = np.argsort(recorded, kind="stable")
    case, recorded = case[by_time], recorded[by_time]
    kind = np.where(recorded >= corrected[case], cases.kind[case], first[case]).astype(np.int8)
    bad = np.flatnonzero(bad_disputes(bad_rng, setting.constants.flaws, len(case)) & setting.imperfections.bad_rows)
    bad_amount = np.zeros(len(case), np.bool_)
    bad_amount[bad[::2]] = True
    kind[bad[1::2]] = UNKNOWN_KIND
    return DisputeRows(
        case=case,
        recorded=recorded,
        kind=kind,
        needs_lost=recorded >= lost[case],
        withdrawn=(recorded >= withdrawn[case]).astype(np.int8),
        text=text[case],
        bad_amount=bad_amount,
        planted={"out_of_range": len(bad[::2]), "unknown_code": len(bad[1::2])},
    )


def _slips(
    rng: np.random.Generator, setting: Setting, cases: Cases, known: Times
) -> tuple[NDArray[np.int8], Times, Times]:
    """The wrong kind of some disputes, when it is corrected, and when some disputes are withdrawn."""
    flaws, count = setting.constants.flaws, len(cases)
    chance = rng.random((3, count))
    other = (cases.kind + rng.integers(1, len(DISPUTE_KINDS), count)) % len(DISPUTE_KINDS)
    correction = known + days(rng.uniform(*flaws.corrected_after_days, count))
    withdrawal = known + days(rng.uniform(*flaws.withdrawn_after_days, count))
    on = setting.imperfections.wrong_codes
    is_wrong = (chance[0] < flaws.wrong_kind) & on
    is_corrected = is_wrong & (chance[1] < flaws.kind_corrected)
    is_withdrawn = (chance[2] < flaws.dispute_withdrawn) & on
    return (
        np.where(is_wrong, other, NO_CODE).astype(np.int8),
        np.where(is_corrected, correction, NEVER),
        np.where(is_withdrawn, withdrawal, NEVER),
    )


def _needs_lost(rng: np.random.Generator, setting: Setting, known: Times, overdue: Times) -> Times:
    """When the needs of some long overdue disputes go missing from their file; ``NEVER`` for the others.

    They go missing at the moment when the dispute is so long overdue: a gap at intake would tell the future.
    """
    chance = rng.random(len(known))
    lost = (chance < setting.constants.flaws.needs_lost) & (overdue > known) & setting.imperfections.missingness
    return np.where(lost, overdue, NEVER)
