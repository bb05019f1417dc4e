"""The challenger scored beside the champion, after the answer has gone: stored for comparison, never returned."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from features.request_model import CaseRecord
from serving.in_force import Challenger
from serving.journal import named
from serving.log.shadow_rows import ShadowScore
from serving.metrics import Metrics

MOST_WAITING = 512
STORED_AT_ONCE = 64
REST_SECONDS = 0.25
log = logging.getLogger("defuse.serving")


class Shadow:
    """Scores in a thread of its own, in the pauses; what it can't keep up with is dropped and counted."""

    def __init__(self, store: Callable[[list[ShadowScore]], None], *, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics
        self._waiting: deque[tuple[str, CaseRecord, Challenger]] = deque()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def offer(self, assessment_id: str, case: CaseRecord, challenger: Challenger) -> None:
        """Have a case scored some time soon."""
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.shadow("dropped")
        else:
            self._waiting.append((assessment_id, case, challenger))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop, with what waits still scored."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(10)

    def _work(self) -> None:
        while not self._stopped.wait(REST_SECONDS):
            self._score_some()
        while self._waiting:
            self._score_some()

    def _score_some(self) -> None:
        scores: list[ShadowScore] = []
        while self._waiting and len(scores) < STORED_AT_ONCE:
            assessment_id, case, challenger = self._waiting.popleft()
            try:
                scored = challenger.scorer.score_case(case)
            except Exception as error:
                self._metrics.shadow("failed")
                log.error("the challenger failed on a case: %s", named(error))
                continue
            scores.append(
                ShadowScore(
                    assessment_id, challenger.scorer.model.digest, challenger.version, scored.probability,
                    scored.margin, scored.tier.value,
                )
            )  # fmt: skip
        if scores:
            self._keep(scores)

    def _keep(self, scores: list[ShadowScore]) -> None:
        try:
            self._store(scores)
        except Exception as error:
            log.error("shadow scores were not stored: %s", named(error))
            for _ in scores:
                self._metrics.shadow("failed")
        else:
            for _ in scores:
                self._metrics.shadow("scored")
