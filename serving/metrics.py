"""Counts and times of requests for Prometheus: by route and status, never by path, which may hold anything."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0, 4.0, 16.0)


class Metrics:
    """The numbers of one app; its labels are few, whatever is asked of it."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "defuse_requests", "Requests answered", ["route", "status"], registry=self._registry
        )  # fmt: skip
        self._seconds = Histogram(
            "defuse_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=self._registry
        )

    def count(self, route: str, status: int, seconds: float) -> None:
        """Take note of one answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All numbers in the text format of Prometheus."""
        return generate_latest(self._registry)
