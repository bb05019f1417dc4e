"""The impact assessment of a release: a small TOML file that names who answers for it, why it is lawful, and until when."""

from __future__ import annotations

import datetime as dt
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from features.errors import Fault, InvalidConfiguration, MissingInput, UserError
from features.refused import refused_shape

IMPACT_FILE = "impact_assessment.toml"
TEMPLATE = """\
# Impact assessment of this use of Defuse.  `defuse promote` asks for it, checks it and keeps its sha256.
# Roles and offices only, never a person's name.  Every value must be filled in.
owner = ""          # the office that answers for this use
legal_basis = ""    # by which law or mandate each source is read and scored
purpose = ""        # what the scores are for; nothing else may be done with them
date = ""           # of this assessment, like 2026-03-01
review_by = ""      # valid until this day, like 2027-02-28: review it earlier when sources, indicators or use change
reviewed_by = ""    # the role that reviewed it, other than the owner

# May stay empty: where the whole assessment lies, and anything that whoever promotes must know.
document = ""
notes = ""
"""


def _no_person(text: str) -> str:
    shape = refused_shape(text, opaque=False)
    if shape is not None:
        raise ValueError(f"holds a {shape.value}: name roles and offices, never a person")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_no_person)]
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_no_person)]


class ImpactAssessment(BaseModel):
    """What the file must say.  Raises ValidationError for an empty, missing or unknown key, or dates that disagree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: Filled
    legal_basis: Filled
    purpose: Filled
    date: dt.date
    review_by: dt.date
    reviewed_by: Filled
    document: Text = ""
    notes: Text = ""

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.review_by <= self.date:
            raise ValueError("review_by must be later than date")
        if self.reviewed_by.casefold() == self.owner.casefold():
            raise ValueError("reviewed_by must be another role than owner")
        return self


@dataclass(frozen=True)
class ImpactFile:
    """A valid impact assessment and the sha256 of the file that holds it."""

    assessment: ImpactAssessment
    sha256: str


def read_impact(path: Path, *, today: dt.date) -> ImpactFile:
    """The impact assessment of a file, valid on the day ``today``.

    Raises MissingInput where there is none, InvalidConfiguration for a file that is not one (all faults at once, no
    value repeated), is dated in the future, or is past its review date.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInput(f"no impact assessment in {path}: {error.strerror}") from None
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}") from None
    try:
        found = ImpactAssessment.model_validate(content)
    except ValidationError as error:
        faults = tuple(
            Fault(".".join(map(str, one["loc"])) or "the file", one["type"], one["msg"]) for one in error.errors()
        )
        raise InvalidConfiguration(f"{path}: {'; '.join(map(str, faults))}", faults=faults) from None
    if found.date > today:
        raise InvalidConfiguration(f"{path}: date {found.date} lies in the future")
    if found.review_by < today:
        raise InvalidConfiguration(f"{path}: it was to be reviewed by {found.review_by}, which is past")
    return ImpactFile(found, hashlib.sha256(data).hexdigest())


def write_impact_template(path: Path) -> None:
    """Write a template to fill in.  Raises UserError where the file is there already, or cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UserError(f"{path} is there already, and is left alone: name another file") from None
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from None
