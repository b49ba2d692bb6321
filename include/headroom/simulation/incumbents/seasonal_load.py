"""A stand-in for the load forecast of AWS predictive scaling, whose own model is not public."""

from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.units import HOURS_PER_DAY, HOURS_PER_WEEK

_LEAST_LEVEL, _MOST_LEVEL = 0.5, 2.0
DAYS_A_WEEK: Final = 7


def forecast_load(hourly: Floats, hours: int) -> Floats:
    """Return the mean rate of the next `hours` hours (48 at most) from at least 24 hours of it, shape (hours,).

    Two patterns are blended: the same hour of the day, its mean over up to seven days, and the same hour of the week,
    its mean over up to two weeks. Their shares are those that fit the last week best in least squares (half each
    until there are two weeks; all to the day until there is one). The level is that of the last 24 hours against what
    the same blend would have said a day ago, held between a half and double: it carries trend and shifts.
    """
    share = _weekly_share(hourly)
    known = len(hourly)
    ahead = _blend(hourly, hours, share)
    if known < 2 * HOURS_PER_DAY:
        return ahead
    before = _blend(hourly[:-HOURS_PER_DAY], HOURS_PER_DAY, share).sum()
    if before <= 0.0:
        return ahead
    level = np.clip(hourly[-HOURS_PER_DAY:].sum() / before, _LEAST_LEVEL, _MOST_LEVEL)
    scaled: Floats = level * ahead
    return scaled


def _blend(hourly: Floats, hours: int, share: float) -> Floats:
    daily = _same_hour(hourly, hours, HOURS_PER_DAY, DAYS_A_WEEK)
    if len(hourly) < HOURS_PER_WEEK:
        return daily
    return share * _same_hour(hourly, hours, HOURS_PER_WEEK, 2) + (1.0 - share) * daily


def _same_hour(hourly: Floats, hours: int, period: int, most: int) -> Floats:
    """Return the mean over the last `most` whole periods of each of the next hours' places in them."""
    periods = min(most, len(hourly) // period)
    pattern = hourly[len(hourly) - periods * period :].reshape(periods, period).mean(axis=0)
    repeated: Floats = pattern[np.arange(hours) % period]
    return repeated


def _weekly_share(hourly: Floats) -> float:
    """Return the share of the weekly pattern that would have forecast the last seven days best, a day at a time."""
    if len(hourly) < 2 * HOURS_PER_WEEK:
        return 0.5
    days = range(DAYS_A_WEEK, 0, -1)
    pasts = [hourly[: len(hourly) - HOURS_PER_DAY * day] for day in days]
    daily = np.concatenate([_same_hour(past, HOURS_PER_DAY, HOURS_PER_DAY, DAYS_A_WEEK) for past in pasts])
    weekly = np.concatenate([_same_hour(past, HOURS_PER_DAY, HOURS_PER_WEEK, 2) for past in pasts])
    gap, missed = weekly - daily, hourly[-HOURS_PER_WEEK:] - daily
    scale = float((gap * gap).sum())
    return float(np.clip((gap * missed).sum() / scale, 0.0, 1.0)) if scale > 0.0 else 0.5
