"""A records folder to one file of assessments: parts over processes, gone on with after a kill, joined at the end.

``.OUT.scoring`` beside OUT holds what is finished (see ``features.working_folder``).  The time of scoring and the ids are
those of the run: they are drawn up once, stay over a kill, and stand in ``assessments.json``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.case_rows import write_case_rows
from features.clock import format_time
from features.errors import UserError
from features.manifest import finish_file
from features.partition import write_partitions
from features.parts import adopt, build_parts, telling_of_the_disk
from features.records import Records
from features.resting import resting
from features.working_folder import WorkingFolder, read_json, sha256, write_text
from serving.access import Role
from serving.batch.logged import open_first
from serving.batch.part import REPEATED, SCHEMA, ScoredPart, score_part
from serving.batch.plan import ASSESSMENTS_FILE, MANIFEST_FILE, SCORES, Batch, plan_record, run_of
from serving.desk import now_us
from serving.policy import Policy

RUN_FILE = "run.json"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class BatchResult:
    """What a batch wrote: its file, how many disputes, of which tiers, and the name of the run."""

    path: Path
    disputes: int
    tiers: dict[str, int]
    run: str


def score_records(
    records: Records, out: Path, *, as_of: int, model_folder: Path, version: str, policy: Policy,
    role: Role = Role.REVIEWER, scored_at: int | None = None, workers: int | None = None,
    log_url: str | None = None, progress: Progress | None = None,
) -> BatchResult:  # fmt: skip
    """Score every dispute that is open at ``as_of``, or closed less than 90 days before, into one Parquet file.

    Nested fields are JSON text.  The same bits as the service gives for the same records; the same bytes whatever the
    number of workers, where ``scored_at`` (None: now) is the same.  With ``log_url`` every assessment is stored in that
    decision log as well, once, before it stands in the file.  A run that was killed goes on where it was by the
    same call, and one that is finished is not run again.  Raises UserError where ``out`` is a file, ``as_of`` lies in
    the future (which the service refuses as well), or there is nothing to score.
    """
    if as_of > now_us():
        raise UserError(f"--as-of {format_time(as_of)} lies in the future: a case is scored on what is known by now")
    if log_url is not None:
        open_first(log_url)
    report = progress or (lambda _stage, _done: None)
    out = out.resolve()
    batch = Batch(as_of, model_folder, version, policy, role, log_url)
    plan = plan_record(records, batch, scored_at=scored_at)
    with telling_of_the_disk(out, SCORES), WorkingFolder.held(out, SCORES) as work:
        resumed = adopt(work, plan, report)
        if not resumed and (done := _finished(out, plan)) is not None:
            work.discard()
            report("this run was finished before: nothing is scored again", 1.0)
            return _result(out, done)
        if not work.is_replacing:
            batch = _begun(batch, plan, work, scored_at)

            def write(folder: Path) -> None:
                report("partition", 0.0)
                made = write_partitions(records.connection, folder, known_at=as_of - 1)
                if log_url is not None:
                    write_case_rows(records.connection, made, as_of=as_of)
                report("partition", 1.0)

            folders = work.partition_folders(write)
            with resting(records.connection):
                parts = build_parts(
                    partial(score_part, batch), folders, work, kind=ScoredPart, stage="score", workers=workers,
                    resumed=resumed, report=report,
                )  # fmt: skip
            tiers = sum((Counter(part.tiers) for part in parts), Counter())
            if not tiers:
                work.discard()
                raise UserError("no dispute is open at this time, or was closed in the 90 days before")
            _join(work.built, [name for part in parts for name in part.files], report)
            _write_manifest(work.built, plan, batch, dict(sorted(tiers.items())))
        return _result(out, work.replace_out())


def _begun(batch: Batch, plan: dict[str, Any], work: WorkingFolder, scored_at: int | None) -> Batch:
    """The batch with the time at which its run began, which a run gone on with finds again."""
    file = work.built / RUN_FILE
    begun = read_json(file)
    if begun is None:
        begun = {"scored_at": now_us() if scored_at is None else scored_at}
        write_text(file, json.dumps(begun) + "\n")
    return replace(batch, scored_at=begun["scored_at"], run=run_of(plan, begun["scored_at"]))


def _finished(out: Path, plan: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest in OUT if it is of this very plan, and its file is whole."""
    manifest = read_json(out / MANIFEST_FILE)
    if manifest is None or manifest.get("plan") != json.loads(json.dumps(plan)):
        return None
    file = out / ASSESSMENTS_FILE
    return manifest if file.is_file() and sha256(file) == manifest["files"][ASSESSMENTS_FILE] else None


def _join(built: Path, names: list[str], report: Progress) -> None:
    """All parts in their order as one file, a group of rows at a time."""
    unfinished = built / "unfinished" / ASSESSMENTS_FILE
    with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd", use_dictionary=REPEATED) as writer:
        for number, name in enumerate(names):
            with pq.ParquetFile(built / name) as part:
                for group in range(part.num_row_groups):
                    writer.write_table(part.read_row_group(group, use_threads=False))
            report("join", (number + 1) / len(names))
    finish_file(built, unfinished, ASSESSMENTS_FILE)


def _write_manifest(built: Path, plan: dict[str, Any], batch: Batch, tiers: dict[str, int]) -> None:
    manifest = {
        "plan": plan,
        "run": batch.run,
        "scored_at": format_time(batch.scored_at),
        "disputes": sum(tiers.values()),
        "tiers": tiers,
        "files": {ASSESSMENTS_FILE: sha256(built / ASSESSMENTS_FILE)},
    }
    write_text(built / MANIFEST_FILE, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def _result(out: Path, manifest: dict[str, Any]) -> BatchResult:
    return BatchResult(out / ASSESSMENTS_FILE, manifest["disputes"], manifest["tiers"], manifest["run"])
