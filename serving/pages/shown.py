"""What was shown to whom: every page record by its digest and the role, so that it can be looked up years later."""

from __future__ import annotations

import zlib
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json

from features.errors import MissingInput
from serving.log.chain import canonical, digest_of
from serving.log.decision_log import DecisionLog
from serving.log.tables import SHOWN
from serving.log.transaction import now_us


def keep(log: DecisionLog, page: dict[str, Any], *, number: int, role: str) -> str:
    """The digest of a page record, once it is kept beside its assessment; the same page is kept once a role.

    Raises LogUnavailable where it can't be written: what is not kept is not shown.
    """
    text = canonical(page)
    digest = digest_of(f"{role}\n{text}".encode())
    row = {
        "digest": digest,
        "number": number,
        "role": role,
        "first_shown_at": now_us(),
        "content": zlib.compress(text.encode()),
    }
    with log.database.reading() as connection:
        if connection.execute(sa.select(SHOWN.c.digest).where(SHOWN.c.digest == digest)).first():
            return digest
    with log.database.told_apart(), log.database.engine.begin() as connection:
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(SHOWN).values(row))
        except sa.exc.IntegrityError:
            pass  # somebody else was shown the same at the same time
    return digest


def shown(log: DecisionLog, digest: str) -> tuple[int, str, dict[str, Any]]:
    """The assessment's number, the role and the record of what was shown.

    Raises MissingInput where nothing is kept under a digest, or its content was erased with the case.
    """
    wanted = sa.select(SHOWN.c.number, SHOWN.c.role, SHOWN.c.content).where(SHOWN.c.digest == digest)
    with log.database.reading() as connection:
        found = connection.execute(wanted).first()
    if found is None or found.content is None:
        raise MissingInput("nothing is kept under this digest (any more)")
    return found.number, found.role, from_json(zlib.decompress(found.content))
