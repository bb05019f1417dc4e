"""What is in force in this process: one model and one policy, swapped together, and the challenger beside them."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from features.clock import parse_time
from features.errors import UserError
from features.request_model import parse_case
from serving.log.decision_log import policy_digest
from serving.metrics import Metrics
from serving.openapi_words import CASE
from serving.policy import POLICY_FILE, Policy, read_policy
from serving.scorer import Scorer
from training.artifact.home import Home
from training.artifact.points_model import Model
from training.artifact.standing import Standing, load_standing
from training.artifact.store import CHALLENGER_FILE, CHAMPION_FILE, load_model

LOOKS_PER_RETRY = 10
log = logging.getLogger("defuse.serving")

Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class InForce:
    """A model with the policy it is routed by: a request holds one of these from its beginning to its end."""

    scorer: Scorer
    version: str
    policy: Policy
    fallback: str | None = None
    reason: str = ""

    @property
    def model(self) -> Model:
        """The verified model."""
        return self.scorer.model

    @cached_property
    def policy_content(self) -> str:
        """The policy as the log keeps it beside the assessments that it routed."""
        return self.policy.model_dump_json()

    @cached_property
    def policy_digest(self) -> str:
        """The digest of that."""
        return policy_digest(self.policy_content)

    @cached_property
    def trained_through(self) -> int:
        """Until when the records reached that it was trained on, microseconds UTC."""
        return parse_time(self.model.contract.provenance.trained_through)


@dataclass(frozen=True)
class Challenger:
    """The version that is scored in the shadow."""

    scorer: Scorer
    version: str


class Keeper:
    """Holds what is in force, and takes over what is promoted while requests go on.

    ``current`` and ``challenger`` are single references: whoever read one keeps a whole model and policy.
    """

    def __init__(self, home: Home, *, metrics: Metrics) -> None:
        """Load both.  Raises MissingInput, ModelNotVerified or InvalidConfiguration where no score can be given."""
        self._home, self._metrics = home, metrics
        self._stamp = self._stamps(CHAMPION_FILE, POLICY_FILE)
        self._challenger_stamp: tuple[Stamp, ...] = (None,)
        self._looks = 0
        self.current = self._loaded()
        self.challenger: Challenger | None = None
        self._look_at_challenger()

    def refresh(self) -> None:
        """Take what changed on disk.  What can't be taken leaves what is there, and is logged once."""
        stamp = self._stamps(CHAMPION_FILE, POLICY_FILE)
        self._looks += 1
        retry = self.current.fallback is not None and self._looks % LOOKS_PER_RETRY == 0
        if stamp != self._stamp or retry:
            was_told, self._stamp = stamp == self._stamp, stamp
            self._take_over(was_told=was_told)
        self._look_at_challenger()

    def _take_over(self, *, was_told: bool) -> None:
        try:
            found = self._loaded()
        except UserError as error:
            if not was_told:
                log.error("what was promoted or configured can't be taken; the former goes on: %s", error)
                self._metrics.reloaded("failed")
            return
        former, self.current = self.current, found
        if (former.model.digest, former.policy) != (found.model.digest, found.policy):
            log.info("version %s is in force, policy %s", found.version, found.policy.version)
            self._metrics.reloaded("done")

    def _loaded(self) -> InForce:
        policy = read_policy(self._home.root)
        standing = load_standing(self._home.root)
        return _ready(standing, policy)

    def _look_at_challenger(self) -> None:
        stamp = self._stamps(CHALLENGER_FILE, CHAMPION_FILE)
        if stamp == self._challenger_stamp:
            return
        self._challenger_stamp = stamp
        self.challenger = self._loaded_challenger()
        if self.challenger is not None:
            log.info("version %s is scored in the shadow", self.challenger.version)

    def _loaded_challenger(self) -> Challenger | None:
        try:
            named = json.loads((self._home.root / CHALLENGER_FILE).read_text("utf-8"))
            version, digest = str(named["version"]), str(named["digest"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if digest == self.current.model.digest or Path(digest).name != digest:
            return None
        try:
            return Challenger(Scorer(load_model(self._home.models / digest), watch=self.current.policy.watch), version)
        except UserError as error:
            log.error("the challenger is not scored: %s", error)
            return None

    def _stamps(self, *names: str) -> tuple[Stamp, ...]:
        return tuple(_stamp(self._home.root / name) for name in names)


def _ready(standing: Standing, policy: Policy) -> InForce:
    if standing.fallback is not None:
        log.error("%s: %s", standing.fallback, standing.reason)
    scorer = Scorer(standing.model, watch=policy.watch, fallback=standing.fallback)
    scorer.score_case(parse_case(CASE, now_us=time.time_ns() // 1_000))  # loads what is compiled, before anybody waits
    return InForce(scorer, standing.version, policy, standing.fallback, standing.reason)


def _stamp(path: Path) -> Stamp:
    """What changes whenever a file is replaced or written."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
