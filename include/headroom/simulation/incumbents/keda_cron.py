"""KEDA's cron scaler, set from last week: replicas by the hour, with nothing that reacts."""

from dataclasses import dataclass

import numpy as np

from headroom.domain.scaling import Counts
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.knobs import Adjustable, number_knob, optional_knob
from headroom.simulation.policy import Scene
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaCron(Adjustable):
    """One cron trigger an hour whose desiredReplicas carry the peak of that hour a week before.

    Source: KEDA documentation, scaler "Cron", and "Scaling Deployments" for what stands under it, read 2026-11.
    Faithful: inside a window the workload has desiredReplicas, of overlapping windows the most; outside it falls to
    minReplicaCount; KEDA gives the number to a HorizontalPodAutoscaler, whose scale-down stabilisation holds the
    highest of the last 300 s. Simplified: the owner rewrites the triggers every week by the fleet's own queue and
    objective, so the schedule is as good as its week; before there is a week, the same hour of the day before counts,
    before that the first instances stay; the autoscaler's limit on growth is left out.
    """

    name: str = "keda_cron"
    peak_factor: float = number_knob(
        1.0, low=0.2, high=5.0, is_main=True, text="What last week's hourly peak is multiplied by before sizing"
    )
    early_seconds: float | None = optional_knob(
        low=0.0, high=3600.0, text="How long before its hour a window starts; the fleet's lead time where not set"
    )
    stabilization_seconds: float = number_knob(
        300.0, low=0.0, high=3600.0, text="How long the autoscaler holds the highest of what was asked"
    )

    def plan(self, scene: Scene) -> CapacityPlan:
        """Hold the most that any window asks that is open at a step, or was until the stabilisation before it."""
        early_seconds = scene.pool.lead_time_seconds if self.early_seconds is None else self.early_seconds
        moments = (-self.stabilization_seconds, 0.0, early_seconds)
        asked = [_desired(scene, scene.hours_of_steps(ahead_seconds=seconds), self.peak_factor) for seconds in moments]
        return scene.holding(np.maximum.reduce(asked))


def _desired(scene: Scene, hours: Counts, peak_factor: float) -> Counts:
    """Return what the window of each hour of `hours` asks, shape (steps,), by hours that had ended at its step."""
    peaks = scene.history(scene.moment(scene.steps)).peak_per_second
    now = scene.hours_of_steps()
    week, day = (_newest_ended(hours, now, period) for period in (HOURS_PER_WEEK, HOURS_PER_DAY))
    source = np.where(week >= 0, week, day)
    is_known = source >= 0
    desired: Counts = np.full(len(hours), scene.initial_instances, dtype=np.int64)
    desired[is_known] = scene.instances_for(peak_factor * peaks[source[is_known]])
    return desired


def _newest_ended(hours: Counts, now: Counts, period: int) -> Counts:
    """Return the hour whole periods before each, at least one, that had ended when hour `now` began.

    A window that opens more than a period early is of an hour whose forerunner a period before has yet to come.

    >>> _newest_ended(np.array([30, 54]), np.array([30, 30]), 24).tolist()
    [6, 6]
    """
    newest: Counts = hours - period * np.maximum(1, -((now - 1 - hours) // period))
    return newest
