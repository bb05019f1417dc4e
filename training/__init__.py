"""A matrix to a verified, calibrated, explained model.  Imports ``features``.

A notebook needs only ``from training import load_model``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.artifact.model import RiskModel as RiskModel
    from training.artifact.store import load_model as load_model

__all__ = ["RiskModel", "load_model"]
_HOME = {"RiskModel": "training.artifact.model", "load_model": "training.artifact.store"}


def __getattr__(name: str) -> Any:
    """The public names, loaded when first asked for."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'training' has no attribute {name!r}")
