"""Who may open a page and send a form: sessions, cookies, forged forms, other areas, other roles."""

import pytest

from serving.pages.sessions import IDLE_MINUTES, LONGEST_HOURS, MOST, Sessions
from serving.pages.visitor import safe_back
from tests.serving.cases import PARTNERS, case
from tests.serving.page_client import FORM, HTML, Reviewing, csrf, score
from tests.serving.test_page import EVENTS


@pytest.fixture
def reviewing(home):
    made = Reviewing(home)
    yield made
    made.close()


@pytest.fixture
def name(reviewing):
    return score(reviewing.by_token(), case(*EVENTS, **PARTNERS))["assessment_id"]


def forms(name):
    return [f"/review/{name}/{form}" for form in ("preliminary", "decision", "objection", "correction")]


def cookies(client):
    return client.request("GET", "/review/login").request.headers.get("cookie", "")


def test_who_is_not_logged_in_is_sent_to_log_in_and_back(reviewing, name):
    client = reviewing.anonymous()
    answer = client.get(f"/review/{name}?x=1", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/review/login?back=/review/{name}%3Fx%3D1"
    assert client.get(f"/review/{name}").status_code == 401
    page = client.get(answer.headers["location"], headers=HTML)
    sent = {"csrf": csrf(page), "back": f"/review/{name}?x=1", "token": reviewing.token()}
    done = client.post("/review/login", data=sent, headers=FORM)
    assert done.status_code == 303 and done.headers["location"] == f"/review/{name}?x=1"
    assert client.get(f"/review/{name}", headers=HTML).status_code == 200


def test_the_session_cookie_is_out_of_reach_and_holds_no_token(reviewing):
    client = reviewing.anonymous()
    page = client.get("/review/login", headers=HTML)
    token = reviewing.token()
    done = client.post("/review/login", data={"csrf": csrf(page), "token": token}, headers=FORM)
    cookie = done.headers["set-cookie"]
    assert "defuse_session=" in cookie and token not in cookie and token[4:20] not in cookie
    for part in ("HttpOnly", "SameSite=strict", "Path=/review"):
        assert part in cookie
    assert "Secure" not in cookie
    page = client.get("/review/login", headers=HTML)
    sent = {"csrf": csrf(page), "token": token}
    secure = client.post("/review/login", data=sent, headers=FORM | {"X-Forwarded-Proto": "https"})
    assert "Secure" in secure.headers["set-cookie"]


def test_a_bad_token_is_told_and_nothing_of_it_is_repeated(reviewing):
    client = reviewing.anonymous()
    page = client.get("/review/login", headers=HTML)
    sent = {"csrf": csrf(page), "token": "dfs_<script>wrong"}
    answer = client.post("/review/login", data=sent, headers=FORM | HTML)
    assert answer.status_code == 401 and "wrong" not in answer.text and "set-cookie" not in answer.headers


def test_a_session_ends_by_hand_and_with_its_token(reviewing, name):
    client = reviewing.logged_in()
    page = client.get("/review", headers=HTML)
    assert page.status_code == 200
    assert client.post("/review/logout", data={"csrf": csrf(page)}, headers=FORM).status_code == 303
    assert client.get(f"/review/{name}").status_code == 401
    client = reviewing.logged_in()
    (reviewing.home.root / "tokens.json").unlink()
    assert client.get(f"/review/{name}").status_code == 401


def test_a_session_ends_with_time():
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])
    name = sessions.begin("a token's hash")
    now[0] += IDLE_MINUTES * 60 - 1
    assert sessions.token_of(name) == "a token's hash", "and is used again"
    now[0] += IDLE_MINUTES * 60
    assert sessions.token_of(name) is None and sessions.token_of(name) is None
    name = sessions.begin("a token's hash")
    for _ in range(LONGEST_HOURS * 60 // 20):
        assert sessions.token_of(name) is not None
        now[0] += 20 * 60
    assert sessions.token_of(name) is None, "used all the time, but for too long"


def test_sessions_take_no_more_room_than_they_may():
    sessions = Sessions(clock=iter(range(10**9)).__next__)
    sessions._is_good = lambda _session: True
    first = sessions.begin("x")
    for _ in range(30):
        sessions.begin("x")
    import serving.pages.sessions as module

    kept, module.MOST = module.MOST, 10
    try:
        last = sessions.begin("x")
        assert len(sessions._sessions) == 10
        assert sessions.token_of(first) is None and sessions.token_of(last) == "x"
    finally:
        module.MOST = kept
    assert kept == MOST


def test_a_forged_form_does_nothing(reviewing, name):
    """Without the form's token, with another browser's, or from another site: 403, and nothing is recorded."""
    client, other = reviewing.logged_in(), reviewing.logged_in()
    good = csrf(client.get(f"/review/{name}", headers=HTML))
    foreign = csrf(other.get(f"/review/{name}", headers=HTML))
    sent = {"tier": "red", "reason_code": "agree_facts", "objection": "refuses_ranking", "row": "5",
            "change": "denied", "text": "x"}  # fmt: skip
    for path in [*forms(name), "/review/logout", "/review/login"]:
        for token in ("", "0" * 64, foreign):
            assert client.post(path, data=sent | {"csrf": token}, headers=FORM).status_code == 403, path
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site"}):  # fmt: skip
            answer = client.post(path, data=sent | {"csrf": good}, headers=FORM | headers)
            assert answer.status_code == 403, (path, headers)
    assert client.get(f"/review/{name}.json").json()["decisions"] == []
    own = client.post(
        f"/review/{name}/decision",
        data=sent | {"csrf": good, "tier": "orange"},
        headers=FORM | {"Origin": "http://app"},
    )
    assert own.status_code == 303


def test_a_form_by_get_does_nothing(reviewing, name):
    client = reviewing.logged_in()
    for path in [*forms(name), "/review/logout"]:
        assert client.get(path, headers=HTML).status_code in (404, 405)
    assert client.get(f"/review/{name}.json").json()["decisions"] == []


def test_a_body_that_is_no_small_form_is_refused(reviewing, name):
    client = reviewing.by_token()
    path = f"/review/{name}/decision"
    assert client.post(path, json={"tier": "red"}).status_code == 415
    assert client.post(path, content=b"text=" + b"a" * 70_000, headers=FORM).status_code == 413
    assert client.post(path, content=b"text=%ff%fe", headers=FORM).status_code == 400
    assert client.post(path, content=b"&".join(b"a%d=1" % n for n in range(100)), headers=FORM).status_code == 400


def test_no_page_can_be_framed_or_kept(reviewing, name):
    client = reviewing.logged_in()
    paths = ["/review", f"/review/{name}", f"/review/{name}.json", f"/review/{name}/party", "/review/oversight",
             "/review/login", "/review/a-none", "/review/queue.csv"]  # fmt: skip
    for path in paths:
        headers = client.get(path, headers=HTML).headers
        assert headers["x-frame-options"] == "DENY" and "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
        assert "unsafe" not in headers["content-security-policy"]


def test_another_township_s_case_is_not_opened_by_its_id(reviewing, name):
    client = reviewing.by_token(area="44")
    for path in (f"/review/{name}", f"/review/{name}.json", f"/review/{name}/party", f"/review/{name}/party.json"):
        answer = client.get(path)
        assert answer.status_code == 403 and "D1" not in answer.text
    sent = {"tier": "red", "reason_code": "agree_facts", "objection": "refuses_ranking", "row": "5", "change": "denied",
            "text": "x"}  # fmt: skip
    for path in forms(name):
        assert client.post(path, data=sent, headers=FORM).status_code == 403
    assert client.get("/review/queue.json").json()["cases"] == []
    assert client.get("/review/queue.json?area=33").json()["cases"] == []


@pytest.mark.parametrize(
    ("role", "answers"),
    [
        ("reviewer", (200, 200, 303, 200)), ("care", (200, 200, 303, 200)), ("router", (403, 200, 403, 403)),
        ("analyst", (403, 403, 403, 200)), ("admin", (403, 403, 403, 200)),
    ],
)  # fmt: skip
def test_each_role_opens_its_own_pages_alone(reviewing, name, role, answers):
    queue, case_, decide, oversight = answers
    client = reviewing.by_token(role)
    assert client.get("/review").status_code == client.get("/review/queue.csv").status_code == queue
    assert client.get(f"/review/{name}").status_code == client.get(f"/review/{name}/party").status_code == case_
    assert client.get("/review/oversight").status_code == oversight
    sent = {"tier": "orange", "reason_code": "agree_facts"}
    assert client.post(f"/review/{name}/decision", data=sent, headers=FORM).status_code == decide


@pytest.mark.parametrize(
    "path",
    ["https://evil.example", "//evil.example", "/review/../v1/model", "/\\evil.example", "/reviewer", "javascript:alert(1)",
     "/v1/model", "/review\\evil", "/review\n/x", ""],
)  # fmt: skip
def test_the_way_back_leads_into_the_pages_alone(reviewing, path):
    back = safe_back(path)
    assert back.startswith("/review") and "evil" not in back
    assert back == "/review" or path.startswith("/review/")
    answer = reviewing.anonymous().get("/review/language/en", params={"back": path})
    assert answer.status_code == 303 and answer.headers["location"].startswith("/review")


def test_the_language_is_kept(reviewing, name):
    client = reviewing.by_token()
    assert 'lang="zh-CN"' in client.get(f"/review/{name}").text
    answer = client.get("/review/language/en", params={"back": f"/review/{name}"})
    assert answer.headers["location"] == f"/review/{name}" and "Max-Age=31536000" in answer.headers["set-cookie"]
    page = client.get(f"/review/{name}").text
    assert '<html lang="en">' in page and "What was known before" in page
    assert client.get("/review/language/tlh").status_code == 404


def test_reflected_script_is_text(reviewing):
    client = reviewing.logged_in()
    hostile = '"><script>alert(1)</script>'
    for path in ("/review", "/review/login", "/review/a-none", f"/review/{hostile}"):
        page = client.get(path, params={"area": hostile, "kind": hostile, "tier": hostile, "back": "/review/" + hostile,
                                        "after": hostile}, headers=HTML)  # fmt: skip
        assert "<script>alert" not in page.text, path


def test_without_access_control_the_pages_are_for_this_machine_and_its_own_forms(home):
    """A page of another site can neither read them under a name of its own, nor send a form to them."""
    reviewing = Reviewing(home, open_to_all=True)
    try:
        client = reviewing.anonymous()
        assert client.get("/review").status_code == 403
        local = {"Host": "127.0.0.1:3000"}
        name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
        page = client.get(f"http://127.0.0.1/review/{name}", headers=HTML)
        assert page.status_code == 200 and "logout" not in page.text
        sent = {"tier": "orange", "reason_code": "agree_facts"}
        path = f"http://127.0.0.1/review/{name}/decision"
        assert client.post(path, data=sent, headers=FORM | local).status_code == 403
        assert client.post(path, data=sent | {"csrf": csrf(page)}, headers=FORM).status_code == 303
    finally:
        reviewing.close()
