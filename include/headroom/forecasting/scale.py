"""Scales in which demand is modelled: demand grows and varies by factors, so a log scale, except below zero."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from headroom.domain.demand import Floats

_MOST_OFFSET: Final = 1e200
"""Far above any demand: a kept scale with more is damaged."""
_LARGEST_LOG: Final = 709.0
_FLOOR_FRACTION: Final = 0.05
"""On the log scale no value counts as less than 5 % of the mean, or noise of near-idle hours outweighs the peaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A monotone scale: "log" is log(value + offset), "level" the value itself."""

    kind: Literal["log", "level"]
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError for a scale that is none: kept selections may be damaged."""
        if self.kind not in ("log", "level") or not 0 <= self.offset <= _MOST_OFFSET:
            raise ValueError(f"a scale {self.kind!r} with offset {self.offset!r}")

    def forward(self, values: Floats) -> Floats:
        """Return `values` on the scale; values at or below -offset stay finite."""
        if self.kind == "level":
            return values
        shifted = values + self.offset
        floor = max(self.offset * _FLOOR_FRACTION, np.finfo(np.float64).tiny)
        return np.log(np.maximum(shifted, floor))

    def backward(self, scaled: Floats) -> Floats:
        """Return values from the scale; those that no number could hold stay the largest of all."""
        return scaled if self.kind == "level" else np.exp(np.minimum(scaled, _LARGEST_LOG)) - self.offset


LEVEL: Final = Scale(kind="level")


def choose_scale(values: Floats) -> Scale:
    """Return the log scale with the offset that the values ask for, or the level where any is negative."""
    seen = values[np.isfinite(values)]
    if not len(seen) or seen.min() < 0 or seen.max() <= 0:
        return LEVEL
    return Scale(kind="log", offset=max(0.0, _FLOOR_FRACTION * float(seen.mean()) - float(seen.min())))
