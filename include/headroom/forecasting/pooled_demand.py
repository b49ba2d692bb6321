"""What older fleets of the deployment say of one that is under a day old: the shape of its hours still to come."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from headroom.domain.demand import DemandHistory, Floats, Hours
from headroom.forecasting.naive import latest_by_phase
from headroom.forecasting.series import ONE_HOUR, Series
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK

LEAST_HOURS: Final = 8
"""Hours of its own from which a young series is compared with others: fewer resemble anything."""
OWN_HOURS_COUNT_FROM: Final = 6
"""Hours of its own from which a series repeats them: with fewer, each is more chance than shape."""
POOL_DAYS: Final = 21
"""Days of the older fleets that are looked at."""
_ELDER_HOURS: Final = 2 * HOURS_PER_WEEK
_LEAST_SEEN_FRACTION: Final = 0.8
"""An older fleet has two weeks behind it, of which four fifths were seen."""
_MOST_ELDERS: Final = 60
"""The busiest so many are looked at: more say the same again."""
_LEAST_LIKENESS: Final = 0.5
_LIKENESS_POWER: Final = 4
"""Fleets that correlate by 0.5 or more with the young one's hours count, by the fourth power of it; else all alike."""
_MOST_SWING: Final = 2.0
"""A young series swings at most twice as much, against its level, as those it is compared with."""
_TRIAL_ELDERS: Final = 20
_TRIAL_ORIGINS: Final = tuple(range(24, 96, 9))
"""Hours before now at which the older fleets are taken for young ones, to see whether the pool would have helped."""
_LEAST_GAIN: Final = 0.05
"""The pool serves where it would have made the error of the older fleets' next day 5 % smaller, when they were cut to
as few hours. Measured on the next 24 hours with 8 to 16 hours of history: 28 car parks of a town (their hours of the
day alike) have 37 to 41 % of the error they have without, power, traffic and bicycles among each other 98 to 102 %;
between ServeGen's clients after the 20 busiest it serves in 1 to 5 of 100 cases and changes nothing.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledDemand:
    """Demand of a deployment's older fleets on one spine of hours: `values` has shape (fleets, hours), NaN unseen."""

    hours: Hours
    values: Floats


def pool_demand(histories: Iterable[DemandHistory]) -> dict[str, PooledDemand]:
    """Return the pool of each target ("mean", "peak") from the histories that are two weeks old; empty without any."""
    elders = sorted((item for item in histories if _is_elder(item)), key=lambda item: item.fleet_id)
    elders = sorted(elders, key=lambda item: -float(np.nansum(item.mean_per_second)))[:_MOST_ELDERS]
    if not elders:
        return {}
    end = max(item.hours[-1] for item in elders)
    hours = end + ONE_HOUR * np.arange(1 - POOL_DAYS * HOURS_PER_DAY, 1)
    return {
        "mean": PooledDemand(hours=hours, values=_on_spine(hours, [(e.hours, e.mean_per_second) for e in elders])),
        "peak": PooledDemand(hours=hours, values=_on_spine(hours, [(e.hours, e.peak_per_second) for e in elders])),
    }


def path_of_young(series: Series, *, horizon_steps: int, pool: PooledDemand | None) -> tuple[Floats, bool]:
    """Return the path of a series under a day old, and whether the pool made it.

    Its level is its median, or the pool's shape where that is earned; where the hour was seen a day before, the path
    lies between that and the level, the nearer to the hour the more of a day was seen.
    """
    known = None if pool is None else _known_to(pool, series)
    seen_hours = int(np.isfinite(series.observed).sum())
    has_pool = known is not None and seen_hours >= LEAST_HOURS and _is_earned(known, seen_hours)
    recent = series.observed[-HOURS_PER_DAY:]
    if known is None or not has_pool or np.isfinite(recent).sum() < LEAST_HOURS:
        return _with_own_hours(series.observed, np.full(horizon_steps, np.nanmedian(series.observed))), False
    return _with_own_hours(series.observed, _pooled_path(recent, known.values, horizon_steps)), True


def _is_elder(history: DemandHistory) -> bool:
    newest = history.mean_per_second[-_ELDER_HOURS:]
    is_long = len(newest) == _ELDER_HOURS and np.isfinite(newest).mean() >= _LEAST_SEEN_FRACTION
    return is_long and float(np.nanmax(newest)) > 0


def _on_spine(hours: Hours, parts: list[tuple[Hours, Floats]]) -> Floats:
    values = np.full((len(parts), len(hours)), np.nan)
    for row, (seen, demand) in enumerate(parts):
        positions = ((seen - hours[0]) // ONE_HOUR).astype(np.int64)
        inside = (positions >= 0) & (positions < len(hours))
        values[row, positions[inside]] = demand[inside]
    return values


@lru_cache(maxsize=8)
def _until(pool: PooledDemand, end: int) -> PooledDemand | None:
    """Return the pool's first `end` hours (NaN past its own end), of the fleets seen lately; None where none was."""
    late = max(end - len(pool.hours), 0)
    values = np.pad(pool.values, ((0, 0), (0, late)), constant_values=np.nan)[:, :end]
    recent, before = values[:, -HOURS_PER_DAY:], values[:, -_ELDER_HOURS:]
    is_known = np.isfinite(recent).any(axis=1) & (np.isfinite(before).sum(axis=1) >= HOURS_PER_WEEK)
    is_known &= np.nansum(before, axis=1) > 0
    hours = pool.hours[0] + ONE_HOUR * np.arange(end)
    return PooledDemand(hours=hours, values=values[is_known]) if is_known.any() else None


def _known_to(pool: PooledDemand, series: Series) -> PooledDemand | None:
    """Return what the pool knew when the series ended."""
    end = int((series.hours[-1] - pool.hours[0]) // ONE_HOUR) + 1
    return _until(pool, end) if end >= HOURS_PER_WEEK and series.seasons == (HOURS_PER_DAY, HOURS_PER_WEEK) else None


def _with_own_hours(observed: Floats, path: Floats) -> Floats:
    seen_hours = int(np.isfinite(observed).sum())
    if seen_hours < OWN_HOURS_COUNT_FROM:
        return path
    own = latest_by_phase(observed, HOURS_PER_DAY)[np.arange(len(path)) % HOURS_PER_DAY]
    share = min(seen_hours / HOURS_PER_DAY, 1.0)
    return np.where(np.isfinite(own), share * own + (1 - share) * path, path)


def _weekly_shapes(values: Floats) -> Floats:
    """Return each fleet's mean demand by hour of the week, shape (fleets, 168), 1 on average; phase 0 is column 0."""
    padded = np.pad(values, ((0, 0), (0, -values.shape[1] % HOURS_PER_WEEK)), constant_values=np.nan)
    by_week = padded.reshape(len(values), -1, HOURS_PER_WEEK)
    seen = np.isfinite(by_week)
    shapes = np.where(seen, by_week, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    level = np.where(seen, by_week, 0.0).sum(axis=(1, 2)) / np.maximum(seen.sum(axis=(1, 2)), 1)
    shapes = np.where(seen.any(axis=1), shapes, level[:, np.newaxis])
    size = shapes.mean(axis=1, keepdims=True)
    scaled: Floats = shapes / np.where(size > 0, size, 1.0)
    return scaled


def _correlations(one: Floats, others: Floats) -> Floats:
    """Return the correlation of `one` (n,) with each row of `others` (m, n) over what both have; 0 where undefined."""
    both = np.isfinite(one) & np.isfinite(others)
    count = np.maximum(both.sum(axis=1), 1)
    left, right = np.where(both, one, 0.0), np.where(both, others, 0.0)
    left = np.where(both, left - left.sum(axis=1, keepdims=True) / count[:, np.newaxis], 0.0)
    right = np.where(both, right - right.sum(axis=1, keepdims=True) / count[:, np.newaxis], 0.0)
    size = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    found = (left * right).sum(axis=1) / np.where(size > 0, size, 1.0)
    return np.where(both.sum(axis=1) >= LEAST_HOURS, found, 0.0)


def _pooled_path(recent: Floats, values: Floats, horizon_steps: int) -> Floats:
    """Return the next hours of a series with the hours `recent` from the shapes of `values`, which end with it."""
    end = values.shape[1]
    alike = _correlations(recent, values[:, end - len(recent) :])
    weights = np.where(alike >= _LEAST_LIKENESS, alike, 0.0) ** _LIKENESS_POWER
    weights = weights if weights.any() else np.ones(len(values))
    shape = weights @ _weekly_shapes(values) / weights.sum()
    past = shape[np.arange(end - len(recent), end) % HOURS_PER_WEEK]
    coming = shape[np.arange(end, end + horizon_steps) % HOURS_PER_WEEK]
    seen = np.isfinite(recent)
    level, usual = recent[seen].mean(), past[seen].mean()
    spread = float(((past[seen] - usual) ** 2).sum())
    if spread <= 0 or usual <= 0:
        return np.full(horizon_steps, level)
    slope = float(((past[seen] - usual) * (recent[seen] - level)).sum()) / spread
    sureness = max(float(_correlations(recent, past[np.newaxis])[0]), 0.0)
    swing = sureness * float(np.clip(slope, 0.0, _MOST_SWING * max(level, 0.0) / usual))
    path: Floats = np.maximum(level + swing * (coming - usual), 0.0)
    return path


@lru_cache(maxsize=64)
def _is_earned(pool: PooledDemand, seen_hours: int) -> bool:
    """Say whether the pool would have served its own fleets, cut to `seen_hours`, better than their level."""
    with_pool, without = 0.0, 0.0
    for row in range(min(len(pool.values), _TRIAL_ELDERS)):
        for hours_ago in _TRIAL_ORIGINS:
            origin = pool.values.shape[1] - hours_ago
            known = np.delete(pool.values, row, axis=0)[:, :origin]
            recent = pool.values[row, origin - seen_hours : origin]
            came = pool.values[row, origin : origin + HOURS_PER_DAY]
            daily = np.abs(pool.values[row, HOURS_PER_DAY:origin] - pool.values[row, : origin - HOURS_PER_DAY])
            scale = float(np.nanmean(daily)) if np.isfinite(daily).any() else 0.0
            if scale <= 0 or not len(known) or np.isfinite(recent).sum() < LEAST_HOURS or not np.isfinite(came).any():
                continue
            steps = len(came)
            level = np.full(steps, np.nanmedian(recent))
            pooled = _pooled_path(recent, known, steps)
            without += float(np.nanmean(np.abs(_with_own_hours(recent, level) - came))) / scale
            with_pool += float(np.nanmean(np.abs(_with_own_hours(recent, pooled) - came))) / scale
    return without > 0 and with_pool <= (1 - _LEAST_GAIN) * without
