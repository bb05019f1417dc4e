"""The main job end to end, by the commands a user would type: from simulated records to one explained score."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from features.records import read_records
from training.artifact.home import Home

ROOT = Path(__file__).parent
EXPERIMENT = ROOT / "experiments" / "shallow_lightgbm.toml"
DEFUSE = [sys.executable, "-m", "defuse"]
READY_SECONDS = 90
FAULTS_FOUND = 2
CANDIDATES = 40
LATE_SIGNS = f"""
SELECT dispute_id FROM events WHERE dispute_id NOT IN (SELECT dispute_id FROM events WHERE type = 'closed')
AND dispute_id IN (SELECT dispute_id FROM events WHERE type = 'first_contact')
AND type IN ('threat', 'weapon', 'injury', 'fear_expressed', 'last_resort_statement')
AND occurred_at > (SELECT max(recorded_at) FROM events) - 60 * 86400000000
GROUP BY dispute_id ORDER BY count(DISTINCT type) DESC, dispute_id LIMIT {CANDIDATES}
"""


def main() -> None:
    """Run the demo; every step is announced with the command that it runs."""
    settings = _arguments()
    home = Home.from_environment()
    began = time.monotonic()
    records = _world(home, settings)
    _verb("validate", str(records), faults_are_fine=True)
    run_id = _verb("train", str(EXPERIMENT), "--records", str(records), capture=True).splitlines()[-1]
    _report(home, run_id)
    version = json.loads(_verb("models", "--json", capture=True, quiet=True))["versions"][0]["version"]
    _verb("promote", version, "--by", "demo", "--reason", "first model of the demo")
    _serve_one_case(home, records)
    print(f"\nThe demo took {time.monotonic() - began:.0f} seconds. `make serve` keeps the service running.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="bench")
    parser.add_argument("--disputes", type=int, default=60_000)
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _world(home: Home, settings: argparse.Namespace) -> Path:
    """The simulated records, drawn once per seed."""
    name = f"{settings.preset}-{settings.disputes}x{settings.years}-seed{settings.seed}"
    records = home.root / "worlds" / name
    if (records / "source.json").exists():
        print(f"\nSYNTHETIC records of an earlier run: {records}", flush=True)
        return records
    _verb(
        "simulate", str(records), "--preset", settings.preset, "--disputes", str(settings.disputes),
        "--years", str(settings.years), "--seed", str(settings.seed),
    )  # fmt: skip
    return records


def _verb(*words: str, capture: bool = False, quiet: bool = False, faults_are_fine: bool = False) -> str:
    """Run one verb of the command line and give back what it printed.

    A simulated world may hold bad rows on purpose: `validate` then counts them and exits with 2, and the rest goes on.
    """
    if not quiet:
        print(f"\n$ defuse {' '.join(words)}", flush=True)
    done = subprocess.run(
        [*DEFUSE, *words], check=False, text=True, stdout=subprocess.PIPE if capture else None
    )  # fmt: skip
    if done.returncode and not (faults_are_fine and done.returncode == FAULTS_FOUND):
        sys.exit(f"demo: `defuse {words[0]}` exited with {done.returncode}")
    if capture and not quiet:
        print(done.stdout, end="", flush=True)
    return done.stdout or ""


def _report(home: Home, run_id: str) -> None:
    print(f"\nReport (SYNTHETIC): {home.reports / run_id / 'report.html'}", flush=True)


def _serve_one_case(home: Home, records: Path) -> None:
    """Start the service, score one dispute, print its reasons in words, stop the service."""
    port = _free_port()
    print(f"\n$ DEFUSE_AUTH=off defuse serve --port {port}   (loopback only)", flush=True)
    log = home.root / "serve.log"
    cases = _late_cases(records)
    with log.open("w", encoding="utf-8") as output:
        service = subprocess.Popen(
            [*DEFUSE, "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=os.environ | {"DEFUSE_AUTH": "off"}, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            base = f"http://127.0.0.1:{port}"
            _wait_until_ready(base, service, log)
            case = _highest(base, cases)
            _print_assessment(_post(f"{base}/v1/score", case), base)
        finally:
            service.terminate()
            try:
                service.wait(30)
            except subprocess.TimeoutExpired:
                service.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(base: str, service: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if service.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    sys.exit(f"demo: the service did not become ready; its log is {log}:\n{log.read_text('utf-8')[-2000:]}")


def _late_cases(records: Path) -> list[dict[str, Any]]:
    """Open disputes with a recent sign of danger, as they are known at the end of the records."""
    from features.case_export import case_record  # noqa: PLC0415

    with read_records(records) as opened:
        found = opened.connection.execute(LATE_SIGNS).fetchall()
        return [case_record(opened, dispute_id, as_of=opened.known_at + 1) for (dispute_id,) in found]


def _highest(base: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """Of many cases, scored in one call, the one with the highest risk."""
    results = _post(f"{base}/v1/score/batch", {"cases": cases})["results"]
    risks = [result["assessment"]["probability"] if "assessment" in result else 0.0 for result in results]
    return cases[risks.index(max(risks))]


def _post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _print_assessment(one: dict[str, Any], base: str) -> None:
    low, high = (1e4 * end for end in one["interval"])
    print(f"\nSYNTHETIC: dispute {one['dispute_id']} as of {one['as_of']}: tier {one['tier']}")
    print(f"  about {1e4 * one['probability']:.1f} in 10,000 such cases lead to serious violence within 90 days "
          f"(range {low:.1f} to {high:.1f}; over all cases {1e4 * one['base_rate']:.1f})")  # fmt: skip
    for floor in one["floors"]:
        print(f"  floor {floor['floor']}: {floor['rule']['en']}")
    print("  why (contribution in log-odds):")
    for reason in one["reasons"]:
        rows = f"  [{', '.join(reason['evidence'])}]" if reason["evidence"] else ""
        print(f"   {reason['contribution']:+.3f}  {reason['sentence']['en']}{rows}")
    print(f"   {one['other_contribution']:+.3f}  everything else")
    total = one["base_margin"] + sum(r["contribution"] for r in one["reasons"]) + one["other_contribution"]
    print(f"   base {one['base_margin']:+.3f} + all of these = {total:+.3f}, the margin {one['margin']:+.3f}")
    print(f"  help to offer: {', '.join(one['routing']['actions'])}, by {one['routing']['due']}")
    print(f"  review page (while `make serve` runs): {base}/review/{one['assessment_id']}")


if __name__ == "__main__":
    main()
