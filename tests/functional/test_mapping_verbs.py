"""`defuse init-records` and `defuse map-records` as a data scientist types them."""

from __future__ import annotations

import json

from tests.functional.conftest import run

MAPPING = """
zone = "Asia/Shanghai"
[[disputes]]
file = "cases.csv"
[disputes.columns]
dispute_id = { column = "no", prefix = "D" }
opened_at = "opened"
recorded_at = { column = "opened", day = "end" }
channel = { column = "way", codes = { V = "walk_in" } }
kind = { constant = "other" }
area = { constant = "990100001" }
"""


def test_templates_then_a_mapping_then_the_door(tmp_path):
    written = run(tmp_path, "init-records", str(tmp_path / "templates"), "--json")
    assert len(json.loads(written.stdout)["written"]) == 7
    source = tmp_path / "export"
    source.mkdir()
    source.joinpath("cases.csv").write_text("no,opened,way\n1,2024-05-01,V\n2,2024-05-02,V\n", "utf-8")
    mapping = tmp_path / "templates" / "mapping.toml"
    mapping.write_text(MAPPING, "utf-8")
    done = run(tmp_path, "map-records", str(mapping), str(source), str(tmp_path / "records"), "--json")
    assert json.loads(done.stdout)["rows"] == {"disputes": 2}
    assert "disputes: 2 rows in = 2 accepted" in run(tmp_path, "validate", str(tmp_path / "records")).output


def test_faults_exit_with_2_and_one_message(tmp_path):
    source = tmp_path / "export"
    source.mkdir()
    source.joinpath("cases.csv").write_text("no,opened,way\n1,2024-05-01,Z\n2,2024-05-02,Z\n", "utf-8")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING, "utf-8")
    done = run(tmp_path, "map-records", str(mapping), str(source), str(tmp_path / "records"), expect=2)
    assert "disputes[0].columns.channel: unknown_code" in done.output
    assert "2 value(s)" in done.output
    assert not (tmp_path / "records").exists()
