"""One measured number beside that of a peer from the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """A figure and its peer's; ``ratio`` is value over peer value, None where there is no peer."""

    figure: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None

    def to_record(self) -> dict[str, object]:
        """The same as a plain record."""
        ratio = None if self.peer_value is None else round(self.value / self.peer_value, 3)
        return asdict(self) | {"ratio": ratio}


def median_and_p99(
    name: str, seconds: list[float], unit: str, *, peer: str | None = None, peer_seconds: list[float] | None = None
) -> Iterator[Figure]:
    """The median and the 99th percentile of some times, in ``ms`` or ``us``."""
    scale = {"ms": 1e3, "us": 1e6}[unit]
    for label, share in (("median", 0.5), ("p99", 0.99)):
        value = round(scale * float(np.quantile(seconds, share)), 3)
        other = None if peer_seconds is None else round(scale * float(np.quantile(peer_seconds, share)), 3)
        yield Figure(f"{name}_{label}", value, unit, peer, other)
