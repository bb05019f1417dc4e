"""Bands of rows next to each other in score, for the reliability diagram: each holds at least ten events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.evaluation.bootstrap import Draws, Weights, totals_by_cluster

Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

TOP_SHARES = (0.0015, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
FEWEST_EVENTS = 10


def risk_bands(
    *, label: Integers, score: Floats, dispute: Integers, fewest_events: int = FEWEST_EVENTS
) -> npt.NDArray[np.int64]:
    """Returns each row's band, (n,), 0 the highest: from the top, cut at ``TOP_SHARES``, joined until events suffice.

    Rows of one score are never parted.  An event is a dispute with a positive row in the band.  With fewer events
    than asked in all, there is one band.
    """
    cuts = np.unique(np.quantile(score, 1 - np.array(TOP_SHARES[:-1]), method="higher"))[::-1]
    fine = len(cuts) - np.searchsorted(cuts[::-1], score, side="right")
    positive = label == 1
    band_of_fine = np.zeros(len(cuts) + 1, dtype=np.int64)
    band, held = 0, set[int]()
    for piece in range(len(cuts) + 1):
        if len(held) >= fewest_events:
            band, held = band + 1, set()
        band_of_fine[piece] = band
        held |= set(dispute[positive & (fine == piece)].tolist())
    if len(held) < fewest_events and band > 0:
        band_of_fine[band_of_fine == band] = band - 1
    return band_of_fine[fine]


class BandDraws:
    """Observed rate and O/E of every band in each draw."""

    def __init__(
        self, *, band: Integers, label: Integers, probability: Floats, cluster: Integers, n_clusters: int
    ) -> None:
        n_bands = int(band.max()) + 1
        self._rows = totals_by_cluster(band, cluster, n_groups=n_bands, n_clusters=n_clusters)
        self._expected = totals_by_cluster(band, cluster, n_groups=n_bands, n_clusters=n_clusters, value=probability)
        hit = label == 1
        self._observed = totals_by_cluster(band[hit], cluster[hit], n_groups=n_bands, n_clusters=n_clusters)

    def draw(self, weights: Weights) -> Draws:
        """Returns arrays (draws,) keyed (band, "observed_rate" or "observed_over_expected")."""
        rows, expected, observed = (part @ weights for part in (self._rows, self._expected, self._observed))
        found: Draws = {}
        with np.errstate(invalid="ignore", divide="ignore"):
            for band in range(len(rows)):
                found[str(band), "observed_rate"] = (observed[band] / rows[band]).astype(np.float64)
                found[str(band), "observed_over_expected"] = (observed[band] / expected[band]).astype(np.float64)
        return found
