"""What a reviewer records: an own view first, a decision, a second look, an objection, a correction; all in the log."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.serving.cases import NEIGHBOURS, PARTNERS, case, event
from tests.serving.page_client import FORM, HTML, Outline, Reviewing, csrf, score
from tests.serving.test_page import EVENTS


@pytest.fixture
def make(home):
    made = []

    def reviewing(**settings):
        made.append(Reviewing(home, **settings))
        return made[-1]

    yield reviewing
    for one in made:
        one.close()


def decide(client, name, *, tier, reason_code="agree_facts", text="", offered=()):
    return client.post(
        f"/review/{name}/decision",
        data={"tier": tier, "reason_code": reason_code, "text": text, "offered": list(offered)}, headers=FORM,
    )  # fmt: skip


def twin(client, name):
    answer = client.get(f"/review/{name}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_agreeing_and_disagreeing_take_the_same_fields(make):
    """The form asks one thing, how soon; nothing is chosen beforehand, and each answer needs a reason and no more."""
    reviewing = make()
    client = reviewing.by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    outline = Outline(client.get(f"/review/{name}").text)
    assert not [one for one in outline.attributes if one[1] in ("checked", "selected")]
    values = [value for tag, attribute, value in outline.attributes if tag == "input" and attribute == "value"]
    assert {"red", "orange", "yellow", "blue", "contact_first", "cannot_say"} <= set(values)
    for tier, view in (("orange", "agree"), ("red", "disagree"), ("cannot_say", "cannot_say")):
        one = score(client, case(*EVENTS, **PARTNERS))
        assert one["tier"] == "orange"
        assert decide(client, one["assessment_id"], tier=tier).status_code == 303
        assert twin(client, one["assessment_id"])["decisions"][0]["view"] == view


def test_an_own_view_comes_first_where_the_case_is_drawn(make):
    """Until it is recorded, nothing on the page, in its twin, the queue or the party's sheet tells the score."""
    reviewing = make(judge_first=1.0)
    client = reviewing.by_token(account="one")
    one = score(client, case(*EVENTS, **PARTNERS))
    name, path = one["assessment_id"], f"/review/{one['assessment_id']}"
    hidden = twin(client, name)
    assert hidden["hidden"] == "judge_first"
    assert hidden["score"] is hidden["assessment"] is None and hidden["routing"] == {}
    assert not any(row["evidence_of"] for row in hidden["timeline"]) and hidden["timeline"]
    page = client.get(path).text
    telling = [f"{one['probability']:.3f}", one["floors"][0]["rule"]["zh"], "log-odds", "tier-orange", one["routing"]["due"][:10],
               "/v1/assessments/", *(reason["sentence"]["zh"] for reason in one["reasons"])]  # fmt: skip
    for text in (page, client.get(f"{path}.json").text):
        assert not [word for word in telling if word in text]
    (waiting,) = client.get("/review/queue.json").json()["cases"]
    assert waiting["tier"] is waiting["why"] is waiting["due_at"] is None and waiting["hidden"] == "judge_first"
    assert client.get(f"{path}/party").status_code == 409
    assert decide(client, name, tier="orange").status_code == 409

    answer = client.post(f"{path}/preliminary", data={"tier": "yellow"}, headers=FORM)
    assert answer.status_code == 303
    seen = twin(client, name)
    assert seen["hidden"] is None and seen["score"]["tier"] == "orange"
    assert (seen["decisions"][0]["stage"], seen["decisions"][0]["tier"]) == ("preliminary", "yellow")
    assert twin(reviewing.by_token(account="two"), name)["hidden"] == "judge_first", "each reviewer judges for oneself"
    assert twin(reviewing.by_token("router"), name)["hidden"] is None, "who decides nothing is not asked"


def test_who_cannot_say_sees_the_score_too(make):
    client = make(judge_first=1.0).by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    assert client.post(f"/review/{name}/preliminary", data={"tier": "cannot_say"}, headers=FORM).status_code == 303
    assert twin(client, name)["score"] is not None
    assert client.post(f"/review/{name}/preliminary", data={}, headers=FORM).status_code == 422


def test_down_needs_words_and_up_does_not(make):
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    refused = decide(client, name, tier="yellow", reason_code="new_fact")
    assert refused.status_code == 422 and refused.json()["errors"][0]["path"] == "text"
    assert decide(client, name, tier="orange", reason_code="").status_code == 422
    assert decide(client, name, tier="yellow", reason_code="new_fact", text="双方已和解").status_code == 303
    page = twin(client, name)
    assert page["decisions"][0]["in_force"] and page["decisions"][0]["tier"] == "yellow"
    assert "双方已和解" in client.get(f"/review/{name}").text
    assert client.get("/review/queue.json").json()["cases"] == []


def test_a_later_decision_takes_the_place_of_an_earlier_one(make):
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    assert decide(client, name, tier="yellow", reason_code="new_fact", text="已调解").status_code == 303
    assert decide(client, name, tier="orange").status_code == 303
    decisions = twin(client, name)["decisions"]
    assert [(one["tier"], one["in_force"]) for one in decisions] == [("orange", True), ("yellow", False)]


def test_red_waits_for_a_second_person(make):
    reviewing = make()
    first, second = reviewing.by_token(account="one"), reviewing.by_token(account="two")
    name = score(first, case(*EVENTS, **PARTNERS))["assessment_id"]
    assert decide(first, name, tier="red").status_code == 303
    assert twin(first, name)["awaits_second_look"]
    (waiting,) = second.get("/review/queue.json").json()["cases"]
    assert waiting["awaits_second_look"]
    assert decide(first, name, tier="red").status_code == 303
    assert twin(first, name)["awaits_second_look"], "the same person looks only once"
    assert decide(second, name, tier="red").status_code == 303
    assert not twin(second, name)["awaits_second_look"]
    assert second.get("/review/queue.json").json()["cases"] == []


def test_help_outside_the_vocabulary_is_no_help(make):
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    assert decide(client, name, tier="orange", offered=["detention"]).status_code == 422
    assert decide(client, name, tier="orange", offered=["legal_aid", "housing"]).status_code == 303
    assert twin(client, name)["decisions"][0]["offers"] == ["legal_aid", "housing"]


def test_a_number_of_a_person_is_not_kept_in_a_decision(make):
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    answer = decide(client, name, tier="orange", text="电话 13812345678")
    assert answer.status_code == 422 and "13812345678" not in answer.text
    assert twin(client, name)["decisions"] == []


def test_refusing_the_ranking_sends_the_dispute_the_manual_path(make):
    """Also a later assessment of the same dispute; the deadline stays, and nobody sees the score, not even on paper."""
    reviewing = make()
    client = reviewing.by_token()
    one = score(client, case(*EVENTS, **PARTNERS))
    name, path = one["assessment_id"], f"/review/{one['assessment_id']}"
    answer = client.post(f"{path}/objection", data={"objection": "contests_record", "text": "日期不对"}, headers=FORM)
    assert answer.status_code == 303 and twin(client, name)["hidden"] is None
    answer = client.post(f"{path}/objection", data={"objection": "refuses_ranking", "text": ""}, headers=FORM)
    assert answer.status_code == 303
    later = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    for found in (name, later):
        for role in ("reviewer", "care", "router"):
            page = twin(reviewing.by_token(role), found)
            assert page["hidden"] == "manual" and page["score"] is page["assessment"] is None
            assert list(page["routing"]) == ["due"]
    assert twin(client, name)["routing"]["due"] == one["routing"]["due"]
    waiting = client.get("/review/queue.json").json()["cases"]
    assert [(case_["hidden"], case_["tier"]) for case_ in waiting] == [("manual", None)]
    sheet = client.get(f"{path}/party.json").json()
    assert sheet["manual"] and sheet["score"] is None and sheet["offers"] == []
    assert decide(client, later, tier="orange").status_code == 422, "in words, whatever is decided"
    assert decide(client, later, tier="orange", reason_code="new_fact", text="上门了解过").status_code == 303


def test_a_correction_makes_a_new_assessment_beside_the_old(make):
    client = make().by_token()
    one = score(client, case(*EVENTS, **NEIGHBOURS))
    name = one["assessment_id"]
    before = twin(client, name)
    row = next(row for row in before["timeline"] if row["type"] == "weapon")
    sent = {"row": row["anchor"][4:], "change": "withdrawn", "text": "登记到了别的案件"}
    answer = client.post(f"/review/{name}/correction", data=sent, headers=FORM)
    assert answer.status_code == 303
    made = answer.headers["location"].removeprefix("/review/")
    after = twin(client, made)
    assert not [row for row in after["timeline"] if row["type"] == "weapon"]
    assert [one["assessment_id"] for one in after["beside"]] == [name]
    assert f'href="/review/{name}"' in client.get(f"/review/{made}").text
    old = twin(client, name)
    assert old["timeline"] == before["timeline"] and old["assessment"] == before["assessment"]
    assert old["decisions"][0]["reason_code"] == "facts_wrong"
    assert [one["assessment_id"] for one in client.get("/review/queue.json").json()["cases"]] == [made]


@pytest.mark.parametrize(
    "sent",
    [
        {"row": "1", "change": "withdrawn", "text": "x"},  # the dispute itself is corrected where it came from
        {"row": "99", "change": "withdrawn", "text": "x"},
        {"row": "4", "change": "harmless", "text": "x"},
        {"row": "4", "change": "denied", "text": ""},
        {"row": "<script>", "change": "denied", "text": "x"},
    ],
)
def test_a_correction_that_is_none_changes_nothing(make, sent):
    client = make().by_token()
    name = score(client, case(*EVENTS, **NEIGHBOURS))["assessment_id"]
    assert client.post(f"/review/{name}/correction", data=sent, headers=FORM).status_code == 422
    assert twin(client, name)["beside"] == [] and twin(client, name)["decisions"] == []


def test_a_correction_by_a_reviewer_keeps_what_only_care_sees(make):
    reviewing = make()
    client, care = reviewing.by_token(), reviewing.by_token("care")
    lately = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    stated = event(1, "self_harm_statement", 3, event_id="ESTATED", occurred_at=lately, recorded_at=lately)
    name = score(client, case(*EVENTS, stated, as_of=None, **NEIGHBOURS))["assessment_id"]
    row = next(row for row in twin(client, name)["timeline"] if row["type"] == "weapon")
    sent = {"row": row["anchor"][4:], "change": "denied", "text": "x"}
    made = client.post(f"/review/{name}/correction", data=sent, headers=FORM).headers["location"].rpartition("/")[2]
    assert "ESTATED" not in client.get(f"/review/{made}.json").text
    assert "ESTATED" in care.get(f"/review/{made}.json").text


def test_the_sheet_that_a_party_was_given_is_kept(make):
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    page, told = client.get(f"/review/{name}/party", headers=HTML), client.get(f"/review/{name}/party.json")
    digest = told.headers["x-shown-digest"]
    assert page.headers["x-shown-digest"] == digest != client.get(f"/review/{name}").headers["x-shown-digest"]
    assert client.get(f"/review/shown/{digest}.json").json() == told.json()


def test_owed_words_are_asked_for_and_a_word_stands_in_its_own_language(make):
    """Another reason than those listed is written down; whoever owns a case is named in either language."""
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    assert decide(client, name, tier="red", reason_code="other").status_code == 422
    assert decide(client, name, tier="red", reason_code="other", text="家属来电").status_code == 303
    page = client.get(f"/review/{name}", headers=HTML).text
    assert "owned by township lead, who asks" in page and "由乡镇" in page
    assert "您已审过本案" in page, "who looked first waits for another"


def test_what_a_party_gets_is_in_plain_words_and_complete(make):
    client = make().by_token()
    one = score(client, case(*EVENTS, narrative="两家因地界争执", **PARTNERS))
    page = client.get(f"/review/{one['assessment_id']}/party", headers=HTML)
    text = Outline(page.text).text
    for part in ("使用了什么", "没有使用什么", "如何提出异议", "信访", "拒绝由机器排序", "谢绝"):
        assert part in text
    assert "两家因地界争执" not in text and "log" not in text and "网格员" not in text
    assert len(client.get(f"/review/{one['assessment_id']}/party.json").json()["rows"]) == text.count("2024-05-") // 2


def test_script_in_the_words_of_a_decision_is_text(make):
    hostile = "</q><script>alert(1)</script><img src=x onerror=alert(1)>"
    client = make().by_token()
    name = score(client, case(*EVENTS, **PARTNERS))["assessment_id"]
    assert decide(client, name, tier="yellow", reason_code="other", text=hostile).status_code == 303
    outline = Outline(client.get(f"/review/{name}").text)
    assert hostile in outline.text and outline.tags.count("script") == 1 and "img" not in outline.tags


def kept(reviewing):
    """Everything that is kept of what the pages showed, unpacked; and how many rows stand without content."""
    import zlib

    import sqlalchemy as sa

    from serving.log.tables import SHOWN

    with reviewing.desk.log.database.reading() as connection:
        contents = list(connection.execute(sa.select(SHOWN.c.content)).scalars())
    return b"".join(zlib.decompress(one) for one in contents if one is not None).decode(), contents.count(None)


def test_an_erasure_leaves_nothing_of_what_the_pages_showed(make):
    """Neither the record nor the words of a decision, for no role, also where they were written after a first erasure."""
    from serving.log.erasure import contents_of, erase

    reviewing = make()
    clients = [reviewing.by_token(role) for role in ("router", "reviewer", "care")]
    record = case(*EVENTS, ("self_harm_statement", 3, {"event_id": "ESTATED"}), **PARTNERS)
    record["dispute"]["narrative"] = "一段要删除的叙述"
    names = [score(clients[1], record)["assessment_id"] for _ in range(2)]

    def erased(words):
        assert decide(clients[1], names[0], tier="blue", text=words).status_code == 303
        digests = [client.get(f"/review/{name}").headers["x-shown-digest"] for client in clients for name in names]
        told, _ = kept(reviewing)
        assert words in told
        log = reviewing.desk.log
        erase(log, contents_of(log.database, "D1"), by="dpo", reason="asked")
        told, empty = kept(reviewing)
        assert told == "" and empty >= len(set(digests))
        assert {c.get(f"/review/shown/{d}.json").status_code for c in clients for d in digests} == {404}
        files = b"".join(path.read_bytes() for path in reviewing.home.root.glob("log.db*"))
        assert not [one for one in ("一段要删除的叙述", words, "ESTATED") if one.encode() in files]

    assert "一段要删除的叙述" in clients[1].get(f"/review/{names[0]}.json").text
    erased("第一次的说明文字")
    erased("删除之后又写的说明")


def test_without_access_control_a_red_case_gets_its_second_look_by_a_token(make):
    """All are one account there, which looks once; who shows a token, in the header or by a session, is another."""
    reviewing = make(open_to_all=True)
    here, local = "http://127.0.0.1", {"Host": "127.0.0.1"}
    nobody, by_header, by_session = reviewing.anonymous(), reviewing.by_token(account="second"), reviewing.anonymous()
    form = by_session.get(f"{here}/review/login", headers=HTML)
    sent = {"csrf": csrf(form), "token": reviewing.token(account="third")}
    assert by_session.post(f"{here}/review/login", data=sent, headers=FORM | local).status_code == 303
    red = {"view": "disagree", "tier": "red", "reason_code": "new_fact"}

    def through_a_form(name):
        page = by_session.get(f"{here}/review/{name}", headers=HTML)
        sent = {"tier": "red", "reason_code": "new_fact", "csrf": csrf(page)}
        return by_session.post(f"{here}/review/{name}/decision", data=sent, headers=FORM | local)

    for second in (lambda name: by_header.post(f"/v1/assessments/{name}/decisions", json=red), through_a_form):
        name = score(nobody, case(*EVENTS, **PARTNERS))["assessment_id"]
        for _ in range(2):
            assert nobody.post(f"/v1/assessments/{name}/decisions", json=red).json()["second_look"] == "due"
        assert second(name).status_code in (200, 303)
        last = reviewing.desk.log.decisions_on(name)[-1].record
        assert last["second_look"] == "done" and last["account"] in ("second", "third")
    refused = nobody.get("/v1/model", headers={"Authorization": "Bearer nobody"})
    assert refused.status_code == 401, "a token that is shown must be one"
