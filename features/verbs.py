"""The verbs of this floor: records in, checked, mapped; and one dispute as a case record."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import click

from features.command_line import FILE, FOLDER, QUARANTINE, RECORDS, as_json, open_records, show
from features.progress import reporting

MOST_FAULTS = 200
FAULTS_OF_A_RULE = 5


@click.command("init-records")
@click.argument("out", type=FOLDER)
@as_json
def init_records(out: Path, json_output: bool) -> None:
    """Write templates into OUT: an empty CSV of each table, a mapping to fill in, and a README."""
    from features.record_templates import write_templates  # noqa: PLC0415

    written = [str(path) for path in write_templates(out)]
    show({"written": written}, json_output=json_output, text="\n".join(written))


@click.command("map-records")
@click.argument("mapping", type=FILE)
@click.argument("source", type=RECORDS)
@click.argument("out", type=FOLDER)
@as_json
def map_records(mapping: Path, source: Path, out: Path, json_output: bool) -> None:
    """Write the foreign tables of SOURCE as records into OUT, as the file MAPPING says."""
    from features.mapping import map_records as apply  # noqa: PLC0415

    with reporting() as report:
        summary = apply(mapping, source, out, progress=report)
    show(summary.to_record(), json_output=json_output, text=summary.to_text())


@click.command()
@click.argument("records", type=RECORDS)
@click.option("--quarantine", type=FOLDER, help="Where bad rows are listed.  [default: RECORDS/quarantine]")
@click.option("--strict", is_flag=True, help="The same here: faults always exit with 2.")
@as_json
def validate(records: Path, quarantine: Path | None, strict: bool, json_output: bool) -> None:  # noqa: ARG001
    """Check the tables of RECORDS; print all faults at once.  Exits with 2 where there are any."""
    from features.validation import validate_records  # noqa: PLC0415

    folder = quarantine or records / QUARANTINE
    with reporting() as report:
        found = validate_records(
            records, quarantine=folder, progress=lambda _file, done, of: report("validate", done / of)
        )  # fmt: skip
    show(found.to_record(), json_output=json_output, text=_validation_text(found))
    if not found.ok:
        click.echo(f"bad rows are listed in {folder}, by file and row; their values are not repeated", err=True)
        sys.exit(2)


def _table_and_rule(fault: Any) -> tuple[str, str]:
    return fault.table, fault.rule


def _validation_text(found: Any) -> str:
    lines = [
        f"{table}: {rows.rows_in:,} rows in = {rows.accepted:,} accepted + {rows.quarantined:,} quarantined"
        for table, rows in found.reconciliation.items()
    ]
    lines += [f"{table}: {rule}: {count:,}" for (table, rule), count in sorted(found.fault_counts.items())]
    total = sum(found.fault_counts.values())
    if total <= MOST_FAULTS:
        shown = list(found.faults)
    else:
        by_rule = itertools.groupby(sorted(found.faults, key=_table_and_rule), key=_table_and_rule)
        shown = [fault for _, faults in by_rule for fault in itertools.islice(faults, FAULTS_OF_A_RULE)]
    lines += [f"  {fault}" for fault in shown]
    if len(shown) < total:
        lines.append(f"  and {total - len(shown):,} more: all are listed in the quarantine")
    return "\n".join([*lines, "no fault" if found.ok else f"{total:,} fault(s)"])


@click.command()
@click.argument("records", type=RECORDS)
@click.argument("dispute_id")
@click.option("--as-of", "as_of", required=True, help="An RFC 3339 time with offset.")
@as_json
def case(records: Path, dispute_id: str, as_of: str, json_output: bool) -> None:
    """Print one dispute as the JSON case record that the scoring service takes."""
    from features.case_export import case_record  # noqa: PLC0415
    from features.clock import parse_time  # noqa: PLC0415

    with open_records(records) as opened:
        record = case_record(opened, dispute_id, as_of=parse_time(as_of))
    click.echo(json.dumps(record, ensure_ascii=False, indent=None if json_output else 1))


VERBS = (init_records, map_records, validate, case)
