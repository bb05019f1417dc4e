"""Retries, decisions and replay as the service's callers see them."""

import json
import shutil
import sqlite3
from dataclasses import replace

import pytest
from click.testing import CliRunner

from serving.answers import Decision
from serving.log.transaction import now_us
from tests.serving.cases import PARTNERS, case
from tests.serving.test_contract import is_problem

STATED = ("self_harm_statement", 3, {"event_id": "ESTATED"})
CASE = case(("threat", 2, {"severity": 4}), STATED, **PARTNERS)


def keyed(name="k-1"):
    return {"Idempotency-Key": name}


def entries(home):
    with sqlite3.connect(home.log_database) as log:
        count = log.execute("SELECT count(*) FROM entries").fetchone()[0]
    log.close()
    return count


def run(home, monkeypatch, *words):
    from defuse import main

    monkeypatch.setenv("DEFUSE_HOME", str(home.root))
    done = CliRunner().invoke(main, ["audit", *words, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout or done.stderr


def test_a_retry_gives_the_first_answer_byte_for_byte(client, home):
    first = client.post("/v1/score", json=CASE, headers=keyed())
    again = client.post("/v1/score", json=CASE, headers=keyed())
    assert first.content == again.content
    assert entries(home) == 1
    is_problem(client.post("/v1/score", json=case(), headers=keyed()), 409)
    assert client.post("/v1/score", json=CASE).content != first.content
    other = client.post("/v1/score", json=CASE, headers=keyed() | client.token("care"))
    assert other.status_code == 200 and other.content != first.content, "a key belongs to its token"
    is_problem(client.post("/v1/score", json=CASE, headers={"Idempotency-Key": "x" * 256}), 422)


def test_a_retry_under_another_policy_gives_the_first_answer_all_the_same(client, app, home):
    from serving.desk import Desk

    first = client.post("/v1/score", json=CASE, headers=keyed())
    app.state.desk.close()
    (home.root / "policy.toml").write_text(
        'version = "new"\n[blue]\nactions = ["housing"]\nowner_rank = "x"\ndue_hours = 1\n'
    )
    app.state.desk = Desk(home)
    again = client.post("/v1/score", json=CASE, headers=keyed())
    assert again.content == first.content


def test_a_retried_batch_logs_only_what_is_new(client, home):
    first = client.post("/v1/score/batch", json={"cases": [CASE, {"dispute": 1}, case()]}, headers=keyed()).json()[
        "results"
    ]
    again = client.post("/v1/score/batch", json={"cases": [CASE, case(), CASE]}, headers=keyed()).json()["results"]
    assert again[0] == first[0]
    assert again[2]["problem"]["status"] == 409
    assert again[1]["assessment"]["assessment_id"]
    assert entries(home) == 3


def test_a_decision_is_logged_under_the_account_of_the_token(client, home, app):
    from serving.access import Role, create_token

    stored = client.post("/v1/score", json=CASE).json()
    token = create_token(home.root, role=Role.REVIEWER, account="mediator-7")
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/v1/assessments/{stored['assessment_id']}/decisions"
    body = {"view": "disagree", "tier": "red", "reason_code": "new_fact", "text": "看到刀具"}
    answer = client.post(path, json=body, headers=headers | keyed())
    told = Decision.model_validate_json(answer.text, strict=True)
    assert (told.reviewer.account, told.reviewer.role, told.tier_in_force.value) == ("mediator-7", "reviewer", "red")
    assert "看到刀具" not in answer.text
    assert client.post(path, json=body, headers=headers | keyed()).content == answer.content
    assert app.state.desk.log.decisions_on(stored["assessment_id"])[0].text == "看到刀具"
    assert entries(home) == 2


@pytest.mark.parametrize(("change", "status"), [
    ({"body": b"{"}, 400), ({"body": json.dumps({"view": "agree"}).encode()}, 422),
    ({"body": json.dumps({"view": "agree", "reason_code": "other", "text": "13812345678"}).encode()}, 422),
    ({"role": "router"}, 403), ({"role": "analyst"}, 403), ({"role": "admin"}, 403), ({"area": "44"}, 403),
    ({"path": "/v1/assessments/a-nobody/decisions"}, 404), ({"type": "text/plain"}, 415), ({"method": "GET"}, 405),
    ({"role": "care"}, 200), ({}, 200),
])  # fmt: skip
def test_who_may_decide_and_what_is_refused(client, change, status):
    stored = client.post("/v1/score", json=CASE).json()["assessment_id"]
    headers = client.token(change.get("role", "reviewer"), change.get("area", ""))
    body = change.get("body", json.dumps({"view": "agree", "reason_code": "agree_facts"}).encode())
    answer = client.request(
        change.get("method", "POST"), change.get("path", f"/v1/assessments/{stored}/decisions"), content=body,
        headers=headers | {"Content-Type": change.get("type", "application/json")},
    )  # fmt: skip
    if status == 200:
        assert answer.status_code == 200
    else:
        is_problem(answer, status)
    assert "13812345678" not in answer.text


YES = {"view": "agree", "reason_code": "agree_facts"}


def refused_with(answer, rule):
    is_problem(answer, 403)
    assert [(fault["path"], fault["rule"]) for fault in answer.json()["errors"]] == [("assessment", rule)]
    assert "probability" not in answer.text and 'tier":' not in answer.text


def test_a_score_shows_to_a_reviewer_after_an_own_view_alike_on_the_page_and_here(client, home, app):
    (home.root / "policy.toml").write_text("[review]\njudge_first_share = 1\n")
    app.state.desk.refresh()
    stored = client.post("/v1/score", json=CASE).json()["assessment_id"]
    path, care = f"/v1/assessments/{stored}", client.token("care")
    for headers in ({}, care):
        refused_with(client.get(path, headers=headers), "judge_first")
        refused_with(client.post(f"{path}/decisions", json=YES, headers=headers), "judge_first")
        assert client.get(f"/review/{stored}.json", headers=headers).json()["hidden"] == "judge_first"
    assert client.get(path, headers=client.token("router")).status_code == 200
    assert client.post(f"{path}/decisions", json={"stage": "preliminary", "tier": "orange"}).status_code == 200
    assert client.get(path).json()["assessment_id"] == stored
    assert client.post(f"{path}/decisions", json=YES).status_code == 200
    refused_with(client.get(path, headers=care), "judge_first")


def test_where_a_party_refused_the_ranking_nobody_reads_the_score(client, app):
    stored = client.post("/v1/score", json=CASE).json()["assessment_id"]
    path = f"/v1/assessments/{stored}"
    assert client.post(f"{path}/decisions", json={"stage": "objection"}).status_code == 200
    for role in ("router", "reviewer", "care"):
        refused_with(client.get(path, headers=client.token(role)), "manual")
    is_problem(client.post(f"{path}/decisions", json={"view": "cannot_say", "reason_code": "other"}), 422)
    spoken = {"view": "cannot_say", "reason_code": "other", "text": "手动研判"}
    assert client.post(f"{path}/decisions", json=spoken).status_code == 200


def test_an_assessment_is_replayed_and_after_the_erasure_it_is_said(client, home, app, monkeypatch):
    stored = client.post("/v1/score", json=CASE).json()
    care = client.get(f"/v1/assessments/{stored['assessment_id']}", headers=client.token("care")).json()
    now_scored = client.post("/v1/score", json=CASE | {"as_of": None}).json()["assessment_id"]
    for one in (stored["assessment_id"], now_scored):
        code, told = run(home, monkeypatch, "replay", one)
        assert (code, json.loads(told)["outcome"]) == (0, "same"), told
    code, told = run(home, monkeypatch, "erase", "--dispute", "D1", "--by", "dpo", "--reason", "asked")
    assert json.loads(told)["erased"] == {"case": 2, "care": 2, "text": 0}
    code, told = run(home, monkeypatch, "replay", stored["assessment_id"])
    assert (code, json.loads(told)["outcome"]) == (0, "content erased")
    code, told = run(home, monkeypatch, "verify")
    assert (code, json.loads(told)["ok"]) == (0, True)
    after = client.get(f"/v1/assessments/{stored['assessment_id']}").json()
    assert [caution["caution"] for caution in after["cautions"]][-1] == "content_erased"
    same = [name for name in stored if name not in ("cautions", "other_contribution")]
    assert {name: after[name] for name in same} == {name: stored[name] for name in same}
    assert after["other_contribution"] == pytest.approx(stored["other_contribution"], abs=1e-9)
    care_after = client.get(f"/v1/assessments/{stored['assessment_id']}", headers=client.token("care"))
    assert "ESTATED" in json.dumps(care) and "ESTATED" not in care_after.text and "B12" not in care_after.text
    assert care_after.json()["cautions"][-1]["caution"] == "care_content_erased"
    assert client.get(f"/review/{stored['assessment_id']}").status_code == 200


def test_a_replay_sees_another_model_or_record(client, home, app, monkeypatch):
    """The model's own folder is checked by its digest; a record that was changed gives other bits."""
    stored = client.post("/v1/score", json=CASE).json()["assessment_id"]
    log = app.state.desk.log
    changed = log.find(stored)
    changed.case["events"][-1]["severity"] = 1
    from serving.log.replay import replay

    monkeypatch.setattr(log, "find", lambda _: changed)
    found = replay(home, log, stored)
    assert found.outcome == "different" and "margin" in found.differing


def test_a_replay_takes_contributions_summed_in_another_order_for_the_same(client, home, app, monkeypatch):
    """A log that was written with LightGBM's own TreeSHAP replays with the tables; a real difference shows."""
    stored = client.post("/v1/score", json=CASE).json()["assessment_id"]
    log = app.state.desk.log
    from serving.log.replay import replay

    outcomes = []
    for off in (9e-16, 1e-9):
        written = log.find(stored)
        parts = [part._replace(contribution=part.contribution + off) for part in written.scored.parts]
        written.__dict__["scored"] = replace(written.scored, parts=tuple(parts))
        monkeypatch.setattr(log, "find", lambda _, written=written: written)
        outcomes.append(replay(home, log, stored).outcome)
        monkeypatch.undo()
    assert outcomes == ["same", "different"]


def test_verify_exits_with_2_at_a_break_and_without_a_log(client, home, monkeypatch, tmp_path):
    client.post("/v1/score", json=CASE)
    with sqlite3.connect(home.log_database) as log:
        log.execute("DROP TRIGGER assessments_no_update")
        log.execute("UPDATE assessments SET tier = 'blue' || ''")
        log.execute("UPDATE assessments SET probability = 0.5")
    log.close()
    code, told = run(home, monkeypatch, "verify")
    assert code == 2
    assert json.loads(told)["first_break"]["seq"] == 1
    shutil.rmtree(home.root)
    code, told = run(home, monkeypatch, "verify")
    assert code == 2 and "there is no decision log" in told
    assert not home.root.exists()


def test_export_backup_and_dry_run(client, home, monkeypatch, tmp_path):
    client.post("/v1/score", json=CASE)
    assert run(home, monkeypatch, "export", str(tmp_path / "out"))[0] == 0
    assert run(home, monkeypatch, "verify", "--export", str(tmp_path / "out"))[0] == 0
    assert run(home, monkeypatch, "backup", str(tmp_path / "copy.db"))[0] == 0
    code, told = run(home, monkeypatch, "erase", "--dry-run")
    assert code == 0 and json.loads(told)["would_erase"]["case"] == (now_us() > 1_780_000_000_000_000)
    assert run(home, monkeypatch, "erase", "--dispute", "D1")[0] == 2
