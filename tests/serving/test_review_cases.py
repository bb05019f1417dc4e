"""The ten cases of the tutorial: one command sends them, and each page tells what the tutorial says it does."""

import re
import shutil
from pathlib import Path

import pytest

import review_cases
from tests.serving.page_client import HTML, Reviewing, on_a_port

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "review.md"


@pytest.fixture(scope="module")
def sent(trained_home, tmp_path_factory):
    """The app, and what the command printed when it was run twice."""
    root = tmp_path_factory.mktemp("ten") / "home"
    shutil.copytree(trained_home.root, root)
    reviewing, lines = Reviewing(type(trained_home)(root)), []
    with on_a_port(reviewing.app) as base, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEFUSE_TOKEN", reviewing.token("router"))
        patch.setattr("builtins.print", lambda *words, **_: lines.append(" ".join(words)))
        review_cases.main(["--url", base])
        review_cases.main(["--url", base + "/"])
    half = len(lines) // 2
    yield reviewing, lines[:half], lines[half:]
    reviewing.close()


@pytest.fixture(scope="module")
def pages(sent):
    """The page of each case, as its JSON twin, by dispute and landmark."""
    client = sent[0].by_token("router")
    ids = re.findall(r"/review/(a-\w+)", "\n".join(sent[1]))
    told = [client.get(f"/review/{name}.json").json() for name in ids]
    return dict(zip(review_cases.TEN_CASES, told, strict=True))


def rows(page, *types):
    return [row for row in page["timeline"] if row["type"] in types]


def test_the_tutorial_lists_the_cases_that_are_sent():
    told = re.findall(r"^\| `(D-[A-Z-]+)` \| (\S+) \|", TUTORIAL.read_text("utf-8"), re.MULTILINE)
    assert {(name, f"{as_of}:00+08:00") for name, as_of in told} == set(review_cases.TEN_CASES)
    assert len(told) == len(review_cases.TEN_CASES) == 10
    assert "make review-cases" in TUTORIAL.read_text("utf-8")


def test_a_second_run_gives_the_same_ten(sent):
    _, first, second = sent
    assert first == second and len([line for line in first if "/review/a-" in line]) == 10
    assert "SYNTHETIC" in first[0]


def test_nine_disputes_wait_as_one_was_assessed_twice(sent):
    cases = sent[0].by_token().get("/review/queue.json").json()["cases"]
    assert {one["dispute_id"] for one in cases} == {name for name, _ in review_cases.TEN_CASES} and len(cases) == 9


def test_each_page_tells_what_the_tutorial_says(pages):
    by_name = {(name, as_of[5:10]): page for (name, as_of), page in pages.items()}
    (late,) = rows(by_name["D-LATE-EVENT", "05-13"], "threat")
    assert (late["days_late"], late["is_late"]) == (62, True)
    before = by_name["D-LATE-EVENT", "04-01"]
    assert not rows(before, "threat") and [one["as_of"] for one in before["beside"]] == ["2020-05-12T16:00:00Z"]
    corrected = by_name["D-CORRECTED", "03-25"]
    (shove,) = rows(corrected, "physical_contact")
    assert shove["corrected_at"] and not rows(corrected, "weapon")
    assert not rows(by_name["D-WITHDRAWN", "04-21"], "weapon")
    quarrels = [row for row in by_name["D-TWO-CHANNELS", "06-09"]["timeline"] if row["lane"] == "conduct"]
    assert len(quarrels) == 3 and sum(row["merged_into"] is not None for row in quarrels) == 1
    (denied,) = rows(by_name["D-DENIED", "05-10"], "threat")
    assert not denied["counts"] and not denied["evidence_of"] and denied["assertion"] == "denied"
    (heard,) = rows(by_name["D-HEARSAY", "05-10"], "arson_explosive_poison")
    assert not heard["counts"] and heard["assertion"] == "hearsay"
    one, ten = by_name["D-OVERDUE", "04-25"], by_name["D-TEN-OVERDUE", "04-25"]
    assert "answer" in [duty["duty"] for duty in one["duties"]]
    assert one["duties"] == ten["duties"] and one["score"]["margin"] == ten["score"]["margin"]
    assert len(rows(ten, "answer_overdue")) == 1
    assert rows(by_name["D-PAIR-SECOND", "05-21"], "earlier_dispute")


def test_without_a_service_the_user_is_told_what_to_do(capsys):
    with pytest.raises(SystemExit) as stopped:
        review_cases.main(["--url", "http://127.0.0.1:9"])
    assert stopped.value.code == 2 and "make serve" in capsys.readouterr().err


def test_with_a_wrong_token_the_user_is_told_which_to_set(sent, capsys, monkeypatch):
    monkeypatch.setenv("DEFUSE_TOKEN", "dfs_wrong")
    with on_a_port(sent[0].app) as base, pytest.raises(SystemExit) as stopped:
        review_cases.main(["--url", base])
    assert stopped.value.code == 2 and "DEFUSE_TOKEN" in capsys.readouterr().err


def test_what_is_missing_in_a_form_is_said_in_the_reader_s_language(sent, pages):
    client = sent[0].logged_in()
    page = pages["D-DENIED", "2020-05-10T00:00:00+08:00"]
    address = f"/review/{page['assessment_id']}"
    from tests.serving.page_client import FORM, csrf

    token = csrf(client.get(address, headers=HTML))
    said = {"csrf": token, "tier": "red", "reason_code": "other", "text": ""}
    answer = client.post(f"{address}/decision", data=said, headers=FORM | HTML)
    assert answer.status_code == 422
    assert "请用自己的话说明" in answer.text and f'href="{address}"' in answer.text
    said = said | {"reason_code": "new_fact", "text": "电话13800138000"}
    answer = client.post(f"{address}/decision", data=said, headers=FORM | HTML)
    assert answer.status_code == 422 and "不得出现身份证号" in answer.text and "13800138000" not in answer.text
