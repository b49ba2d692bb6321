"""Headroom's own policies in the replay: the production planner, hour by hour, from the forecasts it would have had.

Each hour's end the fleet's forecast is made, and a few minutes later the push puts the next two days of scheduled
actions in force, as scheduling.schedule_for decides; what stood later than its first possible start is replaced.
"""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from headroom.domain.instance_type import CapacityPool
from headroom.domain.scaling import Counts, ScalingApi
from headroom.domain.window import HOUR, floor_hour
from headroom.scheduling import SCHEDULED_ACTIONS_PER_TARGET, earliest_start, schedule_for
from headroom.scheduling.schedule import ACTION_DELAY_SECONDS
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.incumbents.target_tracking import TargetTracking
from headroom.simulation.knobs import Adjustable, number_knob, optional_knob
from headroom.simulation.policy import Change, Scene, floor_of
from headroom.spot import PoolOffer, plan_spot_mix
from headroom.spot.interruption import ADVISOR_MONTHLY_FRACTION, OUTAGE_HOURS, UNKNOWN_BAND
from headroom.units import HOURS_PER_MONTH

PUSH_DELAY_SECONDS: Final = 180.0
"""From an hour's end to its verified push with ten fleets (DESIGN section 5; measured in docs/benchmarks.md)."""
USUAL_TARGET: Final = 0.7
LEAST_TARGET: Final = 0.05
_RATIO_OF_Q99: Final = 100.0
"""The ratio that buys q99, or just above it: the highest quantile a forecast has."""
_MAX_CHANGES: Final = SCHEDULED_ACTIONS_PER_TARGET[ScalingApi.EC2_AUTO_SCALING] // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom(Adjustable):
    """The production planner alone: the fleet follows its floor, up and down."""

    name: str = "headroom"
    shortage_cost_ratio: float | None = optional_knob(
        low=0.01, high=200.0, is_main=True, is_logarithmic=True, text="c_short / c_over; the fleet's own where not set"
    )
    push_delay_seconds: float = PUSH_DELAY_SECONDS

    def plan(self, scene: Scene) -> CapacityPlan:
        """Plan every hour from its own forecast; ValueError without a ForecastProvider."""
        return CapacityPlan(pools=(scene.pool,), floors=self.floor(scene))

    def ratio(self, scene: Scene) -> float:
        """Return the shortage cost ratio in force."""
        own = scene.fleet.shortage_cost_ratio
        return own if self.shortage_cost_ratio is None else self.shortage_cost_ratio

    def floor(self, scene: Scene) -> Counts:
        """Return the floor of each step, shape (1, steps), with actions up to two minutes late."""
        changes = planned_changes(scene, self.ratio(scene), self.push_delay_seconds)
        return floor_of(changes, scene, most_late_seconds=ACTION_DELAY_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadroomReactive(Headroom):
    """The production planner's floor with target tracking underneath, which adds what the floor did not foresee.

    The target is the knob that trades cost against latency, and the floor goes with it: who keeps more of every
    instance free for the minutes ahead also buys a higher quantile of the hours ahead. At `USUAL_TARGET` the ratio is
    the fleet's own; from there it rises with the odds of an instance being free, to q99's at the lowest target, so that
    the sweep reaches both ends, and falls alike. One point above the target scales out.
    """

    name: str = "headroom_reactive"
    shortage_cost_ratio: float | None = optional_knob(
        low=0.05,
        high=20.0,
        is_logarithmic=True,
        text="c_short / c_over at the usual target, if not the fleet's own",
    )
    target_fraction: float = number_knob(
        USUAL_TARGET, low=LEAST_TARGET, high=0.99, is_main=True, text="Utilization to hold"
    )
    points_in: int = number_knob(15, low=3, high=30, text="Points in a row well below it before it scales in")

    def ratio(self, scene: Scene) -> float:
        """Return the shortage cost ratio that goes with the target, in steps of an eighth of a decade from the usual's.

        A ratio that the fleet did not set itself lies on such a step too: settings near each other share their plans.
        """
        free, usual, most = (
            math.log10((1.0 - target) / target) for target in (self.target_fraction, USUAL_TARGET, LEAST_TARGET)
        )
        at_usual = math.log10(Headroom.ratio(self, scene))
        if self.shortage_cost_ratio is not None:
            at_usual = _to_step(at_usual)
        rise = (max(at_usual, math.log10(_RATIO_OF_Q99)) - at_usual) / (most - usual)
        return float(10.0 ** max(at_usual + _to_step(rise * (free - usual)), min(at_usual, -2.0)))

    def plan(self, scene: Scene) -> CapacityPlan:
        """Plan as Headroom does; target tracking scales inside the bounds, never below the floor."""
        tracking = TargetTracking(target_fraction=self.target_fraction, points_out=1, points_in=self.points_in)
        return CapacityPlan(pools=(scene.pool,), floors=self.floor(scene), reaction=tracking.reaction(scene))


def _to_step(decades: float) -> float:
    return round(decades * 8.0) / 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadroomSpot(Headroom):
    """The production planner's floor, bought as the first spot-mix plan says: on demand and spot in three zones.

    Needs `spot.max_fraction` above 0 and the spot price of today's type in fleets.yaml. Zones are taken to be of one
    price, and interruptions independent, as often as the advisor's worst band: the spot issue's traces are harsher.
    """

    name: str = "headroom_spot"
    zones: tuple[str, ...] = ("a", "b", "c")

    def plan(self, scene: Scene) -> CapacityPlan:
        """Plan every hour from its own forecast, and each count of instances by plan_spot_mix."""
        fleet, today = scene.fleet, scene.fleet.current_type
        if fleet.spot.max_fraction == 0:
            raise ValueError(f"{self.name}: spot.max_fraction is 0: expected the share that may run on spot")
        if today.spot_usd_per_hour is None:
            raise ValueError(f"{self.name}: spot_usd_per_hour of {today.name}: expected a price, found none")
        monthly = ADVISOR_MONTHLY_FRACTION[UNKNOWN_BAND]
        offers = [
            PoolOffer(
                pool=CapacityPool(instance_type=today.name, availability_zone=zone),
                spot_usd_per_hour=today.spot_usd_per_hour,
                interruption_probability=monthly / HOURS_PER_MONTH * OUTAGE_HOURS,
            )
            for zone in self.zones
        ]
        spot = replace(
            scene.pool,
            purchase_option="spot",
            usd_per_hour=today.spot_usd_per_hour,
            interruptions_per_hour=-math.log1p(-monthly) / HOURS_PER_MONTH,
        )
        pools = (scene.pool, *(replace(spot, zone=zone) for zone in self.zones))
        floor = self.floor(scene)[0]
        floors = np.zeros((len(pools), scene.steps), dtype=np.int64)
        for count in np.unique(floor):
            mix = plan_spot_mix(
                fleet, required_instances=int(count), offers=offers, on_demand_usd_per_hour=scene.pool.usd_per_hour
            )
            for bought in mix.allocations:
                is_spot = bought.purchase_option == "spot"
                pool = 1 + self.zones.index(bought.pool.availability_zone) if is_spot else 0
                floors[pool, floor == count] = bought.instances
        return CapacityPlan(pools=pools, floors=floors)


@lru_cache(maxsize=64)
def planned_changes(scene: Scene, shortage_cost_ratio: float, push_delay_seconds: float) -> tuple[Change, ...]:
    """Return the changes that came into force, in order of time, of all hourly pushes that the replay sees.

    The first is the one that stood when it began, where an hour of demand was known for it. Remembered per scene, as
    policies that differ in what is underneath share them.
    """
    if scene.forecasts is None:
        raise ValueError("forecasts: expected a ForecastProvider, for the planner works from forecasts")
    fleet = replace(scene.fleet, shortage_cost_ratio=shortage_cost_ratio)
    changes: list[Change] = []
    end_utc = scene.moment(scene.steps)
    delay, late = timedelta(seconds=push_delay_seconds), timedelta(seconds=ACTION_DELAY_SECONDS)
    made_at = floor_hour(scene.start_utc)
    while earliest_start(made_at + delay) + late > scene.start_utc:
        made_at -= HOUR
    made_at = max(made_at, scene.known.start_utc + HOUR)
    while made_at < end_utc:
        starts_after = earliest_start(made_at + delay)
        changes = [change for change in changes if change.at_utc < starts_after]
        decided = schedule_for(
            fleet,
            scene.forecasts.forecast(made_at),
            rate=scene.rate,
            starts_after_utc=starts_after,
            current_instances=changes[-1].instances if changes else scene.initial_instances,
            max_changes=_MAX_CHANGES,
        )
        changes += [Change(at_utc=step.starts_at_utc, instances=step.instances) for step in decided.schedule.steps]
        made_at += HOUR
    return tuple(change for change in changes if change.at_utc < end_utc)
