"""What an indicator is: one declared reading of the visible records, with its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from features.view import Measure, View


class Direction(StrEnum):
    """How the model may use an indicator: only raising, only lowering, or freely."""

    RAISES = "+"
    LOWERS = "-"
    FREE = "none"

    @property
    def monotone(self) -> int:
        """LightGBM's monotone constraint: 1, -1 or 0."""
        return {"+": 1, "-": -1, "none": 0}[self.value]


@dataclass(frozen=True)
class Bilingual:
    """The same words in English and Chinese."""

    en: str
    zh: str

    def to_record(self) -> dict[str, str]:
        """The same as a plain record."""
        return {"en": self.en, "zh": self.zh}


@dataclass(frozen=True)
class Wording:
    """The sentence a reviewer reads: when the value is there, when it is zero, when nothing is known.

    ``{value}`` stands for the formatted value.  A sentence tells what the records say, never what a person is.
    """

    present: Bilingual
    absent: Bilingual
    unknown: Bilingual = field(
        default=Bilingual("The records do not say: {name}", "记录未载明:{name}"),
    )


def says(
    present_en: str, present_zh: str, absent_en: str, absent_zh: str, *, unknown: Bilingual | None = None
) -> Wording:
    """The wording of an indicator; without ``unknown`` its unknown sentence is the common one."""
    told = Bilingual(present_en, present_zh), Bilingual(absent_en, absent_zh)
    return Wording(*told) if unknown is None else Wording(*told, unknown)


@dataclass(frozen=True)
class Family:
    """One of the five families of indicators."""

    id: str
    name: Bilingual


@dataclass(frozen=True)
class Indicator:
    """One indicator: its declaration (definition, window, missing rule, direction, words) and its measure.

    ``measure`` maps a view of n landmarks to n float64 values, NaN where unknown.  ``categories`` names the codes
    of a categorical value.  ``care_only`` indicators are shown to the care role alone (charter rule 10).
    ``further_windows`` names further columns that the measure gives (``30d``); the indicator's contribution to a score
    is the sum over its columns.
    """

    id: str
    measure: Callable[[View], Measure]
    family: Family
    title: Bilingual
    definition: str
    window: str
    value_type: str
    missing: str
    direction: Direction
    source: str
    unit: Bilingual
    wording: Wording
    support: tuple[str, ...] = ()
    categories: tuple[Bilingual, ...] = ()
    category_codes: tuple[str, ...] = ()
    care_only: bool = False
    further_windows: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in code: that of the measure."""
        return self.measure.__name__

    @property
    def column(self) -> str:
        """The name of its matrix column, such as ``A03_forced_proximity``."""
        return f"{self.id}_{self.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """All its columns, its own first: further windows are named like ``B01_verbal_altercation_count__30d``."""
        return (self.column, *(f"{self.column}__{window}" for window in self.further_windows))

    def declaration(self) -> dict[str, object]:
        """Everything declared, as a plain record: for digests, the docs and the column contract."""
        return {
            "id": self.id,
            "column": self.column,
            "family": self.family.id,
            "name": {"en": self.title.en, "zh": self.title.zh},
            "definition": self.definition,
            "window": self.window,
            "value_type": self.value_type,
            "missing": self.missing,
            "direction": self.direction.value,
            "unit": {"en": self.unit.en, "zh": self.unit.zh},
            "source": self.source,
            "support": list(self.support),
            "categories": list(self.category_codes),
            "care_only": self.care_only,
            "further_windows": list(self.further_windows),
        }


YES_NO = Bilingual("yes = 1, no = 0", "是=1,否=0")
NO_RECORD_IS_ZERO = "no matching record = 0 (absence of record, not absence of fact)"
MISSING_IS_NAN = "missing = NaN, the model's own missing; never imputed to 0"
