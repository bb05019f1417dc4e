"""A log of any age is brought up to date at start, whole or not at all; a newer one is refused."""

import json
import sqlite3
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from features.errors import InvalidConfiguration, LogUnusable
from serving.log import upgrade as upgrading
from serving.log.database import address_of
from serving.log.decision_log import DecisionLog
from serving.log.migrations.versions import v0001_chain as shadow_before
from serving.log.tables import METADATA, SHADOW_SCORES
from serving.log.upgrade import HEAD
from serving.log.verification import verify
from serving.log.waiting import Which, waiting_cases
from tests.log.drawn_cases import NOW, assessed, scored_case

OLD_TABLE = (
    "CREATE TABLE assessments (assessment_id TEXT PRIMARY KEY, scored_at INTEGER NOT NULL, area TEXT NOT NULL, "
    "model_digest TEXT NOT NULL, model_version TEXT NOT NULL, scored TEXT NOT NULL) STRICT"
)


def old_record(**more):
    """What the old log stored: without cautions, without what was folded."""
    record = scored_case(**more).to_record()
    del record["cautions"], record["folded"]
    return json.dumps(record, ensure_ascii=False)


@pytest.fixture
def old_log(tmp_path):
    """A log of before the chain with three assessments of two disputes."""
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as connection:
        connection.execute(OLD_TABLE)
        rows = [
            ("a-2", NOW + 2, "330106001", "f" * 64, "1", old_record(dispute_id="D1", as_of=NOW + 1, seed=2)),
            ("a-1", NOW + 1, "330106001", "f" * 64, "1", old_record(dispute_id="D1", as_of=NOW)),
            ("a-3", NOW + 3, "440106001", "e" * 64, "2", old_record(dispute_id="D2", statement=False)),
        ]
        connection.executemany("INSERT INTO assessments VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    return path


def test_an_old_log_is_carried_over_into_the_chain(old_log):
    log = DecisionLog(f"sqlite:///{old_log}")
    for number, more in (("a-1", {"as_of": NOW}), ("a-2", {"as_of": NOW + 1, "seed": 2})):
        before, after = scored_case(**more).to_record(), log.find(number).scored.to_record()
        assert repr(after) == repr(before | {"cautions": []})
    assert log.find("a-3").area == "440106001"
    assert log.find("a-1").case_record is None
    result = verify(log.database)
    assert (result.ok, result.entries, result.assessments) == (True, 1, 3)
    assert {case.assessment_id for case in waiting_cases(log.database, Which())} == {"a-2", "a-3"}
    log.append([assessed("D1", as_of=NOW + 5)])
    assert verify(log.database).ok
    log.close()
    again = DecisionLog(f"sqlite:///{old_log}")
    assert again.find("a-1").model_version == "1"
    again.close()


def test_an_upgrade_that_fails_leaves_the_old_log_as_it_was(old_log, monkeypatch):
    before = list(sqlite3.connect(old_log).iterdump())
    monkeypatch.setattr("serving.assessment.Scored.from_record", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        DecisionLog(f"sqlite:///{old_log}")
    assert list(sqlite3.connect(old_log).iterdump()) == before
    monkeypatch.undo()
    log = DecisionLog(f"sqlite:///{old_log}")
    assert log.find("a-1")
    log.close()


def test_shadow_scores_of_before_become_part_of_the_chain(log, address):
    """A log of version 0003 with a score that stands in no entry: taken over, and from then on nobody can change it."""
    kept = {"assessment_id": "a-1", "model_digest": "f" * 64, "model_version": "2", "probability": 0.1, "margin": -2.2,
            "tier": "blue"}  # fmt: skip
    log.append([assessed()])
    with log.database.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE shadow_scores"))
        before = shadow_before.SHADOW_SCORES
        before.create(connection)
        connection.execute(sa.insert(before), kept)
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0003'"))
    DecisionLog(address).close()
    with log.database.reading() as connection:
        (row,) = connection.execute(sa.select(SHADOW_SCORES)).mappings()
    assert dict(row) == kept | {"seq": 2, "place": 0}
    result = verify(log.database)
    assert (result.ok, result.entries, result.shadow_scores) == (True, 2, 1)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), log.database.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM shadow_scores"))


def test_a_newer_log_is_refused_and_not_touched(log, address):
    with log.database.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LogUnusable, match="newer than this code"):
        DecisionLog(address)
    with log.database.reading() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_many_that_start_at_once_make_one_log(address):
    logs, failed = [], []

    def start():
        try:
            logs.append(DecisionLog(address))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for log in logs:
        log.append([assessed()])
    assert verify(logs[0].database).entries == 4
    for log in logs:
        log.close()


def test_the_steps_make_the_tables_that_the_code_reads(log):
    with log.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, METADATA) == []
        triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'" if log.database.is_sqlite else (
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
        )  # fmt: skip
        assert connection.execute(sa.text(triggers)).scalar() >= 10


def test_the_code_names_the_newest_step():
    config = Config()
    config.set_main_option("script_location", str(upgrading.Path(upgrading.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


@pytest.mark.parametrize("url", ["mysql://h/d", "nonsense", "", "sqlite://", "sqlite:///:memory:"])
def test_another_database_is_refused_by_name(url):
    with pytest.raises(InvalidConfiguration, match="DEFUSE_DATABASE_URL"):
        address_of(url)


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_postgresql_means_psycopg_3(url):
    assert address_of(url).drivername == "postgresql+psycopg"
