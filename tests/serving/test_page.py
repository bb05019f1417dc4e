"""The page of one case: a view of its JSON twin for people, in its order, safe whatever stands in the record."""

import gc
import re

import pytest

from serving.pages.case import CaseFile, case_page
from serving.pages.codes import ACTIONS, TIERS
from serving.pages.language import LANGUAGES
from serving.pages.render import Account, Frame, render_case
from serving.pages.reviewing import MOST_BESIDE
from serving.policy import Action
from tests.serving.cases import PARTNERS, case, event
from tests.serving.page_client import HTML, Outline, Reviewing, score
from training.artifact.tiers import Tier

HOSTILE = '<script>alert("x")</script>&"\'{{7*7}}'
EVENTS = (("threat", 2, {"severity": 4, "specifics": 2}), ("weapon", 1), ("fear_expressed", 3),
          ("injury", 8, {"assertion": "hearsay"}), ("verbal_altercation", 15, {"recorded_at": "2024-05-31T00:00:00Z"}))  # fmt: skip
ORDER = ("known", "predicted", "score", "reasons", "duties", "help", "decide")


@pytest.fixture
def reviewing(home):
    made = Reviewing(home)
    yield made
    made.close()


@pytest.fixture
def seen(reviewing):
    """A scored case, its page and the page's JSON twin."""
    client = reviewing.by_token()
    one = score(client, case(*EVENTS, narrative="两家因地界争执", **PARTNERS))
    path = f"/review/{one['assessment_id']}"
    return one, client.get(path), client.get(f"{path}.json").json()


def html_of(page, language="both"):
    return render_case(page, Frame(LANGUAGES[language], "/review/a", "0" * 64, Account(True, True, True)))


def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline(seen):
    _, answer, _ = seen
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY" and answer.headers["cache-control"] == "no-store"
    outline = Outline(answer.text)
    loaded = [value for _, name, value in outline.attributes if name in ("src", "href", "action")]
    assert loaded and all(value.startswith(("/review", "/v1/assessments/", "#")) for value in loaded)
    assert not {"iframe", "img", "object", "style"} & set(outline.tags)
    assert not [one for one in outline.attributes if one[1] == "style" or one[1].startswith("on")]
    assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/review/static/page.js" defer>']
    assert "http" not in answer.text


def test_a_case_that_is_scored_every_night_lists_its_last_assessments_and_counts_the_others(reviewing):
    client = reviewing.by_token()
    scored = [score(client, case(*EVENTS, **PARTNERS))["assessment_id"] for _ in range(MOST_BESIDE + 3)]
    first, last = (client.get(f"/review/{name}.json").json() for name in (scored[0], scored[-1]))
    assert [one["assessment_id"] for one in last["beside"]] == scored[-2 : -MOST_BESIDE - 2 : -1]
    assert [one["assessment_id"] for one in first["beside"]] == scored[: -MOST_BESIDE - 1 : -1]
    assert first["beside_more"] == last["beside_more"] == 2
    assert "and 2 more" in client.get(f"/review/{scored[0]}").text


def test_a_rendered_page_leaves_no_dead_ring_behind(seen):
    """What waits for the collector keeps a page's whole record: a service that renders many would grow."""
    _, _, page = seen
    html_of(page)
    gc.collect()
    gc.disable()
    try:
        html_of(page)
        assert gc.collect() < 10  # 94 when the contexts of a rendering are left as they are
    finally:
        gc.enable()


def test_the_parts_stand_in_the_order_in_which_they_are_to_be_read(seen):
    _, answer, _ = seen
    places = [answer.text.index(f'id="{name}"') for name in ORDER]
    assert places == sorted(places)


def test_the_page_says_all_of_its_twin(seen):
    one, answer, twin = seen
    text = " ".join(Outline(answer.text).text.split())
    assert twin["assessment"] == one
    for reason in (*twin["score"]["raising"], *twin["score"]["lowering"]):
        assert reason["sentence"]["zh"] in text and reason["sentence"]["en"] in text
        assert f"{reason['contribution']:+.3f}" in text
        assert reason["value_words"]["zh"] in text and reason["typical_words"]["zh"] in text
    for part in (*one["floors"], *one["cautions"]):
        words = part.get("rule") or part["sentence"]
        assert words["zh"] in text and words["en"] in text
    for row in twin["timeline"]:
        assert all(name in text for name in row["ids"][:1])
    assert "两家因地界争执" in text and "SYNTHETIC" in text
    for shown in (one["assessment_id"], one["dispute_id"], one["model"]["digest"][:12], TIERS[one["tier"]]):
        assert shown in text


def test_what_is_shown_adds_up(seen):
    """Start, the reasons and the rest sum to the case's own number, in the twin exactly, on the page to its digits."""
    one, answer, twin = seen
    score_ = twin["score"]
    parts = [*(r["contribution"] for r in score_["raising"]), *(r["contribution"] for r in score_["lowering"])]
    assert score_["base_margin"] + sum(parts) + score_["rest"] == pytest.approx(one["margin"], abs=1e-9)
    *shown, total = (float(number) for number in re.findall(r'class="number">([+-]\d+\.\d+)<', answer.text))
    assert len(shown) == len(parts) + 2
    assert abs(sum(shown) - total) < 0.0005 * (len(shown) + 1) and total == round(one["margin"], 3)


def test_at_most_five_reasons_each_way_and_the_rest_as_a_bar(seen):
    _, answer, twin = seen
    raising, lowering = twin["score"]["raising"], twin["score"]["lowering"]
    assert 0 < len(raising) <= 5 and len(lowering) <= 5
    assert all(one["contribution"] > 0 for one in raising) and all(one["contribution"] < 0 for one in lowering)
    assert answer.text.count('<svg class="bar') == len(raising) + len(lowering) + 1


def test_every_reason_leads_to_the_rows_that_made_it(seen):
    one, answer, twin = seen
    ids = set(Outline(answer.text).values("id"))
    by_name = {reason["indicator"]: reason for reason in one["reasons"]}
    linked = 0
    for reason in (*twin["score"]["raising"], *twin["score"]["lowering"]):
        assert {row["id"] for row in reason["rows"]} == set(by_name[reason["indicator"]]["evidence"])
        for row in reason["rows"]:
            assert row["anchor"] in ids
            found = next(each for each in twin["timeline"] if each["anchor"] == row["anchor"])
            assert row["id"] in found["ids"] and reason["indicator"] in found["evidence_of"]
            linked += 1
    assert linked > 3
    assert all(link[1:] in ids for link in Outline(answer.text).values("href") if link.startswith("#"))


def test_what_does_not_count_and_what_came_late_is_marked(seen):
    _, answer, twin = seen
    hearsay = next(row for row in twin["timeline"] if row["assertion"] == "hearsay")
    late = next(row for row in twin["timeline"] if row["is_late"])
    line = re.search(rf'<tr id="{hearsay["anchor"]}".*?</tr>', answer.text, re.DOTALL).group()
    assert "传闻:不计入" in line
    assert "晚14天" in re.search(rf'<tr id="{late["anchor"]}".*?</tr>', answer.text, re.DOTALL).group()
    assert answer.text.count('class="apart"') == 1 and answer.text.count('class="until-known"') == 1


def test_what_was_shown_is_kept_by_digest_for_the_role_alone(seen, reviewing):
    one, answer, twin = seen
    digest = answer.headers["x-shown-digest"]
    client, other = reviewing.by_token(), reviewing.by_token("care")
    assert client.get(f"/review/shown/{digest}.json").json() == twin
    assert other.get(f"/review/shown/{digest}.json").status_code == 404
    assert reviewing.by_token(area="44").get(f"/review/shown/{digest}.json").status_code == 403
    assert other.get(f"/review/{one['assessment_id']}").headers["x-shown-digest"] != digest
    assert client.get(f"/review/{one['assessment_id']}").headers["x-shown-digest"] == digest


def test_every_offer_and_tier_has_its_words_and_a_sign(seen):
    _, _, twin = seen
    assert set(ACTIONS) == set(Action)
    page = twin | {"routing": twin["routing"] | {"actions": [*Action]}}
    assert all(words in Outline(html_of(page, "en")).text for words in ACTIONS.values())
    for tier in Tier:
        text = Outline(html_of(twin | {"score": twin["score"] | {"tier": tier.value}}, "en")).text
        assert TIERS[tier] in text
        assert ("too thin to rely on" in text) == (tier == "contact_first")


def test_frequencies_are_whole_where_tenths_mean_nothing(seen):
    _, _, twin = seen
    page = twin | {"score": twin["score"] | {"probability": 0.60141, "interval": [0.00012, 0.9]}}
    text = Outline(html_of(page, "zh")).text
    assert "6,014件" in text and "1.2 至 9,000" in text


@pytest.mark.parametrize(("margin", "rank"), [(-9.0, "blue"), (0.0, "yellow"), (1.0, "orange"), (2.0, "red")])
def test_the_rank_is_that_of_the_score_alone(seen, margin, rank):
    one, _, _ = seen
    from training.artifact.contract import TierCuts

    file = CaseFile(one | {"margin": margin}, None, TierCuts(red=2.0, orange=1.0, yellow=0.0), "reviewer")
    page = case_page(file)
    assert page["score"]["rank"] == rank and page["timeline"] == [] and page["facts"] is None
    assert "erased" in Outline(html_of(page, "en")).text


@pytest.mark.parametrize("language", ["both", "zh", "en"])
def test_no_word_judges_a_person(seen, language):
    text = Outline(html_of(seen[2], language)).text.lower()
    words = ("suspect", "offender", "perpetrator", "dangerous person", "嫌疑", "危险人员", "重点人员", "no risk", "无风险",
             "accuracy", "准确率")  # fmt: skip
    assert not [word for word in words if word in text]


@pytest.mark.parametrize("language", ["both", "zh", "en"])
def test_what_is_in_a_record_is_text_on_the_page(seen, language):
    """Whatever the twin holds stands on the page as text, also where a checked pattern should have kept it out."""
    _, _, twin = seen
    told = poisoned(twin)
    page = html_of(told, language)
    assert HOSTILE not in page and "&lt;script&gt;alert(&#34;x&#34;)" in page and "{{7*7}}" in page
    outline = Outline(page)
    assert outline.tags.count("script") == 1
    assert not [one for one in outline.attributes if one[1].startswith("on") or one[1] == "style"]


def poisoned(value, name=""):
    """The record with every text replaced by a hostile one, but for times, anchors and what templates branch on."""
    kept = ("occurred_at", "recorded_at", "as_of", "due", "due_at", "at", "anchor", "lane", "scheduled_at", "tier",
            "rank", "indicator", "printed_rows", "correctable", "hidden", "scored_at", "follow_up_due")  # fmt: skip
    if isinstance(value, dict):
        return {key: one if key in kept else poisoned(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, name) for one in value]
    return HOSTILE if isinstance(value, str) else value


def test_script_in_every_text_of_a_record_over_http(reviewing):
    client = reviewing.by_token()
    record = case(
        ("threat", 2, {"severity": 4, "narrative": HOSTILE, "event_id": 'E"><svg/onload=alert(1)>'}), narrative=HOSTILE
    )
    answer = client.post("/v1/score", json=record)
    if answer.status_code == 422:  # the door may refuse such an id
        record["events"][-1]["event_id"] = "E7"
        answer = client.post("/v1/score", json=record)
    page = client.get(f"/review/{answer.json()['assessment_id']}")
    outline = Outline(page.text)
    assert outline.text.count(HOSTILE) == 2, "the narratives are there, as text"
    assert outline.tags.count("script") == 1 and "onload" not in [name for _, name, _ in outline.attributes]


def test_times_are_those_of_shanghai(seen):
    one, answer, _ = seen
    assert one["as_of"] == "2024-06-01T00:00:00Z"
    assert "2024-06-01 08:00" in Outline(answer.text).text


def test_a_page_without_reasons_floors_or_cautions(seen):
    one, _, _ = seen
    from training.artifact.contract import TierCuts

    bare = one | {"reasons": [], "floors": [], "cautions": [], "other_contribution": one["margin"] - one["base_margin"]}
    Outline(html_of(case_page(CaseFile(bare, case(), TierCuts(red=9, orange=8, yellow=7), "reviewer"))))


def test_errors_are_pages_for_browsers_and_problems_for_programs(reviewing):
    client = reviewing.by_token()
    page, problem = client.get("/review/a-none", headers=HTML), client.get("/review/a-none")
    assert page.status_code == problem.status_code == 404
    assert "没有这个页面" in Outline(page.text).text
    assert problem.headers["content-type"] == "application/problem+json" and problem.json()["status"] == 404


# --- the one sensitive indicator -----------------------------------------------------------------------------------


def test_the_sensitive_indicator_leaves_no_trace_for_others(reviewing):
    """On the page, in the twin, its counts and anchors: a reviewer sees what there would be without the statement."""
    client, care = reviewing.by_token(), reviewing.by_token("care")
    stated = event(1, "self_harm_statement", 3, severity=5, event_id="ESTATED", narrative="独白")
    one = score(client, case(*EVENTS, stated, **PARTNERS))
    path = f"/review/{one['assessment_id']}"
    for address in (path, f"{path}.json", f"{path}/party", f"{path}/party.json", "/review", "/review/queue.json"):
        text = client.get(address).text
        for trace in ("ESTATED", "B12", "self_harm", "wanting to die", "轻生", "独白", '"F3"'):
            assert trace not in text, (address, trace)
    assert "ESTATED" in care.get(path).text and "独白" in care.get(f"{path}.json").text
    twin, cared = client.get(f"{path}.json").json(), care.get(f"{path}.json").json()
    assert len(twin["timeline"]) + 1 == len(cared["timeline"])
    assert [row["anchor"] for row in twin["timeline"]] == [f"row-{n + 1}" for n in range(len(twin["timeline"]))]
    assert "ESTATED" not in care.get(f"{path}/party").text, "a party's sheet may reach the other side"
    assert care.get(f"{path}/party.json").json() == client.get(f"{path}/party.json").json()
