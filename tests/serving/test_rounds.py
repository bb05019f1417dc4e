"""Rounds: what is asked at the same time is scored together, and each answer is as if it had been asked alone."""

import asyncio
import json
import threading
import time
from dataclasses import replace

import pytest

from features.errors import InvalidRecords
from serving.access import NO_TOKEN_NEEDED
from serving.desk import CASES_A_ROUND, Desk
from serving.problems import Problem
from serving.rounds import QUIET_SECONDS, Rounds
from serving.scorer import Scorer, SumMismatch
from tests.serving.cases import case, days_before

WHEN_AND_WHICH = ("assessment_id", "scored_at")
CASES = [
    case(("threat", 3, {"severity": 4}), ("strangulation", 2), kind="debt_finance"),
    case(("verbal_altercation", 5)),
    case(contacted=False, relation=None, proximity=None, amount_cny=None),
    case(("self_harm_statement", 4), ("injury", 9), relation="spouse_partner", proximity="shared_dwelling"),
    case(("fear_expressed", 1), as_of=days_before(0.5)),
]


@pytest.fixture
def desk(home):
    desk = Desk(home)
    yield desk
    desk.close()


def asked_together(desk, records, **more):
    """What came of some records sent at the same moment: an answer or an error each, in order."""

    async def run():
        asked = [desk.score(json.dumps(record).encode(), NO_TOKEN_NEEDED, **more) for record in records]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(run())


def asked_alone(desk, record):
    return asked_together(desk, [record])[0]


def content(answer):
    return {name: value for name, value in answer.items() if name not in WHEN_AND_WHICH}


def rounds_of(desk):
    """How many rounds there were, and of how many cases together."""
    numbers = dict(line.split(" ", 1) for line in desk.metrics.text().decode().splitlines() if line[0] != "#")
    return float(numbers["defuse_round_cases_count"]), float(numbers["defuse_round_cases_sum"])


def test_answers_of_a_round_are_those_of_each_alone_and_each_is_logged(desk):
    alone = [asked_alone(desk, record) for record in CASES]
    before = rounds_of(desk)
    together = asked_together(desk, CASES * 2)
    assert rounds_of(desk) == (before[0] + 1, before[1] + len(together))
    assert [content(one) for one in together] == [content(one) for one in alone * 2]
    assert len({one["assessment_id"] for one in together}) == len(together)
    for answer in together:
        assert desk.view(desk.found(answer["assessment_id"], NO_TOKEN_NEEDED), NO_TOKEN_NEEDED) == answer
    assert desk.log.head()[0] == len(alone) + len(together), "one entry each"


def test_a_round_is_bounded(desk):
    together = asked_together(desk, [CASES[1]] * (2 * CASES_A_ROUND + 1))
    assert all(isinstance(one, dict) for one in together)
    assert rounds_of(desk) == (3, len(together))


def test_the_error_of_one_takes_nothing_from_the_others(desk):
    """Unknown at its landmark, broken, outside the area: each is told its own fault."""
    unknown, broken = case(as_of=days_before(30)), case(kind="nonsense")
    together = asked_together(desk, [CASES[0], unknown, CASES[1], broken, CASES[2]])
    assert [type(one) for one in together] == [dict, InvalidRecords, dict, InvalidRecords, dict]
    assert [fault.rule for fault in together[1].faults] == ["unknown_dispute"]
    assert [fault.rule for fault in together[3].faults] == ["unknown_code"]
    assert desk.log.head()[0] == 3

    async def run():
        narrow = replace(NO_TOKEN_NEEDED, area="44")
        body = json.dumps(CASES[0]).encode()
        return await asyncio.gather(desk.score(body, narrow), desk.score(body, NO_TOKEN_NEEDED), return_exceptions=True)

    outside, inside = asyncio.run(run())
    assert isinstance(outside, Problem) and outside.status == 403
    assert isinstance(inside, dict)


def test_a_score_that_does_not_add_up_is_withheld_alone(desk, monkeypatch):
    compute = Scorer.compute

    def off_for_one(scorer, view):
        if (view.case("amount_cny") == 4321).any():
            raise SumMismatch("off")
        return compute(scorer, view)

    monkeypatch.setattr(Scorer, "compute", off_for_one)
    together = asked_together(desk, [CASES[0], case(amount_cny=4321), CASES[1]])
    assert [type(one) for one in together] == [dict, SumMismatch, dict]
    assert desk.log.head()[0] == 2


def test_the_same_key_twice_in_a_round_is_one_assessment(desk):
    first, second = asked_together(desk, [CASES[0]] * 2, key="a-key-of-this-test")
    assert first == second
    assert desk.log.head()[0] == 1


def test_a_case_without_a_canonical_text_has_its_own_problem_in_a_batch_with_a_key(desk):
    odd = CASES[1] | {"dispute": CASES[1]["dispute"] | {"amount_cny": float("nan")}}
    first, second = asyncio.run(desk.score_all([CASES[0], odd], NO_TOKEN_NEEDED, key="a-key-of-a-batch"))
    assert first[0]["tier"] and first[1] is None
    assert second[0] is None and [fault.rule for fault in second[1].faults] == ["not_a_number"]


def test_a_row_that_cannot_be_stored_keeps_no_other_from_the_log(desk, monkeypatch):
    add = desk.log._append_one

    def refusing(transaction, one, key):
        if one.area == "330106009":
            raise ValueError("a bug with this one")
        return add(transaction, one, key)

    monkeypatch.setattr(desk.log, "_append_one", refusing)
    together = asked_together(desk, [CASES[0], case(area="330106009"), CASES[1]])
    assert [type(one) for one in together] == [dict, ValueError, dict]
    assert desk.log.head()[0] == 2


def test_rounds_keep_the_order_and_leave_out_who_has_gone():
    worked = []

    async def work(asked):
        worked.append(list(asked))
        await asyncio.sleep(0)
        return [-one for one in asked]

    async def run():
        rounds = Rounds(work, most=4, weigh=lambda one: one, weight_limit=100)
        tasks = [asyncio.create_task(rounds.answer(one)) for one in (1, 2, 3, 90, 99, 98, 5)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(run())
    assert [one for one in answers if isinstance(one, int)] == [-1, -3, -90, -99, -98, -5]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert worked == [[1, 3, 90, 99], [98, 5]]


def gated_rounds(worked):
    """Rounds whose first one lasts until the event is set."""
    gate = asyncio.Event()

    async def work(asked):
        worked.append(list(asked))
        if len(worked) == 1:
            await gate.wait()
        return list(asked)

    return Rounds(work, most=4), gate


async def begun(rounds, asked):
    """A question under way; what can begin has begun."""
    task = asyncio.create_task(rounds.answer(asked))
    for _ in range(4):
        await asyncio.sleep(0)
    return task


def test_who_was_answered_just_now_and_asks_again_shares_the_next_round():
    worked = []

    async def run():
        rounds, gate = gated_rounds(worked)
        first, second = await begun(rounds, "a"), await begun(rounds, "b")
        gate.set()
        await first
        return await asyncio.gather(second, rounds.answer("a again"))

    assert asyncio.run(run()) == ["b", "a again"]
    assert worked == [["a"], ["b", "a again"]]


def test_a_loop_that_was_busy_with_answers_waits_for_the_callers_all_the_same(monkeypatch):
    """They could not come while it was: else rounds of three and of five would take turns where eight ask at once."""
    monkeypatch.setattr("serving.rounds.BACK_SECONDS", 60)
    worked = []

    async def run():
        rounds, gate = gated_rounds(worked)
        first, second = await begun(rounds, "a"), await begun(rounds, "b")
        gate.set()
        await first
        time.sleep(5 * QUIET_SECONDS)  # answers are written
        for _ in range(3):
            await asyncio.sleep(0)
        return await asyncio.gather(second, rounds.answer("a again"))

    assert asyncio.run(run()) == ["b", "a again"]
    assert worked == [["a"], ["b", "a again"]]


def test_a_loop_that_is_always_busy_keeps_nobody_waiting_for_long():
    worked = []

    async def run():
        rounds, gate = gated_rounds(worked)
        first, second = await begun(rounds, "a"), await begun(rounds, "b")
        gate.set()
        await first
        while not second.done():
            time.sleep(2 * QUIET_SECONDS)  # other work: no look is ever on time
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert worked == [["a"], ["b"]]


def test_nobody_waits_long_for_who_does_not_come_back(monkeypatch):
    """Neither for callers that went away, nor for a round that hangs."""
    monkeypatch.setattr("serving.rounds.PATIENCE_SECONDS", 0.01)
    worked = []

    async def run():
        rounds, gate = gated_rounds(worked)
        first, second = await begun(rounds, "hangs"), await begun(rounds, "waits")
        assert await asyncio.wait_for(second, 10) == "waits"
        assert not first.done()
        third, fourth = await begun(rounds, "goes on"), asyncio.create_task(rounds.answer("after"))
        gate.set()
        return await asyncio.wait_for(asyncio.gather(first, third, fourth), 10)

    assert asyncio.run(run()) == ["hangs", "goes on", "after"]
    assert worked[:2] == [["hangs"], ["waits"]]


def test_rounds_outlive_an_event_loop_that_was_left():
    """A loop that ended with something waiting takes nothing with it."""

    async def work(asked):
        return list(asked)

    rounds = Rounds(work, most=4)

    async def leave():
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
        await rounds.answer("lost")

    loop = asyncio.new_event_loop()
    lost = loop.create_task(leave())
    loop.run_forever()
    lost.cancel()
    loop.run_until_complete(asyncio.gather(lost, return_exceptions=True))
    loop.close()
    found = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(rounds.answer("found"))))
    thread.start()
    thread.join(10)
    assert found == ["found"]
