"""The queue: by urgency and deadline, inside the area, with a sample mixed in that cannot be told from the others."""

import csv
import io
import json
import math

import pytest
import sqlalchemy as sa

from features.catalogue import BY_ID
from serving.log.decision_log import DecisionLog
from serving.log.tables import ASSESSMENTS, CASES, METADATA
from serving.pages.draws import audit_probability, is_audited, is_judged_first, threshold
from serving.pages.numbers import value_words
from serving.pages.queue import A_PAGE, Filters, Place, capacity, waiting_page
from serving.pages.queue_page import _why
from serving.policy import Review
from serving.wording import sentence
from tests.serving.cases import PARTNERS, case
from tests.serving.page_client import FORM, HTML, Outline, Reviewing, score
from tests.serving.test_page import EVENTS

NONE = Review(judge_first_share=0, audit_share_blue=0, audit_share_yellow=0)
EVERYTHING = Filters()
URGENCY = {"red": 0, "contact_first": 1, "orange": 2, "yellow": 3, "blue": 4}
NOW = 1_700_000_000_000_000


@pytest.fixture
def reviewing(home):
    made = Reviewing(home)
    yield made
    made.close()


def rows(count, *, tiers=("red", "orange", "yellow", "blue", "contact_first")):
    """Waiting cases with every tier, kind and township in turn, and ids whose digits are spread evenly."""
    for number in range(count):
        tier = tiers[number % len(tiers)]
        digits = f"{(number * 40_503) % 65_536:04x}{(number * 25_717) % 65_536:04x}"
        yield {
            "dispute_id": f"D{number:06d}", "number": number + 1, "assessment_id": f"a-{digits}{number:024x}",
            "area": f"{330_106_001 + number % 7 * 1_000:09d}", "kind": ("neighbour", "labour", "debt_finance")[number % 3],
            "channel": ("grid", "court")[number % 2], "tier": tier, "urgency": URGENCY[tier],
            "due_at": NOW + (number * 7_919 % 1_000 - 500) * 3_600_000_000, "care_due_at": None, "as_of": NOW,
            "scored_at": NOW, "closed_at": None, "probability": 0.001, "waits": 1,
        }  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request, tmp_path):
    """A log with 400 waiting cases and no assessments behind them."""
    if request.param == "sqlite":
        made = DecisionLog(f"sqlite:///{tmp_path / 'log.db'}")
    else:
        made = DecisionLog(request.getfixturevalue("postgres_database"))
    with made.database.engine.begin() as connection:
        connection.execute(sa.insert(CASES), list(rows(400)))
    yield made
    made.close()


def pages_of(log, filters=EVERYTHING, *, within="", review=NONE):
    """Every page of the queue, one after the other."""
    place, pages = Place(), []
    while place is not None:
        pages.append(waiting_page(log, filters, within=within, after=place, now_us=NOW, review=review))
        place = pages[-1].following and Place.of(pages[-1].following.text())
        assert len(pages) < 400
    return pages


def walk(log, filters=EVERYTHING, **more):
    """The cases of every page."""
    return [page.cases for page in pages_of(log, filters, **more)]


def test_every_case_stands_once_by_urgency_and_deadline(log):
    pages = walk(log)
    found = [one for page in pages for one in page]
    assert len(found) == 400 == len({one.dispute_id for one in found})
    keys = [(one.urgency, one.due_at, one.number) for one in found]
    assert keys == sorted(keys)
    assert all(len(page) == A_PAGE for page in pages[:-1])


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        (Filters(area="330108"), lambda one: one.area.startswith("330108")),
        (Filters(kind="labour"), lambda one: one.kind == "labour"),
        (Filters(channel="court"), lambda one: one.channel == "court"),
        (Filters(tier="yellow"), lambda one: one.tier == "yellow"),
        (Filters(overdue=True), lambda one: one.due_at < NOW),
        (Filters(kind="labour", tier="red", overdue=True),
         lambda one: one.kind == "labour" and one.tier == "red" and one.due_at < NOW),
    ],
)  # fmt: skip
def test_a_filter_leaves_what_it_names(log, filters, holds):
    everything = [one for page in walk(log) for one in page]
    found = [one for page in walk(log, filters) for one in page]
    assert found == [one for one in everything if holds(one)] and 0 < len(found) < 400


@pytest.mark.parametrize(
    "filters",
    [Filters(), Filters(kind="labour"), Filters(area="3301"), Filters(area="330106001"), Filters(tier="red", overdue=True)],
)  # fmt: skip
def test_a_page_comes_in_order_out_of_an_index(log, filters):
    """Whatever one filters by, SQLite sorts nothing and reads no table through; without statistics, as nobody makes any."""
    if not log.database.is_sqlite:
        pytest.skip("PostgreSQL plans by the sizes that its statistics tell: timed in benchmarks/review.py")
    asked = []
    sa.event.listen(
        log.database.engine, "before_cursor_execute", lambda _c, _k, text, given, *_: asked.append((text, given))
    )
    waiting_page(log, filters, within="", after=Place(), now_us=NOW, review=NONE)
    text, given = next(one for one in asked if one[0].startswith("SELECT"))
    with log.database.engine.connect() as connection:
        plan = " ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given))
    assert "USING INDEX cases_waiting" in plan and "TEMP B-TREE" not in plan


def test_nothing_outside_the_area_is_listed_or_counted(log):
    inside = [one for page in walk(log, within="330108") for one in page]
    assert inside and all(one.area.startswith("330108") for one in inside)
    assert walk(log, Filters(area="330109"), within="330108") == [()]
    assert walk(log, Filters(area="33010"), within="330108") == walk(log, within="330108")
    used = capacity(log, within="330108", now_us=NOW)
    assert used.waiting == len([one for one in inside if one.tier != "blue"]) and used.decided == 0


def test_the_sample_stands_among_the_others_once_and_unmarked(log):
    """Half of blue and a quarter of yellow are drawn: each stands somewhere, two a page, and no other of its tier goes."""
    review = Review(judge_first_share=0, audit_share_blue=0.5, audit_share_yellow=0.25)
    pages = pages_of(log, review=review)
    found = [one for page in pages for one in page.cases]
    drawn = {one.assessment_id for one in found if is_audited(one.assessment_id, one.tier, review)}
    assert len(found) == 400 == len({one.dispute_id for one in found})
    assert drawn == {name for page in pages for name in page.sampled}
    assert 40 < len(drawn) < 80
    assert all(1 <= len(page.sampled) <= 2 for page in pages[:10])
    places = [
        number for page in pages[:10] for number, one in enumerate(page.cases) if one.assessment_id in page.sampled
    ]  # fmt: skip
    assert len(set(places)) > 6, "not always at the same place"


def test_a_filter_by_tier_tells_nobody_s_hidden_tier(log):
    review = Review(judge_first_share=0.5, audit_share_blue=0.5, audit_share_yellow=0.5)
    found = [one for page in walk(log, Filters(tier="blue"), review=review) for one in page]
    assert found and not any(is_judged_first(one.assessment_id, one.tier, review) for one in found)


def test_a_share_draws_that_share_of_random_ids():
    review = Review(judge_first_share=0.1, audit_share_blue=0.015, audit_share_yellow=0.05)
    ids = [f"a-{number:04x}{(number * 40_503) % 65_536:04x}{'0' * 24}" for number in range(65_536)]
    for tier, expected in (("blue", 0.015), ("yellow", 0.05), ("orange", 0.0)):
        assert audit_probability(tier, review) == expected
        assert sum(is_audited(one, tier, review) for one in ids) / 65_536 == pytest.approx(expected, abs=1e-4)
    assert sum(is_judged_first(one, "red", review) for one in ids) / 65_536 == pytest.approx(0.1, abs=1e-4)
    both = sum(is_judged_first(one, "yellow", review) for one in ids) / 65_536
    assert both == pytest.approx(0.1 + 0.05 - 0.005, abs=2e-3), "the two draws are independent"
    assert threshold(0) == "0000" and threshold(1) > "ffff"


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4.5", "a.b.c.d", "1.2.3." + "9" * 40, "1..2.3", "-.1.1.1"])
def test_a_place_that_is_none_is_the_start(text):
    assert Place.of(text) == Place()
    assert Place.of(Place(3, NOW, 17, 4).text()) == Place(3, NOW, 17, 4)


# --- the page ------------------------------------------------------------------------------------------------------


def test_the_page_says_why_each_case_is_here_in_one_line(reviewing):
    client = reviewing.by_token()
    one = score(client, case(*EVENTS, **PARTNERS))
    page = client.get("/review/queue.json").json()
    (waiting,) = page["cases"]
    assert waiting["assessment_id"] == one["assessment_id"]
    floors = [floor["rule"]["zh"] for floor in one["floors"]]
    sentences = [reason["sentence"]["zh"] for reason in one["reasons"] if reason["contribution"] > 0]
    assert waiting["why"]["zh"] in [*floors, *sentences[:1]]
    html = client.get("/review")
    assert waiting["why"]["zh"] in Outline(html.text).text and f'href="/review/{one["assessment_id"]}"' in html.text
    assert page["capacity"] == {"a_week": 50, "decided": 0, "waiting": 1}


def test_what_does_not_show_its_score_is_found_by_no_tier(reviewing):
    """A case drawn under an earlier policy stays hidden as on its own page, and so does one on the manual path."""
    (reviewing.home.root / "policy.toml").write_text("[review]\njudge_first_share = 1.0\n")
    reviewing.desk.refresh()
    client, names = reviewing.by_token(), {}
    for dispute in ("D-DRAWN", "D-MANUAL", "D-OPEN"):
        if dispute == "D-MANUAL":
            (reviewing.home.root / "policy.toml").write_text("[review]\njudge_first_share = 0.0\n")
            reviewing.desk.refresh()
        record = case(*EVENTS, **PARTNERS)
        for row in (record["dispute"], *record["events"]):
            row["dispute_id"] = dispute
        answer = score(client, record)
        names[dispute] = answer["assessment_id"]
    said = {"objection": "refuses_ranking", "text": ""}
    assert client.post(f"/review/{names['D-MANUAL']}/objection", data=said, headers=FORM).status_code == 303
    told = {one["dispute_id"]: one["hidden"] for one in client.get("/review/queue.json").json()["cases"]}
    assert told == {"D-DRAWN": "judge_first", "D-MANUAL": "manual", "D-OPEN": None}
    assert all(client.get(f"/review/{names[one]}.json").json()["hidden"] == hidden for one, hidden in told.items())
    found = client.get(f"/review/queue.json?tier={answer['tier']}").json()["cases"]
    assert [one["dispute_id"] for one in found] == ["D-OPEN"]


def test_what_a_logarithm_tells_stands_last_among_the_reasons_to_be_here():
    parts = [["E06", 3.0, 0.9, []], ["B01", 2.0, 0.1, []], ["E02", 1.0, 0.5, []]]
    assert _why({"floors": [], "parts": parts})["en"] == sentence(BY_ID["B01"], 2.0).en
    assert _why({"floors": [], "parts": parts[:1]})["en"] == "Age of the case: 19.1 (days)"
    assert value_words("E06", math.log1p(103.2)) == {"en": "103.2 (days)", "zh": "103.2(天)"}
    assert value_words("E02", math.log(0.5))["en"] == "0.5 (times as often as before)"
    assert value_words("A05", math.log1p(2))["zh"] == "2(倍年收入)"


def test_the_csv_holds_the_cases_of_the_page_and_no_formula(reviewing):
    client = reviewing.by_token()
    one = score(client, case(*EVENTS, **PARTNERS))
    (row,) = csv.DictReader(io.StringIO(client.get("/review/queue.csv").text))
    assert row["assessment_id"] == one["assessment_id"] and row["tier"] == one["tier"]
    from serving.pages.queue_page import csv_row

    told = csv_row({"dispute_id": "=cmd()", "why": {"zh": "@x", "en": "+1"}, "is_overdue": False})
    assert (told["dispute_id"], told["why_zh"], told["why_en"]) == ("'=cmd()", "'@x", "'+1")


def test_an_empty_queue_is_friendly(reviewing):
    page = reviewing.by_token().get("/review", headers=HTML)
    assert page.status_code == 200 and "这里没有待审案件" in Outline(page.text).text


def test_nothing_of_the_queue_ranks_people_or_counts_petitions(reviewing):
    client = reviewing.by_token()
    score(client, case(*EVENTS, **PARTNERS))
    (waiting,) = client.get("/review/queue.json").json()["cases"]
    assert set(waiting) == {
        "assessment_id", "dispute_id", "area", "kind", "channel", "tier", "due_at", "is_overdue", "hidden", "why",
        "awaits_second_look",
    }  # fmt: skip
    assert "petition" not in json.dumps(waiting) and "probability" not in json.dumps(waiting)


def test_the_tables_read_here_are_those_of_the_log():
    assert {"cases", "assessments", "decisions", "shown"} <= set(METADATA.tables)
    assert ASSESSMENTS.c.record is not None
