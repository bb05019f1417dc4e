"""Records of disputes to a point-in-time matrix with labels.  Knows no model.

A notebook needs only ``from features import read_records, build_matrix``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from features.matrix import build_matrix as build_matrix
    from features.records import read_records as read_records

__all__ = ["build_matrix", "read_records"]
_HOME = {"build_matrix": "features.matrix", "read_records": "features.records"}


def __getattr__(name: str) -> Any:
    """The public names, loaded when first asked for: a service that only scores never loads DuckDB."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'features' has no attribute {name!r}")
