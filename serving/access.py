"""Who may call what: tokens with a role and an area, stored as hashes only."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from features.errors import InvalidConfiguration, UserError
from serving.problems import Problem
from serving.rates import Rates

TOKENS_FILE = "tokens.json"
PER_MINUTE = 6_000
ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Role(StrEnum):
    """What a token's holder does."""

    ROUTER = "router"
    REVIEWER = "reviewer"
    CARE = "care"
    ANALYST = "analyst"
    ADMIN = "admin"


MAY_SCORE = frozenset({Role.ROUTER, Role.REVIEWER, Role.CARE, Role.ADMIN})
MAY_READ_CASES = frozenset({Role.ROUTER, Role.REVIEWER, Role.CARE})
MAY_DECIDE = frozenset({Role.REVIEWER, Role.CARE})
EVERYONE = frozenset(Role)


@dataclass(frozen=True)
class Grant:
    """What one token allows: a role inside an area prefix ("" is everywhere) until a time, so often a minute."""

    token_sha256: str
    role: Role
    area: str
    expires_at_utc: str
    per_minute: int = PER_MINUTE
    account: str = ""

    @property
    def account_id(self) -> str:
        """The staff account that the log names: the token's own name, or the beginning of its digest."""
        return self.account or (f"token-{self.token_sha256[:12]}" if self.token_sha256 else "open")


NO_TOKEN_NEEDED = Grant("", Role.REVIEWER, "", "9999-12-31T00:00:00+00:00")
"""The grant of a service on loopback whose access control is off."""


def create_token(
    home: Path, *, role: Role, area: str = "", lasting: timedelta = timedelta(days=30), per_minute: int = PER_MINUTE,
    account: str = "",
) -> str:  # fmt: skip
    """A new token, told once; its hash is kept in ``tokens.json``, replaced atomically.

    ``account`` is the staff account that decisions are logged under; several tokens in turn may have the same.
    Raises UserError for an area that is no beginning of a township code, a rate below one a minute, or a bad account.
    """
    if per_minute < 1:
        raise UserError(f"--per-minute {per_minute}: a token that may send nothing is of no use; name 1 or more")
    if area and not (area.isascii() and area.isdigit() and len(area) <= 9):
        raise UserError(f"--area {area!r} is not the beginning of a 9-digit township code")
    if account and ACCOUNT.fullmatch(account) is None:
        raise UserError(
            "--name may be 1 to 64 letters, digits, '.', '-' or '_', for a staff account, not a person's name"
        )
    token = f"dfs_{secrets.token_urlsafe(32)}"
    expires = (datetime.now(UTC) + lasting).isoformat(timespec="seconds")
    grants = [*read_grants(home / TOKENS_FILE), Grant(_hash(token), role, area, expires, per_minute, account)]
    _write(home, grants)
    return token


def revoke_tokens(home: Path, name: str) -> int:
    """Take back every token of an account, or the one whose digest begins so; how many.  It works at once.

    Raises UserError where there is none.
    """
    grants = read_grants(home / TOKENS_FILE)
    kept = [one for one in grants if name not in (one.account_id, one.token_sha256[:12])]
    if len(kept) == len(grants):
        raise UserError(f"no token is called {name!r}: `defuse token list` shows them")
    _write(home, kept)
    return len(grants) - len(kept)


def _write(home: Path, grants: list[Grant]) -> None:
    """Replace the token file in one step: who reads it meanwhile sees the former or the new one, whole."""
    home.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=home, prefix=".tokens-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump([asdict(grant) for grant in grants], file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(home / TOKENS_FILE)


class Door:
    """Checks the token of a request; sees new and removed tokens without a restart."""

    def __init__(self, home: Path, *, open_to_all: bool) -> None:
        self._path = home / TOKENS_FILE
        self.is_open = open_to_all
        self._stamp: tuple[int, int] | None = None
        self._grants: dict[str, Grant] = {}
        self._rates = Rates()

    def grant(self, authorization: str | None) -> Grant:
        """The grant of an ``Authorization`` header.

        Where access control is off none is needed; who sends one all the same acts under its account, as a red case needs
        a second one.  Raises Problem 401 for a missing, unknown or expired token, 429 for one that sends too much.
        """
        if self.is_open and not authorization:
            return NO_TOKEN_NEEDED
        scheme, _, token = (authorization or "").partition(" ")
        return self.grant_of(_hash(token) if scheme.lower() == "bearer" else "")

    def grant_of(self, token_sha256: str) -> Grant:
        """The grant of a token known by its hash: a session ends with its token.  Raises like ``grant``."""
        found = self._current().get(token_sha256)
        if found is None or datetime.fromisoformat(found.expires_at_utc) <= datetime.now(UTC):
            raise Problem(401, "send Authorization: Bearer TOKEN; `defuse token create` makes one")
        self._rates.take(found.token_sha256, per_minute=found.per_minute)
        return found

    def _current(self) -> dict[str, Grant]:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            try:
                self._grants = {grant.token_sha256: grant for grant in read_grants(self._path)}
            except UserError:
                raise Problem(503, "the tokens can't be read") from None
            self._stamp = stamp
        return self._grants


def demand(grant: Grant, roles: frozenset[Role], *, area: str | None = None) -> None:
    """Raise Problem 403 unless the grant has one of the roles and its area holds the case's."""
    if grant.role not in roles:
        raise Problem(403, f"the role {grant.role} may not do this; {', '.join(sorted(roles))} may")
    if area is not None and not area.startswith(grant.area):
        raise Problem(403, "the case lies outside the area of this token")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino


def read_grants(path: Path) -> list[Grant]:
    """The grants of a token file, expired ones too; none where there is no file.  Raises InvalidConfiguration."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (ValueError, OSError):  # not JSON, not UTF-8, not a file
        raise InvalidConfiguration(f"{path} is damaged: take it away and create the tokens anew") from None
    try:
        return [Grant(**entry | {"role": Role(entry["role"])}) for entry in content]
    except (TypeError, KeyError, ValueError):
        raise InvalidConfiguration(f"{path} does not hold tokens: take it away and create them anew") from None
