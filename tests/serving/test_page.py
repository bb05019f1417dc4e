"""The review page: a view of the JSON twin for people, safe whatever stands in the record."""

import re
from html.parser import HTMLParser

import pytest

from serving.page import ACTION_WORDS, TIER_WORDS, review_page
from serving.policy import Action
from tests.serving.cases import PARTNERS, case
from training.artifact.tiers import Tier

HOSTILE = '<script>alert("x")</script>&"\''
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """The text of a page, its tags in order, and whether every tag is closed."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def seen(client):
    """A scored case and its page."""
    events = (("threat", 2, {"severity": 4, "specifics": 2}), ("weapon", 1), ("fear_expressed", 3))
    one = client.post("/v1/score", json=case(*events, **PARTNERS)).json()
    return one, client.get(f"/review/{one['assessment_id']}")


def test_the_page_is_html_that_loads_nothing(seen):
    _, answer = seen
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    outline = Outline(answer.text)
    assert not {"script", "iframe", "img", "link", "form", "object"} & set(outline.tags)
    assert not [one for one in outline.attributes if one[1] == "src" or one[1].startswith("on")]
    assert "http" not in answer.text.replace('http-equiv="', "")


def test_the_page_says_all_of_its_twin(seen, client):
    one, answer = seen
    text = Outline(answer.text).text
    assert client.get(f"/v1/assessments/{one['assessment_id']}").json() == one
    for reason in one["reasons"]:
        assert reason["sentence"]["zh"] in text and reason["sentence"]["en"] in text
        assert f"{reason['contribution']:+.3f}" in text
        assert all(row in text for row in reason["evidence"])
    for part in (*one["floors"], *one["cautions"]):
        words = part.get("rule") or part["sentence"]
        assert words["zh"] in text and words["en"] in text
    for shown in (one["assessment_id"], one["dispute_id"], one["model"]["digest"][:12], *TIER_WORDS[one["tier"]]):
        assert shown in text
    assert f'href="/v1/assessments/{one["assessment_id"]}"' in answer.text
    assert "SYNTHETIC" in text


def test_what_is_shown_adds_up(seen):
    """Start, what raises, what lowers and the rest sum to the case's own number, to the digits shown."""
    one, answer = seen
    reasons = [float(number) for number in re.findall(r"<small>([+-]\d+\.\d+)</small>", answer.text)]
    *sums, total = (float(number) for number in re.findall(r'class="number">([+-]\d+\.\d+)<', answer.text))
    assert sorted(reasons) == sorted(round(reason["contribution"], 3) for reason in one["reasons"])
    assert len(sums) == 4
    assert abs(sum(sums) - total) < 0.0005 * 5
    assert total == round(one["margin"], 3)


def test_the_rest_stands_on_neither_side(seen):
    """What is left over may raise the case: it is not listed under what lowers it."""
    one, _ = seen
    page = review_page(one | {"other_contribution": 0.7})
    lowers = page[page.index("What lowers it") : page.index("How it adds up")]
    assert "Everything else" not in lowers


def test_every_offer_has_its_words(seen):
    one, _ = seen
    page = Outline(review_page(one | {"routing": one["routing"] | {"actions": [*Action]}})).text
    assert set(ACTION_WORDS) == set(Action)
    assert all(en in page and zh in page for en, zh in ACTION_WORDS.values())


def test_frequencies_are_whole_where_tenths_mean_nothing(seen):
    one, _ = seen
    page = Outline(review_page(one | {"probability": 0.60141, "interval": [0.00012, 0.9]})).text
    assert "6,014 件" in page and "1.2 至 9,000" in page


def test_no_word_judges_a_person(seen):
    text = Outline(seen[1].text).text.lower()
    for word in (
        "suspect",
        "offender",
        "perpetrator",
        "dangerous person",
        "嫌疑",
        "危险人员",
        "重点人员",
        "no risk",
        "无风险",
    ):
        assert word not in text


def test_every_tier_has_its_words(seen):
    one, _ = seen
    assert set(TIER_WORDS) == set(Tier)
    for tier, words in TIER_WORDS.items():
        page = Outline(review_page(one | {"tier": tier})).text
        assert all(word in page for word in words)
        assert ("too thin to rely on" in page) == (tier == "contact_first")


def test_what_is_in_a_record_is_text_on_the_page(seen):
    """Whatever the twin holds stands on the page as text, also where a checked pattern should have kept it out."""
    one, _ = seen
    told = one | {"dispute_id": HOSTILE, "assessment_id": HOSTILE}
    told["reasons"] = [one["reasons"][0] | {"evidence": [HOSTILE], "sentence": {"en": HOSTILE, "zh": HOSTILE}}]
    told["cautions"] = [{"caution": HOSTILE, "sentence": {"en": HOSTILE, "zh": HOSTILE}}]
    told["routing"] = one["routing"] | {"owner_rank": HOSTILE}
    page = review_page(told)
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(&#34;x&#34;)" in page
    outline = Outline(page)
    assert "script" not in outline.tags
    assert not [each for each in outline.attributes if each[1].startswith("on")]


def test_a_hostile_event_id_over_http(client):
    record = case(("threat", 2, {"severity": 4, "event_id": "<img/src=x/onerror=alert(1)>"}))
    answer = client.post("/v1/score", json=record)
    if answer.status_code == 200:
        assert "<img" not in client.get(f"/review/{answer.json()['assessment_id']}").text


def test_times_are_those_of_shanghai(seen):
    one, answer = seen
    assert one["as_of"] == "2024-06-01T00:00:00Z"
    assert "2024-06-01 08:00" in Outline(answer.text).text


def test_a_page_without_reasons_floors_or_cautions(seen):
    one, _ = seen
    Outline(review_page(one | {"reasons": [], "floors": [], "cautions": [], "other_contribution": 0.0}))
