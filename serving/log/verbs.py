"""The verbs about the decision log: check it, export it, replay, erase, copy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.command_line import FILE, FOLDER, as_json, show
from features.errors import MissingInput, UserError
from features.progress import reporting
from training.artifact.home import Home

if TYPE_CHECKING:
    from serving.log.decision_log import DecisionLog
    from serving.policy import Policy


@click.group()
def audit() -> None:
    """The decision log: is it whole, what is in it, what must go."""


@contextmanager
def _opened() -> Iterator[tuple[Home, Policy, DecisionLog]]:
    """The home, its policy and its log, which must be there: looking makes none."""
    from serving.log.decision_log import DecisionLog  # noqa: PLC0415
    from serving.policy import read_policy  # noqa: PLC0415

    home = Home.from_environment()
    policy = read_policy(home.root)
    if home.database_url_setting is None and not home.log_database.exists():
        raise MissingInput(f"there is no decision log: {home.log_database} does not exist")
    log = DecisionLog(home.database_url)
    try:
        yield home, policy, log
    finally:
        log.close()


@audit.command("verify")
@click.option("--anchors", type=FILE, help="Anchors to check against.  [default: the file the policy names]")
@click.option("--export", "exported", type=FOLDER, help="Check an exported folder instead; needs no log.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes.  [default: one a core where there is enough to do]"
)
@as_json
def verify(anchors: Path | None, exported: Path | None, workers: int | None, json_output: bool) -> None:
    """Check every entry and row of the log.  Exits with 2 at a break, and says where the first one is."""
    if exported is not None:
        from serving.log.export import verify_export  # noqa: PLC0415

        manifest = verify_export(exported)
        text = (
            f"the export is whole: entries {manifest.first_seq:,} to {manifest.last_seq:,}, head {manifest.head_hash}"
        )
        show({"ok": True, **vars(manifest)}, json_output=json_output, text=text)
        return
    from serving.log.anchors import read_anchors  # noqa: PLC0415
    from serving.log.verification import verify as check  # noqa: PLC0415

    with _opened() as (_home, policy, log), reporting() as report:
        named = anchors or (Path(policy.anchor.file) if policy.anchor.file else None)
        known = read_anchors(named) if named is not None and (anchors or named.exists()) else []
        result = check(log.database, anchors=known, progress=report, workers=workers)
    show(result.to_record(), json_output=json_output, text=result.to_text())
    if not result.ok:
        sys.exit(2)


@audit.command("export")
@click.argument("out", type=FOLDER)
@click.option("--since", help="Only entries from this RFC 3339 time on.")
@click.option("--until", help="Only entries before this RFC 3339 time.")
@as_json
def export(out: Path, since: str | None, until: str | None, json_output: bool) -> None:
    """Write the chain into OUT as JSON Lines with a manifest, to be checked offline; without case content."""
    from features.clock import parse_time  # noqa: PLC0415
    from serving.log.export import export as write  # noqa: PLC0415

    bounds = [None if time is None else parse_time(time) for time in (since, until)]
    with _opened() as (_home, _policy, log), reporting() as report:
        manifest = write(log.database, out, since=bounds[0], until=bounds[1], progress=report)
    text = f"{manifest.entries:,} entries in {out}, head {manifest.head_hash}"
    show(vars(manifest), json_output=json_output, text=text)


@audit.command("replay")
@click.argument("assessment_id")
@as_json
def replay(assessment_id: str, json_output: bool) -> None:
    """Score the stored case record again with its own model, and compare every bit.  Exits with 2 at a difference."""
    from serving.log.replay import replay as score_again  # noqa: PLC0415

    with _opened() as (home, _policy, log):
        found = score_again(home, log, assessment_id)
    show(found.to_record(), json_output=json_output, text=found.to_text())
    if found.outcome == "different":
        sys.exit(2)


@audit.command("erase")
@click.option("--dispute", "dispute_id", help="Erase the content of this dispute, expired or not.")
@click.option("--by", default="", help="Who asked for it: a role.")
@click.option("--reason", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Only say how much would be erased.")
@as_json
def erase(dispute_id: str | None, by: str, reason: str, dry_run: bool, json_output: bool) -> None:
    """Erase expired case content by the policy's retention table, or the content of one dispute.

    Scores, decisions and the chain stay.  What was erased, by whom and why becomes an entry of the log.
    """
    from serving.log.erasure import BY_RULE, contents_of, expired  # noqa: PLC0415
    from serving.log.erasure import erase as erase_all  # noqa: PLC0415
    from serving.log.transaction import now_us  # noqa: PLC0415

    if dispute_id is not None and not (by and reason):
        raise UserError("--dispute needs --by ROLE and --reason TEXT: the erasure is logged with both")
    with _opened() as (_home, policy, log):
        if dispute_id is None:
            numbers = expired(log.database, policy.retention, now=now_us())
        else:
            numbers = contents_of(log.database, dispute_id)
        if dry_run:
            record = {"would_erase": {part.value: len(found) for part, found in numbers.items()}}
        else:
            record = erase_all(log, numbers, by=by or "defuse audit erase", reason=reason or BY_RULE).to_record()
    parts = record.get("would_erase") or record["erased"]
    told = ", ".join(f"{count:,} {part}" for part, count in parts.items())
    show(record, json_output=json_output, text=f"{'would erase' if dry_run else 'erased'}: {told}")


@audit.command("backup")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def backup(out: Path, json_output: bool) -> None:
    """Copy a log in SQLite into the file OUT while the service runs, and check the copy."""
    from serving.log.backup import backup as copy  # noqa: PLC0415
    from serving.log.database import Database  # noqa: PLC0415
    from serving.log.verification import verify as check  # noqa: PLC0415

    with _opened() as (_home, _policy, log), reporting() as report:
        copy(log.database, out, progress=report)
        result = check(Database(f"sqlite:///{out}"), progress=report, workers=None)
    show({"path": str(out), **result.to_record()}, json_output=json_output, text=f"{out}: {result.to_text()}")
    if not result.ok:
        sys.exit(2)
