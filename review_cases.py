"""Ten SYNTHETIC sample cases into a running service, to be reviewed in a browser: `make review-cases`.

What the page of each should have told a reader stands in ``docs/tutorial/review.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from features.case_export import case_record
from features.clock import parse_time
from features.records import read_records

SAMPLES = Path(__file__).parent / "data_samples" / "neighbourhood"
TEN_CASES = (
    ("D-LATE-EVENT", "2020-04-01T00:00:00+08:00"),
    ("D-LATE-EVENT", "2020-05-13T00:00:00+08:00"),
    ("D-CORRECTED", "2020-03-25T00:00:00+08:00"),
    ("D-WITHDRAWN", "2020-04-21T00:00:00+08:00"),
    ("D-TWO-CHANNELS", "2020-06-09T00:00:00+08:00"),
    ("D-DENIED", "2020-05-10T00:00:00+08:00"),
    ("D-HEARSAY", "2020-05-10T00:00:00+08:00"),
    ("D-OVERDUE", "2020-04-25T09:00:00+08:00"),
    ("D-TEN-OVERDUE", "2020-04-25T09:00:00+08:00"),
    ("D-PAIR-SECOND", "2020-05-21T00:00:00+08:00"),
)
"""Which disputes of the sample neighbourhood, and the landmark at which each is assessed."""
SECONDS = 30
USER_ERROR = 2


def main(words: Sequence[str] | None = None) -> None:
    """Score the ten cases and print where to review each; a second run within two days gives the same assessments."""
    asked = _arguments(words)
    print("Ten SYNTHETIC sample cases:", flush=True)
    for name, record in records():
        assessment = _post(asked.url, name, record)
        print(f"  {name:16} {asked.url}/review/{assessment['assessment_id']}", flush=True)
    print(f"They wait at {asked.url}/review; docs/tutorial/review.md says what each page should tell you.")


def records() -> Iterator[tuple[str, dict[str, Any]]]:
    """The disputes of the ten, each with its case record as known at its landmark."""
    with read_records(SAMPLES) as opened:
        for dispute_id, as_of in TEN_CASES:
            yield dispute_id, case_record(opened, dispute_id, as_of=parse_time(as_of))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="review_cases.py", description=__doc__, epilog="A service with tokens takes the one in DEFUSE_TOKEN."
    )  # fmt: skip
    port = os.environ.get("DEFUSE_PORT", "3000")
    parser.add_argument("--url", default=f"http://127.0.0.1:{port}", help="where the service runs (%(default)s)")
    asked = parser.parse_args(words)
    asked.url = asked.url.rstrip("/")
    return asked


def _post(url: str, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The assessment of a case record; ends with one clear message where the service gives none."""
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": f"sample {name} {record['as_of']}",
    }
    if token := os.environ.get("DEFUSE_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"{url}/v1/score", json.dumps(record).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        hint = " (set DEFUSE_TOKEN to a token of it)" if error.code == 401 else ""
        _stop(f"{url} answers {error.code} to the case {name}{hint}: {error.read(500).decode('utf-8', 'replace')}")
    except OSError as error:
        reason = getattr(error, "reason", error)
        _stop(f"no service answers at {url} ({reason}): start it with `make serve`, after `make demo`, or name --url")


def _stop(message: str) -> NoReturn:
    """End with a message for the user and their exit code."""
    print(message, file=sys.stderr)
    raise SystemExit(USER_ERROR)


if __name__ == "__main__":
    main()
