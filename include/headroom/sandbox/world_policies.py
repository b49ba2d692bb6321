"""What the owner's scaling policies mean in the world: metrics as shares of busy slots, and the predictive forecast.

The rules of predictive scaling are those that the replayed incumbent keeps (headroom.simulation.incumbents), with the
same stand-in for AWS's own model; here they act on a group or service whose owner changes bounds meanwhile.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.sandbox.fleet_lives import FleetLife, UtilizationCurve
from headroom.sandbox.world_interface import SAMPLE_SECONDS, OwnersPolicy, PredictiveScaling, TargetTracking
from headroom.simulation.incumbents.aws_predictive import (
    HORIZON_HOURS,
    LEAST_HISTORY_HOURS,
    MOST_HISTORY_HOURS,
    REFRESH_HOURS,
)
from headroom.simulation.incumbents.seasonal_load import forecast_load
from headroom.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

STEPS_PER_HOUR: Final = SECONDS_PER_HOUR // SAMPLE_SECONDS
CPU_METRICS: Final = frozenset(
    {
        "ASGAverageCPUUtilization",
        "ASGCPUUtilization",
        "ECSServiceAverageCPUUtilization",
        "ECSServiceCPUUtilization",
    }
)
INVOCATION_METRICS: Final = frozenset({"SageMakerVariantInvocationsPerInstance"})


def tracking_of(
    life: FleetLife, policies: Sequence[OwnersPolicy], *, rate_per_instance: float
) -> TargetTracking | None:
    """Return the target tracking that acts, of all the policies in force; None where none does."""
    found = [
        _tracking(life, policy, fraction)
        for policy in policies
        if not policy.is_predictive and (fraction := _fraction(life.gauges, policy, rate_per_instance)) is not None
    ]
    return min(found, key=lambda policy: policy.target_utilization_fraction, default=None)


def predictive_of(
    life: FleetLife, policies: Sequence[OwnersPolicy], *, rate_per_instance: float
) -> PredictiveScaling | None:
    """Return the predictive policy that acts, of all the policies in force; None where none does."""
    found = [
        PredictiveScaling(
            policy_name=policy.name,
            target_utilization_fraction=fraction,
            scheduling_buffer_seconds=policy.scheduling_buffer_seconds,
            raises_maximum=policy.raises_maximum,
            maximum_buffer_percent=policy.maximum_buffer_percent,
        )
        for policy in policies
        if policy.is_predictive and (fraction := _fraction(life.gauges, policy, rate_per_instance)) is not None
    ]
    return min(found, key=lambda policy: policy.target_utilization_fraction, default=None)


class CapacityForecast:
    """The instances that a predictive policy forecasts for each hour; hours and minutes since the world's start.

    The first forecast is made when it is first asked, a new one 6 hours after the last.
    """

    def __init__(self, policy: PredictiveScaling, *, rate_per_instance: float) -> None:
        self.policy = policy
        self.buffer_minutes = math.ceil(policy.scheduling_buffer_seconds / SECONDS_PER_MINUTE)
        self._rate_at_target = policy.target_utilization_fraction * rate_per_instance
        self._made_at: int | None = None
        self._load: Floats = np.zeros(HORIZON_HOURS)

    def acts_at(self, minute: int) -> bool:
        """Tell whether the capacity of an hour that is about to begin is launched at this minute."""
        return (minute + self.buffer_minutes) % MINUTES_PER_HOUR == 0

    def next_act(self, minute: int) -> int:
        """Return the first minute after this one at which it acts."""
        return minute + MINUTES_PER_HOUR - (minute + self.buffer_minutes) % MINUTES_PER_HOUR

    def instances(self, hour: int, *, minute: int, rate_per_second: Floats) -> int:
        """Return the instances forecast for `hour`, from the 5-minute demand of whole hours before `minute`."""
        now = minute // MINUTES_PER_HOUR
        if self._made_at is None or now >= self._made_at + REFRESH_HOURS:
            self._made_at, self._load = now, _load(rate_per_second[: now * STEPS_PER_HOUR])
        return math.ceil(float(self._load[hour - self._made_at]) / self._rate_at_target - 1e-9)


def _load(rate_per_second: Floats) -> Floats:
    """Return the load of the coming hours; nothing where fewer than 24 whole hours are known without a gap."""
    hourly = rate_per_second.reshape(-1, STEPS_PER_HOUR).mean(axis=1)[-MOST_HISTORY_HOURS:]
    unknown = np.flatnonzero(np.isnan(hourly))
    known = hourly[unknown[-1] + 1 :] if len(unknown) else hourly
    return np.zeros(HORIZON_HOURS) if len(known) < LEAST_HISTORY_HOURS else forecast_load(known, HORIZON_HOURS)


def _tracking(life: FleetLife, policy: OwnersPolicy, fraction: float) -> TargetTracking:
    own = life.reactive
    if own is not None and (own.policy_name, own.target_value) == (policy.name, policy.target_value):
        return own
    return TargetTracking(
        policy_name=policy.name,
        predefined_metric=policy.predefined_metric,
        target_value=policy.target_value,
        target_utilization_fraction=fraction,
        scale_out_cooldown_seconds=policy.scale_out_cooldown_seconds,
        scale_in_cooldown_seconds=policy.scale_in_cooldown_seconds,
    )


def _fraction(gauges: UtilizationCurve, policy: OwnersPolicy, rate_per_instance: float) -> float | None:
    """Return the share of busy slots at which the policy's metric stands at its target; None where nobody knows."""
    if policy.predefined_metric in CPU_METRICS:
        span = gauges.cpu_busy_percent - gauges.cpu_idle_percent
        fraction = (policy.target_value - gauges.cpu_idle_percent) / span
    elif policy.predefined_metric in INVOCATION_METRICS:
        fraction = policy.target_value / SECONDS_PER_MINUTE / rate_per_instance
    else:
        return None
    return fraction if fraction > 0.0 else None
