"""A backup is worth what can be restored from it: the documented way, on both databases, with an anchor to tell what is lost."""

import shutil
import subprocess

import pytest
import sqlalchemy as sa

from benchmarks.private_postgres import server_binaries
from serving.log.anchors import Anchor
from serving.log.backup import backup
from serving.log.content import Part
from serving.log.decision_log import DecisionLog
from serving.log.decisions import DecisionRequest, Reviewer
from serving.log.erasure import contents_of, erase
from serving.log.shadow_rows import ShadowScore
from serving.log.verification import verify
from tests.log.drawn_cases import NOW, assessed, many

POSTGRES_ONLY = "pg_dump and pg_restore are not installed"


def copied(log, where, new_database):
    """The address of a log restored as docs/how-to/keep-the-log.md says."""
    if log.database.is_sqlite:
        backup(log.database, where / "backup.db")
        (where / "elsewhere").mkdir()
        shutil.move(where / "backup.db", where / "elsewhere" / "log.db")
        return f"sqlite:///{where / 'elsewhere' / 'log.db'}"
    tools = server_binaries()
    if tools is None or not (tools / "pg_restore").exists():
        pytest.skip(POSTGRES_ONLY)
    source, target = (url.render_as_string(hide_password=False).replace("+psycopg", "") for url in (
        log.database.address, sa.make_url(new_database()),
    ))  # fmt: skip
    dump = where / "log.dump"
    subprocess.run([tools / "pg_dump", "--format=custom", f"--file={dump}", source], check=True, capture_output=True)
    subprocess.run(
        [tools / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", dump], check=True,
        capture_output=True,
    )  # fmt: skip
    return target


@pytest.fixture
def restored_at(log, tmp_path, request):
    """Copies the log while it is open, and gives the address of what was restored."""
    make = None if log.database.is_sqlite else request.getfixturevalue("new_postgres_database")
    return lambda: copied(log, tmp_path, make)


def test_what_is_restored_is_whole_goes_on_and_tells_what_is_lost(log, restored_at):
    """A bit of everything; the copy is the same to the last row, its triggers guard it, and the chain goes on from it."""
    first, second = assessed("D1"), assessed("D2")
    log.append([first, second])
    log.append_part(many(3, start=10), source={"part": 1})
    words = DecisionRequest(view="disagree", tier="blue", reason_code="new_fact", text="说明")
    log.decide(log.find(first.assessment_id), words, Reviewer("li", "reviewer"))
    erase(log, {Part.CARE: contents_of(log.database, "D2")[Part.CARE]}, by="dpo", reason="asked")
    log.keep_shadow([ShadowScore(first.assessment_id, "f" * 64, "2", 0.01, -4.6, "blue")])
    address, before = restored_at(), verify(log.database)
    log.append([assessed("DLOST")])
    lost = Anchor(*log.head(), NOW)

    again = DecisionLog(address)
    try:
        assert verify(again.database) == before
        assert again.find(first.assessment_id).case_record == log.find(first.assessment_id).case_record
        assert again.decisions_on(first.assessment_id)[0].text == "说明"
        found = verify(again.database, anchors=[lost])
        assert found.first_break.seq == lost.seq and "ends before it" in found.first_break.what
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), again.database.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM entries"))
        again.append([assessed("DAFTER")])
        assert verify(again.database).entries == before.entries + 1
    finally:
        again.close()
