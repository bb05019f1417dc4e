"""Labels with three states: positive, negative, not yet known.  A zero is never made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from features.clock import NEVER, Flags, Times, label_is_known, looking_ahead
from features.history import Array, Log, Spine

UNKNOWN = -1


class LabelRule(BaseModel):
    """When a landmark counts as positive, and when its label counts as complete (all in days).

    ``ends_with_incident``: a dispute's first incident ends it, and rows after that leave training and evaluation; not so
    where the outcome is one that comes again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon_days: int = Field(default=90, ge=1)
    label_delay_days: float = Field(default=150, ge=0)
    min_link_confidence: float = Field(default=0.8, ge=0, le=1)
    ends_with_incident: bool = True

    @property
    def column(self) -> str:
        """The name of the label column, such as ``label_90``."""
        return f"label_{self.horizon_days}"

    @property
    def embargo_days(self) -> float:
        """Days after a landmark until its label is complete: horizon + label delay."""
        return self.horizon_days + self.label_delay_days


@dataclass(frozen=True)
class Outcomes:
    """What became of each landmark; these columns never enter a matrix.

    ``label`` is 1, 0 or ``UNKNOWN`` (int8).  ``incident_at`` is the dispute's first incident at or after the landmark
    (``NEVER`` if none is known), ``after_incident`` marks landmarks after the incident that ended the dispute.
    """

    label: Array
    incident_at: Times
    after_incident: Flags


def outcomes(spine: Spine, incidents: Log, *, known_at: int, rule: LabelRule, labelled: bool = True) -> Outcomes:
    """The label of every landmark as the records knew it at ``known_at``; unknown without an incident table.

    Positive iff an incident linked with enough confidence lies in ``[as_of, as_of + horizon)``.
    """
    start = incidents.offsets[spine.dispute]
    counts = incidents.offsets[spine.dispute + 1] - start
    row = np.repeat(np.arange(len(spine)), counts)
    item = np.arange(len(row)) + np.repeat(start - np.cumsum(counts) + counts, counts)
    sure = incidents.columns["link_confidence"][item] >= rule.min_link_confidence
    row, item = row[sure], item[sure]
    occurred = incidents.columns["occurred_at"][item]
    as_of = spine.as_of[row]

    incident_at = np.full(len(spine), NEVER)
    ahead = occurred >= as_of
    np.minimum.at(incident_at, row[ahead], occurred[ahead])
    after = np.zeros(len(spine), bool)
    after[row[~ahead]] = rule.ends_with_incident
    positive = np.zeros(len(spine), bool)
    positive[row[looking_ahead(occurred, as_of, rule.horizon_days)]] = True

    known = label_is_known(
        spine.as_of, known_at, horizon_days=rule.horizon_days, label_delay_days=rule.label_delay_days
    ) & bool(labelled)  # fmt: skip
    label = np.where(known, positive, UNKNOWN).astype(np.int8)
    return Outcomes(label, incident_at, after)
