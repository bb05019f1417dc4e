"""The command line: hands each verb to its floor, and turns a user error into one clear message."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from features.errors import UserError
from features.progress import Report, reporting

FOLDER = click.Path(file_okay=False, path_type=Path)
RECORDS = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MOST_FAULTS = 200
FAULTS_OF_A_RULE = 5
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


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Score dispute cases, never people, so that help reaches the right case sooner."""


def show(record: dict[str, Any], *, json_output: bool, text: str) -> None:
    """Print a result: as JSON, or as text for people."""
    click.echo(json.dumps(record, ensure_ascii=False, indent=1) if json_output else text)


@main.command()
@click.argument("out", type=FOLDER)
@click.option(
    "--preset", type=click.Choice(["unit", "bench", "realistic", "strict"]), default="bench", show_default=True
)
@click.option("--disputes", type=click.IntRange(1), default=60_000, show_default=True, help="Disputes opened per year.")
@click.option("--years", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--clean", is_flag=True, help="Without any imperfection: nothing missing, doubled, wrong or late to change."
)
@click.option("--without", "without", multiple=True, metavar="GROUP", help="Leave one group of imperfections out.")
@as_json
def simulate(
    out: Path, preset: str, disputes: int, years: int, seed: int, clean: bool, without: tuple[str, ...],
    json_output: bool,
) -> None:  # fmt: skip
    """Draw a SYNTHETIC world: five record tables in OUT, the truth in OUT.truth.

    Its imperfections are on purpose; some rows even break the contract, so that `validate` has something to find.
    """
    from data_samples.simulator import simulate as draw  # noqa: PLC0415
    from data_samples.simulator.imperfections import Imperfections  # noqa: PLC0415

    imperfect = False if clean else Imperfections.without(*without)
    with reporting() as report:
        summary = draw(
            out, preset=preset, disputes=disputes, years=years, seed=seed, progress=report, imperfect=imperfect
        )
    record = {"out": str(summary.out), "truth": str(summary.truth), "rows": summary.rows, "synthetic": True,
              "incidents_on_book": summary.incidents_on_book, "incidents_off_book": summary.incidents_off_book}  # fmt: skip
    rows = ", ".join(f"{count:,} {name}" for name, count in summary.rows.items())
    show(
        record, json_output=json_output, text=f"SYNTHETIC records in {out}: {rows}\nthe truth apart in {summary.truth}"
    )


@main.command("init-records")
@click.argument("out", type=FOLDER)
@as_json
def init_records(out: Path, json_output: bool) -> None:
    """Write templates into OUT: an empty CSV of each table, a mapping to fill in, and a README."""
    from features.record_templates import write_templates  # noqa: PLC0415

    written = [str(path) for path in write_templates(out)]
    show({"written": written}, json_output=json_output, text="\n".join(written))


@main.command("map-records")
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


@main.command()
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


@main.command()
@click.argument("records", type=RECORDS, required=False)
@click.argument("out", type=FOLDER, required=False)
@click.option(
    "--as-of", "as_of", default="spine", show_default=True, help="T, T1,T2, T1..T2/7d (end excluded) or spine."
)
@click.option("--as-known-at", help="Build what the records knew at this time.")
@click.option("--explain", metavar="ID", help="Print the definition of an indicator, such as B04.")
@click.option("--case", "dispute_id", metavar="DISPUTE", help="Print one dispute's timeline beside its values.")
@click.option(
    "--profile", "matrix", type=FOLDER, help="Write profile.html and profile.json of a built matrix into its folder."
)
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: all cores]")
@click.option("--strict", is_flag=True, help="Stop at any bad row.")
@as_json
def features(
    records: Path | None, out: Path | None, as_of: str, as_known_at: str | None, explain: str | None,
    dispute_id: str | None, matrix: Path | None, workers: int | None, strict: bool, json_output: bool,
) -> None:  # fmt: skip
    """Build the feature matrix of RECORDS in OUT; or explain an indicator, show one case, or profile a matrix.

    A build that was stopped or killed goes on where it was, by the same command.
    For --profile, RECORDS are those the matrix was built from; without them shares by channel are not told.
    """
    from features.clock import parse_time  # noqa: PLC0415

    if explain is not None:
        _explain(explain, json_output=json_output)
        return
    if matrix is not None:
        _profile(matrix, records, strict=strict, json_output=json_output)
        return
    if records is None:
        raise UserError("name the RECORDS folder (see defuse features --help)")
    if dispute_id is not None:
        _show_case(records, dispute_id, as_of, json_output=json_output)
        return
    if out is None:
        raise UserError("name the folder OUT to write the matrix to")
    from features.matrix import build_matrix  # noqa: PLC0415

    known_at = None if as_known_at is None else parse_time(as_known_at)
    with reporting() as report, _open(records, strict=strict, report=report) as opened:
        manifest = build_matrix(opened, out, as_of=as_of, as_known_at=known_at, workers=workers, progress=report)
    labels = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in manifest["labels"].items())
    text = f"{manifest['rows']:,} rows of {manifest['disputes']:,} disputes in {out}; labels: {labels}"
    show(manifest, json_output=json_output, text=text)


def _explain(name: str, *, json_output: bool) -> None:
    from features.explanation import explanation, find_row  # noqa: PLC0415

    row = find_row(name)
    show(row.declaration(), json_output=json_output, text=explanation(row))


def _show_case(records: Path, dispute_id: str, as_of: str, *, json_output: bool) -> None:
    from features.case_text import case_text, timeline_of  # noqa: PLC0415
    from features.clock import parse_time  # noqa: PLC0415

    if as_of == "spine":
        raise UserError("--case needs the time to look from: --as-of T, like 2024-05-01T09:30:00+08:00")
    with _open(records) as opened:
        timeline = timeline_of(opened, dispute_id, as_of=parse_time(as_of))
    show(timeline.to_record(), json_output=json_output, text=case_text(timeline))


def _profile(matrix: Path, records: Path | None, *, strict: bool, json_output: bool) -> None:
    from features.profile import profile_matrix  # noqa: PLC0415
    from training.profile_page import profile_text, write_profile  # noqa: PLC0415

    with reporting() as report, ExitStack() as stack:
        opened = stack.enter_context(_open(records, strict=strict, report=report)) if records else None
        profile = profile_matrix(matrix, records=opened, progress=report)
        report("page", 0.0)
        files = write_profile(profile, out=matrix)
        report("page", 1.0)
    record = {"html": str(files.html), "json": str(files.json)} | profile.model_dump(include={"warnings"}, mode="json")
    show(record, json_output=json_output, text=profile_text(profile, files))


@main.command()
@click.argument("records", type=RECORDS)
@click.argument("dispute_id")
@click.option("--as-of", "as_of", required=True, help="An RFC 3339 time with offset.")
@as_json
def case(records: Path, dispute_id: str, as_of: str, json_output: bool) -> None:
    """Print one dispute as the JSON case record that the scoring service takes."""
    from features.case_export import case_record  # noqa: PLC0415
    from features.clock import parse_time  # noqa: PLC0415

    with _open(records) as opened:
        record = case_record(opened, dispute_id, as_of=parse_time(as_of))
    click.echo(json.dumps(record, ensure_ascii=False, indent=None if json_output else 1))


@contextmanager
def _open(path: Path, *, strict: bool = False, report: Report | None = None) -> Iterator[Any]:
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


@main.command()
@click.argument("experiment", type=FILE)
@click.option("--records", type=RECORDS, required=True)
@click.option("--dry-run", is_flag=True, help="Validate everything and print what would run.")
@click.option("--strict", is_flag=True, help="Stop at any bad row.")
@as_json
def train(experiment: Path, records: Path, dry_run: bool, strict: bool, json_output: bool) -> None:
    """Run one EXPERIMENT file on records; the last line of stdout is the run id."""
    from training.experiment import read_experiment  # noqa: PLC0415

    settings = read_experiment(experiment)
    from training.plan import plan_of  # noqa: PLC0415

    with _open(records, strict=strict) as opened:
        if dry_run:
            plan = plan_of(settings, opened)
            show(plan.to_record(), json_output=json_output, text=plan.to_text())
            return
        from training.run import run_experiment  # noqa: PLC0415

        with reporting() as report:
            result = run_experiment(settings, experiment.read_text("utf-8"), opened, home=_home(), progress=report)
    if json_output:
        click.echo(json.dumps(result.to_record(), ensure_ascii=False))
    else:
        click.echo(result.to_text())
    click.echo(result.run_id)


@main.command()
@click.argument("run")
@as_json
def report(run: str, json_output: bool) -> None:
    """Write report.html, report.json and model_card.md of a RUN."""
    from training.run import write_report_again  # noqa: PLC0415

    files = write_report_again(_home(), run)
    record = {"html": str(files.html), "json": str(files.json), "model_card": str(files.model_card)}
    show(record, json_output=json_output, text="\n".join(record.values()))


@main.command()
@as_json
def models(json_output: bool) -> None:
    """List the registered versions and what is in force."""
    from training.registry import mend  # noqa: PLC0415
    from training.tracking import Tracker  # noqa: PLC0415

    tracker = Tracker(_home())
    mend(_home(), tracker)
    found = tracker.versions()
    lines = [
        f"{v['version']:>4}  {v['digest'][:12]}  {', '.join(v['aliases']) or '-':<22}  run {v['run_id']}" for v in found
    ]
    show({"versions": found}, json_output=json_output, text="\n".join(lines) or "no version yet: run defuse train")


def _impact_template(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    """Write the template and stop, before anything else is asked for."""
    if path is None or context.resilient_parsing:
        return
    from training.impact import write_impact_template  # noqa: PLC0415

    write_impact_template(path)
    click.echo(f"{path}: fill it in, have it reviewed, then put it in DEFUSE_HOME or name it by --impact-assessment")
    context.exit()


@main.command()
@click.argument("version")
@click.option("--by", required=True, help="The role that decides.")
@click.option("--reason", required=True)
@click.option(
    "--impact-assessment", "impact", type=FILE, help="[default: impact_assessment.toml in DEFUSE_HOME]"
)  # fmt: skip
@click.option("--accept-thin-evidence", "thin", metavar="TEXT", help="Why too few events must do; the log keeps it.")
@click.option("--explain-too-good", "too_good", metavar="TEXT", help="What explains the alarm; the log keeps it.")
@click.option(
    "--impact-template", type=click.Path(dir_okay=False, path_type=Path), is_eager=True, expose_value=False,
    callback=_impact_template, help="Only write a template of the impact assessment here.",
)  # fmt: skip
@as_json
def promote(
    version: str, by: str, reason: str, impact: Path | None, thin: str | None, too_good: str | None, json_output: bool
) -> None:
    """Put a registered VERSION in force, if every gate lets it.

    All gates are run and told at once; a refusal exits with 2, and the promotion log keeps it too.
    """
    from training.gates import Answers  # noqa: PLC0415
    from training.registry import attempt_promotion  # noqa: PLC0415

    answers = Answers(accept_thin_evidence=thin, explain_too_good=too_good, impact_assessment=impact)
    entry = attempt_promotion(_home(), version, by=by, reason=reason, answers=answers)
    show(entry.to_record(), json_output=json_output, text=entry.to_text())
    entry.require_done()


@main.command()
@click.option("--by", required=True, help="The role that decides.")
@click.option("--reason", required=True)
@as_json
def rollback(by: str, reason: str, json_output: bool) -> None:
    """Put the former version back in force."""
    from training.registry import attempt_roll_back  # noqa: PLC0415

    entry = attempt_roll_back(_home(), by=by, reason=reason)
    show(entry.to_record(), json_output=json_output, text=entry.to_text())
    entry.require_done()


@main.command()
@click.argument("records", type=RECORDS)
@click.argument("out", type=FOLDER)
@click.option("--as-of", "as_of", required=True, help="An RFC 3339 time with offset.")
@click.option("--strict", is_flag=True, help="Stop at any bad row.")
@as_json
def score(records: Path, out: Path, as_of: str, strict: bool, json_output: bool) -> None:
    """Score every dispute that is open, or closed less than 90 days ago, into OUT/assessments.parquet."""
    from features.clock import parse_time  # noqa: PLC0415
    from serving.batch import score_records  # noqa: PLC0415
    from serving.policy import read_policy  # noqa: PLC0415
    from training.artifact.store import load_champion  # noqa: PLC0415

    home = _home()
    model, champion = load_champion(home.root)
    with reporting() as progress, _open(records, strict=strict) as opened:
        result = score_records(
            opened, out, as_of=parse_time(as_of), model=model, version=champion["version"],
            policy=read_policy(home.root), progress=progress,
        )  # fmt: skip
    tiers = ", ".join(f"{count:,} {tier}" for tier, count in sorted(result.tiers.items()))
    record = {"path": str(result.path), "disputes": result.disputes, "tiers": result.tiers}
    show(record, json_output=json_output, text=f"{result.disputes:,} disputes in {result.path}: {tiers}")


@main.command()
@click.option("--host", default=lambda: os.environ.get("DEFUSE_HOST", "127.0.0.1"), show_default="127.0.0.1")
@click.option("--port", type=int, default=lambda: int(os.environ.get("DEFUSE_PORT", "3000")), show_default="3000")
def serve(host: str, port: int) -> None:
    """Serve the model in force over HTTP with BentoML, until stopped."""
    from serving.launch import service_command, service_environment  # noqa: PLC0415

    auth = os.environ.get("DEFUSE_AUTH", "token")
    environment = service_environment(_home(), host=host, auth=auth)
    click.echo(f"defuse: serving on http://{host}:{port} (access control: {auth}); stop with Ctrl-C", err=True)
    command = service_command(host=host, port=port)
    os.execve(command[0], command, environment)


@main.group()
def token() -> None:
    """Tokens of the service."""


@token.command("create")
@click.option("--role", type=click.Choice(["router", "reviewer", "care", "analyst", "admin"]), required=True)
@click.option("--area", default="", help="Only cases of townships that begin with this.")
@click.option("--expires", default="30d", show_default=True, help="So many days, like 30d.")
@click.option("--per-minute", default=6_000, show_default=True, help="The most requests a minute.")
@as_json
def create_token(role: str, area: str, expires: str, per_minute: int, json_output: bool) -> None:
    """Print a new token once; only its hash is kept."""
    from serving.access import Role  # noqa: PLC0415
    from serving.access import create_token as make  # noqa: PLC0415

    if not (expires.endswith("d") and expires[:-1].isdigit() and int(expires[:-1]) > 0):
        raise UserError(f"--expires {expires!r}: write a number of days, like 30d")
    lasting = timedelta(days=int(expires[:-1]))
    made = make(_home().root, role=Role(role), area=area, lasting=lasting, per_minute=per_minute)
    show({"token": made, "role": role, "area": area}, json_output=json_output, text=made)


def _home() -> Any:
    from training.artifact.home import Home  # noqa: PLC0415

    return Home.from_environment()


if __name__ == "__main__":
    main()
