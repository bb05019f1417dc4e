"""The peer that most tutorials end with: a pandas row and a SHAP explainer in a BentoML service; no features, no log."""

from __future__ import annotations

from typing import Any

import bentoml
import pandas as pd
import shap

from training.artifact.home import Home
from training.artifact.store import load_champion


@bentoml.service(name="tutorial", workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Tutorial:
    """Scores a row of features that somebody else computed."""

    def __init__(self) -> None:
        """Load the same model, and make the explainer once."""
        self.model = load_champion(Home.from_environment().root)[0]
        self.explainer = shap.TreeExplainer(self.model.booster)

    @bentoml.api(route="/v1/score")
    def score(self, row: dict[str, Any]) -> dict[str, Any]:
        """The probability of a row and its SHAP values by column."""
        table = pd.DataFrame([row]).astype(float)
        probability = self.model.predict_proba(table)[0, 1]
        values = self.explainer.shap_values(table)[0]
        return {"probability": float(probability), "reasons": dict(zip(row, map(float, values), strict=True))}
