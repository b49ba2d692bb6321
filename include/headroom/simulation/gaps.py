"""Gaps between the tokens of a run's requests, from what the minute loop wrote; pure.

A request's gap is the mean of its own, at the utilization of the step in which it came. One that failed has no tokens
and counts as the slowest.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from headroom.domain.demand import Floats
from headroom.simulation.latency_percentiles import latency_percentiles
from headroom.simulation.latency_table import GapTable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gaps:
    """What became of both objectives on tokens.

    Shape (steps,): requests `first_late`, beyond the objective on the first token, and `late`, on the gaps; failed ones
    are in both. `slower_requests`: requests whose gap was longer than each of `seconds`, and the same of steps in which
    a launch was under way.
    """

    first_late: Floats
    late: Floats
    seconds: Floats
    slower_requests: Floats
    slower_requests_while_scaling: Floats

    def at_most(self, late: Floats) -> Self:
        """Return it where no more requests than `late`, shape (steps,), missed either objective."""
        return replace(self, first_late=np.minimum(self.first_late, late), late=np.minimum(self.late, late))

    def within(self, percentile: float, *, is_while_scaling: bool = False) -> float:
        """Return the gap that `percentile` percent of requests stay within; NaN where none came."""
        slower = self.slower_requests_while_scaling if is_while_scaling else self.slower_requests
        return float(latency_percentiles(slower[None, :], self.seconds, percentile)[0])


def gaps_of(table: GapTable, utilizations: Floats, arriving: Floats, steps: Floats) -> Gaps:
    """Return the gaps of a run: `arriving`, shape (steps,), and `steps` as minute_loop.Written tells."""
    failed, busy = np.minimum(steps[:, 1], arriving), steps[:, 3]
    served = arriving - failed
    place = np.minimum(busy, utilizations[-1])
    low = np.clip(np.searchsorted(utilizations, place, side="right") - 1, 0, len(utilizations) - 2)
    crowd = (place - utilizations[low]) / (utilizations[low + 1] - utilizations[low])

    def slower(chosen: Floats) -> Floats:
        """Return requests slower than each latency, of the steps whose weight is 1."""
        weight = np.bincount(low, served * chosen * (1.0 - crowd), len(utilizations))
        weight += np.bincount(low + 1, served * chosen * crowd, len(utilizations))
        tails: Floats = weight @ table.tails + (failed * chosen).sum()
        return tails

    missed = table.tails[:, table.objective_index]
    return Gaps(
        first_late=steps[:, 6],
        late=failed + served * np.interp(place, utilizations, missed),
        seconds=table.seconds,
        slower_requests=slower(np.ones(len(arriving))),
        slower_requests_while_scaling=slower((steps[:, 7] > 0).astype(np.float64)),
    )
