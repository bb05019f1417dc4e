"""What the decision log keeps of a scored case, by columns: the same bytes as ``serving.log.stored`` makes of one.

Most of a record says that an indicator has a usual value and no part that shows: such pieces are made once a block.
"""

from __future__ import annotations

import math

from features.history import Array
from serving.assessment import CARE_ROLES, Scored
from serving.batch.columns import Columns, numbers
from serving.batch.texts import NO_NUMBER, as_json
from serving.log.stored import Written
from serving.scorer import Scorer


def written(block: Columns, scorer: Scorer) -> list[Written | Scored]:
    """The cases of a block as they are stored; ``block`` is what a reviewer may see.

    A case with rows for the care role alone is given whole: there are few, and their two halves are woven together.
    """
    assert not CARE_ROLES & {block.role}
    computed = block.computed
    care = computed.view.conduct.of("self_harm_statement")
    with_care = sorted({*care.row.tolist()}) if care.index.size else []
    lasting, care_halves = _halves(block)
    whole = dict(zip(with_care, scorer.told(computed, among=with_care), strict=True))
    probabilities, as_of = computed.probability.tolist(), computed.view.spine.as_of.tolist()
    return [
        whole[row] if row in whole
        else Written(
            block.dispute_ids[row], as_of[row], probabilities[row], block.tiers[row],
            tuple((name, ()) for name, _ in block.floors[row]), lasting[row], care_halves[row],
        )
        for row in range(len(computed))
    ]  # fmt: skip


def _halves(block: Columns) -> tuple[list[bytes], list[bytes]]:
    """The lasting and the care half of every landmark that has no row for the care role alone."""
    contributions = numbers(block.contributions)
    width = len(block.indicators)
    values = ["null" if text == NO_NUMBER else text for text in numbers(block.computed.own)]
    parts = [_Unshown(name) for name in block.indicators]
    closed = [place for place in range(width) if place not in set(block.places)]
    most = block.largest.shape[1]
    rows = block.contributions.tolist()
    names = [f'"{name}":' for name in block.indicators]
    held_texts = {name: f'["{name}",' for name in block.computed.facts.floors}
    lasting, care = [], []
    for row, largest in enumerate(block.largest.tolist()):
        first = row * width
        evidence = dict.fromkeys(block.raising[row], "[]")
        evidence.update(zip(largest, block.evidence[row * most : (row + 1) * most], strict=True))
        told = [
            f'["{block.indicators[n]}",{values[first + n]},{contributions[first + n]},{evidence[n]}]'
            if n in evidence else parts[n][values[first + n]]
            for n in block.places
        ]  # fmt: skip
        hidden = [f"{names[n]}{contributions[first + n]}" for n in block.places if n not in evidence]
        whole = [f"{names[n]}[{n},{values[first + n]},{contributions[first + n]},[]]" for n in closed]
        floors = f"[{','.join(held_texts[name] + ids + ']' for name, ids in block.floors[row])}]"
        folded = math.fsum(one for n, one in enumerate(rows[row]) if n not in evidence)
        lasting.append((",".join(told), floors, folded))
        care.append(
            f'{{"whole":{{{",".join(whole)}}},"hidden":{{{",".join(hidden)}}},"floors":{floors},"care_rows":[],"folded":0.0}}'.encode()
        )
    return _lasting(block, lasting), care


def _lasting(block: Columns, pieces: list[tuple[str, str, float]]) -> list[bytes]:
    computed = block.computed
    low, high = computed.interval
    base = as_json(computed.explained.base_margin)
    folded = as_json([one for _, _, one in pieces])[1:-1].split(",")
    columns = zip(
        block.dispute_ids, computed.view.spine.as_of.tolist(), numbers(computed.probability), numbers(low), numbers(high),
        numbers(computed.explained.margin), block.tiers, pieces, _flags(computed.facts.thin),
        _flags(computed.facts.violent_family_tie), computed.cautions, folded, strict=True,
    )  # fmt: skip
    cautions = {codes: as_json(codes) for codes in set(computed.cautions)}
    return [
        (
            f'{{"dispute_id":{as_json(dispute)},"as_of":{as_of},"probability":{probability},"interval":[{below},{above}],'
            f'"margin":{margin},"base_margin":{base},"tier":"{tier.value}","parts":[{parts}],"floors":{floors},'
            f'"thin":{thin},"violent_family_tie":{violent},"care_rows":[],"cautions":{cautions[codes]},"folded":{rest}}}'
        ).encode()
        for dispute, as_of, probability, below, above, margin, tier, (parts, floors, _), thin, violent, codes, rest
        in columns
    ]  # fmt: skip


class _Unshown(dict[str, str]):
    """The part of one indicator whose contribution does not show, by the text of its value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, value: str) -> str:
        made = self[value] = f'["{self._name}",{value},null,[]]'
        return made


def _flags(values: Array) -> list[str]:
    return ["true" if value else "false" for value in values.tolist()]
