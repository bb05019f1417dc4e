"""What is appended is found again, bit for bit; retries find the first answer; nothing is ever changed."""

import asyncio
import itertools
import threading

import pytest
import sqlalchemy as sa

from features.errors import KeyReused, MissingInput
from serving.log.chain import START, link
from serving.log.decision_log import DecisionLog, policy_digest
from serving.log.request_keys import request_key
from serving.log.shadow_rows import ShadowScore
from serving.log.tables import APPEND_ONLY, CONTENTS, ENTRIES, METADATA
from serving.log.waiting import Which, waiting_cases
from tests.log.drawn_cases import NOW, STATEMENT, assessed, case_record, many


def chain(log):
    with log.database.reading() as connection:
        return connection.execute(sa.select(ENTRIES).order_by(ENTRIES.c.seq)).all()


def dump(log):
    with log.database.reading() as connection:
        return repr([connection.execute(sa.select(table)).all() for table in METADATA.sorted_tables])


def key(name="k", body=b"{}", **more):
    return request_key(name, **{"holder": "h", "body": body, "hours": 1.0} | more)


def test_an_assessment_is_found_again_bit_for_bit(log):
    one = assessed()
    assert log.append([one]) == [one.assessment_id]
    found = log.find(one.assessment_id)
    assert repr(found.scored.to_record()) == repr(one.scored.to_record())
    sent = case_record()
    del sent["dispute"]["pair_token"]
    assert found.case_record == sent | {"dispute": [sent["dispute"]], "as_of": "2024-06-01T00:00:00Z"}
    assert (found.model_version, found.scored_at, found.area) == ("1", NOW + 5, "330106001")


def test_what_others_may_not_see_lies_in_the_care_part_alone(log):
    one = assessed()
    log.append([one])
    found = log.find(one.assessment_id)
    assert STATEMENT not in repr(found.case_as_seen(care=False)) + repr(found.record)
    assert STATEMENT in repr(found.case_as_seen(care=True))
    assert "ptsecret" not in dump(log)


def test_an_unknown_id_is_not_found(log):
    with pytest.raises(MissingInput):
        log.find("a-nobody")


def test_each_entry_hashes_the_one_before(log):
    log.append(many(2))
    log.append_part(many(3, start=10), source={"part": 1})
    previous = START
    for number, row in enumerate(chain(log), 1):
        assert row.seq == number and row.previous == previous
        assert row.hash == link(row.seq, row.at_utc, row.kind, row.payload_digest, row.previous)
        previous = row.hash
    assert [row.kind for row in chain(log)] == ["assessment", "assessment", "batch_part"]


def test_every_assessment_of_a_part_is_found(log):
    part = many(7)
    seq = log.append_part(part, source={"records": "r", "part": 1})
    assert seq == 1 and len(chain(log)) == 1
    for one in part:
        assert log.find(one.assessment_id).scored.margin == one.scored.margin
    assert len(waiting_cases(log.database, Which())) == 7


def test_a_retry_finds_the_first_and_another_body_is_refused(log):
    one, again, other = assessed(), assessed(), assessed()
    assert log.append([one], keys=[key()]) == [one.assessment_id]
    assert log.append([again], keys=[key()]) == [one.assessment_id]
    assert log.earlier_answer(key()) == one.assessment_id
    (refused,) = log.append([other], keys=[key(body=b"[]")])
    assert isinstance(refused, KeyReused)
    assert log.append([other], keys=[key(holder="another")]) == [other.assessment_id]
    assert log.earlier_answer(key("unknown")) is None
    assert len(chain(log)) == 2


def test_an_expired_key_is_free_again(log):
    one, two = assessed(), assessed()
    log.append([one], keys=[key(hours=-1.0)])
    assert log.append([two], keys=[key()]) == [two.assessment_id]
    assert log.earlier_answer(key()) == two.assessment_id


def test_concurrent_duplicates_give_one_entry(log):
    async def all_at_once():
        return await asyncio.gather(*[log.append_soon([assessed()], keys=[key()]) for _ in range(20)])

    assert len({ids[0] for ids in asyncio.run(all_at_once())}) == 1
    assert len(chain(log)) == 1


def test_two_writers_of_one_log_make_one_chain(address):
    logs = [DecisionLog(address) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda log=log, n=n: [log.append([one]) for one in many(15, start=100 * n)])
        for n, log in enumerate(logs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = chain(logs[0])
    assert [row.seq for row in rows] == list(range(1, 31))
    assert all(after.previous == before.hash for before, after in itertools.pairwise(rows))
    for log in logs:
        log.close()


def test_a_bad_job_of_a_group_spoils_no_other(log):
    """Waiting together, written together; the one that fails is told, the others are written."""
    release, good, bad = threading.Event(), assessed("D1"), assessed("D2")
    held = log.writer.submit(lambda _: release.wait(5))

    def broken(transaction):
        transaction.entry("assessment", {"half": "of it"})
        raise ValueError("broken")

    async def both():
        return await asyncio.gather(
            log.append_soon([good]), log.writer.append_soon(broken), log.append_soon([bad]), return_exceptions=True
        )

    threading.Timer(0.2, release.set).start()
    results = asyncio.run(both())
    held.result(5)
    assert results[0] == [good.assessment_id] and results[2] == [bad.assessment_id]
    assert isinstance(results[1], ValueError)
    assert [row.seq for row in chain(log)] == [1, 2]
    assert log.is_writable()


@pytest.mark.parametrize("table", APPEND_ONLY, ids=str)
def test_what_is_append_only_refuses_every_change(log, table):
    log.append([assessed()], policy="{}")
    log.keep_shadow([ShadowScore("a-1", "f" * 64, "2", 0.01, -4.6, "blue")])
    column = next(column for column in reversed(list(table.columns)) if isinstance(column.type, sa.Text))
    for change in (sa.update(table).values({column: "x"}), sa.delete(table)):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), log.database.engine.begin() as connection:
            if table.name == "decisions":
                connection.execute(sa.insert(table), _decision_row())
            connection.execute(change)


def _decision_row():
    from serving.log.tables import DECISIONS

    return {c.name: 1 if str(c.type) in ("INTEGER", "BIGINT") else "x" for c in DECISIONS.columns}


def test_content_can_be_erased_and_not_changed(log):
    log.append([assessed()])
    for change in (
        sa.update(CONTENTS).values(content=b"x"),
        sa.update(CONTENTS).values(content=None),
        sa.delete(CONTENTS),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), log.database.engine.begin() as connection:
            connection.execute(change)
    with log.database.engine.begin() as connection:
        connection.execute(sa.update(CONTENTS).values(content=None, salt=None))


def test_a_policy_is_kept_once_by_its_digest(log):
    for _ in range(2):
        log.append([assessed(policy_digest=policy_digest("{1}"))], policy="{1}")
    assert log.policy(policy_digest("{1}")) == "{1}"
    with pytest.raises(MissingInput):
        log.policy("0" * 64)
