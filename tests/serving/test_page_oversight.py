"""The oversight page: its aggregates from a log written by hand."""

import pytest
import sqlalchemy as sa

from serving.log.tables import CASES, DECISIONS
from serving.pages.oversight import oversight_page
from tests.serving.page_client import HTML, Outline, Reviewing
from tests.serving.test_page_queue import NOW, rows


@pytest.fixture
def reviewing(home):
    made = Reviewing(home, blue=1.0)
    yield made
    made.close()


def decisions(count, *, first=0, **said):
    shared = {"dispute_id": "D1", "area": "330106001", "at_utc": NOW, "account": "a", "role": "reviewer", "stage": "decision",
              "view": "agree", "assessed_tier": "orange", "tier": "orange", "tier_in_force": None, "reason_code": None}  # fmt: skip
    for number in range(first, first + count):
        own = {"seq": number, "decision_id": f"d-{number}", "assessment_id": f"a-{number}"}
        yield shared | said | own


def told(reviewing, *parts, within=""):
    with reviewing.desk.log.database.engine.begin() as connection:
        connection.execute(sa.insert(DECISIONS), [row for part in parts for row in part])
    return oversight_page(reviewing.desk, within=within, now_us=NOW)


def test_too_much_agreement_is_an_alarm_from_200_reviews_on(reviewing):
    assert not told(reviewing, decisions(199))["agreement"]["is_alarm"]
    page = told(reviewing, decisions(1, first=500))
    assert page["agreement"]["is_alarm"] and page["agreement"]["above"] == 0.95
    page = told(reviewing, decisions(10, first=600, view="disagree"))
    assert not page["agreement"]["is_alarm"] and page["agreement"]["share"] == 0.95


def test_overrides_and_confirmed_need_are_counted_by_tier(reviewing):
    page = told(
        reviewing, decisions(60), decisions(20, first=100, view="disagree", tier="yellow"),
        decisions(30, first=200, stage="preliminary", view=None), decisions(10, first=300, stage="preliminary", view=None, tier="blue"),
    )  # fmt: skip
    orange = next(one for one in page["overrides"] if one["tier"] == "orange")
    assert (orange["of"], orange["share"]) == (80, 0.25) and orange["low"] < 0.25 < orange["high"]
    confirmed = next(one for one in page["precision"] if one["tier"] == "orange")
    assert (confirmed["of"], confirmed["share"]) == (40, 0.75)
    assert next(one for one in page["precision"] if one["tier"] == "red")["of"] is None
    elsewhere = oversight_page(reviewing.desk, within="44", now_us=NOW)
    assert all(one["of"] is None for one in elsewhere["overrides"])


def own_views(cases, *, in_need):
    """One view before the score of each blue case; the first ones say that it needs more."""
    for place, (one, row) in enumerate(zip(cases, decisions(len(cases), stage="preliminary", view=None), strict=True)):
        same = {name: one[name] for name in ("assessment_id", "dispute_id")}
        yield row | same | {"assessed_tier": "blue", "tier": "yellow" if place < in_need else "blue"}


def test_missed_need_and_overdue_units_come_from_the_cases(reviewing):
    cases = list(rows(400))
    with reviewing.desk.log.database.engine.begin() as connection:
        connection.execute(sa.insert(CASES), cases)
    judged = own_views([row for row in cases if row["tier"] == "blue"][:40], in_need=5)
    page = told(reviewing, judged)
    assert page["missed_need"] is None, "nobody judged a yellow one yet"
    late = [row for row in cases if row["due_at"] < NOW and row["tier"] != "blue"]
    assert page["overdue"]["total"] == len(late)
    assert sum(one["cases"] for one in page["overdue"]["units"]) == len(late)


def test_missed_need_says_who_was_not_judged_and_what_they_may_hide(reviewing):
    """80 blue cases, all drawn: 40 judged, 10 of them in need; yellow has none.  20, or 10 to 50 whatever the others."""
    cases = [row for row in rows(400) if row["tier"] == "blue"]
    judged = own_views(cases[:40], in_need=10)
    cannot_say = decisions(
        1, first=100, stage="preliminary", tier=None, view="cannot_say", assessment_id=cases[60]["assessment_id"]
    )
    with reviewing.desk.log.database.engine.begin() as connection:
        connection.execute(sa.insert(CASES), cases)
    missed = told(reviewing, judged, cannot_say)["missed_need"]
    assert (missed["cases"], missed["drawn"], missed["judged"], missed["response"]["share"]) == (80, 80, 40, 0.5)
    assert (missed["total"], missed["least"], missed["most"]) == (20, 10, 50)
    assert missed["least_low"] < 10 and missed["low"] < 20 < missed["high"] and missed["most_high"] > 50
    page = reviewing.by_token("analyst").get("/review/oversight", headers={**HTML, "Cookie": "defuse_language=en"}).text
    told_on_page = Outline(page).text
    assert "Of 80 cases drawn, this share was judged: 50%" in told_on_page
    assert "Without that: 10 cases if none of the others needs more, 50 if all of them do" in told_on_page
