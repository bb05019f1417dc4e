"""Saving a model as text and JSON under its digest, and loading it back only if every byte is right."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from pydantic import ValidationError

from features import catalogue
from features.errors import MissingInput, ModelNotVerified
from training.artifact.contract import SCHEMA_VERSION, ModelContract
from training.artifact.model import RiskModel
from training.artifact.scorer import FILES, read_scorer

CONTRACT_FILE = "model.json"
CHAMPION_FILE = "champion.json"
CHALLENGER_FILE = "challenger.json"
"""The version trained last, which the service scores in the shadow; MLflow's alias is its mirror."""


def save_model(scorer_text: str, contract: ModelContract, models: Path) -> Path:
    """Write the model under ``models/<digest>/`` in one step and return that folder.

    ``scorer_text`` are its trees or tables.  Saving the same model again changes nothing.
    """
    text = json.dumps(contract.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    target = models / _digest(scorer_text.encode(), text.encode())
    if target.exists():
        return target
    models.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=models, prefix=".saving-"))
    (work / FILES[contract.scorer]).write_text(scorer_text, "utf-8")
    (work / CONTRACT_FILE).write_text(text, "utf-8")
    try:
        work.rename(target)
    except OSError:
        shutil.rmtree(work)
        if not target.exists():
            raise
    return target


def load_model(folder: Path | str) -> RiskModel:
    """The verified model of a folder named by its digest.

    Raises MissingInput where a file is absent, ModelNotVerified where a byte, the contract or the catalogue differs
    from what the model was trained with.
    """
    folder = Path(folder)
    scorer_file = next((name for name in FILES.values() if (folder / name).is_file()), FILES["trees"])
    try:
        scorer_bytes = (folder / scorer_file).read_bytes()
        contract_bytes = (folder / CONTRACT_FILE).read_bytes()
    except FileNotFoundError as error:
        raise MissingInput(f"no model in {folder}: {Path(error.filename).name} is absent") from None
    except OSError as error:
        raise ModelNotVerified(f"the model in {folder} can't be read: {error.strerror}") from None
    digest = _digest(scorer_bytes, contract_bytes)
    if folder.name != digest:
        raise ModelNotVerified(
            f"the model in {folder} has the digest {digest[:12]}, not the one it is stored under: a file was changed "
            "or damaged; restore it from the registry or promote another version"
        )
    contract = _contract(contract_bytes, scorer_bytes, folder)
    scorer = read_scorer(scorer_bytes, contract.scorer, place=str(folder))
    if scorer.column_names != contract.column_names:
        raise ModelNotVerified(
            f"the {contract.scorer} of {folder} read other columns, or in another order, than its contract says"
        )
    return RiskModel(scorer, contract, digest=digest)


def _digest(scorer: bytes, contract: bytes) -> str:
    return hashlib.sha256(
        hashlib.sha256(scorer).digest() + hashlib.sha256(contract).digest()
    ).hexdigest()  # fmt: skip


def _contract(data: bytes, scorer: bytes, folder: Path) -> ModelContract:
    try:
        contract = ModelContract.model_validate_json(data)
    except ValidationError as error:
        raise ModelNotVerified(f"the contract of {folder} is not one: {error.error_count()} faults") from None
    if contract.schema_version != SCHEMA_VERSION:
        raise ModelNotVerified(f"{folder} has contract version {contract.schema_version}, this code {SCHEMA_VERSION}")
    if contract.scorer_sha256 != hashlib.sha256(scorer).hexdigest():
        raise ModelNotVerified(f"the {contract.scorer} of {folder} are not those its contract names")
    if contract.provenance.catalogue_digest != catalogue.digest():
        raise ModelNotVerified(
            f"{folder} was trained with another catalogue of indicators than this code holds: train again, or serve "
            "it with the code it was trained with"
        )
    return contract


def read_champion(home: Path) -> dict[str, str]:
    """What is in force: ``{"version", "digest"}`` from ``champion.json``.

    Raises MissingInput where there is none, ModelNotVerified where the file is damaged.
    """
    try:
        champion = json.loads((home / CHAMPION_FILE).read_text("utf-8"))
    except FileNotFoundError:
        raise MissingInput(f"no model is in force under {home}: run `defuse train`, or `defuse promote`") from None
    except (ValueError, OSError):  # not JSON, not UTF-8, not a file
        champion = None
    if isinstance(champion, dict) and all(isinstance(champion.get(key), str) for key in ("version", "digest")):
        return champion
    raise ModelNotVerified(f"{home / CHAMPION_FILE} is damaged: run `defuse promote` or `defuse rollback`")


def write_champion(home: Path, champion: dict[str, str]) -> None:
    """Put a version in force: the file is replaced atomically, so that a kill leaves the former one.

    It also vouches for the model's contract, so that its points score can be trusted where the trees are damaged.
    """
    contract = home / "models" / champion["digest"] / CONTRACT_FILE
    if contract.is_file():
        champion = champion | {"contract_sha256": hashlib.sha256(contract.read_bytes()).hexdigest()}
    write_record(home / CHAMPION_FILE, champion)


def write_record(path: Path, record: dict[str, str]) -> None:
    """Replace a small JSON file in one step, on disk before it is named."""
    home = path.parent
    home.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=home, prefix=".champion-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(record, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def load_champion(home: Path) -> tuple[RiskModel, dict[str, str]]:
    """The verified model in force and its entry in ``champion.json``."""
    champion = read_champion(home)
    return load_model(home / "models" / champion["digest"]), champion
