"""The rules of the house that a linter does not know: who may import whom, how long things are, what is never read."""

from __future__ import annotations

import ast
import builtins
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("features", "training", "serving")
PACKAGES = (*FLOORS, "data_samples", "benchmarks")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
    return found


def test_the_service_sees_of_training_only_the_saved_model():
    for path in sorted((ROOT / "serving").rglob("*.py")):
        seen = {name for name in imports(path) if name.split(".")[0] == "training"}
        assert all(name.startswith("training.artifact") for name in seen), f"{path.name} imports {seen}"


def test_no_floor_reads_the_truth_or_imports_the_simulator():
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            assert not any(name.split(".")[0] == "data_samples" for name in imports(path)), path
            assert ".truth" not in path.read_text("utf-8"), path


def test_the_feature_code_never_opens_the_audit_table():
    """Six modules speak of it: its schema and pages, what is refused elsewhere, and what it would have been."""
    speaking = {"schema", "records", "records_reference", "refused", "mapping_file", "not_inputs"}
    for path in sorted((ROOT / "features").rglob("*.py")):
        assert path.stem in speaking or "audit" not in path.read_text("utf-8"), path


def test_no_fit_balances_weights_or_makes_rows_up():
    """Both ruin the calibration: the exact correction of the sampling is what there is."""
    forbidden = ("is_unbalance", "scale_pos_weight", "class_weight", "SMOTE", "imblearn", "oversampl")
    for path in [*sorted((ROOT / "training").rglob("*.py")), *sorted((ROOT / "experiments").glob("*.toml"))]:
        code = "\n".join(line.split("#")[0] for line in path.read_text("utf-8").splitlines())
        assert not [word for word in forbidden if word in code], path


def test_petitions_are_read_by_two_indicators_alone():
    """Overdue (C02) and upheld (C12); everything else that mentions them only carries their rows."""
    asking = {
        node.name
        for path in sorted((ROOT / "features" / "families").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(part, ast.Attribute) and part.attr == "petitions" for part in ast.walk(node))
    }
    assert asking == {"_unanswered_petitions", "procedural_error_upheld"}
    for name in ("floors", "tiers", "points", "model"):
        assert "petition" not in (ROOT / "training" / "artifact" / f"{name}.py").read_text("utf-8"), name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_short(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MOST_FUNCTION_LINES, node.name


@pytest.mark.parametrize("floor", FLOORS)
def test_importing_a_floor_does_nothing(floor, tmp_path):
    """No folder, no tracking address, no logging set-up, no model: and the heavy engines stay unloaded."""
    code = (
        f"import {floor}, sys, logging, os\n"
        "heavy = {'duckdb', 'pandas', 'mlflow', 'bentoml', 'lightgbm', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert not logging.getLogger().handlers\n"
        "assert os.listdir('.') == []\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def test_no_host_of_a_package_registry_is_named_anywhere():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    forbidden = ("pypi" + ".org", "python" + "hosted", "npm" + "js", "debian" + ".org", "/work" + "/")
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in {".parquet", ".png"} or not path.is_file():
            continue
        text = path.read_text("utf-8", errors="ignore")
        assert not [word for word in forbidden if word in text], name


COMPILED = [path for path in MODULES if "features.compiled import" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.name)
def test_compiled_loops_use_nothing_of_another_module_but_numpy(path):
    """Numba keeps compiled code by the file of the loop alone: a rule changed in another file would go unseen."""
    tree = ast.parse(path.read_text("utf-8"))
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    loops = [node for node in tree.body if isinstance(node, ast.FunctionDef) and is_compiled(node)]
    assert loops
    for loop in loops:
        body = [node for statement in loop.body for node in ast.walk(statement) if isinstance(node, ast.Name)]
        local = {name.id for name in body if isinstance(name.ctx, ast.Store)} | {each.arg for each in loop.args.args}
        foreign = {name.id for name in body} - local - own - {"np"} - set(dir(builtins))
        assert not foreign, f"{loop.name} uses {foreign}"


def is_compiled(function: ast.FunctionDef) -> bool:
    names = {each.id for each in function.decorator_list if isinstance(each, ast.Name)}
    return bool(names & {"compiled", "compilable"})
