"""Which imperfections a world has: each group can be left out, to learn what it costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from features.errors import InvalidConfiguration


@dataclass(frozen=True)
class Imperfections:
    """The groups of imperfections, each on or off.  Leaving one out changes nothing that truly happens, but for drift.

    duplicates: an event reported through a second and third channel.  unaffirmed: denied, feared, hearsay and past
    reports beside the affirmed ones.  mislinks: unrelated pairs merged, related ones missed.  missingness: what a
    channel does not ask, and needs lost where handling is slow.  wrong_codes: wrong kinds and dates, some corrected
    by a later version, and rows withdrawn.  bad_rows: rows that break a rule of the door.  outcome_errors: outcomes
    reclassified, withdrawn or linked to the wrong dispute.  drift: what changes over the years, a missing port, a
    shock.  recording_gap: urban parties are recorded more, those from elsewhere less.  narratives: the texts.
    """

    duplicates: bool = True
    unaffirmed: bool = True
    mislinks: bool = True
    missingness: bool = True
    wrong_codes: bool = True
    bad_rows: bool = True
    outcome_errors: bool = True
    drift: bool = True
    recording_gap: bool = True
    narratives: bool = True

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the groups."""
        return tuple(group.name for group in fields(cls))

    @classmethod
    def only(cls, *groups: str) -> Imperfections:
        """These groups and no other; none for a clean world.  Raises InvalidConfiguration for an unknown name."""
        cls._check(groups)
        return cls(**{name: name in groups for name in cls.names()})

    @classmethod
    def without(cls, *groups: str) -> Imperfections:
        """All groups but these.  Raises InvalidConfiguration for an unknown name."""
        cls._check(groups)
        return cls(**{name: name not in groups for name in cls.names()})

    @classmethod
    def chosen(cls, wanted: bool | Imperfections) -> Imperfections:
        """All for True, none for False, or those given."""
        if isinstance(wanted, Imperfections):
            return wanted
        return cls() if wanted else cls.only()

    def to_record(self) -> dict[str, bool]:
        """Each group with whether it is on."""
        return asdict(self)

    @classmethod
    def _check(cls, groups: tuple[str, ...]) -> None:
        unknown = sorted(set(groups) - set(cls.names()))
        if unknown:
            raise InvalidConfiguration(f"no imperfection {', '.join(unknown)}: choose from {', '.join(cls.names())}")
