"""The nested fields of an assessment as JSON text, from pieces that are kept: most of what is said was said before.

Every piece is cut from the record that the service gives (``serving.assessment``), so that the words stand in one place.
"""

from __future__ import annotations

import math
from functools import lru_cache

from pydantic_core import to_json

from serving.assessment import Part, caution_record, floor_record, model_record, reason_record, routing_record
from serving.cautions import Codes
from serving.policy import Policy
from training.artifact.points_model import Model
from training.artifact.tiers import Tier

KEPT = 65_536
"""Reasons kept: about 30 MB, since each says one indicator and one value in two languages."""
NO_NUMBER = "NaN"
_CONTRIBUTION_AND_EVIDENCE = '0.0,"evidence":[]}'
_EVIDENCE = "[]}"


class Texts:
    """The pieces of one model and one policy."""

    def __init__(self, model: Model, policy: Policy, *, version: str) -> None:
        self._model, self._policy = model, policy
        self.base_rate = model.contract.base_rate
        self.model = as_json(model_record(model, version))
        self.reason = lru_cache(maxsize=KEPT)(self._reason)
        self.floor = lru_cache(maxsize=KEPT)(self._floor)
        self.cautions = lru_cache(maxsize=KEPT)(self._cautions)
        self.routing = lru_cache(maxsize=KEPT)(self._routing)

    def _reason(self, indicator: str, value: str) -> str:
        """A reason up to its contribution; the value is given as JSON text (``NO_NUMBER`` where unknown).

        Text tells 0.0 from -0.0, and is equal to itself also where there is no number.
        """
        known = math.nan if value == NO_NUMBER else float(value)
        record = reason_record(Part(indicator, known, 0.0, ()), self._model, frozenset())
        return as_json(record).removesuffix(_CONTRIBUTION_AND_EVIDENCE)

    def _floor(self, name: str) -> str:
        """A floor up to its evidence."""
        return as_json(floor_record(name, (), frozenset())).removesuffix(_EVIDENCE)

    def _cautions(self, codes: Codes) -> str:
        return as_json([caution_record(code) for code in codes])

    def _routing(
        self, tier: Tier, as_of: int, raising: tuple[str, ...], floors: tuple[str, ...], violent_family_tie: bool
    ) -> str:
        return as_json(
            routing_record(
                tier, self._policy, as_of=as_of, raising=raising, floors=floors, violent_family_tie=violent_family_tie
            )
        )  # fmt: skip


def as_json(record: object) -> str:
    """The JSON text of a record."""
    return to_json(record).decode()
