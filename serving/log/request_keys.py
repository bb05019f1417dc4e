"""Idempotency keys: by which a retry finds the first answer."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from features.errors import Fault, InvalidRecords, KeyReused
from serving.log.chain import SALT_BYTES, salted_digest
from serving.log.statements import Statements
from serving.log.tables import REQUEST_KEYS
from serving.log.transaction import Transaction, now_us

HOUR_US = 3_600_000_000
MOST_CHARACTERS = 255


@dataclass(frozen=True)
class RequestKey:
    """A key with the request it stands for, both as digests: neither the key nor the body is kept."""

    key_digest: str
    body_digest: str
    hours: float

    def earlier(self, transaction: Transaction, statements: Statements) -> str | KeyReused | None:
        """The id of the first answer; KeyReused where another body came under this key; None where none did."""
        return self._first(transaction.rows(statements.key, {"key_digest": self.key_digest, "now": now_us()}))

    def earlier_on(self, connection: sa.Connection) -> str | KeyReused | None:
        """The same on a connection to read on."""
        wanted = sa.select(REQUEST_KEYS.c.body_digest, REQUEST_KEYS.c.answer_id).where(
            REQUEST_KEYS.c.key_digest == self.key_digest, REQUEST_KEYS.c.expires_at > now_us()
        )
        return self._first(connection.execute(wanted).all())

    def _first(self, found: Sequence[Any]) -> str | KeyReused | None:
        if not found:
            return None
        body_digest, answer_id = found[0]
        return str(answer_id) if body_digest == self.body_digest else _reused()

    def row(self, *, seq: int, answer_id: str, salt: bytes) -> dict[str, Any]:
        """The row that is kept until the key expires."""
        return {
            "key_digest": self.key_digest, "salt": salt, "body_digest": self.body_digest,
            "expires_at": self.expires_at, "seq": seq, "answer_id": answer_id,
        }  # fmt: skip

    @cached_property
    def expires_at(self) -> int:
        """Until when it is known, counted from its first use."""
        return now_us() + round(self.hours * HOUR_US)

    def sealed(self) -> tuple[bytes, str]:
        """A new salt, and the digest by which the chain refers to the key: it tells nothing once the salt is gone."""
        salt = secrets.token_bytes(SALT_BYTES)
        return salt, sealed_digest(salt, self.key_digest, self.body_digest, self.expires_at)


def sealed_digest(salt: bytes, key_digest: str, body_digest: str, expires_at: int) -> str:
    """What an entry says of its key."""
    return salted_digest(salt, f"{key_digest}\n{body_digest}\n{expires_at}".encode())


def request_key(key: str, *, holder: str, body: bytes, hours: float, place: int | None = None) -> RequestKey:
    """The key of a request: of one holder (a token's digest), for one body; of one case of a batch by its place.

    Raises InvalidRecords for a key that is none: 1 to 255 visible ASCII signs.
    """
    if not (0 < len(key) <= MOST_CHARACTERS and key.isascii() and key.isprintable()):
        allowed = f"1 to {MOST_CHARACTERS} visible ASCII signs, such as a UUID"
        raise InvalidRecords(
            f"Idempotency-Key may be {allowed}", faults=(Fault("header Idempotency-Key", "bad_value", allowed),)
        )
    named = f"{holder}\n{'' if place is None else place}\n{key}".encode()
    return RequestKey(
        hashlib.sha256(named).hexdigest(), hashlib.sha256(key.encode() + b"\n" + body).hexdigest(), hours
    )  # fmt: skip


def _reused() -> KeyReused:
    return KeyReused("this Idempotency-Key came before with another body: send a new key, or the first body again")
