"""What the probes found, as frozen records: the same test rows under records that were spoilt on purpose."""

from __future__ import annotations

from typing import Literal

from training.evaluation.measured import Difference, Measured, Record

ProbeName = Literal["shuffled_labels", "delayed_features", "missing_channel"]
ProbeVerdict = Literal["passed", "look for a leak", "holds up", "leans on it", "too few to say"]

CLIFF = 0.05
"""A week of delay may cost this much AUC and no more: what is beyond looks like features that know the future."""
LOSS = 0.02
"""A channel is leaned on where without it clearly more AUC than this is lost."""


class Probe(Record):
    """One probe: the numbers of the model as it is and under the probe, on the same rows and draws.

    ``as_it_is`` is empty for shuffled labels, where the numbers are those of a model *trained* on them, to be held
    against ``chance``, the range of shuffles.  ``differences`` are probe minus as it is.
    """

    probe: ProbeName
    subject: str
    n_rows: int
    as_it_is: tuple[Measured, ...] = ()
    probed: tuple[Measured, ...]
    differences: tuple[Difference, ...] = ()
    chance: Measured | None = None
    limit: float | None = None
    verdict: ProbeVerdict

    @property
    def suspicious(self) -> bool:
        """Whether a release must wait until somebody has looked for a leak."""
        return self.verdict == "look for a leak"

    def find(self, metric: str) -> Difference | None:
        """Returns the paired difference of a metric; None where there is none."""
        return next((one for one in self.differences if one.metric == metric), None)
