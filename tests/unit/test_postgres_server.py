"""The private PostgreSQL server of the tests: two databases of one server know nothing of each other."""

from __future__ import annotations

import psycopg


def test_databases_are_apart(postgres_server, postgres_database):
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE here (n int)")
    with psycopg.connect(postgres_server.new_database()) as other:
        assert other.execute("SELECT to_regclass('here')").fetchone() == (None,)
