"""A one-step planner as NVIDIA Dynamo's documentation describes its SLA planner."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from headroom.domain.demand import Floats
from headroom.domain.scaling import Counts
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.incumbents.load_predictors import predict_by_arima, predict_by_kalman
from headroom.simulation.incumbents.reacting import steps_in
from headroom.simulation.knobs import Adjustable, choice_knob, number_knob
from headroom.simulation.policy import Scene

_LEVEL_NOISE, _TREND_NOISE, _NOISE, _LEAST_POINTS = 1.0, 0.1, 10.0, 5
"""The planner's defaults for its Kalman filter, in requests an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamo(Adjustable):
    """Every interval: replicas = ceil(predicted load of the next interval / throughput of one replica at the SLA).

    Source: NVIDIA Dynamo documentation, "SLA-based Planner" and "Planner Design" (throughput-based scaling), and the
    planner's published defaults (180 s, ARIMA, 50 values, Kalman 1.0, 0.1 and 10.0 from 5 values on), read 2026-11.
    Faithful: one step ahead, no look past the interval; scaling up and down at once, without waiting for what is
    under way. Simplified: prefill and decode are out of scope, a replica is one instance and its throughput at the
    SLA the fleet's sustainable rate; load is the count of requests; correction factors (actual over expected latency)
    are 1; auto-ARIMA chooses among ARIMA(0..2, 1, 0); Prophet is left out (50 values of 180 s hold no daily pattern);
    so is the load-based mode, which reads the engines' own metrics.
    """

    name: str = "dynamo"
    throughput_factor: float = number_knob(
        1.0, low=0.1, high=3.0, is_main=True, text="What the sustainable rate of one replica is multiplied by"
    )
    adjustment_interval_seconds: float = number_knob(
        180.0, low=30.0, high=3600.0, text="Time between decisions, and the span each predicts"
    )
    load_predictor: Literal["constant", "arima", "kalman"] = choice_knob(
        "arima", choices=("constant", "arima", "kalman"), text="How the next interval's load is predicted"
    )
    window_size: int = number_knob(50, low=10, high=1000, text="Intervals that ARIMA is fitted on")

    def plan(self, scene: Scene) -> CapacityPlan:
        """Decide at the start of each interval, from those that have ended."""
        steps = steps_in(scene, self.adjustment_interval_seconds)
        first = scene.known.step_of(scene.start_utc)
        rates = scene.known.until(scene.moment(scene.steps))[first % steps :]
        intervals = rates[: len(rates) // steps * steps].reshape(-1, steps).mean(axis=1)
        predicted = self._predicted(intervals * (steps * scene.step_seconds)) / (steps * scene.step_seconds)
        replicas = np.ceil(predicted / (scene.rate_per_instance * self.throughput_factor) - 1e-9)
        decided: Counts = np.concatenate([[scene.initial_instances], np.maximum(replicas, 1.0)]).astype(np.int64)
        ended = first // steps + np.arange(scene.steps) // steps  # the intervals before each step's decision
        return scene.holding(decided[ended])

    def _predicted(self, counts: Floats) -> Floats:
        """Return the requests of the interval after each one, from those up to it."""
        if self.load_predictor == "arima":
            return predict_by_arima(counts, self.window_size)
        if self.load_predictor == "kalman":
            return predict_by_kalman(counts, _LEVEL_NOISE, _TREND_NOISE, _NOISE, _LEAST_POINTS)
        return counts
