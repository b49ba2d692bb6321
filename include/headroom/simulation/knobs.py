"""Knobs: the fields of a policy that its owner would set, each with a range, a text and, for one, the main place.

The main knob is the one that a report sweeps to trade cost against the objective; the others are tuned before.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self, TypeVar

import numpy as np

SETTINGS: Final = 15
"""Settings of a main knob that a sweep plays."""
_KEY: Final = "knob"
Number = TypeVar("Number", int, float)
Text = TypeVar("Text", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """What may be set: a number from `low` to `high`, both included, whole or not, or one of `choices`."""

    text: str
    low: float = 0.0
    high: float = 0.0
    is_whole: bool = False
    is_main: bool = False
    is_logarithmic: bool = False
    choices: tuple[str, ...] = ()

    def complaint(self, value: float | str) -> str | None:
        """Return what is wrong with a value; None where nothing is."""
        if self.choices:
            return None if value in self.choices else f"must be one of {', '.join(self.choices)}, found {value!r}"
        if isinstance(value, str) or not self.low <= value <= self.high:
            return f"must lie between {self.low:g} and {self.high:g}, found {value}"
        return None

    def settings(self, count: int) -> list[float]:
        """Return up to `count` numbers from `low` to `high`, even in size, or in ratio where it is logarithmic."""
        spaced = np.geomspace if self.is_logarithmic else np.linspace
        numbers = [float(f"{number:.4g}") for number in spaced(self.low, self.high, count)]
        return list(dict.fromkeys(float(round(number)) if self.is_whole else number for number in numbers))


def number_knob(
    default: Number, *, low: Number, high: Number, text: str, is_main: bool = False, is_logarithmic: bool = False
) -> Number:
    """Return a dataclass field with this default that is a knob."""
    is_whole = isinstance(default, int)
    knob = Knob(text=text, low=low, high=high, is_whole=is_whole, is_main=is_main, is_logarithmic=is_logarithmic)
    return field(default=default, metadata={_KEY: knob})


def optional_knob(
    *, low: float, high: float, text: str, is_main: bool = False, is_logarithmic: bool = False
) -> float | None:
    """Return a dataclass field that is a knob, not set: the fleet's own setting is in force."""
    knob = Knob(text=text, low=low, high=high, is_main=is_main, is_logarithmic=is_logarithmic)
    return field(default=None, metadata={_KEY: knob})


def choice_knob(default: Text, *, choices: tuple[Text, ...], text: str) -> Text:
    """Return a dataclass field with this default that is one of some words."""
    return field(default=default, metadata={_KEY: Knob(text=text, choices=choices)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustable:
    """Checks the knobs of the policies that are built on it: ValueError for one outside its range."""

    def __post_init__(self) -> None:
        for name, knob in knobs_of(self).items():
            value = getattr(self, name)
            complaint = None if value is None else knob.complaint(value)
            if complaint is not None:
                raise ValueError(f"{name} {complaint}")

    def swept(self, count: int = SETTINGS) -> dict[str, Self]:
        """Return it at `count` settings of its main knob, by the setting in words, in the knob's order.

        Settings that its other knobs exclude are left out.
        """
        name = main_knob(self)
        knob = knobs_of(self)[name]
        found: dict[str, Self] = {}
        for value in knob.settings(count):
            with suppress(ValueError):
                found[f"{name} {value:g}"] = replace(self, **{name: int(value) if knob.is_whole else value})
        return found


def knobs_of(policy: Any) -> Mapping[str, Knob]:  # noqa: ANN401, any dataclass, or object of one
    """Return the knobs of a policy by the name of their field; none where it has none."""
    return {part.name: part.metadata[_KEY] for part in fields(policy) if _KEY in part.metadata}


def main_knob(policy: Any) -> str:  # noqa: ANN401, as above
    """Return the name of the field that is the main knob."""
    (name,) = (name for name, knob in knobs_of(policy).items() if knob.is_main)
    return name
