"""What a challenger would have said, as it is stored: never returned, and in the chain like what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

from serving.log.chain import Kind, digest_of, digest_of_many
from serving.log.transaction import Transaction


@dataclass(frozen=True)
class ShadowScore:
    """What a challenger would have said beside one assessment; it holds no content of the case."""

    assessment_id: str
    model_digest: str
    model_version: str
    probability: float
    margin: float
    tier: str

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The columns of a score, in the order of its fields."""
        return tuple(one.name for one in fields(cls))

    @property
    def digest(self) -> str:
        """The digest by which its entry refers to it; a float in its shortest exact form."""
        return digest_of("\n".join(map(repr, astuple(self))).encode())


def append_shadow_scores(transaction: Transaction, scores: Sequence[ShadowScore]) -> None:
    """Append some scores under one entry, which holds their count and a digest over theirs in order."""
    payload = {"count": len(scores), "digest": digest_of_many([one.digest for one in scores])}
    entry = transaction.entry(Kind.SHADOW_PART, payload)
    transaction.extend("shadow_scores", shadow_rows(scores, seq=entry.seq))


def shadow_rows(scores: Sequence[ShadowScore], *, seq: int) -> list[dict[str, Any]]:
    """The rows of the scores of an entry."""
    return [asdict(one) | {"seq": seq, "place": place} for place, one in enumerate(scores)]
