"""The pages in a real browser: log in, queue, judge first, decide, a party's sheet, oversight, in both languages.

Debian's Chromium drives them; where there is none the tests are skipped, and counted with the reason.  With
``DEFUSE_PICTURES`` set to a folder a picture of every page is kept there, to be looked at.
"""

import os
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.serving.cases import PARTNERS, case
from tests.serving.page_client import Reviewing, on_a_port, score
from tests.serving.test_page import EVENTS

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run")  # fmt: skip
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PICTURES = os.environ.get("DEFUSE_PICTURES")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium): pages not looked at in one"
)


@pytest.fixture(scope="module")
def served(trained_home, tmp_path_factory):
    """The app on a port of loopback, with four cases: judged first, all of them."""
    root = tmp_path_factory.mktemp("browser") / "home"
    shutil.copytree(trained_home.root, root)
    reviewing = Reviewing(type(trained_home)(root), judge_first=1.0)
    client = reviewing.by_token("router")
    for kind in ("neighbour", "labour", "marriage_family"):
        record = case(*EVENTS, kind=kind, **PARTNERS)
        record["dispute"]["dispute_id"] = dispute = f"D-{kind.upper()}"
        for event in record["events"]:
            event["dispute_id"] = dispute
        score(client, record)
    with on_a_port(reviewing.app) as base:
        yield reviewing, base
    reviewing.close()


@pytest.fixture(scope="module")
def browser(served):
    """Opened after the cases were scored, as its event loop leaves no room for another in this thread."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, served):
    """A new visitor; whatever the page's policy or script complains about fails the test."""
    context = browser.new_context(base_url=served[1], viewport={"width": 1080, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda request: complaints.append(request.url) if not request.url.startswith(served[1]) else None
    )
    yield page
    context.close()
    assert complaints == []


def log_in(tab, reviewing, role="reviewer"):
    tab.goto("/review")
    tab.fill("#token", reviewing.token(role))
    tab.click("main button")
    tab.wait_for_url("**/review")


def look(tab, name):
    """Nothing serious for who can't see or point; no scrolling sideways; a picture where pictures are taken."""
    found = Axe().run(tab, options=WCAG).response["violations"]
    assert not [(one["id"], [node["html"][:120] for node in one["nodes"]][:3]) for one in found]
    size = tab.viewport_size
    for width in (size["width"], 375):
        tab.set_viewport_size({"width": width, "height": size["height"]})
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
    tab.set_viewport_size(size)
    if PICTURES:
        tab.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("language", ["both", "zh", "en"])
def test_a_case_from_the_queue_to_a_decision(tab, served, language):
    """Log in, find a case, judge it, see the score, disagree, print the party's sheet, log out."""
    reviewing, _ = served
    tab.goto("/review/login")
    tab.click(f"a[href^='/review/language/{language}']")
    look(tab, f"review-login-{language}")
    log_in(tab, reviewing)
    look(tab, f"review-queue-{language}")
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.className") == "case-link"
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".judge")
    assert tab.locator(".score").count() == 0
    look(tab, f"review-judge-{language}")
    tab.check("input[value=yellow]")
    tab.click(".judge button")
    tab.wait_for_selector(".score")
    look(tab, f"review-case-{language}")
    first = tab.locator(".reason .row-link").first
    anchor = first.get_attribute("href")
    first.click()
    assert tab.locator(f"{anchor}:target").count() == 1
    tab.check(".decide input[name=tier][value=red]")
    tab.check(".decide input[value=new_fact]")
    tab.check(".decide input[value=legal_aid]")
    tab.fill("#text", "<script>alert(1)</script> 今天去过现场")
    tab.click(".decide button")
    tab.wait_for_selector(".history")
    assert "<script>alert(1)</script> 今天去过现场" in tab.locator(".history").inner_text()
    tab.click(".more a")
    tab.wait_for_url("**/party")
    look(tab, f"review-party-{language}")
    tab.click(".out button")
    tab.wait_for_url("**/review/login")
    tab.goto("/review")
    assert tab.url.split("?")[0].endswith("/review/login")


@pytest.mark.parametrize("language", ["both", "en"])
def test_oversight_in_aggregates(tab, served, language):
    tab.goto(f"/review/language/{language}")
    log_in(tab, served[0], "care")
    tab.goto("/review/oversight")
    look(tab, f"review-oversight-{language}")


def test_one_case_on_a_telephone_and_on_one_printed_sheet(tab, served, tmp_path):
    """At 360 pixels nothing sticks out; on A4 the case takes one sheet in Chinese, with all its parts."""
    reviewing, _ = served
    log_in(tab, reviewing)
    tab.locator(".case-link").first.click()
    tab.check("input[value=cannot_say]")
    tab.click(".judge button")
    tab.wait_for_selector(".score")
    sheet = tmp_path / "sheet.pdf"
    tab.pdf(path=sheet, prefer_css_page_size=True, format="A4")
    assert sheet.read_bytes().count(b"/Type /Page\n") + sheet.read_bytes().count(b"/Type /Page ") == 1
    tab.set_viewport_size({"width": 360, "height": 740})
    look(tab, "review-case-telephone")


def test_a_row_is_corrected_and_the_case_assessed_anew(tab, served):
    """The row is chosen by its number, day and words; the new assessment shows the row as denied, beside the old one."""
    log_in(tab, served[0])
    tab.locator(".case-link").last.click()
    tab.check("input[value=cannot_say]")
    tab.click(".judge button")
    tab.wait_for_selector(".score")
    before, form = tab.url.partition("#")[0], tab.locator("details:has(#row)")
    form.locator("summary").click()
    number = tab.locator("tr.conduct:not(.apart) th").last.inner_text()
    assert number in tab.locator("#row option").evaluate_all("all => all.map(one => one.value)")
    tab.select_option("#row", value=number)
    tab.check("input[name=change][value=denied]")
    tab.fill("#correction-text", "双方都说没有此事")
    form.locator("button").click()
    tab.wait_for_url(lambda url: url.partition("#")[0] != before)
    row = tab.locator(f"#row-{number}")
    assert "apart" in row.get_attribute("class") and row.locator(".badge").count() >= 2
    assert tab.locator(f"a[href='{before[len(served[1]) :]}']").count() == 1


def test_a_case_is_decided_without_javascript(browser, served):
    reviewing, base = served
    context = browser.new_context(base_url=base, java_script_enabled=False)
    tab = context.new_page()
    log_in(tab, reviewing)
    tab.locator(".case-link").first.click()
    tab.check("input[value=orange]")
    tab.click(".judge button")
    tab.wait_for_selector(".score")
    assert tab.locator("svg.lanes circle").count() > 3
    context.close()
