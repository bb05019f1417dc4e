"""Writes a matrix's profile: one self-contained page and the plain record that it is a view of."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.catalogue import INDICATORS
from features.indicator import Bilingual
from features.profile_record import Auc, Bin, IndicatorProfile, Profile
from training.report.files import TEMPLATES
from training.report.profile_plots import channels_plot, months_plot, rates_plot, rows_plot
from training.report.wording import per_thousand

WITHHELD = "under 10"


@dataclass(frozen=True, kw_only=True)
class ProfileFiles:
    """Where the two files of a profile are."""

    html: Path
    json: Path


@dataclass(frozen=True, kw_only=True)
class FamilyView:
    """One family on the page: its words, its indicators and its two pictures."""

    id: str
    name: Bilingual
    indicators: tuple[IndicatorProfile, ...]
    months: str
    rates: str | None


def write_profile(profile: Profile, *, out: Path) -> ProfileFiles:
    """Returns the paths of ``profile.html`` and ``profile.json``, written into the folder ``out``.

    The page holds everything: no script, no remote asset.  The same profile gives the same bytes.
    """
    files = ProfileFiles(html=out / "profile.html", json=out / "profile.json")
    _replace(files.json, profile.model_dump_json(indent=1) + "\n")
    _replace(files.html, render_profile(profile))
    return files


def profile_text(profile: Profile, files: ProfileFiles) -> str:
    """Returns the short answer for a terminal: what to look at first, and where the page is."""
    mark = "SYNTHETIC " if profile.synthetic else ""
    lines = [f"{mark}{_count(profile.rows)} rows of {_count(profile.disputes)} disputes, "
             f"{len(profile.indicators)} columns; {len(profile.warnings)} to look at"]  # fmt: skip
    lines += [f"  {one.kind.replace('_', ' ')}: {f'{one.column}: ' if one.column else ''}{one.en}"
              for one in profile.warnings]  # fmt: skip
    return "\n".join([*lines, str(files.html), str(files.json)])


def _replace(path: Path, text: str) -> None:
    work = path.with_name(f".{path.name}.new")
    work.write_text(text, encoding="utf-8")
    work.replace(path)


def render_profile(profile: Profile) -> str:
    """Returns the page of ``profile`` as one self-contained HTML document."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"count": _count, "share": _share, "auc": _auc, "quartiles": _quartiles, "rate": _rate}
    lacking = tuple(one for one in profile.indicators if one.unknown != 0)
    return environment.get_template("profile.html.j2").render(
        profile=profile,
        mark="SYNTHETIC: " if profile.synthetic else "",
        families=_families(profile),
        rows_picture=_picture(rows_plot(profile)),
        lacking=lacking,
        channels_picture=_picture(channels_plot(profile, lacking)) if profile.channels and lacking else None,
    )


def _families(profile: Profile) -> tuple[FamilyView, ...]:
    words = {indicator.family.id: indicator.family.name for indicator in INDICATORS}
    found = []
    for family in dict.fromkeys(one.family for one in profile.indicators):
        own = tuple(one for one in profile.indicators if one.family == family)
        found.append(
            FamilyView(
                id=family, name=words.get(family, Bilingual("", "")), indicators=own,
                months=_picture(months_plot(profile, family, own)),
                rates=_picture(rates_plot(profile, family, own)) if profile.all_labelled.rows else None,
            )
        )  # fmt: skip
    return tuple(found)


def _picture(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()


# --- numbers in words ------------------------------------------------------------------------------------------------


def _count(value: int | None) -> str:
    return WITHHELD if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    """A share as per cent: none and all are told apart from nearly none and nearly all."""
    if value is None:
        return WITHHELD
    return f"{value * 100:.3g}%" if value < 0.995 or value == 1 else f"{value * 100:.5g}%"


def _auc(value: Auc | None) -> str:
    return "too few to say" if value is None else f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})"


def _quartiles(value: tuple[float, float, float] | None) -> str:
    """The three quartiles, unless they are one and the same."""
    return "" if value is None or value[0] == value[2] else " · ".join(f"{one:g}" for one in value)


def _rate(told: Bin) -> str:
    if told.rate is None or told.low is None or told.high is None:
        return "too few to say"
    low, high = per_thousand(told.low), per_thousand(told.high)
    return f"{per_thousand(told.rate)} in 1,000 ({low} to {high})"
