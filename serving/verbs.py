"""The verbs of this floor: score, serve, tokens."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from features.command_line import FOLDER, RECORDS, as_json, open_records, show
from features.errors import UserError
from features.progress import reporting
from serving.log.verbs import audit
from training.artifact.home import Home


@click.command()
@click.argument("records", type=RECORDS)
@click.argument("out", type=FOLDER)
@click.option("--as-of", "as_of", required=True, help="An RFC 3339 time with offset.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes (default: one for each core).")
@click.option(
    "--log", "logged", is_flag=True, help="Also store every assessment in the decision log, once, for its reviewer."
)
@click.option("--scored-at", help="The time of scoring to write (default: now): the same time gives the same bytes.")
@click.option("--strict", is_flag=True, help="Stop at any bad row.")
@as_json
def score(
    records: Path, out: Path, as_of: str, workers: int | None, logged: bool, scored_at: str | None, strict: bool,
    json_output: bool,
) -> None:  # fmt: skip
    """Score every dispute that is open, or closed less than 90 days ago, into OUT/assessments.parquet.

    A run that was killed goes on where it was by the same command; one that is finished is not run again.  OUT may hold
    other things; assessments.json beside the file says what the run was.
    """
    from features.clock import parse_time  # noqa: PLC0415
    from serving.batch.run import score_records  # noqa: PLC0415
    from serving.policy import read_policy  # noqa: PLC0415
    from training.artifact.store import load_champion  # noqa: PLC0415

    home = Home.from_environment()
    model, champion = load_champion(home.root)
    landmark, moment = parse_time(as_of), None if scored_at is None else parse_time(scored_at)
    with reporting() as progress, open_records(records, strict=strict, report=progress) as opened:
        result = score_records(
            opened, out, as_of=landmark, scored_at=moment, model_folder=home.models / model.digest,
            version=champion["version"], policy=read_policy(home.root), workers=workers,
            log_url=home.database_url if logged else None, progress=progress,
        )  # fmt: skip
    tiers = ", ".join(f"{count:,} {tier}" for tier, count in sorted(result.tiers.items()))
    record = {
        "path": str(result.path), "disputes": result.disputes, "tiers": result.tiers, "run": result.run, "logged": logged,
    }  # fmt: skip
    show(record, json_output=json_output, text=f"{result.disputes:,} disputes in {result.path}: {tiers}")


@click.command()
@click.option("--host", default=lambda: os.environ.get("DEFUSE_HOST", "127.0.0.1"), show_default="127.0.0.1")
@click.option("--port", type=int, default=lambda: int(os.environ.get("DEFUSE_PORT", "3000")), show_default="3000")
def serve(host: str, port: int) -> None:
    """Serve the model in force over HTTP with BentoML, until stopped."""
    from serving.launch import service_command, service_environment  # noqa: PLC0415

    auth = os.environ.get("DEFUSE_AUTH", "token")
    environment = service_environment(Home.from_environment(), host=host, auth=auth)
    click.echo(f"defuse: serving on http://{host}:{port} (access control: {auth}); stop with Ctrl-C", err=True)
    command = service_command(host=host, port=port)
    os.execve(command[0], command, environment)


@click.group()
def token() -> None:
    """Tokens of the service."""


@token.command("create")
@click.option("--role", type=click.Choice(["router", "reviewer", "care", "analyst", "admin"]), required=True)
@click.option("--area", default="", help="Only cases of townships that begin with this.")
@click.option("--expires", default="30d", show_default=True, help="So many days, like 30d.")
@click.option("--per-minute", default=6_000, show_default=True, help="The most requests a minute.")
@click.option("--name", "account", default="", help="The staff account that decisions are logged under.")
@as_json
def create_token(role: str, area: str, expires: str, per_minute: int, account: str, json_output: bool) -> None:
    """Print a new token once; only its hash is kept."""
    from serving.access import Role  # noqa: PLC0415
    from serving.access import create_token as make  # noqa: PLC0415

    if not (expires.endswith("d") and expires[:-1].isdigit() and int(expires[:-1]) > 0):
        raise UserError(f"--expires {expires!r}: write a number of days, like 30d")
    lasting = timedelta(days=int(expires[:-1]))
    made = make(
        Home.from_environment().root, role=Role(role), area=area, lasting=lasting, per_minute=per_minute,
        account=account,
    )  # fmt: skip
    show({"token": made, "role": role, "area": area}, json_output=json_output, text=made)


@token.command("list")
@as_json
def list_tokens(json_output: bool) -> None:
    """Show who may call the service until when; the tokens themselves are not kept."""
    from serving.access import TOKENS_FILE, read_grants  # noqa: PLC0415

    grants = read_grants(Home.from_environment().root / TOKENS_FILE)
    record = [
        {"name": one.account_id, "token": one.token_sha256[:12], "role": one.role.value, "area": one.area,
         "expires_at_utc": one.expires_at_utc, "per_minute": one.per_minute}
        for one in grants
    ]  # fmt: skip
    lines = [f"{one['token']}  {one['name']}  {one['role']}  area {one['area'] or 'all'}  until {one['expires_at_utc']}" for one in record]  # fmt: skip
    show({"tokens": record}, json_output=json_output, text="\n".join(lines) or "no token yet")


@token.command("revoke")
@click.argument("name")
@as_json
def revoke_token(name: str, json_output: bool) -> None:
    """Take back the tokens of an account, or one by the beginning of its digest; a running service sees it at once."""
    from serving.access import revoke_tokens  # noqa: PLC0415

    count = revoke_tokens(Home.from_environment().root, name)
    show({"revoked": count}, json_output=json_output, text=f"{count} token(s) taken back")


@click.command()
@as_json
def doctor(json_output: bool) -> None:
    """Tell what is configured, what is missing, and what to do; exit 2 where something keeps the service from scoring."""
    from serving.doctor import as_text, examine  # noqa: PLC0415
    from serving.finding import State  # noqa: PLC0415

    host, auth = os.environ.get("DEFUSE_HOST", "127.0.0.1"), os.environ.get("DEFUSE_AUTH", "token")
    findings = examine(Home.from_environment(), auth=auth, host=host)
    blocks = any(finding.state is State.BLOCKS for finding in findings)
    record = {"blocks": blocks, "findings": [finding.to_record() for finding in findings]}
    show(record, json_output=json_output, text=as_text(findings))
    if blocks:
        sys.exit(2)


VERBS = (doctor, score, serve, token, audit)
