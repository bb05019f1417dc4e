"""Where state lives: the folders under ``DEFUSE_HOME`` and the settings of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = ".defuse"
PSYCOPG = "postgresql+psycopg"


@dataclass(frozen=True)
class Home:
    """The state folder and what lies where in it.  Nothing is created by looking."""

    root: Path
    tracking_uri_setting: str | None = None
    database_url_setting: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Home:
        """The home of ``DEFUSE_HOME`` (default ``./.defuse``), ``DEFUSE_TRACKING_URI`` and ``DEFUSE_DATABASE_URL``."""
        settings = os.environ if environment is None else environment
        root = Path(settings.get("DEFUSE_HOME", DEFAULT_HOME)).resolve()
        return cls(root, settings.get("DEFUSE_TRACKING_URI"), settings.get("DEFUSE_DATABASE_URL"))

    @property
    def models(self) -> Path:
        """Saved models, one folder per digest."""
        return self.root / "models"

    @property
    def matrices(self) -> Path:
        """Built matrices, one folder per digest of what they were built from."""
        return self.root / "matrices"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "artifacts"

    @property
    def reports(self) -> Path:
        """Reports, one folder per run."""
        return self.root / "reports"

    @property
    def promotions(self) -> Path:
        """The promotion log, one JSON record a line, only ever appended to."""
        return self.root / "promotions.jsonl"

    @property
    def openings(self) -> Path:
        """Who opened the last origin of which data, one JSON record a line, only ever appended to."""
        return self.root / "openings.jsonl"

    @property
    def studies(self) -> Path:
        """Searches for settings, one SQLite file each: a killed one goes on where it was."""
        return self.root / "studies"

    @property
    def log_database(self) -> Path:
        """The decision log, where ``DEFUSE_DATABASE_URL`` names no other."""
        return self.root / "log.db"

    @property
    def database_url(self) -> str:
        """The address of the decision log: SQLite under the home unless ``DEFUSE_DATABASE_URL`` says otherwise."""
        return self.database_url_setting or f"sqlite:///{self.log_database}"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking store: SQLite under the home unless ``DEFUSE_TRACKING_URI`` says otherwise.

        ``postgresql://`` and ``postgres://`` come out with the driver that is shipped, psycopg 3.
        """
        given = self.tracking_uri_setting or f"sqlite:///{self.root / 'mlflow.db'}"
        kind, mark, rest = given.partition("://")
        return f"{PSYCOPG}://{rest}" if mark and kind in ("postgresql", "postgres") else given
