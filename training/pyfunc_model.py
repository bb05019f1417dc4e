"""The script MLflow runs to load a registered version: ``mlflow.pyfunc.load_model`` on the saved text and JSON."""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd

from training.artifact.store import load_model


class DefuseModel(mlflow.pyfunc.PythonModel):
    """The verified model behind MLflow's predict: the 90-day probability of each row, by column name."""

    def load_context(self, context: Any) -> None:
        """Load and verify the saved model among the version's artifacts."""
        self.model = load_model(context.artifacts["model"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """A frame with one column, ``probability``."""
        return pd.DataFrame({"probability": self.model.predict_proba(model_input)[:, 1]}, index=model_input.index)


mlflow.models.set_model(DefuseModel())
