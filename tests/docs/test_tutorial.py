"""The tutorial notebook is sound as a file, says nothing of the machine it was written on, and runs from top to end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"
NOTEBOOKS = sorted(TUTORIAL.glob("*.ipynb"))
SOME_PLACE = re.compile(r"(?<![\w.])/(?:work|home|root|tmp|Users|usr|mnt)\b|\b[a-z]+://")
SECONDS = 600
HELD = "held {}\n"


def read(notebook: Path) -> dict[str, Any]:
    return json.loads(notebook.read_text("utf-8"))


def sources(notebook: Path, kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in read(notebook)["cells"] if cell["cell_type"] == kind]


def as_program(notebook: Path) -> str:
    """The code cells in order, as one program that says after each that it went through."""
    return "\n".join(f"{code}\nprint({HELD.format(n).strip()!r})" for n, code in enumerate(sources(notebook, "code")))


def test_there_is_a_tutorial():
    assert [notebook.name for notebook in NOTEBOOKS] == ["first-model.ipynb"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_is_a_notebook_of_format_4_without_outputs(notebook):
    content = read(notebook)
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in content["cells"]:
        assert set(cell) >= {"cell_type", "id", "metadata", "source"}
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell["id"])
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_code_follows_prose(notebook):
    """A reader is told what comes before it comes; at most two pieces of code stand together."""
    kinds = [cell["cell_type"] for cell in read(notebook)["cells"]]
    assert kinds[0] == "markdown"
    row = 0
    for kind in kinds:
        row = row + 1 if kind == "code" else 0
        assert row <= 2
    words = sum(len(text.split()) for text in sources(notebook, "markdown"))
    assert words > 500


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_names_no_machine_and_says_synthetic(notebook):
    text = "\n".join([*sources(notebook, "markdown"), *sources(notebook, "code")])
    assert not SOME_PLACE.search(text)
    assert text.count("SYNTHETIC") >= 5
    assert "accuracy" not in text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_every_page_it_names_is_there(notebook):
    named = re.findall(r"`(docs/[\w/.-]+)`", "\n".join(sources(notebook, "markdown")))
    assert len(named) >= 4
    assert all((TUTORIAL.parents[1] / name).is_file() for name in named), named


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_from_top_to_end_in_a_fresh_process(notebook, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(as_program(notebook), "utf-8")
    environment = os.environ | {"DEFUSE_HOME": str(tmp_path / "home"), "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        timeout=SECONDS,
    )  # fmt: skip
    told = done.stdout.splitlines()
    assert done.returncode == 0, f"stopped after {told[-1:]}\n{done.stderr[-3000:]}"
    assert all(HELD.format(n).strip() in told for n in range(len(sources(notebook, "code"))))
    assert (tmp_path / "first-model" / "matrix" / "profile.html").is_file()
    assert list((tmp_path / "home" / "reports").glob("*/report.html"))
