"""Any change of a stored value is found, a chain cut off at its end by an anchor, and an erasure breaks nothing."""

import json
import random
import struct
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.errors import InvalidConfiguration, LogUnusable, MissingInput, UserError
from serving.log import verified_chain
from serving.log.anchors import Anchor, Anchorer, Anchoring, read_anchors
from serving.log.backup import backup
from serving.log.content import Part
from serving.log.database import Database
from serving.log.decision_log import DecisionLog, policy_digest
from serving.log.decisions import DecisionRequest, Reviewer
from serving.log.erasure import contents_of, erase, expired
from serving.log.export import export, verify_export
from serving.log.request_keys import request_key
from serving.log.shadow_rows import ShadowScore
from serving.log.tables import METADATA, PROBE
from serving.log.transaction import now_us
from serving.log.verification import verify
from serving.policy import Retention
from tests.log.drawn_cases import NOW, STATEMENT, assessed, many
from training.artifact.tiers import Tier

REVIEWER = Reviewer("li", "reviewer")
POLICY = '{"version": "1"}'


def fill(log):
    """A bit of everything: single, keyed and batch assessments, decisions with and without words, an erasure."""
    first, second = assessed("D1"), assessed("D2", tier=Tier.RED, policy_digest=policy_digest(POLICY))
    key = request_key("k", holder="h", body=b"{}", hours=10**6)
    log.append([first], keys=[key])
    log.append([second, assessed("D1", as_of=NOW + 9, seed=2)], policy=POLICY)
    log.append_part(many(4, start=10), source={"part": 1})
    for one, request in (
        (
            first,
            DecisionRequest(view="disagree", tier="blue", reason_code="new_fact", text="说明", offers=["mediation"]),
        ),
        (second, DecisionRequest(view="agree", reason_code="agree_facts")),
        (second, DecisionRequest(stage="preliminary", tier="orange")),
    ):
        log.decide(log.find(one.assessment_id), request, REVIEWER)
    erase(log, {Part.CARE: contents_of(log.database, "D11")[Part.CARE]}, by="dpo", reason="asked")
    scores = [ShadowScore(one.assessment_id, "f" * 64, "2", 0.01, -4.5951, "blue") for one in (first, second)]
    log.keep_shadow(scores)
    return first, second


@pytest.fixture
def full(log):
    """A log with a bit of everything."""
    fill(log)
    return log


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory):
    """A full log in SQLite whose triggers were taken away, as somebody with the file could."""
    path = tmp_path_factory.mktemp("log") / "log.db"
    log = DecisionLog(f"sqlite:///{path}")
    fill(log)
    log.close()
    database = Database(f"sqlite:///{path}")
    with database.engine.begin() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield database
    database.close()


def test_a_full_log_is_whole(full):
    result = verify(full.database)
    assert result.ok, result.first_break
    assert (result.entries, result.assessments, result.decisions, result.erased) == (9, 7, 3, 1)
    assert result.shadow_scores == 2
    with full.database.reading() as connection:
        assert result.head_hash == connection.execute(sa.text("SELECT hash FROM entries WHERE seq = 9")).scalar()


def test_processes_see_what_one_sees(full, monkeypatch):
    """Pieces of two entries, checked by two processes in one moment of the log: nothing differs."""
    monkeypatch.setattr(verified_chain, "PIECE_ENTRIES", 2)
    assert verify(full.database, workers=2) == verify(full.database)


def test_the_first_of_two_breaks_is_told_whatever_the_pieces(full, monkeypatch):
    """Row and chain are broken; the chain is read ahead of the rows, and still the earlier break is the one."""
    with full.database.engine.begin() as connection:
        for table in ("contents", "entries"):
            kind = "change" if table == "entries" and not full.database.is_sqlite else "update"
            connection.exec_driver_sql(
                f"DROP TRIGGER {table}_no_{kind}" + ("" if full.database.is_sqlite else f" ON {table}")
            )
        connection.exec_driver_sql("UPDATE contents SET salt = content WHERE number >= 4 << 20")
        connection.exec_driver_sql("UPDATE entries SET at_utc = at_utc + 1 WHERE seq = 6")
    for entries in (1, 2, 5, 1_000):
        monkeypatch.setattr(verified_chain, "PIECE_ENTRIES", entries)
        found = verify(full.database)
        assert (found.first_break.seq, found.entries) == (4, 3)


def flipped(value, draw):
    """The value with one bit changed."""
    if isinstance(value, int):
        return value ^ (1 << draw.randrange(40))
    data = (
        struct.pack("<d", value) if isinstance(value, float) else value if isinstance(value, bytes) else value.encode()
    )
    place = draw.randrange(len(data) * 8)
    changed = bytearray(data)
    changed[place // 8] ^= 1 << (place % 8)
    return struct.unpack("<d", changed)[0] if isinstance(value, float) else bytes(changed)


def cells(database):
    """Every stored value of the log that is not null: table, place of the row, column, value."""
    with database.reading() as connection:
        for table in METADATA.sorted_tables:
            if table is not PROBE:
                for row in connection.execute(sa.text(f"SELECT rowid AS row_at, * FROM {table.name}")).mappings():
                    for name, value in row.items():
                        if value is not None and name != "row_at":
                            yield table.name, row["row_at"], name, value


def test_one_changed_bit_of_any_stored_value_is_found(unguarded):
    """All values of all rows, a bit of each drawn anew: the check can't overlook a column."""
    draw, unseen, checked = random.Random(7), [], 0
    for table, place, column, value in list(cells(unguarded)):
        new = flipped(value, draw)
        cast = "CAST(:new AS TEXT)" if isinstance(value, str) else ":new"
        change = sa.text(f"UPDATE {table} SET {column} = {cast} WHERE rowid = :place")
        try:
            with unguarded.engine.begin() as connection:
                connection.execute(change, {"new": new, "place": place})
        except sa.exc.IntegrityError:  # a number that is taken
            continue
        result = verify(unguarded)
        if result.ok:
            unseen.append((table, place, column))
        back = sa.text(f"UPDATE {table} SET {column} = :old, rowid = :place WHERE rowid = :now")
        now = new if column in ("seq", "number") and table in ("entries", "assessments", "decisions") else place
        with unguarded.engine.begin() as connection:
            connection.execute(back, {"old": value, "place": place, "now": now})
        checked += 1
    assert not unseen
    assert checked > 250
    assert verify(unguarded).ok


@pytest.mark.parametrize("statement", [
    "DELETE FROM entries WHERE seq = 2", "DELETE FROM assessments WHERE dispute_id = 'D2'", "DELETE FROM decisions WHERE seq = 5",
    "DELETE FROM contents WHERE part = 'text'", "DELETE FROM policies", "DELETE FROM cases WHERE dispute_id = 'D10'",
    "UPDATE contents SET salt = NULL, content = NULL WHERE part = 'case'", "UPDATE contents SET salt = NULL",
    "UPDATE cases SET waits = 1 - waits", "UPDATE cases SET decided_seq = NULL, waits = 1", "UPDATE cases SET care_due_at = NULL",
    "INSERT INTO decisions SELECT seq + 100, decision_id || 'x', assessment_id, dispute_id, area, at_utc, account, role, stage, view, assessed_tier, tier, tier_in_force, reason_code FROM decisions",
    "INSERT INTO contents VALUES (1, 'case', x'00', x'00')",
    "UPDATE entries SET payload = replace(payload, 'dpo', 'dpa') WHERE kind = 'erasure'",
    "DELETE FROM shadow_scores WHERE place = 1", "DELETE FROM shadow_scores", "UPDATE shadow_scores SET place = 1 - place + 2",
    "INSERT INTO shadow_scores VALUES ('a-9', 'f', '2', 0.1, -2.0, 'red', 8, 2)",
])  # fmt: skip
def test_missing_added_and_emptied_rows_are_found(unguarded, tmp_path, statement):
    copy = Database(f"sqlite:///{backup(unguarded, tmp_path / 'copy.db')}")
    with copy.engine.begin() as connection:
        assert connection.exec_driver_sql(statement).rowcount > 0
    result = verify(copy)
    copy.close()
    assert not result.ok
    assert result.first_break.what


def test_a_chain_cut_off_at_its_end_is_found_by_an_anchor(unguarded, tmp_path):
    """Whole by itself, as the last entry, its rows and what follows from it are gone; the anchor knows better."""
    whole = verify(unguarded)
    anchor = Anchor(whole.entries, whole.head_hash, NOW)
    assert verify(unguarded, anchors=[anchor]).anchors == 1
    short = backup(unguarded, tmp_path / "short.db")
    cut = Database(f"sqlite:///{short}")
    with cut.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM entries WHERE seq >= 7")
        connection.exec_driver_sql("DELETE FROM decisions WHERE seq >= 7")
        care = connection.exec_driver_sql("SELECT number FROM contents WHERE content IS NULL").scalar()
        connection.exec_driver_sql(f"DELETE FROM contents WHERE number >= 7 << 20 OR number = {care}")
    result = verify(cut, anchors=[anchor])
    assert result.first_break is not None
    for wrong in (Anchor(3, "0" * 64, NOW), Anchor(10**6, whole.head_hash, NOW)):
        assert verify(unguarded, anchors=[wrong]).first_break.seq == wrong.seq


def test_the_tail_alone_cut_off_shows_only_by_the_anchor(tmp_path):
    log = DecisionLog(
        f"sqlite:///{tmp_path / 'log.db'}", anchoring=Anchoring(file=str(tmp_path / "anchors"), every_entries=1)
    )
    log.append(many(2))
    log.close()
    (anchor,) = read_anchors(tmp_path / "anchors")[-1:]
    database = Database(f"sqlite:///{tmp_path / 'log.db'}")
    with database.engine.begin() as connection:
        for table in ("entries", "assessments", "contents"):
            connection.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
        connection.exec_driver_sql("DELETE FROM entries WHERE seq = 2")
        connection.exec_driver_sql("DELETE FROM assessments WHERE number >= 2 << 20")
        connection.exec_driver_sql("DELETE FROM contents WHERE number >= 2 << 20")
        connection.exec_driver_sql("DELETE FROM cases WHERE number >= 2 << 20")
    assert verify(database).ok
    assert verify(database, anchors=[anchor]).first_break.seq == 2
    database.close()


# --- anchors -----------------------------------------------------------------------------------------------------------


def test_an_anchor_that_fails_delays_nothing_and_is_counted(tmp_path):
    lost = Anchoring(file=str(tmp_path / "no" / "such" / "folder"), every_entries=1)
    log = DecisionLog(f"sqlite:///{tmp_path / 'log.db'}", anchoring=lost)
    log.append(many(1))
    assert log.anchorer.now() is False
    assert log.anchorer.failures >= 1
    assert log.anchorer.behind == 1
    assert log.is_writable()
    log.close()


def test_a_command_gets_the_head(tmp_path):
    anchorer = Anchorer(Anchoring(command=("tee", str(tmp_path / "told")), every_entries=10))
    anchorer.advance(3, "f" * 64)
    assert anchorer.now()
    assert json.loads((tmp_path / "told").read_text())["seq"] == 3


def test_an_anchor_cut_short_by_a_crash_is_left_out_and_another_file_refused(tmp_path):
    path = tmp_path / "anchors"
    path.write_text('{"seq": 1, "hash": "a", "at_utc": 1}\n{"seq": 2, "ha')
    assert [anchor.seq for anchor in read_anchors(path)] == [1]
    path.write_text("nonsense\n")
    with pytest.raises(InvalidConfiguration):
        read_anchors(path)


# --- erasure -----------------------------------------------------------------------------------------------------------


def test_what_expired_is_erased_and_the_chain_stays_whole(log):
    day = 86_400_000_000
    now = now_us()
    fresh, last_year, long_ago = (assessed(f"D{n}", as_of=now - days * day) for n, days in enumerate((1, 200, 800)))
    log.append([fresh, last_year, long_ago])
    log.decide(
        log.find(long_ago.assessment_id),
        DecisionRequest(view="disagree", tier="blue", reason_code="other", text="字"),
        REVIEWER,
    )
    numbers = expired(log.database, Retention(), now=now)
    assert {part.value: len(found) for part, found in numbers.items()} == {"case": 1, "care": 2, "text": 1}
    done = erase(log, numbers, by="dpo", reason="rule")
    assert done.parts == {"case": 1, "care": 2, "text": 1}
    assert verify(log.database).ok
    assert {part.value: len(found) for part, found in expired(log.database, Retention(), now=now).items()} == {
        "case": 0, "care": 0, "text": 0,
    }  # fmt: skip
    assert log.find(fresh.assessment_id).case_record is not None
    found = log.find(last_year.assessment_id)
    assert found.erased == {Part.CARE} and found.case_record is None and found.case is not None
    assert log.find(long_ago.assessment_id).erased == {Part.CARE, Part.CASE}
    assert log.decisions_on(long_ago.assessment_id)[0].text_was_erased


def test_after_the_care_part_is_gone_the_others_see_the_same_and_nobody_can_work_it_out(log):
    one = assessed(statement=True)
    log.append([one])
    erase(log, {Part.CARE: contents_of(log.database, "D1")[Part.CARE]}, by="dpo", reason="rule")
    before, after = one.scored, log.find(one.assessment_id).scored
    assert sum(p.contribution for p in after.parts) + after.folded == pytest.approx(
        sum(p.contribution for p in before.parts), abs=1e-12
    )
    care = {part.indicator for part in before.parts} - {part.indicator for part in after.parts}
    assert len(care) == 1
    hidden = [part for part in after.parts if part.contribution == 0.0]
    assert len(hidden) > 20, "one unknown alone could be worked out from the sum"
    assert STATEMENT not in repr(after.to_record())


def test_erased_bytes_are_gone_from_the_files(tmp_path):
    from tests.log.drawn_cases import case_record

    log = DecisionLog(f"sqlite:///{tmp_path / 'log.db'}")
    log.append([assessed(case_record=case_record(story="a story that must go"))])
    files = lambda: b"".join(path.read_bytes() for path in Path(tmp_path).glob("log.db*"))  # noqa: E731
    assert b"a story that must go" in files()
    done = erase(log, contents_of(log.database, "D1"), by="party", reason="asked")
    assert done.parts["case"] == 1
    assert b"a story that must go" not in files() and STATEMENT.encode() not in files()
    log.close()


def test_an_erasure_wants_a_name_and_a_reason_and_a_dispute_that_is_known(log):
    with pytest.raises(UserError, match="--by"):
        erase(log, {}, by=" ", reason="x")
    with pytest.raises(MissingInput):
        contents_of(log.database, "D404")


@pytest.mark.parametrize("short", [{"assessments_years": 2.9}, {"impact_reports_years": 1}, {"care_days": 181}])
def test_a_retention_that_the_law_does_not_allow_is_refused(short):
    with pytest.raises(ValueError):
        Retention(**short)


# --- export and backup --------------------------------------------------------------------------------------------------


def test_an_export_is_checked_without_the_log_and_holds_no_content(full, tmp_path):
    manifest = export(full.database, tmp_path / "out")
    assert verify_export(tmp_path / "out") == manifest
    text = (tmp_path / "out" / "entries.jsonl").read_text("utf-8")
    assert manifest.entries == 9 and len(text.splitlines()) == 9
    for secret in (STATEMENT, "边界", "说明"):
        assert secret not in text
    with pytest.raises(UserError, match="already"):
        export(full.database, tmp_path / "out")


def test_an_export_of_a_while_holds_those_entries(full, tmp_path):
    with full.database.reading() as connection:
        at = [row[0] for row in connection.execute(sa.text("SELECT at_utc FROM entries ORDER BY seq"))]
    manifest = export(full.database, tmp_path / "out", since=at[2], until=at[5])
    assert (manifest.first_seq, manifest.last_seq) == (3, 5)
    assert verify_export(tmp_path / "out") == manifest
    with pytest.raises(UserError, match="no entry"):
        export(full.database, tmp_path / "none", since=at[-1] + 1)


def test_any_changed_bit_of_an_export_is_found(full, tmp_path):
    out = tmp_path / "out"
    export(full.database, out)
    draw = random.Random(3)
    for name in ("entries.jsonl", "manifest.json"):
        good = (out / name).read_bytes()
        for _ in range(60):
            place = draw.randrange(len(good) - 1)
            bad = bytearray(good)
            bad[place] ^= 1 << draw.randrange(8)
            (out / name).write_bytes(bytes(bad))
            try:
                same = verify_export(out)
            except (InvalidConfiguration, MissingInput, UnicodeDecodeError):
                continue
            assert name == "manifest.json" and json.loads(bytes(bad)) == json.loads(good), (name, place, same)
        (out / name).write_bytes(good)
    assert verify_export(out)


def test_a_backup_is_whole_and_goes_on(tmp_path):
    log = DecisionLog(f"sqlite:///{tmp_path / 'log.db'}")
    fill(log)
    head = verify(log.database)
    copy = backup(log.database, tmp_path / "copy.db")
    log.append(many(1, start=50))
    log.close()
    restored = DecisionLog(f"sqlite:///{copy}")
    assert verify(restored.database, anchors=[Anchor(head.entries, head.head_hash, NOW)]).ok
    restored.append(many(1, start=60))
    assert verify(restored.database).entries == head.entries + 1
    with pytest.raises(UserError, match="already"):
        backup(restored.database, copy)
    restored.close()


def test_a_file_that_is_no_log_is_refused(tmp_path):
    (tmp_path / "log.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(LogUnusable):
        DecisionLog(f"sqlite:///{tmp_path / 'log.db'}")
