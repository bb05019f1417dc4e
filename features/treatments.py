"""When extra support began, in a table of its own beside the matrix: what a model must never see.

Mediation is usual care; extra support is what ``support_delivered`` says.  A landmark's risk *under usual care* is
estimated by following it until extra support begins, so that fitting and evaluation need these times, as they need
outcomes.  No column of the matrix comes from here: support goes to those who seem worst off, and a model that knew of it
would learn who was helped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.clock import NEVER, Flags, Times
from features.history import Log, Spine

EXTRA_SUPPORT = "support_delivered"


@dataclass(frozen=True)
class Treatments:
    """Extra support about each landmark, as the records knew it in the end; arrays (rows,).

    ``before`` is its last start before the landmark (``-NEVER`` for none), ``at`` its first start at or after it
    (``NEVER`` for none known), both in microseconds UTC of the occurred time.
    """

    before: Times
    at: Times


def treatments(spine: Spine, support: Log) -> Treatments:
    """The starts of extra support about every landmark.

    ``support`` holds the last versions of the deliveries, withdrawn and unaffirmed ones left out, by dispute.
    """
    start = support.offsets[spine.dispute]
    counts = support.offsets[spine.dispute + 1] - start
    row = np.repeat(np.arange(len(spine)), counts)
    item = np.arange(len(row)) + np.repeat(start - np.cumsum(counts) + counts, counts)
    occurred = support.columns["occurred_at"][item]
    ahead: Flags = occurred >= spine.as_of[row]
    before, at = np.full(len(spine), -NEVER), np.full(len(spine), NEVER)
    np.maximum.at(before, row[~ahead], occurred[~ahead])
    np.minimum.at(at, row[ahead], occurred[ahead])
    return Treatments(before, at)
