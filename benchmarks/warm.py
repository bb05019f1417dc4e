"""The service in a process that is forked from one which has imported everything: up in a second, for many kills.

The process serves the same app with the same life, desk and log, over HTTP on loopback; only the imports and BentoML's
supervisor are not its own.  It writes nothing before the fork: its connection to the log is made after it.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import time
from pathlib import Path

from benchmarks.running import ask
from training.artifact.home import Home

DATABASE_URL = "DEFUSE_DATABASE_URL"
START_SECONDS = 600
IMPORTED = ("benchmarks.warm", "lightgbm", "serving.service", "serving.desk", "serving.batch.part", "uvicorn")


class WarmStarts:
    """Starts services of one home without tokens, each forked from a parent that did the imports once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(IMPORTED))

    def start(self, log: Path) -> WarmService:
        """A service that is ready; what it logs goes to a file."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        process = self._context.Process(target=_serve, args=(port, str(log), self._home), daemon=True)
        process.start()
        return WarmService(process, port)


class WarmService:
    """One such service."""

    def __init__(self, process: multiprocessing.process.BaseProcess, port: int) -> None:
        self._process, self.port = process, port
        until = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if time.monotonic() > until or not process.is_alive():
                self.kill()
                raise RuntimeError("the service of the benchmark did not start")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        connection = self.connect(timeout=5)
        try:
            return ask(connection, "GET", "/readyz")[0] == 200
        except OSError:
            return False
        finally:
            connection.close()

    def connect(self, *, timeout: float = 60) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._process.kill()
        self._process.join()


def _serve(port: int, log: str, home: Home) -> None:
    import uvicorn  # noqa: PLC0415

    from serving.service import bento  # noqa: PLC0415

    os.environ.update({"DEFUSE_HOME": str(home.root), "DEFUSE_AUTH": "off", DATABASE_URL: home.database_url})

    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    uvicorn.run(bento.to_asgi(), host="127.0.0.1", port=port, log_config=None, access_log=False)
