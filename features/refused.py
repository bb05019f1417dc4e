"""The inputs that the charter refuses to read: by the name of a column, or by the shape of a value.

The register itself is ``refused_inputs.toml``.  Neither test ever returns, stores or raises the value it looked at.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

from features.schema import AUDIT, FEATURE_TABLES


@dataclass(frozen=True)
class RefusedEntry:
    """One line of the register: id ``R01`` to ``R24``, its names, the reason, and what it may be called."""

    id: str
    name_en: str
    name_zh: str
    reason: str
    aliases: tuple[str, ...]
    terms: tuple[str, ...]

    @property
    def label(self) -> str:
        """How an error names the entry: ``R01 ethnicity (民族)``."""
        return f"{self.id} {self.name_en} ({self.name_zh})"


class ValueShape(StrEnum):
    """A value that identifies a person or a vehicle, recognised by its form."""

    RESIDENT_ID = "resident ID number"
    MOBILE = "mobile number"
    PLATE = "vehicle plate"


@cache
def refused_register() -> tuple[RefusedEntry, ...]:
    """The 24 entries of the register, in order of id."""
    text = files("features").joinpath("refused_inputs.toml").read_text(encoding="utf-8")
    return tuple(
        RefusedEntry(**{**entry, "aliases": tuple(entry["aliases"]), "terms": tuple(entry["terms"])})
        for entry in tomllib.loads(text)["refused"]
    )


# --- names -----------------------------------------------------------------------------------------------------------

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_CONTRACT_NAMES = frozenset(name for table in FEATURE_TABLES for name in table.names)
_AUDIT_NAMES = frozenset(AUDIT.names)


@cache
def _aliases() -> dict[str, RefusedEntry]:
    """Every alias without its separators, and the entry it stands for; the first entry of the register wins."""
    found: dict[str, RefusedEntry] = {}
    for entry in refused_register():
        for alias in entry.aliases:
            found.setdefault(alias.replace("_", "").lower(), entry)
    return found


@cache
def _terms() -> tuple[tuple[str, RefusedEntry], ...]:
    """Chinese terms, the longest first, so that 性取向 is not taken for a shorter word inside it."""
    pairs = [(term, entry) for entry in refused_register() for term in entry.terms]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))


def _alias_entry(words: list[str]) -> RefusedEntry | None:
    """The entry of the longest run of words that spells an alias."""
    aliases = _aliases()
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            run = "".join(words[start : start + length])
            entry = aliases.get(run) or aliases.get(run.removesuffix("s"))
            if entry is not None:
                return entry
    return None


def refused_column(name: str, *, table: str | None = None) -> RefusedEntry | None:
    """The register entry that refuses a column or attribute called ``name``, or None.

    Columns of the contract are never refused; the four audit attributes only outside ``table="audit"``.
    """
    if name in _CONTRACT_NAMES or (table == AUDIT.name and name in _AUDIT_NAMES):
        return None
    plain = unicodedata.normalize("NFKC", name)[:256]
    for term, entry in _terms():
        if term in plain:
            return entry
    return _alias_entry([word.lower() for word in _WORDS.findall(plain)][:24])


# --- shapes ----------------------------------------------------------------------------------------------------------

_D = "[0-9０-９]"
_S = "[ \u3000\\-－–—]"
_CHECK = "[0-9０-９XxＸｘ]"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_LETTER = "[A-Za-zＡ-Ｚａ-ｚ]"
_ALNUM = "[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]"
_PLATE_HEAD = f"[{_PROVINCES}]{_LETTER}"

OPAQUE_PREFILTER = f"[1１][3-9３-９]{_D}{{9}}|{_D}{{17}}{_CHECK}|{_PLATE_HEAD}"
"""RE2 pattern: what an id or token without it holds is certainly free of every refused shape."""
FREE_TEXT_PREFILTER = f"[1１]{_S}{{0,3}}[3-9３-９](?:{_S}{{0,3}}{_D}){{9}}|{_D}{{6}}{_S}{{0,3}}{_D}{{8}}|{_PLATE_HEAD}"
"""The same for free text, where a number may be written in groups."""


_SEP = f"{_S}{{0,3}}"
_MOBILE_PREFIX = f"(?<!{_D})(?:(?:[+＋]|[0０]{{2}})?[8８][6６]{_SEP})?"
_MOBILE_OPAQUE = re.compile(f"{_MOBILE_PREFIX}[1１][3-9３-９]{_D}{{9}}(?!{_D})")
_MOBILE_FREE = re.compile(
    f"{_MOBILE_PREFIX}[1１](?:[3-9３-９]{_D}{_SEP}{_D}{{4}}{_SEP}{_D}{{4}}|{_S}[3-9３-９](?:{_S}{_D}){{9}})(?!{_D})"
)
_RESIDENT_ID = re.compile(f"(?<!{_D})({_D}{{6}}){_SEP}({_D}{{8}}){_SEP}({_D}{{3}}{_CHECK})(?!{_D})")
_PLATE = re.compile(f"({_PLATE_HEAD})[ ·•.．\\-－]?({_ALNUM}{{4,5}}[{_ALNUM[1:-1]}挂学警港澳])(?!{_ALNUM})")
_OPAQUE = re.compile(OPAQUE_PREFILTER)
_FREE_TEXT = tuple(re.compile(pattern) for pattern in FREE_TEXT_PREFILTER.split("|"))  # one by one is six times faster
_HEX_RUN = re.compile(r"(?:[0-9a-f]{16,}|[0-9A-F]{16,})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"


def _valid_resident_id(digits: str) -> bool:
    """Whether 18 characters are a resident ID: a birth date that exists and the check digit of GB 11643 (MOD 11-2)."""
    try:
        born = date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False))
    return 1800 <= born.year < 2100 and _CHECK_DIGITS[total % 11] == digits[17].upper()


def _has_resident_id(text: str) -> bool:
    return any(
        _valid_resident_id(unicodedata.normalize("NFKC", "".join(match.groups())))
        for match in _RESIDENT_ID.finditer(text)
    )


def _has_plate(text: str) -> bool:
    """A plate has at least two digits, and with six signs (new energy) at least four: 新Android is a word."""
    for match in _PLATE.finditer(text):
        tail = match.group(2)
        if sum(sign.isdigit() for sign in tail) >= (2 if len(tail) == 5 else 4):
            return True
    return False


def _has_opaque_mobile(text: str) -> bool:
    """A mobile number in an id, unless it is a stretch of a hash or UUID: those hold eleven digits by chance."""
    for match in _MOBILE_OPAQUE.finditer(text):
        start, end = match.span()
        hashes = [*_HEX_RUN.finditer(text), *_UUID.finditer(text)]
        if not any(run.start() <= start and end <= run.end() and not run.group().isdigit() for run in hashes):
            return True
    return False


def _could_hold_a_shape(text: str, *, opaque: bool) -> bool:
    if opaque:
        return _OPAQUE.search(text) is not None
    return any(pattern.search(text) is not None for pattern in _FREE_TEXT)


def refused_shape(text: str, *, opaque: bool) -> ValueShape | None:
    """The shape for which ``text`` is refused, or None.  Takes about a microsecond for an id.

    ``opaque`` says that the text is an id, token or code: numbers count only when written without gaps, and not
    inside a hash.  Letters next to a number do not excuse it (``D13812345678``), further digits do.
    """
    if len(text) < 7 or not _could_hold_a_shape(text, opaque=opaque):
        return None
    if _has_resident_id(text):
        return ValueShape.RESIDENT_ID
    if _has_opaque_mobile(text) if opaque else _MOBILE_FREE.search(text) is not None:
        return ValueShape.MOBILE
    return ValueShape.PLATE if _has_plate(text) else None


def printable_name(name: str, position: int, *, is_header: bool = True) -> str:
    """The name of a column for an error message, or ``column 3`` where the name itself could be somebody's data.

    Without a header the first row of data is taken for one: ``is_header=False`` where no name is known.
    """
    plain = unicodedata.normalize("NFKC", name)
    digits = sum(sign.isdigit() for sign in plain)
    harmless = plain.replace("_", "").replace("-", "").replace(" ", "").isalnum()
    if not is_header or not harmless or len(plain) > 40 or digits > 4 or refused_shape(plain, opaque=False) is not None:
        return f"column {position}"
    return plain
