"""What stands in where the model in force can't be verified: its own points score, else the champion before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from features import catalogue
from features.errors import MissingInput, ModelNotVerified, UserError
from training.artifact.contract import SCHEMA_VERSION, ModelContract
from training.artifact.points_model import Model, PointsModel
from training.artifact.store import CONTRACT_FILE, load_model, read_champion

PROMOTIONS_FILE = "promotions.jsonl"
Fallback = Literal["points_fallback", "former_model"]


@dataclass(frozen=True)
class Standing:
    """The model to score with: ``fallback`` says what stands in, ``reason`` why the one in force does not."""

    model: Model
    version: str
    fallback: Fallback | None = None
    reason: str = ""


def load_standing(home: Path) -> Standing:
    """The verified champion; where it can't be verified its points score; else the champion before it.

    The points need nothing but the contract, which ``champion.json`` vouches for by its sha256.  Raises the champion's
    own error, MissingInput or ModelNotVerified, where nothing can be trusted.
    """
    try:
        champion = read_champion(home)
    except UserError as error:
        return _former(home, error, besides=None)
    try:
        return Standing(load_model(home / "models" / champion["digest"]), champion["version"])
    except (MissingInput, ModelNotVerified) as error:
        points = _points(home, champion)
        if points is not None:
            return Standing(points, champion["version"], "points_fallback", str(error))
        return _former(home, error, besides=champion["digest"])


def load_points(models: Path, digest: str) -> PointsModel:
    """The points score whose contract file has this sha256, wherever it lies.  Raises ModelNotVerified."""
    for path in sorted(models.glob(f"*/{CONTRACT_FILE}")):
        try:
            return _points_of(path, digest)
        except (OSError, ModelNotVerified):
            continue
    raise ModelNotVerified(f"no contract under {models} has the digest {digest[:12]}")


def _points(home: Path, champion: dict[str, str]) -> PointsModel | None:
    vouched = champion.get("contract_sha256")
    if vouched is None:
        return None
    try:
        return _points_of(home / "models" / champion["digest"] / CONTRACT_FILE, vouched)
    except (OSError, ModelNotVerified):
        return None


def _points_of(path: Path, digest: str) -> PointsModel:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelNotVerified(f"{path} is not the contract that was promoted")
    try:
        contract = ModelContract.model_validate_json(content)
    except ValidationError:
        raise ModelNotVerified(f"{path} is not a contract") from None
    if contract.schema_version != SCHEMA_VERSION or contract.provenance.catalogue_digest != catalogue.digest():
        raise ModelNotVerified(f"{path} is the contract of other code")
    return PointsModel(contract, digest=digest)


def _former(home: Path, error: UserError, *, besides: str | None) -> Standing:
    """The last promoted model that can be verified; raises ``error`` where there is none."""
    for version, digest in _promoted(home):
        if digest != besides:
            try:
                return Standing(load_model(home / "models" / digest), version, "former_model", str(error))
            except (MissingInput, ModelNotVerified):
                continue
    raise error


def _promoted(home: Path) -> Iterator[tuple[str, str]]:
    """Versions and digests that were in force, the last first."""
    try:
        lines = (home / PROMOTIONS_FILE).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in reversed(lines):
        try:
            entry = json.loads(line)
            if entry["outcome"] == "done":
                yield str(entry["to_version"]), str(entry["digest"])
        except (ValueError, TypeError, KeyError):
            continue
