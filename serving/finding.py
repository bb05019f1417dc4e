"""One thing that the doctor looked at, and how it stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNS = "warns"
    BLOCKS = "blocks"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; ``remedy`` says what to do where it is not ok."""

    check: str
    state: State
    told: str
    remedy: str = ""

    def to_record(self) -> dict[str, str]:
        """The same as a plain record."""
        return asdict(self)
