"""The life of the service: what is promoted is taken over, what is damaged is stood in for, the challenger stays unseen."""

import asyncio
import json
import math
import os
import signal
import sqlite3
import time

import pytest

from serving.access import NO_TOKEN_NEEDED, Role, create_token
from serving.desk import Desk
from serving.in_force import LOOKS_PER_RETRY
from serving.lifecycle import Life
from serving.metrics import Metrics
from tests.serving.cases import case
from tests.serving.conftest import Running
from tests.serving.test_contract import is_problem
from training.artifact.model import Explained
from training.artifact.store import CHALLENGER_FILE, load_model, save_model, write_champion, write_record

ACUTE = case(("threat", 3, {"severity": 4}), ("strangulation", 2))


def folder_of(home):
    return home.models / json.loads((home.root / "champion.json").read_text())["digest"]


def second_model(home, *, shift=1.0):
    """Another verified model: the same trees, a calibration moved by so many log-odds."""
    first = load_model(folder_of(home))
    line = first.contract.calibration
    moved = first.contract.model_copy(
        update={"calibration": line.model_copy(update={"intercept": line.intercept + shift})}
    )
    return save_model((folder_of(home) / "booster.txt").read_text("utf-8"), moved, home.models).name


def promote(home, digest, version):
    write_champion(home.root, {"version": version, "digest": digest})


@pytest.fixture
def desk(home):
    desk = Desk(home)
    yield desk
    desk.close()


def score(desk, record=ACUTE):
    return asyncio.run(desk.score(json.dumps(record).encode(), NO_TOKEN_NEEDED))


def adds_up(one):
    total = one["base_margin"] + math.fsum(r["contribution"] for r in one["reasons"]) + one["other_contribution"]
    return math.isclose(total, one["margin"], abs_tol=1e-9) and math.isclose(
        one["probability"], 1 / (1 + math.exp(-one["margin"])), rel_tol=1e-12
    )


def codes(one):
    return [caution["caution"] for caution in one["cautions"]]


def test_a_promotion_is_taken_over_while_requests_go_on(desk, home):
    """Forty-five requests while the model is swapped five times: none fails, none has parts of two models."""
    first, second = folder_of(home).name, second_model(home)
    base = {digest: load_model(home.models / digest).base_margin for digest in (first, second)}
    body = json.dumps(ACUTE).encode()

    async def run():
        async def ask():
            await asyncio.sleep(0)
            return await desk.score(body, NO_TOKEN_NEEDED)

        asked, alone = [], []
        for swap in range(5):
            asked += [asyncio.create_task(ask()) for _ in range(8)]
            await asyncio.sleep(0)
            promote(home, (second, first)[swap % 2], str(2 - swap % 2))
            await asyncio.to_thread(desk.refresh)
            alone.append(await ask())
            assert alone[-1]["model"]["digest"] == (second, first)[swap % 2]
        return alone + await asyncio.gather(*asked)

    answers = asyncio.run(run())
    assert {one["model"]["digest"] for one in answers} == {first, second}
    for one in answers:
        digest = one["model"]["digest"]
        assert one["base_margin"] == base[digest]
        assert one["model"]["version"] == {first: "1", second: "2"}[digest]
        assert adds_up(one)
        assert desk.find(one["assessment_id"], NO_TOKEN_NEEDED) == one


def test_a_promotion_that_can_not_be_taken_leaves_the_former(desk, home, caplog):
    former = desk.in_force
    (home.root / "champion.json").write_text('{"version": "9", "dig')
    (home.root / "policy.toml").write_text("[red]\nactions = ['detain']\n")
    for _ in range(3):
        desk.refresh()
    assert desk.in_force is former
    assert score(desk)["model"]["digest"] == former.model.digest
    assert sum("can't be taken" in record.getMessage() for record in caplog.records) <= 1


def test_a_new_policy_is_taken_with_the_model(desk, home):
    before = score(desk)
    (home.root / "policy.toml").write_text('version = "county-2"\n[watch]\nstale_model_days = 1\n')
    desk.refresh()
    after = score(desk)
    assert (before["routing"]["policy"], after["routing"]["policy"]) == ("default-1", "county-2")
    assert "stale_model" in codes(after)
    assert desk.find(before["assessment_id"], NO_TOKEN_NEEDED) == before


# --- what stands in --------------------------------------------------------------------------------------------------


def damage_trees(home):
    path = folder_of(home) / "booster.txt"
    path.write_bytes(path.read_bytes()[:-100])


def test_points_stand_in_for_damaged_trees_and_say_so(home):
    whole = (folder_of(home) / "booster.txt").read_bytes()
    damage_trees(home)
    desk = Desk(home)
    one = score(desk)
    assert one["model"]["name"] == "defuse-points"
    assert "points_fallback" in codes(one)
    assert adds_up(one)
    points = desk.in_force.model.contract.points
    assert {reason["indicator"] for reason in one["reasons"]} <= {item.indicator for item in points.items}
    slope = points.calibration.slope
    earned = {reason["indicator"]: round(reason["contribution"] / slope) for reason in one["reasons"]}
    assert earned["B04"] == 3
    low, high = desk.in_force.model.interval(one["margin"])
    assert one["interval"] == [low, high]
    assert desk.in_force.model.tiers == points.tiers
    assert desk.find(one["assessment_id"], NO_TOKEN_NEEDED) == one
    (folder_of(home) / "booster.txt").write_bytes(whole)
    for _ in range(LOOKS_PER_RETRY):
        desk.refresh()
    assert desk.in_force.fallback is None
    assert "points_fallback" not in codes(score(desk))
    assert desk.find(one["assessment_id"], NO_TOKEN_NEEDED) == one
    desk.close()


def test_points_are_not_trusted_without_their_contract(home):
    """A changed contract is no model: what was in force before it stands in, and says so."""
    former, latest = folder_of(home).name, second_model(home)
    promote(home, latest, "2")
    entries = [{"outcome": "done", "to_version": v, "digest": d} for v, d in (("1", former), ("2", latest))]
    refused = {"outcome": "refused", "to_version": "3", "digest": "f" * 64}
    (home.root / "promotions.jsonl").write_text("".join(json.dumps(e) + "\n" for e in [*entries, refused]) + '{"half')
    contract = home.models / latest / "model.json"
    contract.write_bytes(contract.read_bytes().replace(b'"horizon_days": 90', b'"horizon_days": 91'))
    desk = Desk(home)
    one = score(desk)
    assert (one["model"]["version"], one["model"]["digest"]) == ("1", former)
    assert "former_model" in codes(one)
    desk.close()


# --- shadow ----------------------------------------------------------------------------------------------------------


def test_the_challenger_is_scored_in_the_shadow_and_never_returned(desk, home):
    challenger = second_model(home)
    write_record(home.root / CHALLENGER_FILE, {"version": "2", "digest": challenger})
    desk.refresh()
    answers = [score(desk), score(desk, case())]
    desk.shadow.close()
    with sqlite3.connect(home.log_database) as connection:
        rows = dict(connection.execute("SELECT assessment_id, margin FROM shadow_scores").fetchall())
        digests = {row[0] for row in connection.execute("SELECT model_digest FROM shadow_scores")}
    connection.close()
    assert digests == {challenger}
    for one in answers:
        assert rows[one["assessment_id"]] == pytest.approx(one["margin"] + 1.0, abs=1e-9)
        again = desk.find(one["assessment_id"], NO_TOKEN_NEEDED)
        assert again == one
        assert challenger not in json.dumps(again)
    assert b'defuse_shadow_total{outcome="scored"} 2.0' in desk.metrics.text()


def test_the_champion_is_not_its_own_challenger(desk, home):
    write_record(home.root / CHALLENGER_FILE, {"version": "1", "digest": folder_of(home).name})
    desk.refresh()
    assert desk.keeper.challenger is None
    for content in (
        "",
        "[]",
        '{"version": "2", "digest": "../../etc"}',
        '{"version": "2", "digest": "' + "e" * 64 + '"}',
    ):
        (home.root / CHALLENGER_FILE).write_text(content)
        desk.refresh()
        assert desk.keeper.challenger is None


# --- sums, starting, leaving -----------------------------------------------------------------------------------------


def test_a_score_whose_parts_do_not_add_up_is_withheld(client, app, monkeypatch):
    model = app.state.desk.in_force.model
    right = type(model).explain_rows

    def wrong(self, rows):
        told = right(self, rows)
        return Explained(told.margin + 1e-8, told.base_margin, told.contributions, told.indicators)

    monkeypatch.setattr(type(model), "explain_rows", wrong)
    is_problem(client.post("/v1/score", json=case()), 500)
    assert "defuse_sum_mismatches_total 1.0" in client.get("/metrics").text
    monkeypatch.undo()
    assert client.post("/v1/score", json=case()).status_code == 200


def test_a_service_that_begins_without_a_model_takes_the_first_one(home):
    from serving.app import make_app

    aside = home.root / "aside"
    (home.root / "champion.json").rename(aside)
    app = make_app()
    life = Life(app, home)
    life._look()
    assert app.state.desk is None
    aside.rename(home.root / "champion.json")
    life._look()
    assert app.state.desk.in_force.version == "1"
    app.state.desk.close()


def test_a_service_that_leaves_says_so_first(client, app):
    app.state.is_leaving = True
    is_problem(client.get("/readyz"), 503)
    assert client.post("/v1/score", json=case()).status_code == 200
    assert client.get("/livez").status_code == 200


def test_the_real_service_leaves_without_dropping_a_request(home, tmp_path):
    """SIGTERM: not ready at once, still answering for the lame-duck time, then gone; a promotion was taken before."""
    second = second_model(home)
    token = create_token(home.root, role=Role.REVIEWER)
    running = Running(home, tmp_path / "serve.log", environment=os.environ | {"DEFUSE_LAME_DUCK_SECONDS": "3"}).wait()
    try:
        with running.client(token) as client:
            promote(home, second, "2")
            until = time.monotonic() + 60
            while client.get("/v1/model").json()["version"] != "2" and time.monotonic() < until:
                time.sleep(0.2)
            assert client.post("/v1/score", json=case()).json()["model"]["digest"] == second
            running.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + 20
            while client.get("/readyz").status_code == 200 and time.monotonic() < until:
                time.sleep(0.05)
            is_problem(client.get("/readyz"), 503)
            assert client.post("/v1/score", json=case()).status_code == 200
        running.process.wait(60)
        assert "leaving" in running.log.read_text()
    finally:
        running.stop()


def test_metrics_know_every_outcome():
    metrics = Metrics()
    for outcome in ("scored", "failed", "dropped"):
        metrics.shadow(outcome)
    metrics.reloaded("done")
    assert metrics.text().count(b"defuse_shadow_total{") == 3
