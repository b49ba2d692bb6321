"""Headroom's own policies in the replay: the production planner, hour by hour, from the forecasts it would have had.

Each hour's end the fleet's forecast is made, and a few minutes later the push puts the next two days of scheduled
actions in force, as scheduling.schedule_for decides; what stood later than its first possible start is replaced.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from headroom.capacity import sustainable_rate
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import ScalingApi
from headroom.domain.window import HOUR, floor_hour
from headroom.scheduling import SCHEDULED_ACTIONS_PER_TARGET, earliest_start, schedule_for
from headroom.scheduling.schedule import ACTION_DELAY_SECONDS
from headroom.simulation.engine import CapacityPlan, Reaction
from headroom.simulation.policy import Change, Scene, floor_of

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
