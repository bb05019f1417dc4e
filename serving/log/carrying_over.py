"""Taking over a log of before the chain: its assessments become parts of the chain."""

from __future__ import annotations

import json
from collections.abc import Iterator

import sqlalchemy as sa

from serving.assessment import Scored
from serving.log.chain import START, Kind, digest_of_many, next_entry, number_of
from serving.log.stored import Assessed
from serving.log.transaction import now_us

ROWS = 1_000
SOURCE = {"carried_over": "assessments of before the chain, as they were found"}


def carry_over(connection: sa.Connection, old: str, tables: sa.MetaData) -> None:
    """Append every assessment of the old table, in the order of their times, in parts of 1,000.

    The old log kept no case records, so these can't be replayed; their deadline and kind were not kept either.  In the
    queue stands the last one of each dispute.
    """
    into = {name: sa.insert(tables.tables[name]) for name in ("entries", "assessments", "contents", "cases")}
    seq, head = 0, START
    last: dict[str, dict[str, object]] = {}
    for part in _parts(connection, old):
        payload = {"count": len(part), "digest": digest_of_many([one.digest for one in part]), "source": SOURCE}
        entry = next_entry(seq + 1, at_utc=now_us(), kind=Kind.BATCH_PART, payload=payload, previous=head)
        seq, head = entry.seq, entry.hash
        connection.execute(into["entries"], [vars(entry)])
        numbered = [(number_of(seq, place), one) for place, one in enumerate(part)]
        connection.execute(into["assessments"], [one.columns(number) for number, one in numbered])
        contents = [
            {"number": number, "part": c.part.value, "salt": c.salt, "content": c.content}
            for number, one in numbered for c in one.contents
        ]  # fmt: skip
        connection.execute(into["contents"], contents)
        for number, one in numbered:
            former = last.get(one.scored.dispute_id)
            if former is None or int(str(former["as_of"])) <= one.scored.as_of:
                last[one.scored.dispute_id] = one.case_columns(number) | {"waits": 1}
    if last:
        connection.execute(into["cases"], list(last.values()))


def _parts(connection: sa.Connection, old: str) -> Iterator[list[Assessed]]:
    columns = ("assessment_id", "scored_at", "area", "model_digest", "model_version", "scored")
    table = sa.table(old, *(sa.column(name) for name in columns))
    wanted = sa.select(*(table.c[name] for name in columns)).order_by(table.c.scored_at, table.c.assessment_id)
    for rows in connection.execute(wanted).partitions(ROWS):
        yield [
            Assessed(
                row.assessment_id, row.scored_at, row.area, row.model_digest, row.model_version,
                Scored.from_record(json.loads(row.scored)),
            )
            for row in rows
        ]  # fmt: skip
