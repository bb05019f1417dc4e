"""The real service in processes of its own: started, asked, watched, and killed with all of its processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.feature_scale import resident_mb
from benchmarks.trained_home import ROOT
from training.artifact.home import Home

READY_SECONDS = 240


class Running:
    """``defuse serve`` on loopback without tokens; what it logs goes to a file."""

    def __init__(self, home: Home, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "defuse", "serve", "--port", str(self.port)],
                cwd=ROOT, env=os.environ | {"DEFUSE_HOME": str(home.root), "DEFUSE_AUTH": "off"}, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if self.ask("GET", "/readyz", timeout=5)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.kill()
        raise RuntimeError("the service of the benchmark did not start")

    def connect(self, *, timeout: float = 60) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: bytes | None = None, *, timeout: float = 60) -> tuple[int, bytes]:
        """Status and content of one request on a new connection."""
        connection = self.connect(timeout=timeout)
        try:
            return ask(connection, method, path, body)
        finally:
            connection.close()

    @property
    def resident_mb(self) -> float:
        """Resident memory of all its processes."""
        return resident_mb(self.process.pid)

    def kill(self) -> None:
        """End all of its processes at once, as a power cut would: the worker is in a session of its own."""
        for process in processes_of(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as an operator would."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()


def processes_of(process: int) -> list[int]:
    """A process and all below it (Linux)."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [process, *(below for child in children for below in processes_of(child))]


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and content of one request."""
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        connection.close()
        raise ConnectionError(str(error)) from error


def encoded(record: Any) -> bytes:
    """A record as the body of a request."""
    return json.dumps(record).encode()
