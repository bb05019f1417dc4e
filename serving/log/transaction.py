"""One transaction of the log: entries after the head, the rows that belong to them, then one commit for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from serving.log.chain import START, Entry, next_entry
from serving.log.statements import Statements

ORDER = ("policies", "entries", "assessments", "contents", "decisions", "cases", "request_keys", "shadow_scores")


def now_us() -> int:
    """The wall clock in microseconds UTC."""
    return time.time_ns() // 1_000


class Transaction:
    """What jobs of the writer write with.  The head of the chain is ours alone until the commit."""

    def __init__(self, connection: Any, statements: Statements) -> None:
        """Begin, wait for our turn, and read the head."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._statements = statements
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        self._then: list[Callable[[], object]] = []
        self._cursor.execute(statements.begin)
        self._cursor.execute(statements.head)
        self.seq: int
        self.head: str
        self.seq, self.head = self._cursor.fetchone() or (0, START)

    def entry(self, kind: str, payload: dict[str, Any]) -> Entry:
        """A new entry of the chain, with the next number."""
        made = next_entry(self.seq + 1, at_utc=now_us(), kind=kind, payload=payload, previous=self.head)
        self.add("entries", vars(made))
        self.seq, self.head = made.seq, made.hash
        return made

    def add(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Rows of a table, written before the next query or the commit."""
        self._rows.setdefault(table, []).extend(rows)

    def extend(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """The same for many."""
        self._rows.setdefault(table, []).extend(rows)

    def rows(self, statement: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """What a query finds, the rows added so far among it."""
        self.flush()
        self._cursor.execute(statement, parameters)
        return self._cursor.fetchall()

    def run(self, statement: str, parameters: Mapping[str, Any]) -> int:
        """Run a statement that changes rows.  How many it changed."""
        self.flush()
        self._cursor.execute(statement, parameters)
        return int(self._cursor.rowcount)

    def commit(self) -> None:
        """Put everything on disk."""
        self.flush()
        self._connection.commit()
        self._cursor.close()
        for then in self._then:
            then()

    def after_commit(self, then: Callable[[], object]) -> None:
        """Do something once all is on disk."""
        self._then.append(then)

    def flush(self) -> None:
        """Send the rows added so far; they are not on disk yet."""
        for table in ORDER:
            rows = self._rows.pop(table, None)
            if rows is None:
                continue
            statement = self._statements.insert[table]
            if len(rows) == 1:
                self._cursor.execute(statement, rows[0])
            else:
                self._cursor.executemany(statement, rows)
