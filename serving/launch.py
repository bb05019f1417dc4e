"""Starting the service as its own process, with nothing that calls out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from features.errors import InvalidConfiguration
from serving.access import LOOPBACK
from serving.lifecycle import LAME_DUCK
from training.artifact.home import Home

SETTINGS = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_CONFIG_OPTIONS": 'tracing.excluded_urls=".*"',  # tracing costs each request 0.5 ms
}


GIVE_BACK = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "16777216"}
"""glibc keeps memory of its own for every thread, and keeps what large texts held: with pages and reads in threads a service
would grow for long.  With few arenas, and large pieces mapped by themselves, it gives back what it does not use.  At an
eighth of a megabyte it would do so in every request, at the price of a tenth of the pace."""
LAME_DUCK_SECONDS = "5"
"""How long a service with tokens says that it leaves before it does; one for trying out stops at once."""


def service_command(*, host: str, port: int) -> list[str]:
    """The command line of the service's process."""
    return [
        sys.executable, "-m", "bentoml", "serve", "serving.service:DefuseService", "--host", host, "--port", str(port),
        "--api-workers", "1", "--working-dir", str(Path(__file__).parent.parent),
    ]  # fmt: skip


def service_environment(
    home: Home, *, host: str, auth: str, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of the service's process.

    Raises InvalidConfiguration where access control is off on a host that others can reach.
    """
    if auth not in {"token", "off"}:
        raise InvalidConfiguration(f"DEFUSE_AUTH is {auth!r}: it may be token or off")
    if auth == "off" and host not in LOOPBACK:
        raise InvalidConfiguration(f"DEFUSE_AUTH=off is for loopback only, not for {host}: use tokens")
    base = GIVE_BACK | dict(os.environ if environment is None else environment)
    patience = {LAME_DUCK: base.get(LAME_DUCK, LAME_DUCK_SECONDS if auth == "token" else "0")}
    return base | SETTINGS | patience | {"DEFUSE_HOME": str(home.root), "DEFUSE_AUTH": auth}
