"""The article's intelligent scaling, made whole: a count each hour by least total cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from headroom.domain.demand import Floats, Hours
from headroom.domain.scaling import Counts
from headroom.forecasting.calendar import Calendar
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.incumbents.hourly_regression import FIRST_HOUR, HourlyRegression, fit_hourly
from headroom.simulation.knobs import Adjustable, number_knob
from headroom.simulation.policy import Scene
from headroom.units import HOURS_PER_DAY, SECONDS_PER_HOUR

LEAST_HISTORY_HOURS: Final = 48
REFIT_HOURS: Final = HOURS_PER_DAY
_LEAST_SIMILAR: Final = 3
_LEAST_SHARE: Final = 0.05
"""A prediction under this share of the mean is not divided by: nearly nothing tells no pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intelligent(Adjustable):
    """The article's `intelligent_scaling(historical_patterns, current_metrics, predicted_demand)`.

    Source: the article behind this project, "Rightsizing AI Infrastructure", read 2026-11; it names its parts and
    leaves each one open. Filled in, at the start of every hour:

    - predicted demand: the hour's mean, by regression on the article's own features (hour, weekday, month, weekend,
      holiday, previous hour, mean of 7 days, trend). Its random forest is replaced by ridge regression of logarithms,
      which needs no further library; refitted once a day on `history_days`.
    - pattern factor: for each similar hour (same hour of day, workday or weekend alike), the peak from its start until
      instances launched an hour later would serve, over what was predicted for it. All of them together are the
      demand that may come: prediction x `demand_factor` x pattern factor, sized by the fleet's queue.
    - memory efficiency: 1 when the count stays; after a change 1 - `scaling_loss_fraction` x the share of the hour
      that a lead time is. The article's vignette puts the loss while scaling, by fragmented memory, at 30 %.
    - cold start cost: every launched instance is paid for a lead time in which it serves nothing.
    - total cost: instances, cold starts, and `shortage_cost_ratio` x the mean shortage over those demands, in
      instance-hours. The cheapest count wins, the smaller of equals.

    Simplified: current metrics are demand and count, since the replay's plan is made from demand. Under 48 hours of
    history the first instances stay.
    """

    name: str = "intelligent"
    demand_factor: float = number_knob(
        1.0, low=0.2, high=5.0, is_main=True, text="What predicted demand is multiplied by"
    )
    shortage_cost_ratio: float = number_knob(
        9.0, low=0.1, high=1000.0, text="Cost of an instance-hour short over the price of one"
    )
    scaling_loss_fraction: float = number_knob(
        0.3, low=0.0, high=1.0, text="Share of capacity lost while the fleet scales"
    )
    history_days: int = number_knob(56, low=7, high=400, text="Days that are learnt from")

    def plan(self, scene: Scene) -> CapacityPlan:
        """Hold each hour's cheapest count."""
        hours = scene.hours_of_steps()
        numbers = np.arange(int(hours[0]), int(hours[-1]) + 1)
        needed = list(self._needed_by_hour(scene, numbers))
        counts, current = np.zeros(len(numbers), dtype=np.int64), scene.initial_instances
        lead_hours = scene.pool.lead_time_seconds / SECONDS_PER_HOUR
        bounds = scene.fleet.bounds
        candidates = np.arange(bounds.min_instances, bounds.max_instances + 1)
        for index, instances in enumerate(needed):
            if len(instances):
                cost = self.total_cost(candidates, instances, current=current, lead_hours=lead_hours)
                current = int(candidates[np.argmin(cost)])
            counts[index] = current
        return scene.holding(counts[hours - hours[0]])

    def total_cost(self, candidates: Counts, needed: Counts, *, current: int, lead_hours: float) -> Floats:
        """Return the cost of an hour with each candidate count, in instance-hours; `needed`: of each demand."""
        loss = self.scaling_loss_fraction * min(1.0, lead_hours)
        efficiency = np.where(candidates == current, 1.0, 1.0 - loss)
        short = np.maximum(needed[None, :] - (candidates * efficiency)[:, None], 0.0).mean(axis=1)
        cold_starts = lead_hours * np.maximum(candidates - current, 0)
        cost: Floats = candidates + cold_starts + self.shortage_cost_ratio * short
        return cost

    def _needed_by_hour(self, scene: Scene, numbers: Counts) -> Iterator[Counts]:
        """Yield the instances of each demand that may come in each hour; none where history is too short."""
        demands = list(self._demands_by_hour(scene, numbers))
        sized = scene.instances_for(np.concatenate(demands))
        yield from np.split(sized, np.cumsum([len(demand) for demand in demands])[:-1])

    def _demands_by_hour(self, scene: Scene, numbers: Counts) -> Iterator[Floats]:
        """Yield the demands that may come in each hour, told from the hours before it alone."""
        calendar, patterns = Calendar(country=scene.fleet.country), None
        end = scene.moment(scene.steps)
        blocks, hours = scene.known.blocks(end), scene.history(end).hours
        mean = blocks.mean(axis=1)
        for number in numbers:
            if number < LEAST_HISTORY_HOURS:
                yield np.zeros(0)
                continue
            if patterns is None or (number - numbers[0]) % REFIT_HOURS == 0:
                past = slice(max(0, number - self.history_days * HOURS_PER_DAY), number)
                patterns = _learn(hours[past], blocks[past], scene.pool.lead_time_seconds, calendar)
            predicted = patterns.fit.predict(hours[:number], mean[:number], calendar=calendar)
            yield self.demand_factor * predicted * patterns.factors(hours[number - 1] + np.timedelta64(1, "h"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Patterns:
    """A fit, and of each hour learnt from: its moment, and the peak that followed over what the fit says of it."""

    fit: HourlyRegression
    hours: Hours
    ratios: Floats

    def factors(self, hour: np.datetime64) -> Floats:
        """Return the ratios of similar hours: of the same kind of day, or of any where those are few."""
        now = np.array([hour])
        is_same_hour = _hour_of_day(self.hours) == _hour_of_day(now)
        is_similar = is_same_hour & (_is_weekend(self.hours) == _is_weekend(now))
        chosen = self.ratios[is_similar if is_similar.sum() >= _LEAST_SIMILAR else is_same_hour]
        return chosen if len(chosen) else np.ones(1)


def _learn(hours: Hours, blocks: Floats, lead_time_seconds: float, calendar: Calendar) -> _Patterns:
    """Fit on hours, ascending, and their 5-minute means, shape (hours, blocks an hour).

    Where the history is shorter than an hour and a lead time, no hour tells a pattern.
    """
    mean, per_hour = blocks.mean(axis=1), blocks.shape[1]
    fit = fit_hourly(hours, mean, calendar=calendar)
    reach = per_hour + int(np.ceil(lead_time_seconds / SECONDS_PER_HOUR * per_hour - 1e-9))
    path = blocks.ravel()
    windows = np.lib.stride_tricks.sliding_window_view(path, reach) if reach <= len(path) else np.zeros((0, 1))
    peaks = windows[::per_hour].max(axis=1)[FIRST_HOUR:]
    predicted = fit.left_out_per_second[: len(peaks)]
    is_told = predicted > _LEAST_SHARE * mean.mean()
    return _Patterns(
        fit=fit, hours=hours[FIRST_HOUR:][: len(peaks)][is_told], ratios=peaks[is_told] / predicted[is_told]
    )


def _hour_of_day(hours: Hours) -> Counts:
    return hours.astype("datetime64[h]").astype(np.int64) % HOURS_PER_DAY


def _is_weekend(hours: Hours) -> npt.NDArray[np.bool_]:
    """Saturday and Sunday: 1970-01-01 was a Thursday, day 3 of a week."""
    is_weekend: npt.NDArray[np.bool_] = (hours.astype("datetime64[D]").astype(np.int64) + 3) % 7 >= 5
    return is_weekend
