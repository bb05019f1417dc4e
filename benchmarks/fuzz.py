"""Hostile requests to the real service: never a 5xx, nothing of a request in an error or a log, memory that stays bounded.

First schemathesis, from our own OpenAPI document (fixed seed, so many examples an operation); then mutated case records,
from a fixed seed as well, with a canary in them that must not come back.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.mutation import MARK, broken
from benchmarks.one_case import case_record
from benchmarks.running import Running, ask
from benchmarks.trained_home import ROOT, trained_home
from training.artifact.home import Home

RECORDS, SOME_RECORDS = 20_000, 1_000
EXAMPLES, SOME_EXAMPLES = 100, 10
SEED = 6
LIMIT_PERCENT = 5.0
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance"
MOST_SECONDS = 1_800
ANSWER_SECONDS = 120
"""A batch of 1,000 cases is answered whole, on a busy machine as well."""
LONGEST_LINE = 300


def run(*, quick: bool) -> Iterator[Figure]:
    """The figures: requests, 5xx and leaks (0 is what must hold), and how memory grew over the second half."""
    with tempfile.TemporaryDirectory(prefix="defuse-fuzz-") as folder:
        root, log = Path(folder) / "own-home", Path(folder) / "service.log"
        home = trained_home(Path(folder))
        shutil.copytree(home.root, root, ignore=shutil.ignore_patterns("log.db*", "matrices", "artifacts"))
        service = Running(Home(root), log)
        try:
            yield from _from_the_document(service, SOME_EXAMPLES if quick else EXAMPLES)
            yield from _mutated(service, SOME_RECORDS if quick else RECORDS, log)
        finally:
            service.stop()


def _from_the_document(service: Running, examples: int) -> Iterator[Figure]:
    """What schemathesis finds: it sends valid and invalid requests to every operation."""
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "run", f"http://127.0.0.1:{service.port}/openapi.json", "--checks",
         CHECKS, "--max-examples", str(examples), "--seed", str(SEED), "--no-color", "--workers", "1",
         "--request-timeout", str(ANSWER_SECONDS)],
        cwd=ROOT, text=True, capture_output=True, timeout=MOST_SECONDS, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    counted = re.search(r"(\d+) generated", told)
    if counted is None:
        raise RuntimeError(f"schemathesis did not run: {told[-2_000:]}")
    failures = len(re.findall(r"^_{3,} .+ _{3,}$", told, re.MULTILINE))
    if done.returncode:
        print("\n".join(line[:LONGEST_LINE] for line in told.splitlines()), file=sys.stderr)
    yield Figure("fuzz/schemathesis/cases", int(counted.group(1)), "requests from the OpenAPI document")
    yield Figure("fuzz/schemathesis/operations_with_failures", failures, "operations, 0 must hold")


def _mutated(service: Running, records: int, log: Path) -> Iterator[Figure]:
    rng, statuses, leaks = random.Random(SEED), Counter[int](), 0
    connection, memory = service.connect(), []
    for number in range(records):
        case = case_record()
        case["dispute"]["narrative"] = MARK
        status, content = ask(connection, "POST", "/v1/score", broken(case, rng))
        statuses[status] += 1
        leaks += status != 200 and MARK.encode() in content
        if number % 100 == 0:
            memory.append(service.resident_mb)
    half, last = memory[len(memory) // 2], memory[-1]
    in_log = log.read_text("utf-8", errors="replace").count(MARK)
    yield Figure("fuzz/mutated_records", records, "requests")
    for status, count in sorted(statuses.items()):
        yield Figure(f"fuzz/mutated_records/answered_{status}", count, "answers")
    yield Figure("fuzz/mutated_records/answers_of_5xx", sum(n for s, n in statuses.items() if s >= 500), "0 must hold")
    yield Figure("fuzz/mutated_records/canaries_in_errors", leaks, "answers, 0 must hold")
    yield Figure("fuzz/mutated_records/canaries_in_the_log", in_log, "0 must hold")
    yield Figure(
        "fuzz/mutated_records/growth_over_the_second_half",
        round(100 * (last / half - 1), 2),
        "%",
        "at most",
        LIMIT_PERCENT,
    )
