"""What the documents say is what the code does: generated pages, verbs, keys, routes, targets, links and words."""

from __future__ import annotations

import json
import math
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from defuse import main as defuse
from features.catalogue import INDICATORS
from serving.app import make_app
from serving.problems import TITLES
from training.artifact.floors import FLOORS
from training.experiment import Experiment

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HAND = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md")
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in HAND)])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
PICTURES = sorted((DOCS / "pictures").glob("*.svg"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(*names: str) -> str:
    return ROOT.joinpath(*names).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text) if kind == language]


def prose(text: str) -> str:
    """The text without code, links' targets and what stands in quotation marks."""
    text = FENCE.sub("", text)
    text = re.sub(r"`[^`]*`", "", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r'"[^"\n]*"', "", text)


# --- made from code --------------------------------------------------------------------------------------------------


def test_generated_pages_and_pictures_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_verb_is_in_the_reference_and_in_the_readme() -> None:
    reference, readme = read("docs", "reference", "cli.md"), read("README.md")
    for name in verbs():
        assert f"## {name}\n" in reference
        assert name in readme, f"README.md never mentions {name}"


def verbs() -> Iterator[str]:
    for name, command in defuse.commands.items():
        if isinstance(command, click.Group):
            yield from (f"defuse {name} {child}" for child in command.commands)
        else:
            yield f"defuse {name}"


def test_every_key_of_an_experiment_is_in_the_reference() -> None:
    page = read("docs", "reference", "experiment.md")
    for name, field in Experiment.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            section = page.split(f"## [{name}]\n")[1].split("\n## ")[0]
            assert all(f"| `{key}` |" in section for key in kind.model_fields), name
        else:
            assert f"| `{name}` |" in page


def test_every_route_and_status_is_in_the_reference() -> None:
    page = read("docs", "reference", "http.md")
    app = make_app()
    for route in app.routes[:-1]:  # the last one catches everything else
        for method in route.methods - {"HEAD"}:
            assert re.search(rf"`({method} )?{re.escape(route.path)}`|`{method} {re.escape(route.path)}", page), (
                route.path
            )
    assert all(f"| {status} | {title} |" in page for status, title in TITLES.items())
    described = set(re.findall(r"`(?:GET|POST) (/[^`]*)`", page)) | {"/readyz", "/metrics"}
    own = {route.path for route in app.routes[:-1]}
    assert described <= own | {"/livez", "/readyz", "/metrics"}, described - own


def test_every_indicator_and_floor_is_in_the_reference() -> None:
    page = read("docs", "reference", "indicators.md")
    for indicator in INDICATORS:
        assert f"### {indicator.id} {indicator.title.en} {indicator.title.zh}\n" in page
        assert f"`{indicator.column}`" in page
    assert all(f"| {floor.id} | {floor.rule.en} |" in read("docs", "reference", "tiers.md") for floor in FLOORS)


def test_the_changelog_counts_the_catalogue_right() -> None:
    assert f"all {len(INDICATORS)} model inputs" in read("CHANGELOG.md")


# --- commands --------------------------------------------------------------------------------------------------------


def commands(text: str) -> Iterator[list[str]]:
    """Every `defuse ...` of the shell blocks, as words."""
    for block in blocks(text, "sh"):
        for line in block.splitlines():
            words = shlex.split(line.split(" > ")[0], comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words = words[1:]
            if words and words[0] == "defuse":
                yield words[1:]


def test_every_command_of_the_documents_is_one() -> None:
    seen = 0
    for page in PAGES:
        for words in commands(page.read_text("utf-8")):
            command: click.Command = defuse
            rest = list(words)
            while isinstance(command, click.Group):
                assert rest and rest[0] in command.commands, f"{page.name}: defuse {' '.join(words)}"
                command = command.commands[rest.pop(0)]
            context = click.Context(command, info_name="defuse")
            parser = command.make_parser(context)
            options, left, _ = parser.parse_args(rest)
            arguments = [one for one in command.params if isinstance(one, click.Argument) and one.required]
            assert not left and all(options.get(one.name) for one in arguments), f"{page.name}: {' '.join(words)}"
            seen += 1
    assert seen > 20


def test_the_make_targets_of_the_documents_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text("utf-8")
        told = set(re.findall(r"`make (?:[A-Z]+=\S+ )?([a-z-]+)", text))
        told |= {name for block in blocks(text, "sh") for name in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)}
        assert told <= targets, page.name
    assert {"demo", "test", "check", "bench", "serve", "docs", "clean"} <= targets
    assert all(
        f"make {name}" in read("README.md") for name in ("demo", "test", "check", "bench", "serve", "docs", "clean")
    )


def test_the_toml_of_the_documents_is_an_experiment_a_mapping_or_a_policy() -> None:
    import tomllib

    from features.mapping_file import parse_mapping
    from serving.policy import Policy

    for page in PAGES:
        for block in blocks(page.read_text("utf-8"), "toml"):
            content = tomllib.loads(block)
            if "disputes" in content:
                assert parse_mapping(block).faults == ()
                continue
            part_of_experiment = set(content) <= set(Experiment.model_fields) - set(Policy.model_fields)
            if part_of_experiment and "question" not in content:
                content |= {"name": "x", "question": "?", "seed": 1}
            (Experiment if "question" in content else Policy).model_validate(content)


def test_both_readmes_show_the_same_commands_and_code() -> None:
    def code(name: str) -> list[str]:
        found = FENCE.findall(read(name))
        return [re.sub(r" *#.*", "", body) for _, body in found]

    assert code("README.md") == code("README.zh-CN.md")
    headings = [len(re.findall(r"^##+ ", read(name), re.MULTILINE)) for name in ("README.md", "README.zh-CN.md")]
    assert headings[0] == headings[1]


# --- links, words, places --------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_internal_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text("utf-8"))):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target}"
        assert found.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(found), f"{page.name}: {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text("utf-8")):
            found = (page.parent / target).resolve()
            if found not in reached:
                waiting.append(found)
    assert set(PAGES) <= reached, set(PAGES) - reached


def avoided() -> list[str]:
    return re.findall(r"(?<!\*)\*([a-z][a-z -]+)\*(?!\*)", read("docs", "glossary.md").split("## The world")[1])


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name not in {"glossary.md", "records.md"}], ids=lambda p: p.name
)
def test_words_to_avoid_do_not_occur(page: Path) -> None:
    words = prose(page.read_text("utf-8")).lower()
    found = [term for term in avoided() if re.search(rf"\b{re.escape(term)}s?\b", words)]
    assert not found, f"{page.name} says {found}; see docs/glossary.md"


def test_the_glossary_is_checked_for_words_that_can_be_found() -> None:
    terms = avoided()
    assert len(terms) > 15
    assert "offender" in terms
    assert re.search(r"\boffenders?\b", prose('the offender, but not the "offender" of others').lower())
    assert not re.search(r"\boffenders?\b", prose('only the "offender" of others and `offender`').lower())


def test_the_glossary_has_the_words_of_the_house() -> None:
    page = read("docs", "glossary.md")
    for word in (
        "dispute", "pair", "event", "petition", "incident", "landmark, `as_of`", "occurred", "recorded", "cohort", "spine",
        "matrix", "label", "positive", "negative", "not yet known", "indicator", "family", "catalogue", "margin",
        "probability", "tier", "floor", "assessment", "reason", "evidence", "caution", "decision", "coverage", "capacity",
        "champion", "challenger",
    ):  # fmt: skip
        assert re.search(rf"^\| {re.escape(word)}(, [^|]+)? \| [一-鿿]", page, re.MULTILINE), word
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| word", "| ---"))]
    assert all(line.count(" | ") == 3 for line in rows)


PLACES = r"http://127\.0\.0\.1:|sqlite:///\.defuse|postgresql://USER:PASSWORD@HOST/DATABASE$|postgres(ql)?://$"
"""Loopback, a file of the home, and what names no host at all."""


@pytest.mark.parametrize("page", [*PAGES, *PICTURES], ids=lambda p: p.name)
def test_no_outside_address_and_no_place_of_one_machine(page: Path) -> None:
    text = page.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    addresses = set(re.findall(r"\b[a-z]+://[^\s`)\"']+", text))
    assert {one for one in addresses if not re.match(PLACES, one)} == set()
    assert not re.search(r"(?<![\w.])/(?:work|home|root|tmp|Users|usr|mnt)\b", text)
    assert not re.search(r"\b[\w-]+\.(?:com|org|net|io|dev|cn|ai)\b", text.replace("docs.", ""))


# --- pictures and numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p.name)
def test_pictures_are_whole_have_a_title_and_load_nothing(picture: Path) -> None:
    root = ET.fromstring(picture.read_text("utf-8"))
    names = {element.tag.split("}")[1] for element in root.iter()}
    assert "title" in names
    assert not names & {"image", "script", "foreignObject", "use"}
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(element.get("x", -1)) <= width
        assert 0 <= float(element.get("y", -1)) <= height


def test_the_explained_case_adds_up_and_says_synthetic() -> None:
    shown = json.loads(read("docs", "pictures", "assessment.json"))
    assert shown["model"]["synthetic"]
    parts = [one["contribution"] for one in shown["reasons"]]
    total = math.fsum([shown["base_margin"], *parts, shown["other_contribution"]])
    assert math.isclose(total, shown["margin"], abs_tol=1e-9)
    assert math.isclose(1 / (1 + math.exp(-shown["margin"])), shown["probability"], rel_tol=1e-9)
    assert all(f"{part:+.3f}" in read("docs", "pictures", "explained-case.svg") for part in parts)
    assert "SYNTHETIC" in read("docs", "pictures", "explained-case.svg")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_that_very_case(name: str) -> None:
    shown = json.loads(read("docs", "pictures", "assessment.json"))
    (example,) = (json.loads(block) for block in blocks(read(name), "json"))
    for field in ("assessment_id", "dispute_id", "as_of", "tier"):
        assert example[field] == shown[field]
    for field in ("probability", "margin", "base_margin", "other_contribution", "base_rate"):
        assert math.isclose(example[field], shown[field], rel_tol=0.02), field
    for one in example["reasons"]:
        (same,) = (reason for reason in shown["reasons"] if reason["indicator"] == one["indicator"])
        assert one["sentence"] == same["sentence"]
        assert one["evidence"] == same["evidence"]
        assert math.isclose(one["contribution"], same["contribution"], abs_tol=5e-4)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_numbers_of_the_simulator_are_called_synthetic(name: str) -> None:
    assert read(name).count("SYNTHETIC") >= 3
