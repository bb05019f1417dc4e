"""Risk under usual care, as frozen records: each figure beside the same as observed on the same rows."""

from __future__ import annotations

from training.evaluation.measured import Measured, Record


class UsualCareFigure(Record):
    """One figure of one ranker twice: under usual care, and as observed on the very same rows; and their ratio.

    ``ratio`` is usual care over observed, on the same draws: an interval that holds 1 shows no effect of support.
    """

    usual_care: Measured
    as_observed: Measured
    ratio: Measured


class UsualCareRecord(Record):
    """Risk under usual care on the test rows: how many rows could be followed, by what weights, and what came of it.

    ``n_rows`` are under usual care at the landmark, ``n_under_support`` more are not.  ``n_censored`` of them began
    extra support within the horizon, ``n_events_censored`` of those with an incident after that.  No chance of being
    followed counts as less than ``least_chance``: that ``n_truncated`` rows are.  ``effective_rows``: Kish 1965.
    """

    estimand: str
    horizon_days: int
    effect_days: int
    least_chance: float
    announced_by: tuple[str, ...]
    n_rows: int
    n_under_support: int
    n_censored: int
    n_events_censored: int
    n_truncated: int
    largest_weight: float
    effective_rows: float
    figures: tuple[UsualCareFigure, ...]

    def find(self, name: str, *, ranker: str) -> UsualCareFigure:
        """Returns one figure; raises ``KeyError`` with its address where there is none."""
        for one in self.figures:
            if (one.usual_care.name, one.usual_care.ranker) == (name, ranker):
                return one
        raise KeyError(f"usual care/{ranker}/{name}")
