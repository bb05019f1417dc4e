"""What the verbs of every floor share: the group with its user errors, options, printing, opening records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from features.errors import UserError
from features.progress import Report

FOLDER = click.Path(file_okay=False, path_type=Path)
RECORDS = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
QUARANTINE = "quarantine"
as_json = click.option("--json", "json_output", is_flag=True, help="Print the result as JSON on stdout.")


class Verbs(click.Group):
    """The group of verbs: a user error becomes one message and its exit code, never a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the verb.  Exits with 2 for a user error; a bug keeps its traceback and exits with 1."""
        try:
            return super().invoke(context)
        except UserError as error:
            click.echo(f"defuse: {error}", err=True)
            context.exit(error.exit_code)


def show(record: dict[str, Any], *, json_output: bool, text: str) -> None:
    """Print a result: as JSON, or as text for people."""
    click.echo(json.dumps(record, ensure_ascii=False, indent=1) if json_output else text)


@contextmanager
def open_records(path: Path, *, strict: bool = False, report: Report | None = None) -> Iterator[Any]:
    """The accepted rows of a records folder; says on stderr how many rows were left out, and where they are listed."""
    from features.records import read_records  # noqa: PLC0415

    def step(_file: str, done: int, of: int) -> None:
        if report is not None:
            report("records", done / of)

    quarantine = path / QUARANTINE
    with read_records(path, strict=strict, quarantine=quarantine, progress=step) as opened:
        step("", 1, 1)
        left_out = sum(count.quarantined for count in opened.report.reconciliation.values())
        if left_out:
            click.echo(f"defuse: {left_out:,} bad row(s) left out; they are listed in {quarantine}", err=True)
        yield opened
