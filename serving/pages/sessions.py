"""Sessions of a browser: begun with a token, kept in this process, ended by time or by hand."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "defuse_session"
FORM_COOKIE = "defuse_form"
IDLE_MINUTES = 30
LONGEST_HOURS = 10
MOST = 10_000


@dataclass
class Session:
    """One logged-in browser: whose token, since when, and when it was last used (seconds)."""

    token_sha256: str
    began: float
    used: float


class Sessions:
    """The sessions of one process.  A restart ends them all; nothing of them is on disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, Session] = {}

    def begin(self, token_sha256: str) -> str:
        """The name of a new session; the cookie holds it, and we keep its hash alone."""
        self._forget()
        name, now = secrets.token_urlsafe(32), self._clock()
        self._sessions[_hash(name)] = Session(token_sha256, now, now)
        return name

    def token_of(self, name: str | None) -> str | None:
        """The token's hash of a session that is still good, and one more use of it; None otherwise."""
        session = self._sessions.get(_hash(name or ""))
        if session is None:
            return None
        if not self._is_good(session):
            self.end(name)
            return None
        session.used = self._clock()
        return session.token_sha256

    def end(self, name: str | None) -> None:
        """Forget a session."""
        self._sessions.pop(_hash(name or ""), None)

    def form_token(self, name: str) -> str:
        """What a form of a page must bring back: bound to the session, or to the cookie of who has none."""
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, name: str | None, given: str) -> bool:
        """Whether a form came from a page of ours in this very browser."""
        return name is not None and hmac.compare_digest(self.form_token(name).encode(), given.encode())

    def _is_good(self, session: Session) -> bool:
        now = self._clock()
        return now - session.used < IDLE_MINUTES * 60 and now - session.began < LONGEST_HOURS * 3600

    def _forget(self) -> None:
        """Drop what has run out; where there are still too many, those used longest ago."""
        good = {name: one for name, one in self._sessions.items() if self._is_good(one)}
        kept = sorted(good, key=lambda name: good[name].used)[-(MOST - 1) :]
        self._sessions = {name: good[name] for name in kept}


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
