"""The command line: the verbs of every floor as one command."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from features.command_line import FOLDER, RECORDS, Verbs, as_json, open_records, show
from features.errors import UserError
from features.progress import reporting
from features.verbs import VERBS as RECORD_VERBS
from serving.verbs import VERBS as SERVICE_VERBS
from training.verbs import VERBS as MODEL_VERBS


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Score dispute cases, never people, so that help reaches the right case sooner."""


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
    with reporting() as report, open_records(records, strict=strict, report=report) as opened:
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
    with open_records(records) as opened:
        timeline = timeline_of(opened, dispute_id, as_of=parse_time(as_of))
    show(timeline.to_record(), json_output=json_output, text=case_text(timeline))


def _profile(matrix: Path, records: Path | None, *, strict: bool, json_output: bool) -> None:
    from features.profile import profile_matrix  # noqa: PLC0415
    from training.report.profile_page import profile_text, write_profile  # noqa: PLC0415

    with reporting() as report, ExitStack() as stack:
        opened = stack.enter_context(open_records(records, strict=strict, report=report)) if records else None
        profile = profile_matrix(matrix, records=opened, progress=report)
        report("page", 0.0)
        files = write_profile(profile, out=matrix)
        report("page", 1.0)
    record = {"html": str(files.html), "json": str(files.json)} | profile.model_dump(include={"warnings"}, mode="json")
    show(record, json_output=json_output, text=profile_text(profile, files))


for verb in (*RECORD_VERBS, *MODEL_VERBS, *SERVICE_VERBS):
    main.add_command(verb)


if __name__ == "__main__":
    main()
