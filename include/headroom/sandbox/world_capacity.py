"""Capacity of one fleet, minute by minute: bounds, launches with lead time, terminations, the owner's policies.

The rules are those of AWS: raising the minimum above desired raises desired, lowering the maximum below it lowers
desired, target tracking moves desired inside the bounds only. Predictive scaling raises desired to its forecast for
each hour, a buffer before the hour; in the hour target tracking goes no lower, and nothing else is scaled in by it:
both take the maximum. An instance runs (and is billed) from its launch and is
in service one lead time later. New instances go to the emptiest zone, terminations take the newest of the fullest.
"""

import math
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headroom.sandbox.world_interface import SAMPLE_SECONDS, Floats, TargetTracking
from headroom.sandbox.world_policies import CapacityForecast
from headroom.units import MINUTES_PER_HOUR, PERCENT_PER_FRACTION, SECONDS_PER_MINUTE

MINUTES_PER_STEP: Final = SAMPLE_SECONDS // SECONDS_PER_MINUTE
SCALE_OUT_MINUTES: Final = 3
SCALE_IN_MINUTES: Final = 15
SCALE_IN_MARGIN: Final = 0.9
"""Target tracking scales in below this share of its target only, so that it does not swing."""
_LOOK_AHEAD_MINUTES: Final = 240


@dataclass(slots=True, kw_only=True)
class InstanceRun:
    """One instance from its launch to its end, in minutes since the world's start; `ended` is None while it runs."""

    number: int
    zone: str
    launched: int
    ready: int
    ended: int | None = None


class FleetCapacity:
    """The instances of one fleet; `in_service` and `running` hold one value for every minute that has passed."""

    def __init__(
        self,
        *,
        zones: Sequence[str],
        lead_minutes: int,
        minimum: int,
        maximum: int,
        desired: int,
        rate_per_instance: float,
        reactive: TargetTracking | None,
    ) -> None:
        self.minimum, self.maximum, self.desired = minimum, maximum, desired
        self.in_service = array("H")
        self.running_counts = array("H")
        self.entered_service = array("H")
        self.running: list[InstanceRun] = []
        self.ended: list[InstanceRun] = []
        self._most_running: int | None = None
        self._zones = tuple(zones)
        self._lead_minutes = lead_minutes
        self._rate_per_instance = rate_per_instance
        self._reactive = reactive
        self._forecast: CapacityForecast | None = None
        self._forecast_floors: dict[int, int] = {}
        self._recent_loads: deque[float] = deque(maxlen=SCALE_IN_MINUTES)
        self._minutes_above = self._minutes_below = 0
        self._last_scale_out = self._last_scale_in = -SCALE_IN_MINUTES
        self._launch(desired, at=-lead_minutes - 1)

    @property
    def minute(self) -> int:
        """Minutes that have passed."""
        return len(self.in_service)

    @property
    def in_service_now(self) -> int:
        """Instances in service at the start of the coming minute."""
        return sum(1 for instance in self.running if instance.ready <= self.minute)

    def apply(self, *, minimum: int | None, maximum: int | None, desired: int | None) -> None:
        """Set bounds and desired at the coming minute; ValueError where AWS refuses."""
        low = self.minimum if minimum is None else minimum
        high = self.maximum if maximum is None else maximum
        if low < 0 or low > high:
            raise ValueError(f"minimum {low} must be at least 0 and at most the maximum, {high}")
        if desired is not None and not low <= desired <= high:
            raise ValueError(f"desired {desired} must lie between the minimum, {low}, and the maximum, {high}")
        self.minimum, self.maximum = low, high
        self._move_to(min(max(self.desired if desired is None else desired, low), high))

    def follow(self, *, reactive: TargetTracking | None, forecast: CapacityForecast | None) -> None:
        """Be scaled by these policies from the coming minute on; one that stays goes on as it was."""
        if reactive != self._reactive:
            self._reactive = reactive
            self._recent_loads.clear()
            self._minutes_above = self._minutes_below = 0
        if forecast is None or self._forecast is None or forecast.policy != self._forecast.policy:
            self._forecast = forecast
            self._forecast_floors.clear()

    def limit_launches(self, most_running: int | None) -> None:
        """Let no instance be launched beyond `most_running`, the zones having no more; None: there is enough again.

        What runs goes on; what is desired beyond it is launched as soon as there is capacity, as AWS goes on trying.
        """
        self._most_running = most_running
        self._move_to(self.desired)

    def run_until(self, minute: int, rate_per_second: Floats) -> None:
        """Let time pass until `minute`; `rate_per_second` is the demand by 5-minute step since the world's start."""
        while (now := self.minute) < minute:
            # Until the next instance comes into service, or something moves desired, all minutes are alike.
            end = min(minute, now + _LOOK_AHEAD_MINUTES)
            if self._forecast is not None:
                self._anticipate(self._forecast, rate_per_second)
                end = min(end, self._forecast.next_act(now))
            end = min((run.ready for run in self.running if now < run.ready < end), default=end)
            reaction = None if self._reactive is None else self._next_reaction(self._reactive, end, rate_per_second)
            if reaction is None:
                self._pass(end - now)
                continue
            at, desired = reaction
            if at > now:
                self._pass(at - now)
            self._move_to(desired)
            self._pass(1)

    def _pass(self, minutes: int) -> None:
        """Let minutes pass in which nothing comes into service but at the first."""
        now = self.minute
        serving = sum(1 for run in self.running if run.ready <= now)
        entering = sum(1 for run in self.running if run.ready == now)
        self.in_service += array("H", [serving]) * minutes
        self.running_counts += array("H", [len(self.running)]) * minutes
        self.entered_service += array("H", [entering]) + array("H", [0]) * (minutes - 1)

    def _anticipate(self, forecast: CapacityForecast, rate_per_second: Floats) -> None:
        """Raise desired to the forecast of the hour whose capacity is launched at the coming minute, if one is."""
        now = self.minute
        if not forecast.acts_at(now):
            return
        hour = (now + forecast.buffer_minutes) // MINUTES_PER_HOUR
        wanted = forecast.instances(hour, minute=now, rate_per_second=rate_per_second)
        self._forecast_floors = {hour - 1: self._forecast_floors.get(hour - 1, 0), hour: wanted}
        if wanted > self.maximum and forecast.policy.raises_maximum:
            self.maximum = _ceil(wanted * (1.0 + forecast.policy.maximum_buffer_percent / PERCENT_PER_FRACTION))
        if min(wanted, self.maximum) > self.desired:
            self._move_to(min(wanted, self.maximum))

    def _forecast_floor(self, minute: int) -> int:
        """Return the least that target tracking may leave at a minute, because it is forecast."""
        if self._forecast is None:
            return 0
        hours = {minute // MINUTES_PER_HOUR, (minute + self._forecast.buffer_minutes) // MINUTES_PER_HOUR}
        return min(max(self._forecast_floors.get(hour, 0) for hour in hours), self.maximum)

    def _next_reaction(self, policy: TargetTracking, end: int, rate_per_second: Floats) -> tuple[int, int] | None:
        """Return the first minute before `end` at which the policy moves desired, and to what, or None.

        Target tracking: 3 minutes above the target scale out, 15 well below it scale in. A minute without data (or
        without an instance) makes neither.
        """
        now, serving = self.minute, self.in_service_now
        target = policy.target_utilization_fraction
        margin = SCALE_IN_MARGIN * target
        out_cooldown = policy.scale_out_cooldown_seconds / SECONDS_PER_MINUTE
        in_cooldown = policy.scale_in_cooldown_seconds / SECONDS_PER_MINUTE
        may_grow, may_shrink = self.desired < self.maximum, self.desired > self.minimum
        first_step = now // MINUTES_PER_STEP
        rates = rate_per_second[first_step : -(-end // MINUTES_PER_STEP)].tolist()
        loads = [min(rate / (serving * self._rate_per_instance), 1.0) if serving else math.nan for rate in rates]
        for minute in range(now, end):
            load = loads[minute // MINUTES_PER_STEP - first_step]
            self._recent_loads.append(load)
            self._minutes_above = self._minutes_above + 1 if load > target else 0
            self._minutes_below = self._minutes_below + 1 if load < margin else 0
            is_out = may_grow and self._minutes_above >= SCALE_OUT_MINUTES
            if is_out and minute - self._last_scale_out >= out_cooldown:
                wider = min(_ceil(serving * load / target), self.maximum)
                if wider > self.desired:
                    self._last_scale_out = minute
                    return minute, wider
            is_in = may_shrink and self._minutes_below >= SCALE_IN_MINUTES
            if is_in and minute - max(self._last_scale_in, self._last_scale_out) >= in_cooldown:
                needed = _ceil(serving * max(self._recent_loads) / target)
                narrower = max(needed, self.minimum, self._forecast_floor(minute))
                if narrower < self.desired:
                    self._last_scale_in = minute
                    return minute, narrower
        return None

    def _move_to(self, desired: int) -> None:
        self.desired = desired
        missing = desired - len(self.running)
        if missing > 0 and self._most_running is not None:
            missing = max(min(desired, self._most_running) - len(self.running), 0)
        if missing > 0:
            self._launch(missing, at=self.minute)
        for _ in range(-missing):
            self._terminate_one()

    def _launch(self, count: int, *, at: int) -> None:
        for _ in range(count):
            in_zone = dict.fromkeys(self._zones, 0)
            for instance in self.running:
                in_zone[instance.zone] += 1
            zone = min(self._zones, key=lambda name: in_zone[name])
            number = len(self.running) + len(self.ended)
            self.running.append(InstanceRun(number=number, zone=zone, launched=at, ready=at + self._lead_minutes))

    def _terminate_one(self) -> None:
        in_zone = dict.fromkeys(self._zones, 0)
        for instance in self.running:
            in_zone[instance.zone] += 1
        fullest = max(in_zone.values())
        place = max(place for place, instance in enumerate(self.running) if in_zone[instance.zone] == fullest)
        instance = self.running.pop(place)
        instance.ended = max(self.minute, instance.launched)
        self.ended.append(instance)


def _ceil(number: float) -> int:
    """Round up, but not for what only floating point put above a whole number."""
    return math.ceil(number - 1e-9)
