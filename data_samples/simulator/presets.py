"""The presets: one base hazard per week and case each."""

from __future__ import annotations

from features.errors import InvalidConfiguration

BASE_HAZARD_PER_WEEK: dict[str, float] = {"unit": 2e-4, "bench": 4.5e-6, "realistic": 1.6e-6, "strict": 4.0e-7}
"""Hazard of a calm case of average traits.  unit: fast tests only; bench: scoring; realistic; strict: honesty check."""


def base_hazard(preset: str) -> float:
    """The base hazard of a preset.  Raises InvalidConfiguration for an unknown name."""
    if preset not in BASE_HAZARD_PER_WEEK:
        raise InvalidConfiguration(f"no preset {preset!r}: choose one of {', '.join(BASE_HAZARD_PER_WEEK)}")
    return BASE_HAZARD_PER_WEEK[preset]
