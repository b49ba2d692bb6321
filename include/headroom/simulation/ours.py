"""Headroom's own policies in the replay: the production planner, hour by hour, from the forecasts it would have had.

Each hour's end the fleet's forecast is made, and a few minutes later the push puts the next two days of scheduled
actions in force, as scheduling.schedule_for decides; what stood later than its first possible start is replaced.
"""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from headroom.capacity import sustainable_rate
from headroom.domain.fleet import Fleet
from headroom.domain.instance_type import CapacityPool
from headroom.domain.scaling import ScalingApi
from headroom.domain.window import HOUR, floor_hour
from headroom.scheduling import SCHEDULED_ACTIONS_PER_TARGET, earliest_start, schedule_for
from headroom.scheduling.schedule import ACTION_DELAY_SECONDS
from headroom.simulation.engine import CapacityPlan, Reaction
from headroom.simulation.policy import Change, Scene, floor_of
from headroom.spot import PoolOffer, plan_spot_mix
from headroom.spot.interruption import ADVISOR_MONTHLY_FRACTION, OUTAGE_HOURS, UNKNOWN_BAND
from headroom.units import HOURS_PER_MONTH

PUSH_DELAY: Final = timedelta(minutes=3)
"""From an hour's end to its verified push with ten fleets (DESIGN section 5; measured in docs/benchmarks.md)."""
_MAX_CHANGES: Final = SCHEDULED_ACTIONS_PER_TARGET[ScalingApi.EC2_AUTO_SCALING] // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """The production planner alone, or as the floor under a reactive policy."""

    name: str = "headroom"
    reaction: Reaction | None = None
    push_delay: timedelta = PUSH_DELAY

    def plan(self, scene: Scene) -> CapacityPlan:
        """Plan every hour from its own forecast; ValueError without a ForecastProvider."""
        changes = planned_changes(scene, scene.fleet, push_delay=self.push_delay)
        floors = floor_of(changes, scene, most_late_seconds=ACTION_DELAY_SECONDS)
        return CapacityPlan(pools=(scene.pool,), floors=floors, reaction=self.reaction)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadroomSpot:
    """The production planner's floor, bought as the first spot-mix plan says: on demand and spot in three zones.

    Needs `spot.max_fraction` above 0 and the spot price of today's type in fleets.yaml. Zones are taken to be of one
    price, and interruptions independent, as often as the advisor's worst band: the spot issue's traces are harsher.
    """

    name: str = "headroom_spot"
    zones: tuple[str, ...] = ("a", "b", "c")
    push_delay: timedelta = PUSH_DELAY

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
        floor = floor_of(
            planned_changes(scene, fleet, push_delay=self.push_delay), scene, most_late_seconds=ACTION_DELAY_SECONDS
        )[0]
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


def planned_changes(scene: Scene, fleet: Fleet, *, push_delay: timedelta) -> list[Change]:
    """Return the changes that came into force, in order of time, of all hourly pushes of the replay."""
    if scene.forecasts is None:
        raise ValueError("forecasts: expected a ForecastProvider, for the planner works from forecasts")
    rate = sustainable_rate(fleet, fleet.current_type.name)
    changes: list[Change] = []
    end_utc = scene.moment(scene.steps)
    made_at = floor_hour(scene.start_utc)
    if made_at < scene.start_utc:
        made_at += HOUR
    while made_at < end_utc:
        starts_after = earliest_start(made_at + push_delay)
        changes = [change for change in changes if change.at_utc < starts_after]
        decided = schedule_for(
            fleet,
            scene.forecasts.forecast(made_at),
            rate=rate,
            starts_after_utc=starts_after,
            current_instances=changes[-1].instances if changes else scene.initial_instances,
            max_changes=_MAX_CHANGES,
        )
        changes += [Change(at_utc=step.starts_at_utc, instances=step.instances) for step in decided.schedule.steps]
        made_at += HOUR
    return [change for change in changes if change.at_utc < end_utc]
