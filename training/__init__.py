"""A matrix to a verified, calibrated, explained model.  Imports ``features``."""

from training.artifact.model import RiskModel as RiskModel
from training.artifact.store import load_model as load_model

__all__ = ["RiskModel", "load_model"]
