"""Where state lives: the folders under ``DEFUSE_HOME`` and the settings of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = ".defuse"


@dataclass(frozen=True)
class Home:
    """The state folder and what lies where in it.  Nothing is created by looking."""

    root: Path
    tracking_uri_setting: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Home:
        """The home that ``DEFUSE_HOME`` and ``DEFUSE_TRACKING_URI`` name, ``./.defuse`` by default."""
        settings = os.environ if environment is None else environment
        root = Path(settings.get("DEFUSE_HOME", DEFAULT_HOME)).resolve()
        return cls(root, settings.get("DEFUSE_TRACKING_URI"))

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
        """The decision log."""
        return self.root / "log.db"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking store: SQLite under the home unless ``DEFUSE_TRACKING_URI`` says otherwise."""
        return self.tracking_uri_setting or f"sqlite:///{self.root / 'mlflow.db'}"
