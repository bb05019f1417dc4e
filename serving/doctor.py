"""``defuse doctor``: what is configured, what is missing, and what to do about it."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from features.clock import DAY_US, format_time, parse_time
from features.errors import UserError
from serving.access import LOOPBACK, TOKENS_FILE, read_grants
from serving.finding import Finding, State
from serving.policy import POLICY_FILE, read_policy
from training.artifact.home import Home
from training.artifact.standing import load_standing
from training.artifact.store import CHAMPION_FILE

ENOUGH_BYTES, FEW_BYTES = 2 << 30, 200 << 20
CLOCK_SLACK_SECONDS = 120
SQLITE = "sqlite:///"


def examine(home: Home, *, auth: str, host: str) -> list[Finding]:
    """Every finding, in the order in which things depend on each other; none raises."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _home(home), lambda: _disk(home), _libgomp, lambda: _clock(home), lambda: _champion(home),
        lambda: _policy(home), lambda: _log(home), lambda: _tokens(home, auth=auth, host=host), lambda: _tracking(home),
    )  # fmt: skip
    return [finding for check in checks for finding in check()]


def _home(home: Home) -> Iterator[Finding]:
    if not home.root.is_dir():
        yield Finding(
            "home", State.BLOCKS, f"{home.root} is not there", "`make demo`, or `defuse train` with DEFUSE_HOME"
        )
    elif not os.access(home.root, os.W_OK | os.X_OK):
        yield Finding("home", State.BLOCKS, f"{home.root} can't be written", "give it to the user that serves")
    else:
        yield Finding("home", State.OK, str(home.root))


def _disk(home: Home) -> Iterator[Finding]:
    place = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(place).free
    told = f"{free / (1 << 30):.1f} GiB free under {place}"
    if free < FEW_BYTES:
        yield Finding("disk", State.BLOCKS, told, "make room: what can't be logged is not answered")
    else:
        yield Finding("disk", State.OK if free >= ENOUGH_BYTES else State.WARNS, told, "" if free >= ENOUGH_BYTES else "make room soon")  # fmt: skip


def _libgomp() -> Iterator[Finding]:
    if ctypes.util.find_library("gomp") is None:
        yield Finding("libgomp", State.BLOCKS, "OpenMP's library is not there", "Debian: apt-get install libgomp1")
    else:
        yield Finding("libgomp", State.OK, "found")


def _clock(home: Home) -> Iterator[Finding]:
    """A clock that is behind what was already written would refuse records as recorded in the future."""
    now = time.time()
    stamps = [path.stat().st_mtime for path in home.root.glob("*") if path.is_file()] if home.root.is_dir() else []
    ahead = max(stamps, default=0) - now
    told = format_time(round(now * 1e6))
    if ahead > CLOCK_SLACK_SECONDS:
        yield Finding(
            "clock", State.BLOCKS, f"{told}, but a file of the home is {ahead:.0f} s ahead", "set the clock (NTP)"
        )
    elif now < datetime(2026, 1, 1, tzinfo=UTC).timestamp():
        yield Finding("clock", State.BLOCKS, f"{told}: before this software was written", "set the clock (NTP)")
    else:
        yield Finding("clock", State.OK, told)


def _champion(home: Home) -> Iterator[Finding]:
    try:
        standing = load_standing(home.root)
    except UserError as error:
        yield Finding("champion", State.BLOCKS, str(error), "`defuse promote VERSION --by ROLE --reason TEXT`")
        return
    contract = standing.model.contract
    told = f"version {standing.version}, digest {standing.model.digest[:12]}, trained through {contract.provenance.trained_through}"
    if standing.fallback is not None:
        yield Finding("champion", State.WARNS, f"{standing.fallback} stands in ({told}): {standing.reason}",
                      f"restore the model, or `defuse promote` another; {CHAMPION_FILE} names what is in force")  # fmt: skip
        return
    yield Finding("champion", State.OK, told + (", SYNTHETIC" if contract.provenance.synthetic else ""))
    age_days = (time.time_ns() // 1_000 - parse_time(contract.provenance.trained_through)) / DAY_US
    try:
        most = read_policy(home.root).watch.stale_model_days
    except UserError:
        return
    if age_days > most:
        yield Finding("model age", State.WARNS, f"{age_days:.0f} days, more than {most:g}", "train a new version")


def _policy(home: Home) -> Iterator[Finding]:
    try:
        policy = read_policy(home.root)
    except UserError as error:
        yield Finding("policy", State.BLOCKS, str(error), f"mend {POLICY_FILE}, or remove it for the default")
    else:
        where = str(home.root / POLICY_FILE) if (home.root / POLICY_FILE).exists() else "the default"
        yield Finding("policy", State.OK, f"{policy.version} ({where})")


def _log(home: Home) -> Iterator[Finding]:
    from serving.doctor_log import log_findings  # noqa: PLC0415

    try:
        policy = read_policy(home.root)
    except UserError:
        policy = None
    yield from log_findings(home.database_url, policy)


def _tokens(home: Home, *, auth: str, host: str) -> Iterator[Finding]:
    if auth == "off":
        state = State.OK if host in LOOPBACK else State.BLOCKS
        told = f"access control is off on {host}: all are one account, and a red case's second look needs a token"
        yield Finding("tokens", state, told, "" if state is State.OK else "DEFUSE_AUTH=token")
        return
    try:
        grants = read_grants(home.root / TOKENS_FILE)
    except UserError as error:
        yield Finding("tokens", State.BLOCKS, str(error), "`defuse token create`")
        return
    now = datetime.now(UTC)
    valid = [grant for grant in grants if datetime.fromisoformat(grant.expires_at_utc) > now]
    told = f"{len(valid)} valid, {len(grants) - len(valid)} expired; roles: {', '.join(sorted({g.role.value for g in valid})) or 'none'}"
    if not valid:
        yield Finding("tokens", State.WARNS, told, "`defuse token create --role ROLE`: nobody can call the service")
    else:
        yield Finding("tokens", State.OK, told)


def _tracking(home: Home) -> Iterator[Finding]:
    """MLflow's store is not needed to serve: what is wrong with it only warns."""
    uri = home.tracking_uri
    if not uri.startswith(SQLITE):
        yield Finding("tracking store", State.OK, "configured by DEFUSE_TRACKING_URI; not asked from here")
        return
    path = Path(uri.removeprefix(SQLITE))
    if not path.exists():
        yield Finding(
            "tracking store", State.WARNS, f"{path} is not there", "`defuse train` begins it; serving goes without"
        )
        return
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1) as connection:
            runs = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
    except sqlite3.Error as error:
        yield Finding(
            "tracking store", State.WARNS, f"{path} can't be read: {error}", "restore it; serving goes without"
        )
    else:
        yield Finding("tracking store", State.OK, f"{runs} runs in {path}")


def as_text(findings: list[Finding]) -> str:
    """The findings for a person, one a line, each with its remedy."""
    marks = {State.OK: "ok    ", State.WARNS: "warns ", State.BLOCKS: "BLOCKS"}
    lines = []
    for one in findings:
        lines.append(f"{marks[one.state]}  {one.check}: {one.told}")
        if one.remedy:
            lines.append(f"        do: {one.remedy}")
    return "\n".join(lines)
