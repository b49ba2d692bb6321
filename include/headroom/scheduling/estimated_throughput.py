"""The guardrail on what a plan's floor can carry: far too little or far too much of the forecast is a broken sizing.

Both sides are plain products, so that no formula that sized the plan judges itself. Too little goes by the most that an
instance can work off at all, too much by what one alone carries inside the objective: a pool of many lies between.
"""

import math
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.columns import QUANTILE_LEVELS
from headroom.domain.demand import DemandForecast, Floats
from headroom.domain.scaling import Action, ActionPurpose, Counts, Verdict
from headroom.domain.window import HOUR
from headroom.scheduling.fleet_schedule import PUSHED_HOURS
from headroom.scheduling.guardrail_context import GuardrailContext
from headroom.scheduling.replicas import reachable_bounds
from headroom.scheduling.schedule import earliest_start
from headroom.units import SECONDS_PER_HOUR

Flags = npt.NDArray[np.bool_]
_MEDIAN: Final = QUANTILE_LEVELS.index(0.5)
_ROUNDING: Final = 1e-9


def throughput_is_plausible(context: GuardrailContext) -> Verdict:
    """The floor carries a share of each hour's median peak, and no more than a multiple of the highest peak."""
    sustainable, most = context.sustainable_rate_per_second, context.most_rate_per_second
    if context.forecast is None:
        return Verdict(rule="throughput", is_passed=True, reason="there is no forecast to hold the floor against")
    if sustainable is None or most is None:
        reason = "the plan does not say what an instance carries: plan again"
        return Verdict(rule="throughput", is_passed=False, reason=reason)
    too_much = _too_much(context, context.forecast, sustainable)
    if too_much is not None:
        return Verdict(rule="throughput", is_passed=False, reason=too_much)
    is_passed, reason = _carried(context, context.forecast, most)
    return Verdict(rule="throughput", is_passed=is_passed, reason=reason)


def _too_much(context: GuardrailContext, forecast: DemandForecast, rate_per_second: float) -> str | None:
    """Return which step is absurd, or None: what stands, the fleet's own minimum and one instance never are."""
    peaks = forecast.peak_quantiles_per_second[_is_pushed(context, forecast, since_utc=context.now_utc - HOUR), -1]
    highest, multiple = float(peaks.max(initial=0.0)), context.limits.max_peak_multiple
    by_demand = math.ceil(multiple * highest / rate_per_second - _ROUNDING)
    allowed = max(by_demand, context.fleet.bounds.min_instances, context.state.instances_without_us, 1)
    for action in _steps(context):
        level = _level(action) or 0
        if level > allowed:
            return (
                f"{action.name} asks for {level} instances, which carry {level * rate_per_second:.4g}/s inside the "
                f"objective; more than {multiple:g} times the highest forecast peak (q99: {highest:.4g}/s) is refused"
            )
    return None


def _carried(context: GuardrailContext, forecast: DemandForecast, rate_per_second: float) -> tuple[bool, str]:
    """Return whether the floor of every hour to come carries enough, and of the worst of them how much it does."""
    share, api = context.limits.min_peak_fraction, context.state.api
    bounds = reachable_bounds(context.fleet.bounds, context.state.owners_setting or context.state.setting, api=api)
    since = earliest_start(context.now_utc)
    is_judged = _is_pushed(context, forecast, since_utc=since) & ~_is_short(context, forecast)
    hours, peaks = forecast.hours[is_judged], forecast.peak_quantiles_per_second[is_judged, _MEDIAN]
    if not len(hours) or not peaks.any():
        return True, "no demand is expected in the hours to come"
    floor = _floor(context, hours.astype("datetime64[s]").astype(np.int64))
    with np.errstate(over="ignore"):  # a peak of next to nothing
        carried: Floats = np.divide(floor * rate_per_second, peaks, out=np.full(len(peaks), np.inf), where=peaks > 0)
    # more than its bounds no plan may ask for: that they are too narrow is no fault of this one
    is_bad = (carried < share - _ROUNDING) & (floor < bounds.max_instances)
    worst = int(np.argmin(np.where(is_bad, carried, np.inf) if is_bad.any() else carried))
    hour = hours[worst].astype("datetime64[s]").item()
    reason = (
        f"at {hour:%Y-%m-%d %H:%MZ} {floor[worst]} instances carry at most {floor[worst] * rate_per_second:.4g}/s, "
        f"{carried[worst]:.0%} of the median forecast peak of {peaks[worst]:.4g}/s"
    )
    if is_bad.any():
        return False, f"{reason}; at least {share:.0%} is asked for"
    is_limited = carried[worst] < share - _ROUNDING
    return True, f"{reason}, {'all that its bounds allow' if is_limited else 'the least of all hours to come'}"


def _is_pushed(context: GuardrailContext, forecast: DemandForecast, *, since_utc: datetime) -> Flags:
    """Return which forecast hours begin at `since_utc` or later and end before the baseline is given back."""
    restores = [item.starts_at_utc for item in context.wanted if item.purpose is ActionPurpose.RESTORE]
    end = min(restores, default=forecast.made_at_utc + PUSHED_HOURS * HOUR)
    starts = forecast.hours.astype("datetime64[s]").astype(np.int64)
    is_inside: Flags = (starts >= since_utc.timestamp()) & (starts + SECONDS_PER_HOUR <= end.timestamp())
    return is_inside


def _is_short(context: GuardrailContext, forecast: DemandForecast) -> Flags:
    """Return the hours that step limits leave short, which the plan says by itself."""
    if context.fleet.step_limits.max_raise_instances is None:
        return np.zeros(len(forecast.hours), dtype=bool)
    short = [int(hour.timestamp()) for hour in context.short_hours_utc]
    is_short: Flags = np.isin(forecast.hours.astype("datetime64[s]").astype(np.int64), short)
    return is_short


def _floor(context: GuardrailContext, starts: Counts) -> Counts:
    """Return the fewest instances that the plan holds in each hour that starts at `starts` (epoch seconds)."""
    changes = [(action.starts_at_utc, level) for action in _steps(context) if (level := _level(action)) is not None]
    moments = np.array([int(moment.timestamp()) for moment, _ in changes], dtype=np.int64)
    levels = np.array([context.state.instances_without_us, *(level for _, level in changes)], dtype=np.int64)
    floor: Counts = levels[np.searchsorted(moments, starts, side="right")]
    for moment, level in zip(moments, levels[1:], strict=True):
        is_inside = (starts < moment) & (moment < starts + SECONDS_PER_HOUR)
        floor[is_inside] = np.minimum(floor[is_inside], level)
    return floor


def _steps(context: GuardrailContext) -> list[Action]:
    steps = [action for action in context.wanted if action.purpose is not ActionPurpose.RESTORE]
    return sorted(steps, key=_start)


def _start(action: Action) -> datetime:
    return action.starts_at_utc


def _level(action: Action) -> int | None:
    least = action.setting.min_instances
    return action.setting.desired_instances if least is None else least
