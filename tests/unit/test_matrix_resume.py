"""A build that ends at any step is taken up by the same call: nothing lost, nothing doubled, the same bytes."""

import json
import os
import random
import shutil
from dataclasses import replace
from unittest.mock import patch

import pytest

import features.matrix
from features import catalogue
from features.errors import UserError
from features.matrix import build_matrix
from features.records import read_records
from features.working_folder import LOCK, PLAN, REPLACING, WorkingFolder, place_of
from tests import rows as r
from tests import worlds

PARTS = 2
SPEC = r.at(*(r.NEW_YEAR + days * r.DAY for days in (100, 200, 300)))
FEW = ("A02", "B04", "C02", "D01", "E04")
STEPS = ("replace", "unlink", "mkdir", "rmdir")
"""The calls by which a build changes what a later one finds."""


class Killed(BaseException):
    """Ends a build at once, like a signal."""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    r.write_records(folder, worlds.world(random.Random(3), disputes=12))
    with read_records(folder, strict=True, now=r.NOW) as opened, patch("features.partition.PARTITIONS", PARTS):
        yield opened


@pytest.fixture(scope="module")
def undisturbed(records, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    build(records, out)
    return contents(out)


def build(records, out, **options):
    """The matrix, and everything that was told on the way."""
    told = []
    manifest = build_matrix(
        records,
        out,
        workers=1,
        progress=lambda stage, _: told.append(stage),
        **{"as_of": SPEC, "indicators": FEW, **options},
    )
    return manifest, told


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_at(step, call):
    """Run the call but stop it at its n-th step, before or after that step took effect; False if it got through."""
    seen = [0]

    def stepping(real):
        def counted(*arguments, **named):
            if "dir_fd" in named:  # inside a folder that is going to be removed anyway
                return real(*arguments, **named)
            seen[0] += 1
            if seen[0] == step and step % 2:
                raise Killed
            own = seen[0]
            try:
                return real(*arguments, **named)
            finally:
                if own == step:
                    raise Killed

        return counted

    with pytest.MonkeyPatch.context() as patched:
        for name in STEPS:
            patched.setattr(os, name, stepping(getattr(os, name)))
        try:
            call()
        except Killed:
            return True
    return False


def test_killed_at_every_step(records, undisturbed, tmp_path):
    """Over a former matrix of other landmarks; each kill is followed by one undisturbed run."""
    former = tmp_path / "former"
    build(records, former, as_of=r.at(r.NEW_YEAR))
    step, out = 0, tmp_path / "out"
    stages = set()
    while True:
        step += 1
        shutil.copytree(former, out)
        if not killed_at(step, lambda: build(records, out)):
            break
        _, told = build(records, out)
        stages.update(stage for stage in told if stage.startswith("resumed"))
        assert contents(out) == undisturbed, step
        assert not place_of(out).exists()
        shutil.rmtree(out)
    assert step > 40, "there were steps to be killed at"
    assert stages == {f"resumed: {done} of {PARTS} parts were there" for done in range(PARTS + 1)}


def test_killed_again_and_again(records, undisturbed, tmp_path):
    """Every run is killed, each a little later in its own course than the one before, until one gets through."""
    out, step = tmp_path / "out", 5
    while killed_at(step, lambda: build(records, out)):
        step += 3
    assert step > 20
    assert contents(out) == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def stopped(records, out, *, before, **options):
    """A build that fails before a part."""
    real = features.matrix.build_part

    def failing(plan, folder, built, number):
        if number == before:
            raise Killed
        return real(plan, folder, built, number)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr("features.matrix.build_part", failing)
        build(records, out, **options)


def test_finished_parts_are_not_built_again(records, undisturbed, tmp_path, monkeypatch):
    out, real, numbers = tmp_path / "out", features.matrix.build_part, []
    stopped(records, out, before=1)
    assert not out.exists()

    def counted(plan, folder, built, number):
        numbers.append(number)
        return real(plan, folder, built, number)

    monkeypatch.setattr("features.matrix.build_part", counted)
    monkeypatch.setattr("features.partition.write_partitions", None)  # not asked for either
    _, told = build(records, out)
    assert numbers == [1]
    assert told[0] == "resumed: 1 of 2 parts were there"
    assert contents(out) == undisturbed


@pytest.mark.parametrize("name", ["matrix/part-0000.parquet", "outcomes/part-0000.parquet", "counts/part-0000.json"])
@pytest.mark.parametrize("harm", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-9])])
def test_a_damaged_part_is_built_again(records, undisturbed, tmp_path, *, name, harm):
    out = tmp_path / "out"
    stopped(records, out, before=1)
    harm(place_of(out) / "built" / name)
    _, told = build(records, out)
    assert told[0] == "resumed: 0 of 2 parts were there"
    assert contents(out) == undisturbed


@pytest.mark.parametrize(("options", "differing"), [
    ({"as_of": r.at(r.NEW_YEAR)}, "spine"),
    ({"indicators": ("A02", "B04")}, "indicators"),
    ({"reference_income_cny": 1.0}, "reference_income_cny"),
    ({"closed_within_days": 30}, "closed_within_days"),
])  # fmt: skip
def test_parts_of_another_plan_are_thrown_away(records, undisturbed, tmp_path, *, options, differing):
    out = tmp_path / "out"
    stopped(records, out, before=1, **options)
    _, told = build(records, out)
    assert told[0] == f"parts of another plan thrown away (other {differing})"
    assert not any(stage.startswith("resumed") for stage in told)
    assert contents(out) == undisturbed


@pytest.mark.parametrize("name", ["code", "engines", "catalogue", "inputs"])
def test_parts_of_other_code_engines_or_inputs_are_thrown_away(records, undisturbed, tmp_path, name):
    out = tmp_path / "out"
    stopped(records, out, before=1)
    plan = place_of(out) / PLAN
    plan.write_text(json.dumps(json.loads(plan.read_text("utf-8")) | {name: "other"}), "utf-8")
    assert build(records, out)[1][0] == f"parts of another plan thrown away (other {name})"
    assert contents(out) == undisturbed


def test_an_indicator_of_unknown_source_is_never_resumed(records, tmp_path):
    """Its code may have changed without a trace."""
    space = {}
    exec("def fresh(view):\n    return view.conduct.count()", space)
    own = (replace(catalogue.BY_ID["B04"], measure=space["fresh"]),)
    stopped(records, tmp_path / "out", before=1, indicators=own)
    assert build(records, tmp_path / "out", indicators=own)[1][0] == "parts of another plan thrown away (other code)"


def half_replaced(records, out, **options):
    """A build that was killed when only ``matrix`` had been put in its place."""
    real = os.replace

    def stopping(source, target):
        if str(source).endswith("built/outcomes"):
            raise Killed
        real(source, target)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "replace", stopping)
        build(records, out, **options)
    assert [path.name for path in out.iterdir()] == ["matrix"]


def test_a_half_replaced_matrix_that_was_meddled_with_is_built_anew(records, undisturbed, tmp_path):
    """What was already in its place was removed by hand."""
    out = tmp_path / "out"
    half_replaced(records, out)
    shutil.rmtree(out)
    assert "features" in build(records, out)[1]
    assert contents(out) == undisturbed


def test_another_plan_may_follow_a_half_replaced_matrix(records, undisturbed, tmp_path):
    """And be killed in its turn: OUT is known as ours all the way."""
    out = tmp_path / "out"
    half_replaced(records, out, as_of=r.at(r.NEW_YEAR))
    for step in (3, 8, 14):
        assert killed_at(step, lambda: build(records, out))
        assert (place_of(out) / REPLACING).exists()
    build(records, out)
    assert contents(out) == undisturbed


def test_a_foreign_folder_is_not_taken_for_half_replaced(records, tmp_path):
    out = tmp_path / "out"
    half_replaced(records, out)
    shutil.rmtree(out)
    out.mkdir()
    (out / "thesis.txt").write_text("mine", "utf-8")
    with pytest.raises(UserError, match="holds no matrix"):
        build(records, out)
    assert contents(out) == {"thesis.txt": b"mine"}


def test_two_builds_of_one_matrix_at_a_time_are_refused(records, undisturbed, tmp_path):
    out = tmp_path / "out"
    with WorkingFolder.held(out), pytest.raises(UserError, match="held by another process"):
        build(records, out)
    build(records, out)
    assert contents(out) == undisturbed


def test_a_foreign_thing_in_the_place_of_the_working_folder_is_left_alone(records, tmp_path):
    place = place_of(tmp_path / "out")
    place.mkdir()
    (place / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UserError, match="is in the way"):
        build(records, tmp_path / "out")
    assert contents(place) == {"mine.txt": b"mine"}
    shutil.rmtree(place)
    place.write_text("mine", "utf-8")
    with pytest.raises(UserError, match="is in the way"):
        build(records, tmp_path / "out")


def test_what_the_disk_refuses_is_one_error_and_the_work_is_kept(records, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "out"
    real = features.matrix.build_part

    def full(plan, folder, built, number):
        if number == 1:
            raise OSError(28, "No space left on device")
        return real(plan, folder, built, number)

    with monkeypatch.context() as patched, pytest.raises(UserError, match=r"No space left.*same command again"):
        patched.setattr("features.matrix.build_part", full)
        build(records, out)
    assert build(records, out)[1][0] == "resumed: 1 of 2 parts were there"
    assert contents(out) == undisturbed


def test_a_lock_file_without_a_holder_is_no_hindrance(records, undisturbed, tmp_path):
    place = place_of(tmp_path / "out")
    place.mkdir()
    (place / LOCK).touch()
    build(records, tmp_path / "out")
    assert contents(tmp_path / "out") == undisturbed
