"""Counts and times for Prometheus: by route, status, stage, tier and rule, never by path, which may hold anything."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from features.errors import Fault
from features.rules import Rule
from training.artifact.tiers import Tier

SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.25, 1.0, 4.0, 16.0)
STAGE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.032, 0.25, 1.0)
ROUND_CASES = (1, 2, 4, 8, 16, 32)
STAGES = ("parse", "score", "view", "log")
OUTCOMES = ("scored", "failed", "dropped")
RULES = frozenset(Rule)
OTHER = "other"


class Metrics:
    """The numbers of one app; its labels are few, whatever is asked of it."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter("defuse_requests", "Requests answered", "route", "status")
        self._seconds = Histogram(
            "defuse_request_seconds", "Time to answer", ["route"], buckets=SECONDS, registry=self._registry
        )
        self._rounds = Histogram(
            "defuse_round_cases", "Cases scored together", buckets=ROUND_CASES, registry=self._registry
        )
        stages = Histogram(
            "defuse_stage_seconds", "Time of one stage of a round (parse: of a case)", ["stage"], buckets=STAGE_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._stages = {stage: stages.labels(stage) for stage in STAGES}
        scores = self._counter("defuse_scores", "Assessments given, by tier", "tier")
        self._tiers = {tier.value: scores.labels(tier.value) for tier in Tier}
        self._refusals = self._counter("defuse_refusals", "Faults found in requests, by rule", "rule")
        shadow = self._counter("defuse_shadow", "Cases of the challenger, by outcome", "outcome")
        self._shadow = {outcome: shadow.labels(outcome) for outcome in OUTCOMES}
        self._mismatches = self._counter("defuse_sum_mismatches", "Scores withheld as their parts did not add up")
        self._reloads = self._counter("defuse_model_reloads", "Models taken into force while running", "outcome")
        self._age = self._gauge("defuse_model_age_seconds", "Since the end of the records the model was trained on")
        self._fallback = self._gauge("defuse_model_fallback", "1 while something stands in for the model in force")
        self._ready = self._gauge("defuse_ready", "1 while a score could be given and logged")
        self._waiting = self._gauge("defuse_log_waiting", "Assessments not yet on disk")
        self._lag = self._gauge("defuse_log_lag_seconds", "Time the oldest of them has waited")
        self._anchor_failures = self._gauge(
            "defuse_anchor_failures", "Failed attempts to tell the head outside, since the start"
        )
        self._unanchored = self._gauge(
            "defuse_anchor_behind_entries", "Entries after the last one that was told outside"
        )
        self._timed = cache(self._seconds.labels)
        self._counted = cache(lambda route, status: self._requests.labels(route, str(status)))

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(name, told, list(labels), registry=self._registry)

    def _gauge(self, name: str, told: str) -> Gauge:
        return Gauge(name, told, registry=self._registry)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Take note of one answer."""
        self._counted(route, status).inc()
        self._timed(route).observe(seconds)

    def stage(self, stage: str, seconds: float) -> None:
        """Take note of how long a stage took."""
        self._stages[stage].observe(seconds)

    def scored(self, tier: Tier) -> None:
        """Take note of an assessment."""
        self._tiers[tier.value].inc()

    def round(self, cases: int, **stages: float) -> None:
        """Take note of a round: of how many cases, and the seconds of its stages."""
        self._rounds.observe(cases)
        for stage, seconds in stages.items():
            self._stages[stage].observe(seconds)

    def refused(self, faults: Iterable[Fault]) -> None:
        """Take note of the faults of a request."""
        for fault in faults:
            self._refusals.labels(fault.rule if fault.rule in RULES else OTHER).inc()

    def mismatch(self) -> None:
        """Take note of a score that was withheld."""
        self._mismatches.inc()

    def shadow(self, outcome: str) -> None:
        """Take note of a case of the challenger: ``scored``, ``failed`` or ``dropped``."""
        self._shadow[outcome].inc()

    def reloaded(self, outcome: str) -> None:
        """Take note of a model taken into force: ``done`` or ``failed``."""
        self._reloads.labels(outcome).inc()

    def now(self, *, model_age: float, is_fallback: bool, is_ready: bool, log_waiting: int, log_lag: float) -> None:
        """Set what is read when it is asked for."""
        self._age.set(model_age)
        self._fallback.set(is_fallback)
        self._ready.set(is_ready)
        self._waiting.set(log_waiting)
        self._lag.set(log_lag)

    def anchored(self, *, failures: int, behind: int) -> None:
        """Set how the head is told outside; where it is told nowhere both stay 0."""
        self._anchor_failures.set(failures)
        self._unanchored.set(behind)

    def text(self) -> bytes:
        """All numbers in the text format of Prometheus."""
        return generate_latest(self._registry)
