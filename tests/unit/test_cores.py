"""Work on all cores: answers in order, errors at their turn, and nothing begun after them."""

from __future__ import annotations

import time
from itertools import count

import pytest

from training.cores import in_order


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_answers_come_in_the_order_of_the_inputs(workers):
    def slower_first(number):
        time.sleep(0.002 * (6 - number))
        return number * 10

    assert [*in_order(slower_first, range(6), workers=workers)] == [0, 10, 20, 30, 40, 50]
    assert [*in_order(slower_first, (), workers=workers)] == []


def test_an_error_comes_at_its_turn_and_what_waits_then_is_not_begun():
    begun, told = [], []

    def work(number):
        begun.append(number)
        if number == 1:
            raise ZeroDivisionError
        return number

    with pytest.raises(ZeroDivisionError):
        for one in in_order(work, range(100), workers=1):
            told.append(one)
    assert told == [0] and max(begun) <= 2


def test_inputs_are_taken_when_there_is_room_and_no_longer_than_somebody_asks():
    taken = []

    def inputs():
        for number in count():
            taken.append(number)
            yield number

    answers = in_order(lambda number: number, inputs(), workers=2)
    assert next(answers) == 0
    answers.close()
    assert taken == [0, 1, 2]


def test_an_error_of_the_inputs_is_raised():
    def inputs():
        yield 1
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        list(in_order(lambda number: number, inputs(), workers=2))
