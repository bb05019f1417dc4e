"""A promotion or roll-back that is killed at any instant leaves one whole champion; the next command sets all right."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from features.errors import UserError
from training import registry
from training.artifact.home import Home
from training.artifact.store import read_champion
from training.gates import GateResult
from training.registry import attempt_promotion, attempt_roll_back, first_break, mend, promotions

STEPS = ("replace", "write", "fsync", "unlink", "open", "fdopen", "close")
"""The calls by which a promotion changes what is on the disk; MLflow's alias is one more."""
PASSED = GateResult(gate="verified", state="passed", says="digest")
REFUSED = GateResult(gate="calibration_slope", state="refused", says="not calibrated", to_do="train")


class Registry:
    """Stands in for MLflow: three versions; the alias lies in a file, so that it outlives a killed process."""

    def __init__(self, home):
        self.place = home.root / "alias"

    def versions(self):
        champion = self.place.read_text() if self.place.exists() else None
        return [
            {"version": name, "digest": f"digest-{name}", "run_id": "r", "aliases": ["champion"] * (name == champion)}
            for name in "123"
        ]

    def set_alias(self, alias, version):
        self.place.write_text(version)


@pytest.fixture(autouse=True)
def gates(monkeypatch):
    """All gates let all pass but version 3; the models themselves are not looked at."""
    monkeypatch.setattr(
        registry, "run_gates", lambda home, found, *_, **__: (REFUSED if found["version"] == "3" else PASSED,)
    )
    monkeypatch.setattr(registry, "verify", lambda *_: (PASSED, None))


@pytest.fixture
def home(tmp_path):
    """Version 1, then version 2 in force."""
    home = Home(tmp_path / "home")
    for version in "12":
        promote(home, version)
    return home


def promote(home, version):
    return attempt_promotion(home, version, by="owner", reason="a test", tracker=Registry(home))


def back(home):
    return attempt_roll_back(home, by="owner", reason="a test", tracker=Registry(home))


def killed_at(step, call, home):
    """Run the call in a process that is killed (SIGKILL) before or after its n-th step; False if it got through."""
    child = os.fork()
    if child == 0:
        seen = [0]

        def stepping(real):
            def counted(*arguments, **named):
                seen[0] += 1
                own = seen[0]
                if own == step and step % 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                answer = real(*arguments, **named)
                if own == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return answer

            return counted

        for name in STEPS:
            setattr(os, name, stepping(getattr(os, name)))
        Registry.set_alias = stepping(Registry.set_alias)
        try:
            call(home)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


def in_force(home):
    return read_champion(home.root)["version"]


def whole(home):
    """The log's entries, once every line was found to be a whole one."""
    text = home.promotions.read_text("utf-8")
    assert text.endswith("\n")
    entries = [json.loads(line) for line in text.splitlines()]
    assert len({entry["id"] for entry in entries}) == len(entries), "no entry twice"
    return entries


def check_mended(home, before):
    """After one command all tells the same story."""
    mend(home, Registry(home))
    assert sorted(path.name for path in home.root.iterdir()) == [
        "alias",
        "champion.json",
        "promotion.lock",
        "promotions.jsonl",
    ]
    entries = whole(home)
    assert entries[: len(before)] == before, "what was written stays"
    assert first_break(home) is None, "every entry names the one before it"
    done = [entry for entry in entries if entry["outcome"] == "done"]
    assert done[-1]["to_version"] == in_force(home) == Registry(home).place.read_text()
    assert json.loads((home.root / "champion.json").read_text())["promotion"] == done[-1]["id"]
    return entries[len(before) :]


CALLS = {
    "promote": (lambda home: promote(home, "1"), {"2", "1"}),
    "rollback": (back, {"2", "1"}),
    "refused": (lambda home: promote(home, "3"), {"2"}),
}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", CALLS)
def test_killed_at_every_step(name, home, tmp_path):
    call, expected = CALLS[name]
    files = {path.name: path.read_bytes() for path in home.root.iterdir()}
    before, step, seen, told = whole(home), 0, set(), set()
    while True:
        step += 1
        for path in home.root.iterdir():
            path.unlink()
        for own, content in files.items():
            (home.root / own).write_bytes(content)
        if not killed_at(step, call, home):
            break
        champion = in_force(home)
        seen.add(champion)
        assert whole(home)[: len(before)] == before
        (added,) = check_mended(home, before) or [{"outcome": "nothing"}]
        assert in_force(home) == champion, "mending puts nothing in force"
        told.add(added["outcome"])
        assert (added["outcome"] == "done") == (champion == "1")
    assert step > 15, "there were steps to be killed at"
    assert seen == expected
    assert told == ({"nothing", "refused"} if name == "refused" else {"nothing", "interrupted", "done"})


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_the_next_promotion_or_rollback_mends_too(home):
    for step in range(1, 200):
        if not killed_at(step, lambda home: promote(home, "1"), home):
            break
        promote(home, "2")
        assert check_mended(home, []) == whole(home)
        assert in_force(home) == "2"
    assert step > 15


@pytest.mark.parametrize("written", [0, 1, 50, -1])
def test_a_half_written_line_is_no_entry_and_is_completed(home, monkeypatch, written):
    """A full disk, or a machine without power, can tear a line."""
    before = whole(home)
    real = os.write

    def torn(opened, data):
        real(opened, bytes(data)[:written])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "write", torn)
        promote(home, "1")
    assert len(promotions(home)) == len(before)
    (added,) = check_mended(home, before)
    assert (added["outcome"], added["from_version"], added["to_version"]) == ("done", "2", "1")


def test_a_write_that_takes_only_part_is_gone_on_with(home, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda opened, data: real(opened, bytes(data)[:7]))
    promote(home, "1")
    assert whole(home)[-1]["to_version"] == "1"


def test_a_strange_half_line_stops_nobody(home):
    with home.promotions.open("a") as log:
        log.write('{"at_utc": "2020')
    back(home)
    assert [entry.to_version for entry in promotions(home)] == ["1", "2", "1"]


def test_a_damaged_champion_is_replaced(home):
    (home.root / "champion.json").write_text('{"version": "1", "dig')
    assert promote(home, "2").from_version is None
    assert in_force(home) == "2"


def test_each_rollback_goes_one_further_back_and_never_to_what_was_taken_away(home):
    promote(home, "1")
    assert [entry.to_version for entry in promotions(home)] == ["1", "2", "1"]
    assert (back(home).to_version, back(home).to_version) == ("2", "1")
    with pytest.raises(UserError, match="no former version"):
        back(home)
    promote(home, "2")
    promote(home, "2")
    assert back(home).to_version == "1"


def test_a_refused_promotion_is_kept_and_changes_nothing_in_force(home):
    entry = promote(home, "3")
    assert (entry.outcome, in_force(home)) == ("refused", "2")
    (*_, kept) = promotions(home)
    assert kept == entry
    assert kept.results == (REFUSED,)
    assert (kept.from_version, kept.to_version, kept.by, kept.reason) == ("2", "3", "owner", "a test")
    assert back(home).to_version == "1"


def test_even_a_refused_promotion_mends_the_alias(home):
    Registry(home).set_alias("champion", "1")
    promote(home, "3")
    assert Registry(home).place.read_text() == "2"


def test_a_rollback_to_a_damaged_model_is_refused_and_kept(home, monkeypatch):
    monkeypatch.setattr(registry, "verify", lambda *_: (REFUSED, None))
    assert back(home).outcome == "refused"
    assert in_force(home) == "2"
    assert promotions(home)[-1].action == "rollback"


def test_entries_of_before_the_gates_are_still_read(home):
    old = {"at_utc": "2026-01-01T00:00:00+00:00", "action": "promote", "by": "x", "reason": "y", "from_version": None,
           "to_version": "1", "digest": "d", "gates": {"verified": "passed: digest"}}  # fmt: skip
    home.promotions.write_text(json.dumps(old) + "\n" + home.promotions.read_text("utf-8"), "utf-8")
    assert promotions(home)[0].outcome == "done"
    assert first_break(home) == 2, "what was put before the first entry of a chain is found"


@pytest.mark.parametrize("change", ["edited", "taken away", "turned round"])
def test_a_changed_log_is_told(home, change):
    back(home)
    promote(home, "2")
    lines = home.promotions.read_text("utf-8").splitlines(keepends=True)
    assert first_break(home) is None
    changed = {
        "edited": [lines[0], lines[1].replace("a test", "a rest"), *lines[2:]],
        "taken away": [lines[0], *lines[2:]],
        "turned round": [lines[0], lines[2], lines[1], lines[3]],
    }
    home.promotions.write_text("".join(changed[change]), "utf-8")
    assert first_break(home) == {"edited": 3, "taken away": 2, "turned round": 2}[change]


def test_two_promotions_at_a_time_are_refused_and_the_listing_goes_on(home):
    (home.root / "promotion.pending.json").write_text("{}")
    with registry._held(home):
        with pytest.raises(UserError, match="under way"):
            promote(home, "1")
        mend(home, Registry(home))
    assert in_force(home) == "2"


def test_nobody_reads_a_half_champion_while_it_changes(home):
    ended, seen = threading.Event(), set()

    def read():
        while not ended.is_set():
            seen.add(in_force(home))

    reader = threading.Thread(target=read)
    reader.start()
    for version in "1212121212":
        promote(home, version)
    ended.set()
    reader.join()
    assert seen <= {"1", "2"}


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("x", "  "), ("x", "call 138 1234 5678")])
def test_who_and_why_are_said_and_name_no_person(home, by, reason):
    with pytest.raises(UserError) as caught:
        attempt_promotion(home, "1", by=by, reason=reason, tracker=Registry(home))
    assert "1234" not in str(caught.value)
    assert len(promotions(home)) == 2
