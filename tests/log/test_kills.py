"""A process that is killed at any instant loses nothing that it answered, and leaves a whole chain."""

import random
import subprocess
import sys
import time
from pathlib import Path

from serving.log.decision_log import DecisionLog
from serving.log.verification import verify

ROOT = Path(__file__).parents[2]
KILLS = 2


def test_every_answered_assessment_is_in_the_log_after_a_kill(address, tmp_path):
    draw, answered = random.Random(11), []
    for number in range(KILLS):
        told = tmp_path / f"told-{number}"
        with told.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.log.writing_process", address], cwd=ROOT, stdout=output
            )  # fmt: skip
            while told.stat().st_size < 200 and process.poll() is None:
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.3))
            process.kill()
            process.wait()
        answered += [line for line in told.read_text().splitlines(keepends=True) if line.endswith("\n")]
    log = DecisionLog(address)
    result = verify(log.database)
    assert result.ok, result.first_break
    assert len(answered) >= 5 * KILLS
    for line in answered:
        assert log.find(line.strip()).assessment_id == line.strip()
    assert result.entries >= len(answered)
    log.close()
