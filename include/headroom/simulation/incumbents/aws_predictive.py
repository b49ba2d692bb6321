"""AWS predictive scaling: an hourly forecast raises the minimum, and target tracking does the rest."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.incumbents.seasonal_load import forecast_load
from headroom.simulation.incumbents.target_tracking import TargetTracking
from headroom.simulation.knobs import number_knob
from headroom.simulation.policy import Scene
from headroom.units import HOURS_PER_DAY

LEAST_HISTORY_HOURS: Final = HOURS_PER_DAY
MOST_HISTORY_HOURS: Final = 14 * HOURS_PER_DAY
HORIZON_HOURS: Final = 48
REFRESH_HOURS: Final = 6
"""How predictive scaling works, Amazon EC2 Auto Scaling User Guide, read 2026-11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPredictive(TargetTracking):
    """Target tracking over a minimum that a forecast raises for each hour.

    Source: Amazon EC2 Auto Scaling User Guide, "How predictive scaling works", and the API's
    PredictiveScalingConfiguration, read 2026-11. Faithful: at least 24 hours of data, at most the last 14 days used,
    a forecast of 48 hours by the hour, made anew every 6 hours; capacity for an hour is forecast load over the same
    target as target tracking's, and is there from `scheduling_buffer_seconds` before the hour; a falling forecast
    removes nothing, that is left to target tracking. Simplified: AWS's model is not public; seasonal_load.py, a blend
    of the same hours of day and week at the level of the last day, stands in for it; it is made without delay from
    demand itself (what was offered), which is no weaker than the load metric. At the maximum only the default,
    HonorMaxCapacity, is there: a fleet's bounds are never raised, so IncreaseMaxCapacity is not.
    """

    name: str = "aws_predictive"
    scheduling_buffer_seconds: float = number_knob(
        300.0, low=0.0, high=3599.0, text="How long before its hour a forecast's capacity is launched"
    )

    def plan(self, scene: Scene) -> CapacityPlan:
        """Raise the minimum to the newest forecast of each step's hour, and of the next inside the buffer."""
        mean = scene.history(scene.moment(scene.steps)).mean_per_second
        hours = scene.hours_of_steps()
        reached = scene.hours_of_steps(ahead_seconds=self.scheduling_buffer_seconds)
        floors: Counts = np.zeros(scene.steps, dtype=np.int64)
        for made_at_hour in range(int(hours[0]), int(hours[-1]) + 1, REFRESH_HOURS):
            capacity = self._capacity(scene, mean[:made_at_hour])
            is_in_force = (hours >= made_at_hour) & (hours < made_at_hour + REFRESH_HOURS)
            for hour in (hours, reached):
                floors[is_in_force] = np.maximum(floors[is_in_force], capacity[hour[is_in_force] - made_at_hour])
        return scene.holding(floors, self.reaction(scene))

    def _capacity(self, scene: Scene, known: Floats) -> Counts:
        """Return the instances that a forecast from the hours known wants in the next 48; 0 with no forecast."""
        if len(known) < LEAST_HISTORY_HOURS:
            return np.zeros(HORIZON_HOURS, dtype=np.int64)
        at_target = scene.queue.rate_per_second * self.target_fraction
        load = forecast_load(known[-MOST_HISTORY_HOURS:], HORIZON_HOURS)
        return np.ceil(load / at_target - 1e-9).astype(np.int64)
