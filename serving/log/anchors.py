"""Anchors: the head of the chain, told to something outside that the log's keeper can't change unseen."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from features.errors import InvalidConfiguration

COMMAND_SECONDS = 30
log = logging.getLogger("defuse.serving")


class Anchoring(BaseModel):
    """Where the head is told, and how often: after so many entries or minutes, whichever comes first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Annotated[
        str, Field(description="a file that a line of JSON is appended to: best on another machine's disk")
    ] = ""
    command: Annotated[tuple[str, ...], Field(description="a program that gets the line on its standard input")] = ()
    every_entries: Annotated[int, Field(ge=1, description="after so many entries")] = 1_000
    every_minutes: Annotated[float, Field(gt=0, description="after so many minutes, where there was any entry")] = 60

    @model_validator(mode="after")
    def _one_place(self) -> Anchoring:
        if self.file and self.command:
            raise ValueError("name a file or a command, not both")
        return self

    @property
    def is_on(self) -> bool:
        """Whether the head is told anywhere."""
        return bool(self.file or self.command)


@dataclass(frozen=True)
class Anchor:
    """The hash of one entry at one time (microseconds UTC)."""

    seq: int
    hash: str
    at_utc: int


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors of a file, one JSON record a line; a last line that a crash cut short is left out.

    Raises InvalidConfiguration where the file can't be read or holds something else.
    """
    try:
        lines = path.read_text("utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"the anchors {path} can't be read: {type(error).__name__}") from None
    whole = [line for line in lines if line.endswith("\n")]
    try:
        return [Anchor(**json.loads(line)) for line in whole]
    except (ValueError, TypeError):
        raise InvalidConfiguration(f"{path} does not hold anchors") from None


def tell(anchoring: Anchoring, anchor: Anchor) -> None:
    """Tell an anchor to the file or the command.  Raises OSError or subprocess.SubprocessError where that fails."""
    line = json.dumps(asdict(anchor)) + "\n"
    if anchoring.command:
        subprocess.run(
            anchoring.command, input=line, text=True, check=True, timeout=COMMAND_SECONDS, capture_output=True
        )  # fmt: skip
        return
    with Path(anchoring.file).open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


class Anchorer:
    """Tells the head from time to time, in a thread of its own: a place that fails delays no score.

    ``failures`` counts failed attempts, ``last`` is the last anchor that was told.
    """

    def __init__(
        self, anchoring: Anchoring, *, told: Callable[[Anchor], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.anchoring = anchoring
        self.failures = 0
        self.last: Anchor | None = None
        self._told, self._clock = told, clock
        self._since = clock()
        self._head: tuple[int, str] = (0, "")
        self._from = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False

    @property
    def behind(self) -> int:
        """How many entries came after the last one that was told, since the start; 0 where the head is told nowhere."""
        if not self.anchoring.is_on:
            return 0
        return self._head[0] - (self._from if self.last is None else self.last.seq)

    def advance(self, seq: int, head: str) -> None:
        """Take note of a new head; called by the writer after every commit, and cheap."""
        if not self.anchoring.is_on or seq == self._head[0]:
            return
        if self._head[0] == 0:
            self._from = seq - 1
        self._head = (seq, head)
        if self._is_due() and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="anchor", daemon=True)
            self._thread.start()
        elif self._is_due():
            with self._wake:
                self._wake.notify()

    def now(self) -> bool:
        """Tell the head at once; whether that worked."""
        seq, head = self._head
        if seq == 0 or (self.last is not None and self.last.seq == seq):
            return True
        anchor = Anchor(seq, head, time.time_ns() // 1_000)
        self._since = self._clock()
        try:
            tell(self.anchoring, anchor)
        except (OSError, subprocess.SubprocessError) as error:
            self.failures += 1
            log.error("the head of the decision log can't be anchored: %s", type(error).__name__)
            return False
        self.last = anchor
        self._told(anchor)
        return True

    def close(self) -> None:
        """Tell the last head and end the thread."""
        with self._wake:
            self._ended = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(COMMAND_SECONDS)
        if self.anchoring.is_on:
            self.now()

    def _is_due(self) -> bool:
        done = 0 if self.last is None else self.last.seq
        grown = self._head[0] - done >= self.anchoring.every_entries
        return grown or self._clock() - self._since >= 60 * self.anchoring.every_minutes

    def _run(self) -> None:
        while not self._ended:
            if self._is_due():
                self.now()
            with self._wake:
                if not self._ended:
                    self._wake.wait(1.0)
