"""A PostgreSQL server of one's own, on a Unix socket in a temporary folder: for the benchmarks and the tests.

The binaries are those in PATH or under ``/usr/lib/postgresql``.  Nothing of it outlives its use.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

POSTGRES_SETTING = "DEFUSE_BENCH_POSTGRES"
"""Names an empty database to fill, where it should be another than one's own."""
UNPRIVILEGED = ("postgres", "nobody")
SECONDS_TO_START = 30
QUICK = ("fsync=off", "full_page_writes=off", "shared_buffers=32MB")
"""For what only asks whether an answer is right.  A measurement runs with the server's own settings."""
APART = ("max_connections=50", "listen_addresses=")
OWNER = "defuse"


class NoServer(Exception):
    """No server can be had here, and why."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server: where its socket lies.  It trusts whoever can reach the socket."""

    socket: Path

    def url(self, database: str = "postgres") -> str:
        """The address of a database, as a user would write it into a setting (no driver named)."""
        return f"postgresql://{OWNER}@/{database}?host={self.socket}"

    def new_database(self) -> str:
        """The address of an empty database of its own."""
        name = f"t{uuid4().hex[:12]}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


@contextmanager
def private_server(*, settings: tuple[str, ...] = ()) -> Iterator[PostgresServer]:
    """A server while the block lasts.  Raises NoServer where PostgreSQL is not installed or cannot be started."""
    binaries, account = server_binaries(), _account()
    if binaries is None:
        raise NoServer("no PostgreSQL server here (Debian: apt install postgresql): not tried on one")
    if account is None:
        raise NoServer("PostgreSQL refuses to run as root, and there is no unprivileged account to run it as")
    identity: dict[str, Any] = (
        {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    with tempfile.TemporaryDirectory(prefix="defuse-pg-", dir="/tmp") as name:  # a socket's path must be short
        folder = Path(name)
        os.chown(folder, account.pw_uid, account.pw_gid)
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": name}
        made = subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync"],
            capture_output=True, text=True, cwd=folder, env=environment, check=False, **identity,
        )  # fmt: skip
        if made.returncode:
            raise NoServer(f"PostgreSQL's initdb does not work here: {made.stderr.strip().splitlines()[-1:]}")
        options = [word for setting in (*APART, *settings) for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", "-k", folder, *options],
                stdout=log, stderr=log, cwd=folder, env=environment, **identity,
            )  # fmt: skip
        try:
            server = PostgresServer(folder)
            _wait_for(server, process, folder / "log")
            yield server
        finally:
            _stop(process)


@contextmanager
def empty_database() -> Iterator[str | None]:
    """The address of an empty database to measure with: the one that is named, or of a server of one's own.

    None where neither can be had, which is told on stderr.
    """
    if given := os.environ.get(POSTGRES_SETTING):
        yield given
        return
    with ExitStack() as stack:
        try:
            address = stack.enter_context(private_server()).new_database()
        except NoServer as reason:
            print(f"benchmarks: {reason}", file=sys.stderr)
            address = None
        yield address


def server_binaries() -> Path | None:
    """The folder that holds ``initdb`` and ``postgres``, the newest one; None where there is none."""
    found = shutil.which("initdb")
    if found and shutil.which("postgres"):
        return Path(found).resolve().parent
    places = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    whole = [place for place in places if (place / "postgres").exists()]
    return max(whole, key=lambda place: int(place.parent.name.partition(".")[0]), default=None)


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as: ourselves, or an unprivileged account where we are root; None where none is known."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((known[name] for name in UNPRIVILEGED if name in known), None)


def _wait_for(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        try:
            psycopg.connect(server.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise NoServer(f"PostgreSQL does not start here: {log.read_text('utf-8', 'replace').splitlines()[-1:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # fast shutdown: open connections are cut
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
