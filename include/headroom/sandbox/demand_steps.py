"""Demand in steps of five minutes: what both sources of it (generator and file) give to the world."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from headroom.sandbox.world_interface import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandSteps:
    """Demand of one fleet from the world's start on, one value a 5-minute step; all arrays have the same shape (n,).

    `rate_per_second` is the work offered, NaN where nobody knows it (outside a demand file); `count` is the work that
    arrived in the step; `is_reported` is False where the metrics of the step got lost on their way.
    """

    rate_per_second: Floats
    count: Floats
    is_reported: npt.NDArray[np.bool_]


class DemandSource(Protocol):
    """Demand of one fleet over all time."""

    @property
    def origin(self) -> str:
        """Where the demand comes from, in words."""
        ...

    def steps(self, count: int) -> DemandSteps:
        """Return the first `count` steps; a larger count gives the same steps and more."""
        ...
