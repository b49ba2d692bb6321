"""What the newest hours tell of the next: the level they were all missed by, the last value where it does better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.calibration import NEAR_STEPS, Calibration
from headroom.forecasting.last_value import last_value_share
from headroom.forecasting.missed_level import CHECKS_THAT_AGREE, kept_ahead, missed_level
from headroom.forecasting.ordinary_hours import alike_newest, told_of_by_newest
from headroom.forecasting.series import Series
from headroom.units import HOURS_PER_DAY

_CHECKS_BEFORE: Final = (0, 2, 4, 8, 12, 16, 20)
"""Steps before the newest origin whose next steps are known, at which what was said is held against what came."""
_STEPS_THAT_AGREE: Final = _CHECKS_BEFORE[CHECKS_THAT_AGREE - 1] + NEAR_STEPS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checks:
    """What was said of the next steps at origins of the last day, newest first, and what came.

    `said`, `came`: shape (origins, NEAR_STEPS). `last_value`: of the step before each origin, shape (origins, 1). NaN
    where nothing was seen.
    """

    said: Floats
    came: Floats
    last_value: Floats


def newest_checks(series: Series, says: Callable[[Series], Floats] | None) -> Checks:
    """Return the checks of the last day; of no origins where history is short or nobody `says` anything.

    `says`: the path of NEAR_STEPS after the end of what is known at an origin.
    """
    newest = len(series) - NEAR_STEPS
    origins = [newest - before for before in _CHECKS_BEFORE if says and newest - before > 2 * series.day]
    known = [series.until(origin) for origin in origins]
    return Checks(
        said=np.array([says(until) for until in known if says]).reshape(-1, NEAR_STEPS),
        came=np.array([series.observed[origin : origin + NEAR_STEPS] for origin in origins]).reshape(-1, NEAR_STEPS),
        last_value=np.array([until.observed[-1] for until in known]).reshape(-1, 1),
    )


def moved_by_newest(path: Floats, checks: Checks, calibration: Calibration, series: Series) -> tuple[Floats, str]:
    """Return the path as the newest hours move it, and remarks that say so; as given where they tell of nothing."""
    at_level, remark = _moved_by_misses(path, checks, calibration, series)
    leaning, other_remark = _leaning_on_last_value(at_level, checks, calibration, series)
    return leaning, remark + other_remark


def _moved_by_misses(path: Floats, checks: Checks, calibration: Calibration, series: Series) -> tuple[Floats, str]:
    """Return the path at the level that demand has moved to lately, and a remark; as given where it has not moved."""
    scale = calibration.scale
    level = missed_level(scale.forward(checks.came) - scale.forward(checks.said), usual_error=calibration.near_error)
    if level == 0:
        return path, ""
    is_told = told_of_by_newest(series, newest_steps=_STEPS_THAT_AGREE, horizon_steps=len(path))
    if not is_told[0]:
        return path, ""
    ahead = np.arange(1, len(path) + 1) * HOURS_PER_DAY / series.day
    moved = np.where(is_told, scale.backward(scale.forward(path) + kept_ahead(level, ahead)), path)
    change = float(moved[0] - path[0])
    return moved, f"; the newest hours were all missed on one side, so the next is moved by {change:+.3g}"


def _leaning_on_last_value(
    path: Floats, checks: Checks, calibration: Calibration, series: Series
) -> tuple[Floats, str]:
    """Return the path whose next NEAR_STEPS steps lean on the last value, and a remark; as given if it was no better.

    Holidays and events are left alone where the last value was seen in another kind of hour.
    """
    scale, newest = calibration.scale, series.observed[-1:]
    came = scale.forward(checks.came)
    share = last_value_share(
        came - scale.forward(checks.said),
        came - scale.forward(checks.last_value),
        usual_error=calibration.near_error,
    )
    leans = alike_newest(series, horizon_steps=len(path)) & (np.arange(len(path)) < NEAR_STEPS)
    if share == 0 or np.isnan(newest[0]) or not leans.any():
        return path, ""
    leaning = scale.backward((1 - share) * scale.forward(path) + share * scale.forward(newest))
    return np.where(leans, leaning, path), f"; the next {NEAR_STEPS} hours lean on the last value by {share:.0%}"
