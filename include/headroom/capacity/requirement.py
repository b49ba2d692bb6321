"""How many instances each hour needs: SLO inversion at the critical-ratio quantile of demand in its minutes.

One rule, no margins on top of each other. The demand worth buying for is the quantile c_short / (c_short + c_over) of
demand in any minute of the hour (the newsvendor's; decision 0018). The instances for it: where the fleet serves
requests in slots, the fewest for which its latency objective holds in one queue over all slots; a pool of many servers
then carries more per instance than one alone, so the sustainable rate of one instance is not applied as well (it only
tells other types' speed). Where today's rate was measured, the queue's service time is the one with which it carries
that rate. For any other serving model, demand over the sustainable rate of one instance, rounded up; for continuous
batching with objectives on tokens that rate is the inversion: the most for which both hold by the measured profile.
"""

import math
from functools import lru_cache

import numpy as np

from headroom.capacity.rates import RateSource, SustainableRate, slot_queue, sustainable_rate
from headroom.capacity.sizing import SlotQueue
from headroom.domain.demand import DemandForecast, Floats, bought_level
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import CapacityRequirement, Counts


def required_capacity(
    fleet: Fleet,
    forecast: DemandForecast,
    *,
    rate: SustainableRate | None = None,
) -> CapacityRequirement:
    """Return the instances of one type each forecast hour needs, held inside the fleet's bounds.

    `rate` is of the type to size for; None means today's, as fleets.yaml tells it. ImpossibleObjective when no number
    of instances keeps the objective; UnknownRate when nothing tells what an instance carries.
    """
    rate = rate or sustainable_rate(fleet, fleet.current_type.name)
    demand = forecast.minute_at_level(fleet.critical_ratio)
    needed = instances_for_demand(fleet, rate, demand)
    bounds = fleet.bounds
    over = int((needed > bounds.max_instances).sum())
    limited = f"; max_instances limits {over} of {len(needed)} hours" if over else ""
    return CapacityRequirement(
        fleet_id=fleet.id,
        hours=forecast.hours,
        required_instances=np.clip(needed, bounds.min_instances, bounds.max_instances),
        demand_per_second=demand,
        method=f"{rate.source.value}: {_method(fleet, rate)}{limited}",
    )


def instances_for_demand(fleet: Fleet, rate: SustainableRate, demand_per_second: Floats) -> Counts:
    """Return the instances each demand needs, shape as given, without bounds (rule: module docstring)."""
    queue = _queue(fleet, rate)
    if queue is None:
        # The last digits of a quotient that should be whole are rounding: 27 / 9 must not become 4.
        return np.ceil(demand_per_second / rate.rate_per_second * (1.0 - 1e-12)).astype(np.int64)
    distinct, position = np.unique(demand_per_second, return_inverse=True)
    counts: Counts = np.array(_queue_counts(queue, tuple(distinct.tolist())), dtype=np.int64)
    return counts[position].reshape(demand_per_second.shape)


@lru_cache(maxsize=4096)
def _queue_counts(queue: SlotQueue, rates_per_second: tuple[float, ...]) -> tuple[int, ...]:
    """Remember counts: types of equal speed ask the same, and so does every run of an unchanged forecast."""
    return tuple(queue.instances_for(np.array(rates_per_second)).tolist())


def _queue(fleet: Fleet, rate: SustainableRate) -> SlotQueue | None:
    return None if rate.service_seconds is None else slot_queue(fleet, rate.service_seconds)


def _method(fleet: Fleet, rate: SustainableRate) -> str:
    level = f"at q{math.floor(bought_level(fleet.critical_ratio) * 1000) / 10:g} of the minutes"
    queue = _queue(fleet, rate)
    if queue is None:
        return f"{rate.rate_per_second:.3g}/s an instance ({rate.method}), demand over rate {level}"
    measured = f" ({rate.method})" if rate.source is RateSource.HISTORY else ""
    return (
        f"{queue.service_seconds:.3g} s service{measured} in {queue.slots} slots, {queue.method}, "
        f"p{queue.percentile:g} <= {queue.latency_seconds:g} s {level}"
    )
