"""The verbs of this floor: train, report, and what is in force."""

from __future__ import annotations

import json
from pathlib import Path

import click

from features.command_line import FILE, RECORDS, as_json, open_records, show
from features.progress import reporting
from training.artifact.home import Home


@click.command()
@click.argument("experiment", type=FILE)
@click.option("--records", type=RECORDS, required=True)
@click.option("--dry-run", is_flag=True, help="Validate everything and print what would run.")
@click.option(
    "--sealed", is_flag=True, help="Leave the last origin unopened: judge the earlier ones, register nothing."
)
@click.option("--strict", is_flag=True, help="Stop at any bad row.")
@as_json
def train(
    experiment: Path, records: Path, dry_run: bool, sealed: bool, strict: bool, json_output: bool
) -> None:  # fmt: skip
    """Run one EXPERIMENT file on records; the last line of stdout is the run id.

    Every run opens the last origin, the newest test, to judge its candidate, and the report says how often it was
    opened before. Choose between experiments with --sealed.
    """
    from training.experiment import read_experiment  # noqa: PLC0415

    settings = read_experiment(experiment)
    from training.plan import plan_of  # noqa: PLC0415

    with open_records(records, strict=strict) as opened:
        if dry_run:
            plan = plan_of(settings, opened)
            show(plan.to_record(), json_output=json_output, text=plan.to_text())
            return
        from training.run import run_experiment  # noqa: PLC0415

        with reporting() as report:
            result = run_experiment(
                settings, experiment.read_text("utf-8"), opened, home=Home.from_environment(), progress=report,
                audit_folder=records, sealed=sealed,
            )  # fmt: skip
    if json_output:
        click.echo(json.dumps(result.to_record(), ensure_ascii=False))
    else:
        click.echo(result.to_text())
    click.echo(result.run_id)


@click.command()
@click.argument("run")
@as_json
def report(run: str, json_output: bool) -> None:
    """Write report.html, report.json and model_card.md of a RUN, page and card in Chinese beside them."""
    from training.run import write_report_again  # noqa: PLC0415

    files = write_report_again(Home.from_environment(), run)
    record = {name: str(path) for name, path in vars(files).items()}
    show(record, json_output=json_output, text="\n".join(record.values()))


@click.command()
@as_json
def models(json_output: bool) -> None:
    """List the registered versions and what is in force."""
    from training.registry import first_break, mend  # noqa: PLC0415
    from training.tracking import Tracker  # noqa: PLC0415

    tracker = Tracker(Home.from_environment())
    mend(Home.from_environment(), tracker)
    found = tracker.versions()
    lines = [
        f"{v['version']:>4}  {v['digest'][:12]}  {', '.join(v['aliases']) or '-':<22}  run {v['run_id']}" for v in found
    ]
    broken = first_break(Home.from_environment())
    if broken is not None:
        lines.append(f"the promotion log was changed: entry {broken} does not follow from the one before it")
    record = {"versions": found, "promotion_log_breaks_at": broken}
    show(record, json_output=json_output, text="\n".join(lines) or "no version yet: run defuse train")


def _impact_template(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    """Write the template and stop, before anything else is asked for."""
    if path is None or context.resilient_parsing:
        return
    from training.impact import write_impact_template  # noqa: PLC0415

    write_impact_template(path)
    click.echo(f"{path}: fill it in, have it reviewed, then put it in DEFUSE_HOME or name it by --impact-assessment")
    context.exit()


@click.command()
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
    entry = attempt_promotion(Home.from_environment(), version, by=by, reason=reason, answers=answers)
    show(entry.to_record(), json_output=json_output, text=entry.to_text())
    entry.require_done()


@click.command()
@click.option("--by", required=True, help="The role that decides.")
@click.option("--reason", required=True)
@as_json
def rollback(by: str, reason: str, json_output: bool) -> None:
    """Put the former version back in force."""
    from training.registry import attempt_roll_back  # noqa: PLC0415

    entry = attempt_roll_back(Home.from_environment(), by=by, reason=reason)
    show(entry.to_record(), json_output=json_output, text=entry.to_text())
    entry.require_done()


VERBS = (train, report, models, promote, rollback)
