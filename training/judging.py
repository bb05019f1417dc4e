"""A fitted model and its test rows to a report record: the rankers, coverage, leak probe, contributions and facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.dataset as ds

from features.clock import DAY_US, format_time
from features.history import Array
from features.indicator import Bilingual, Indicator
from features.records import Records
from training.artifact.model import RiskModel
from training.evaluation.alarms import shuffled_label_probe
from training.evaluation.contributions import IndicatorName, summarise_contributions
from training.evaluation.coverage import NO_DISPUTE, measure_coverage
from training.evaluation.held_out import Scores
from training.evaluation.rankers import evaluate
from training.evaluation.record import ContributionSummary, Coverage, Evaluation, ReportRecord, RunFacts, SplitFacts
from training.experiment import Experiment
from training.origin import Origin
from training.rows import Rows, SplitRows
from training.split import Split

EXPLAINED_ROWS = 4_000
_POPULATION = {
    "monthly": Bilingual(
        "Test rows: one a month for each dispute that is open or was closed lately; a dispute counts as found if any of "
        "its rows with the incident ahead is in the top share.",
        "测试行：每起未结或近期办结的纠纷每月一行；只要事件发生前有一行进入前列，该纠纷即算找到。",
    ),
    "matrix": Bilingual(
        "Test rows are the landmarks of the training matrix: busy disputes have more rows than quiet ones.",
        "测试行为训练矩阵的时点：活动多的纠纷行数更多。",
    ),
}


@dataclass(frozen=True)
class Attempt:
    """One attempt at an experiment, as far as a judge needs it.

    ``origins``: the earliest first; the last of them is the headline.  ``notes``: what a reader must know of the run.
    """

    experiment: Experiment
    experiment_text: str
    run_id: str
    matrix: Path
    indicators: tuple[Indicator, ...]
    manifest: dict[str, Any]
    origins: tuple[Origin, ...]
    model: RiskModel
    notes: tuple[Bilingual, ...] = ()

    @property
    def split(self) -> Split:
        """The split of the headline."""
        return self.origins[-1].split

    @property
    def rows(self) -> SplitRows:
        """The rows of the headline."""
        return self.origins[-1].rows

    @property
    def rankers(self) -> Mapping[str, Scores]:
        """What every ranker says of the headline's test rows: the model first, then its peers, then the points."""
        return self.origins[-1].rankers

    @property
    def scores(self) -> Scores:
        """What the model says of the headline's test rows."""
        return next(iter(self.rankers.values()))


def judge(attempt: Attempt, records: Records, *, step: Callable[[str, float], None]) -> ReportRecord:
    """Everything a report of this attempt holds."""
    test = attempt.rows.test
    evaluation = evaluate(
        test.held_out(attempt.experiment.label.horizon_days),
        rankers=attempt.rankers,
        draws=attempt.origins[-1].draws,
        seed=attempt.experiment.seed,
        coverage=coverage_of(attempt, records),
        leak_probe=shuffled_label_probe(
            label=test.label, score=attempt.scores.score, dispute=test.dispute, seed=attempt.experiment.seed
        ),
        progress=lambda done, of: step("intervals of the metrics", done / of),
    )
    cautions = (*attempt.notes, *_cautions(attempt, evaluation, synthetic=records.synthetic))
    return ReportRecord(
        run=_facts(attempt),
        evaluation=evaluation,
        contributions=_contributions(attempt),
        cautions=tuple(one.en for one in cautions),
        cautions_zh=tuple(one.zh for one in cautions),
    )


def coverage_of(attempt: Attempt, records: Records) -> Coverage:
    """All incidents of the test period in three parts, from the records as they are known now."""
    split = attempt.split
    incidents = records.connection.sql(
        "SELECT dispute_id, occurred_at FROM (SELECT *, row_number() OVER "
        "(PARTITION BY incident_id ORDER BY verified_at DESC) AS latest FROM incidents) "
        f"WHERE latest = 1 AND NOT coalesce(withdrawn, false) AND occurred_at >= {split.test_start} "
        f"AND occurred_at < {split.test_end} "
        f"AND (dispute_id IS NULL OR link_confidence >= {attempt.experiment.label.min_link_confidence}) "
        "ORDER BY occurred_at, incident_id"
    ).to_arrow_table()
    of = incidents["dispute_id"].to_pylist()
    known = sorted({name for name in of if name is not None})
    number = {name: position for position, name in enumerate(known)}
    row_dispute, row_as_of = _scored_rows(attempt, known)
    return measure_coverage(
        incident_dispute=np.array([NO_DISPUTE if name is None else number[name] for name in of], np.int64),
        incident_at_us=incidents["occurred_at"].to_numpy(),
        row_dispute=np.array([number[name] for name in row_dispute], np.int64),
        row_as_of_us=row_as_of,
        lookback_days=attempt.experiment.label.horizon_days,
    )


def _scored_rows(attempt: Attempt, disputes: list[str]) -> tuple[list[str], Array]:
    """The landmarks of some disputes from a horizon before the test to its end: dispute ids and times."""
    split, horizon = attempt.split, attempt.experiment.label.horizon_days
    parts = ds.dataset(attempt.matrix / "matrix", format="parquet")
    found = parts.to_table(columns=["dispute_id", "as_of"], filter=ds.field("dispute_id").isin(disputes))
    as_of = found["as_of"].cast("int64").to_numpy()
    near = (as_of >= split.test_start - horizon * DAY_US) & (as_of < split.test_end)
    return found["dispute_id"].to_numpy(zero_copy_only=False)[near].tolist(), as_of[near]


def _contributions(attempt: Attempt) -> ContributionSummary:
    """Contributions over an even sample of the test rows; what only the care role may see is folded."""
    model, test = attempt.model, attempt.rows.test
    chosen = np.unique(np.linspace(0, len(test) - 1, min(EXPLAINED_ROWS, len(test))).astype(np.int64))
    explained = model.explain_rows(test.values[chosen])
    by_id = {indicator.id: indicator for indicator in attempt.indicators}
    indicators = [by_id[name] for name in explained.indicators]
    positions = [model.contract.indicator_ids.index(name) for name in explained.indicators]
    return summarise_contributions(
        explained.contributions,
        test.values[chosen][:, positions],
        names=[
            IndicatorName(indicator=i.id, en=i.title.en, zh=i.title.zh, categorical=bool(i.categories))
            for i in indicators
        ],
        fold={i.id for i in indicators if i.care_only},
    )


def _facts(attempt: Attempt) -> RunFacts:
    manifest = attempt.manifest
    return RunFacts(
        run_id=attempt.run_id,
        created_at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        model_name=attempt.model.contract.name,
        model_digest=attempt.model.digest,
        data_digests={"matrix": str(manifest["digest"]), **manifest["inputs"]},
        experiment_name=attempt.experiment.name,
        experiment_text=attempt.experiment_text,
        synthetic=bool(manifest["synthetic"]),
        horizon_days=attempt.experiment.label.horizon_days,
        label_delay_days=round(attempt.experiment.label.label_delay_days),
        sampling_rate=attempt.experiment.sampling.negative_rate,
        splits=stretches_of(attempt.origins[-1]),
        features=attempt.model.contract.column_names,
    )


def stretches_of(origin: Origin) -> tuple[SplitFacts, ...]:
    """The stretches of time of an origin, and what each holds."""
    split, rows = origin.split, origin.rows
    return (
        _stretch("train", split.train_start, split.train_end, rows.train),
        _stretch("embargo", split.train_end, split.test_start, None),
        _stretch("test", split.test_start, split.test_end, rows.test),
    )


def _stretch(name: Literal["train", "embargo", "test"], start: int, end: int, rows: Rows | None) -> SplitFacts:
    positive = np.zeros(0, np.int64) if rows is None else rows.dispute[rows.label == 1]
    return SplitFacts(
        name=name,
        starts_at=format_time(start),
        ends_at=format_time(end),
        n_rows=0 if rows is None else len(rows),
        n_positive_rows=len(positive),
        n_disputes=0 if rows is None else len(np.unique(rows.dispute)),
        n_events=len(np.unique(positive)),
    )


def _cautions(attempt: Attempt, evaluation: Evaluation, *, synthetic: bool) -> tuple[Bilingual, ...]:
    cautions = [
        _POPULATION[attempt.experiment.cohort.population],
        Bilingual(
            "Training rows hold all positives and a sample of the negatives; their count is not that of the records.",
            "训练行包含全部阳性和一部分阴性，其行数不是记录的行数。",
        ),
    ]
    if evaluation.n_events < 100:
        cautions.append(
            Bilingual(
                f"Only {evaluation.n_events} disputes of the test had an incident: the intervals are wide.",
                f"测试期内只有 {evaluation.n_events} 起纠纷发生事件：区间很宽。",
            )
        )
    if synthetic:
        cautions.append(
            Bilingual(
                "SYNTHETIC records: this shows that the code is right, never that it works on real people.",
                "合成数据（SYNTHETIC）：只说明代码正确，绝不说明对真实的人有效。",
            )
        )
    return tuple(cautions)
