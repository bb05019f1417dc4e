"""The champion in force, scored on the same test rows as the model: who enters and who leaves the top."""

from __future__ import annotations

import numpy as np

from features.clock import parse_time
from features.errors import UserError
from features.history import Array
from features.indicator import Indicator
from training.artifact.home import Home
from training.artifact.model import RiskModel
from training.artifact.scale import sigmoid
from training.artifact.store import load_model, read_champion
from training.evaluation.champion_record import AgainstChampion, Marks
from training.evaluation.held_out import HeldOutRows, Scores
from training.evaluation.moves import TOPS, moves_between, top_rows
from training.evaluation.origins import numbers_of
from training.matrix_parts import Rows

CHAMPION = "champion"
MARKS = 5
MARKS_AT = 0.01
FEWEST_MOVED = 10
NONE_EN = "No model was in force when this report was made: there is nothing to compare with."
NONE_ZH = "生成本报告时没有在用模型，无从比较。"


def against_champion(
    home: Home, model: RiskModel, name: str, scores: Scores, test: Rows, *, indicators: tuple[Indicator, ...],
    held: HeldOutRows, test_start: int, draws: int, seed: int,
) -> AgainstChampion:  # fmt: skip
    """The comparison of a model (called ``name``) with the champion of a home; ``absent_en`` says why there is none."""
    try:
        in_force = read_champion(home.root)
    except UserError:
        return AgainstChampion(absent_en=NONE_EN, absent_zh=NONE_ZH)
    version, digest = in_force["version"], in_force["digest"]
    try:
        champion = load_model(home.models / digest)
        margin = champion.margin(test.columns(model.contract.column_names))
    except (UserError, KeyError) as error:
        reason = str(error).strip("'\"")
        return AgainstChampion(
            absent_en=f"The champion could not be scored on these rows: {reason}.",
            absent_zh=f"无法用在用模型给这些行评分：{reason}。",
            version=version,
            digest=digest,
        )
    theirs = Scores(score=margin, probability=sigmoid(margin))
    found = numbers_of(held, {name: scores, CHAMPION: theirs}, draws=draws, seed=seed)
    trained_through = champion.contract.provenance.trained_through
    return AgainstChampion(
        version=version,
        digest=digest,
        trained_through=trained_through,
        is_same_model=champion.digest == model.digest,
        saw_test_period=parse_time(trained_through) > test_start,
        measured=found.measured,
        differences=found.differences,
        moves=tuple(
            moves_between(held, scores.score, margin, capacity=capacity, draws=draws, seed=seed) for capacity in TOPS
        ),
        marks=_marks(test, scores.score, margin, indicators),
    )


def _marks(test: Rows, new: Array, old: Array, indicators: tuple[Indicator, ...]) -> tuple[Marks, ...]:
    """The indicators by which the rows that enter the top 1% differ most from those that leave it.

    What only the care role may see is left out, and so are categories: their codes have no order.
    """
    mine, theirs = top_rows(new, MARKS_AT), top_rows(old, MARKS_AT)
    enter, leave = np.setdiff1d(mine, theirs), np.setdiff1d(theirs, mine)
    if min(len(enter), len(leave)) < FEWEST_MOVED:
        return ()
    found, place = [], 0
    for indicator in indicators:
        values = test.values[:, place]
        place += len(indicator.columns)
        known = ~np.isnan(values)
        if indicator.care_only or indicator.categories or not known.any():
            continue
        high = np.where(known, values > np.median(values[known]), False)
        found.append(
            Marks(
                indicator=indicator.id, name_en=indicator.title.en, name_zh=indicator.title.zh,
                among_entering=float(high[enter].mean()), among_leaving=float(high[leave].mean()),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: -abs(one.among_entering - one.among_leaving))[:MARKS])
