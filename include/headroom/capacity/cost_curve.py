"""The cost curve of the decision rule: what buying for each demand quantile is expected to cost, short and idle.

The newsvendor's (K. Arrow, T. Harris, J. Marschak, Optimal Inventory Policy, 1951). Of n instances bought where N are
needed, c_over is paid for each too many and c_short for each too few; but for c_over x N, which no choice changes, that
is c_over x n + (c_short + c_over) x max(N - n, 0). Its mean is least where n covers N with the chance
c_short / (c_short + c_over), the critical ratio. c_over is an instance-hour's price.
"""

from dataclasses import dataclass

import numpy as np

from headroom.capacity.rates import SustainableRate
from headroom.capacity.requirement import instances_for_demand
from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import LEVEL_WEIGHTS, DemandForecast, Floats
from headroom.domain.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CostCurve:
    """Expected USD of the hours at each of QUANTILE_LEVELS, arrays of shape (13,), and the level the rule buys."""

    instance_usd: Floats
    shortage_usd: Floats
    critical_ratio: float

    @property
    def total_usd(self) -> Floats:
        """Instances plus shortage, shape (13,)."""
        return self.instance_usd + self.shortage_usd

    @property
    def cheapest_level(self) -> float:
        """The level at which the total is least; the lowest of equal ones."""
        return QUANTILE_LEVELS[int(self.total_usd.argmin())]


def cost_curve(
    fleet: Fleet,
    forecast: DemandForecast,
    rate: SustainableRate,
    *,
    usd_per_hour: float,
    hours: int | None = None,
) -> CostCurve:
    """Return the expected cost of the first `hours` (all by default), sized by the objective without bounds.

    Need follows the forecast's minutes: linear in probability between the quantiles, and beyond the first and last
    as they are, so shortage beyond q99 is not in it. ImpossibleObjective as in instances_for_demand.
    """
    needed = instances_for_demand(fleet, rate, forecast.minute_quantiles_per_second()[:hours]).astype(np.float64)
    # the integral over the probability by trapezoids, which are exact: shortage bends at the levels alone
    short = np.maximum(needed[:, None, :] - needed[:, :, None], 0.0) @ LEVEL_WEIGHTS
    return CostCurve(
        instance_usd=usd_per_hour * needed.sum(axis=0),
        shortage_usd=usd_per_hour * (fleet.shortage_cost_ratio + 1.0) * short.sum(axis=0),
        critical_ratio=fleet.critical_ratio,
    )
