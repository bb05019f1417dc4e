"""Runs and versions in MLflow: SQLite and local artifacts by default, nothing called out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.artifact.contract import ModelContract
from training.artifact.home import Home

MODEL_NAME = "defuse"
CHAMPION = "champion"
CHALLENGER = "challenger"
PYFUNC_FILE = Path(__file__).with_name("pyfunc_model.py")
SILENCE = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
RUNTIME_PACKAGES = ("lightgbm", "numpy", "pandas", "pydantic", "scikit-learn")


def quiet_mlflow() -> Any:
    """The mlflow module, imported with its usage reporting switched off."""
    os.environ.update(SILENCE)
    import mlflow  # noqa: PLC0415  (5 seconds and 200 MB: only for who tracks)

    return mlflow


class Tracker:
    """One home's tracking store and registry."""

    def __init__(self, home: Home) -> None:
        home.root.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.mlflow = quiet_mlflow()
        self.mlflow.set_tracking_uri(home.tracking_uri)
        self.mlflow.set_registry_uri(home.tracking_uri)
        self.client = self.mlflow.MlflowClient()

    @contextmanager
    def run(self, experiment: str, *, tags: Mapping[str, str]) -> Iterator[str]:
        """A run of an experiment: its id.  The run fails if the body does."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            self.home.artifacts.mkdir(parents=True, exist_ok=True)
            number = self.client.create_experiment(experiment, artifact_location=self.home.artifacts.as_uri())
        else:
            number = found.experiment_id
        with self.mlflow.start_run(experiment_id=number, tags=dict(tags)) as run:
            yield run.info.run_id

    def log(self, *, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Write parameters and metrics into the run that is under way."""
        self.mlflow.log_params(dict(parameters))
        self.mlflow.log_metrics({name.replace("%", "pct"): value for name, value in metrics.items()})

    def log_search(self, trials: Sequence[tuple[Mapping[str, float], float]], *, metric: str) -> None:
        """Write what a search tried and found (settings, figure) as runs nested in the one that is under way."""
        for number, (settings, value) in enumerate(trials, 1):
            with self.mlflow.start_run(run_name=f"trial {number}", nested=True):
                self.mlflow.log_params(dict(settings))
                self.mlflow.log_metric(metric, value)

    def log_lineage(self, datasets: Mapping[str, tuple[Path, str]], inputs: Mapping[str, str]) -> None:
        """Write what the run was made from: each dataset (path, digest) as an input, and the digests of all records.

        Digests stand whole as parameters: MLflow keeps 36 characters of a dataset's.
        """
        for context, (path, digest) in datasets.items():
            self.log_dataset(path, digest=digest, name=context, context=context)
        self.mlflow.log_params(
            {f"digest.{context}": digest for context, (_, digest) in datasets.items()}
            | {f"digest.records.{name}": digest for name, digest in inputs.items()}
        )

    def log_dataset(self, matrix: Path, *, digest: str, name: str, context: str = "training") -> None:
        """Write a matrix into the run as its input: path and digest, no copy."""
        from mlflow.data.meta_dataset import MetaDataset  # noqa: PLC0415
        from mlflow.data.sources import LocalArtifactDatasetSource  # noqa: PLC0415

        source = LocalArtifactDatasetSource(matrix.as_uri())
        self.mlflow.log_input(MetaDataset(source, name=name, digest=digest[:36]), context=context)

    def log_files(self, folder: Path, *, into: str) -> None:
        """Copy a folder's files into the run's artifacts."""
        self.mlflow.log_artifacts(str(folder), into)

    def register(self, model: Path, contract: ModelContract) -> str:
        """Log the saved model into the run that is under way and register it; the new version's number."""
        from mlflow.models import ModelSignature  # noqa: PLC0415
        from mlflow.types.schema import ColSpec, Schema  # noqa: PLC0415

        columns = [ColSpec("double", name, required=False) for name in contract.column_names]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input example", category=UserWarning)  # ours is the contract
            logged = self.mlflow.pyfunc.log_model(
                name="model",
                python_model=str(PYFUNC_FILE),
                artifacts={"model": str(model)},
                signature=ModelSignature(Schema(columns), Schema([ColSpec("double", "probability")])),
                pip_requirements=[f"{package}=={version(package)}" for package in RUNTIME_PACKAGES],
            )
        try:
            self.client.create_registered_model(MODEL_NAME, description="90-day risk of one dispute case")
        except self.mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = self.client.create_model_version(
            MODEL_NAME, source=logged.model_uri, run_id=self.mlflow.active_run().info.run_id,
            tags={"digest": model.name, "synthetic": str(contract.provenance.synthetic).lower()},
            model_id=logged.model_id,
        )  # fmt: skip
        return str(found.version)

    def set_alias(self, alias: str, version_number: str) -> None:
        """Point an alias of the registered model at a version."""
        self.client.set_registered_model_alias(MODEL_NAME, alias, version_number)

    def versions(self) -> list[dict[str, Any]]:
        """Every registered version, newest first: version, digest, run, aliases and when it was made."""
        try:
            aliases = self.client.get_registered_model(MODEL_NAME).aliases
        except self.mlflow.exceptions.MlflowException:
            return []
        found = self.client.search_model_versions(f"name = '{MODEL_NAME}'")
        return sorted(
            (
                {
                    "version": str(one.version),
                    "digest": one.tags.get("digest", ""),
                    "run_id": one.run_id,
                    "aliases": sorted(alias for alias, number in aliases.items() if str(number) == str(one.version)),
                    "created_ms": one.creation_timestamp,
                }
                for one in found
            ),
            key=lambda one: -int(str(one["version"])),
        )
