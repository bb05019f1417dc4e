"""Appends as fast as eight callers can, and prints the id of every assessment that was answered, until it is killed."""

import asyncio
import itertools
import sys

from serving.log.decision_log import DecisionLog
from tests.log.drawn_cases import assessed


async def main():
    log, numbers = DecisionLog(sys.argv[1]), itertools.count()

    async def caller():
        while True:
            number = next(numbers)
            (answered,) = await log.append_soon([assessed(f"D{number % 50}", seed=number)])
            print(answered, flush=True)

    await asyncio.gather(*[caller() for _ in range(8)])


asyncio.run(main())
