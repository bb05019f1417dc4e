"""The hash chain: what an entry's hash covers, and the canonical bytes behind every digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

START = "0" * 64
"""What the first entry names as the hash before it."""
FORM = "defuse-log-1"
PLACES = 20
"""A row's number is its entry's ``seq`` shifted by so many bits, plus its place in the entry."""
MOST_PLACES = 1 << PLACES
SALT_BYTES = 16


class Kind(StrEnum):
    """What an entry of the chain records."""

    ASSESSMENT = "assessment"
    BATCH_PART = "batch_part"
    DECISION = "decision"
    ERASURE = "erasure"
    SHADOW_PART = "shadow_part"


@dataclass(frozen=True)
class Entry:
    """One link of the chain; ``payload`` is canonical JSON without anything that may be erased."""

    seq: int
    at_utc: int
    kind: str
    payload: str
    payload_digest: str
    previous: str
    hash: str


def next_entry(seq: int, *, at_utc: int, kind: str, payload: dict[str, Any], previous: str) -> Entry:
    """The entry that follows the one whose hash is ``previous``."""
    text = canonical(payload)
    digest = digest_of(text.encode())
    return Entry(seq, at_utc, kind, text, digest, previous, link(seq, at_utc, kind, digest, previous))


def link(seq: int, at_utc: int, kind: str, payload_digest: str, previous: str) -> str:
    """The hash of an entry: sha256 over its form, place, time, kind, payload digest and the hash before it."""
    return digest_of(f"{FORM}\n{seq}\n{at_utc}\n{kind}\n{payload_digest}\n{previous}".encode())


def canonical(record: Any) -> str:
    """The one JSON text of a record: sorted keys, no spaces, no NaN; floats in their shortest exact form."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def digest_of(content: bytes) -> str:
    """The sha256 of some bytes in hex."""
    return hashlib.sha256(content).hexdigest()


def salted_digest(salt: bytes, content: bytes) -> str:
    """The digest by which erasable content is referred to: once the salt is erased too, no guess can be checked."""
    return digest_of(salt + content)


def digest_of_many(digests: list[str]) -> str:
    """The digest of a part: over the digests of its assessments, in order."""
    return digest_of("\n".join(digests).encode())


def number_of(seq: int, place: int) -> int:
    """The number of the row at a place of an entry; numbers ascend with the chain."""
    return (seq << PLACES) | place


def seq_of(number: int) -> int:
    """The entry that a numbered row belongs to."""
    return number >> PLACES
