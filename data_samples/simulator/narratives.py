"""Narratives: every text there can be, once, and for each row the place of its text among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data_samples.simulator import phrases
from data_samples.simulator.clock import Times
from data_samples.simulator.flaws import Flaws
from data_samples.simulator.rows import EVENT, NO_CODE, EventRows
from data_samples.simulator.world import Cases, Setting
from features.schema import ASSERTIONS, CONDUCT_TYPES, DISPUTE_KINDS

_AFFIRMED = 0
_GRAVE = "grave threat"
"""A threat whose severity says that it was one to kill, told with graver words."""
_TAILS = ("", *phrases.LOOK_ALIKES, *phrases.PROTECTED_REMARKS, *phrases.INSTRUCTIONS, *phrases.RIGHTS_REMARKS)


@dataclass(frozen=True)
class Texts:
    """All texts, and where those of each subject (type and assertion, or kind) begin and how many there are.

    The text of body b with tail t on form f has the place (f * bodies + b) * tails + t.
    """

    bodies: tuple[str, ...]
    first: dict[tuple[str, str], int]
    count: dict[tuple[str, str], int]

    @property
    def all(self) -> pa.Array:
        """Every text there can be, in order of its place."""
        forms = ("", phrases.NEW_FORM)
        return pa.array([form + body + tail for form, body, tail in product(forms, self.bodies, _TAILS)])


@cache
def conduct_texts() -> Texts:
    """The texts of conduct events, by type and assertion."""
    subjects = {
        (name, assertion): _conduct_bodies(name, assertion)
        for name in (*CONDUCT_TYPES, _GRAVE)
        for assertion in ASSERTIONS
    }
    return _texts(subjects)


@cache
def intake_texts() -> Texts:
    """The texts of intake, by kind of dispute."""
    return _texts({
        (kind, ""): [template.format(stake=stake) for template in phrases.INTAKE for stake in stakes]
        for kind, stakes in phrases.STAKES_OF_KIND.items()
    })  # fmt: skip


def conduct_places(rng: np.random.Generator, setting: Setting, events: EventRows) -> NDArray[np.int32]:
    """The place of each event's text; ``NO_CODE`` for what is not conduct, and for some conduct."""
    texts, flaws = conduct_texts(), setting.constants.flaws
    place = np.full(len(events), NO_CODE, np.int32)
    row = np.flatnonzero(events.is_conduct)
    row = row[rng.random(len(row)) < flaws.conduct_narrated]
    kind, assertion = events.type[row].astype(np.intp), np.maximum(events.assertion[row], _AFFIRMED).astype(np.intp)
    grave = (kind == EVENT["threat"]) & (events.severity[row] > 3)
    subject = np.where(grave, len(CONDUCT_TYPES), kind)
    keys = [[(name, said) for said in ASSERTIONS] for name in (*CONDUCT_TYPES, _GRAVE)]
    first = np.array([[texts.first[key] for key in line] for line in keys])[subject, assertion]
    count = np.array([[texts.count[key] for key in line] for line in keys])[subject, assertion]
    place[row] = _place(rng, flaws, texts, first=first, count=count, new=setting.changes.new_form(events.recorded[row]))
    return place


def intake_places(
    rng: np.random.Generator, setting: Setting, cases: Cases, kind: NDArray[np.int8], known: Times
) -> NDArray[np.int32]:
    """The place of each dispute's intake text, written by the kind on the form; ``NO_CODE`` for some."""
    texts, flaws = intake_texts(), setting.constants.flaws
    first = np.array([texts.first[name, ""] for name in DISPUTE_KINDS])[kind]
    count = np.array([texts.count[name, ""] for name in DISPUTE_KINDS])[kind]
    place = _place(rng, flaws, texts, first=first, count=count, new=setting.changes.new_form(known))
    return np.where(rng.random(len(cases)) < flaws.intake_narrated, place, NO_CODE).astype(np.int32)


def texts_at(texts: pa.Array, place: NDArray[np.int32]) -> pa.Array:
    """The text of each row; null where it has none."""
    return texts.take(pa.array(place, mask=place == NO_CODE))


def _place(
    rng: np.random.Generator,
    flaws: Flaws,
    texts: Texts,
    *,
    first: NDArray[np.integer],
    count: NDArray[np.integer],
    new: NDArray[np.bool_],
) -> NDArray[np.integer]:
    body = first + (rng.random(len(first)) * count).astype(np.intp)
    return (new * len(texts.bodies) + body) * len(_TAILS) + _tails(rng, flaws, len(first))


def _tails(rng: np.random.Generator, flaws: Flaws, size: int) -> NDArray[np.integer]:
    """Which tail each text has: mostly none."""
    groups = (
        (flaws.look_alike, phrases.LOOK_ALIKES),
        (flaws.protected_remark, phrases.PROTECTED_REMARKS),
        (flaws.instruction, phrases.INSTRUCTIONS),
        (flaws.rights_remark, phrases.RIGHTS_REMARKS),
    )
    chances = np.concatenate([np.full(len(tails), share / len(tails)) for share, tails in groups])
    limits = 1.0 - np.cumsum(chances[::-1])[::-1]  # the first 1 - sum of all chances is for no tail
    return np.searchsorted(limits, rng.random(size), side="right")


def _texts(subjects: dict[tuple[str, str], list[str]]) -> Texts:
    bodies: list[str] = []
    first, count = {}, {}
    for subject, texts in subjects.items():
        first[subject], count[subject] = len(bodies), len(texts)
        bodies += texts
    return Texts(tuple(bodies), first, count)


def _conduct_bodies(name: str, assertion: str) -> list[str]:
    plain = "threat" if name == _GRAVE else name
    if assertion != "affirmed":
        return [template.format(act=phrases.ACTS[plain]) for template in phrases.UNAFFIRMED[assertion]]
    words = {"threat": phrases.VAGUE_THREATS, _GRAVE: phrases.GRAVE_THREATS}.get(name, phrases.LAST_RESORTS)
    return sorted({
        template.format(where=where, about=about, words=said)
        for template in phrases.CONDUCT[plain]
        for where, about, said in product(phrases.PLACES, phrases.ABOUT, words)
    })  # fmt: skip
