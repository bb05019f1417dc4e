"""What each row weighs under usual care: rows censored by extra support weigh nothing, the others stand for them.

A row is followed from its landmark to its incident or the end of the horizon.  Where extra support begins first it is
censored, and what would have become of it is not known; a row that was followed to its end weighs ``1 / P(no support
began until then)`` (inverse probability of censoring, Robins and Rotnitzky 1992).  The weights are not stabilised: a
numerator that falls with the time followed would weigh incidents, which end the following, unlike the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from features.clock import DAY_US, NEVER
from features.history import Array
from features.view import Values
from training.experiment import TreatmentSection
from training.split import Split
from training.treatment.uptake import Uptake, chance_of_none, fit_uptake, read_stretches


@dataclass(frozen=True)
class UsualCare:
    """How rows are weighed: the uptake of support in the training period, and that in the test.

    ``spine`` is the matrix whose landmarks the uptake was fitted on.  No start of support after the training labels
    were complete has any part in the weights of training rows.
    """

    spine: Path
    columns: tuple[str, ...]
    split: Split
    horizon_days: int
    settings: TreatmentSection
    early: Uptake
    late: Uptake

    @classmethod
    def fitted(
        cls, spine: Path, columns: tuple[str, ...], split: Split, *, horizon_days: int, settings: TreatmentSection,
        seed: int,
    ) -> UsualCare:  # fmt: skip
        """Fitted on the landmarks of both periods, each with a horizon to follow its last rows.

        What announces support (``settings.announced_by``) is left out of ``columns``: it would foretell the start
        so surely that nobody is left who stands for the others.
        """
        kept = tuple(name for name in columns if not name.startswith(settings.announced_by))
        horizon = horizon_days * DAY_US
        fits = [
            fit_uptake(
                spine, kept, start=start, end=end + horizon, effect_days=settings.effect_days, folds=settings.folds,
                seed=seed,
            )
            for start, end in ((split.train_start, split.train_end), (split.test_start, split.test_end))
        ]  # fmt: skip
        return cls(spine, kept, split, horizon_days, settings, *fits)

    def weights(self, matrix: Path, part: str) -> Values:
        """The weight of every row of a part of a matrix of the same records, shape (rows,).

        0 where the row is censored; NaN where the landmark itself lies within ``effect_days`` of a start of support:
        such a row is not under usual care, and belongs to no population that is asked about.
        """
        rows = pq.read_table(
            matrix / "treatments" / part, columns=["dispute_id", "as_of", "support_before", "support_at"]
        )
        incident = pq.read_table(matrix / "outcomes" / part, columns=["incident_at"])["incident_at"]
        dispute_ids = rows["dispute_id"].to_numpy(zero_copy_only=False)
        as_of, before, support, incident_at = (
            column.cast("int64").fill_null(absent).to_numpy()
            for column, absent in (
                (rows["as_of"], NEVER), (rows["support_before"], -NEVER), (rows["support_at"], NEVER), (incident, NEVER),
            )
        )  # fmt: skip
        horizon_ends = as_of + self.horizon_days * DAY_US
        chance = self._chance(part, dispute_ids, as_of, np.minimum(np.minimum(horizon_ends, incident_at), support))
        censored = (support < horizon_ends) & (support <= incident_at)
        weight = np.where(censored, 0.0, 1.0 / np.maximum(chance, self.settings.least_chance))
        return np.where(before >= as_of - self.settings.effect_days * DAY_US, np.nan, weight)

    def _chance(self, part: str, dispute_ids: Array, as_of: Array, stop: Array) -> Values:
        """The chance that no support began before ``stop``, by the uptake of the period that the landmark lies in."""
        settings = self.settings
        stretches = read_stretches(
            self.spine, part, self.columns, effect_days=settings.effect_days, folds=settings.folds
        )  # fmt: skip
        early = as_of < self.split.train_end
        chance = np.ones(len(as_of))
        for uptake, own in ((self.early, early), (self.late, ~early)):
            if own.any():
                rates = uptake.rates(stretches)
                chance[own] = chance_of_none(stretches, rates, dispute_ids[own], as_of[own], stop[own])
        return chance
