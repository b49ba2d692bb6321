"""What the newest hours tell of the next: how what was said of them compares with what came, and the level missed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.calibration import NEAR_STEPS, Calibration
from headroom.forecasting.missed_level import CHECKS_THAT_AGREE, kept_ahead, missed_level
from headroom.forecasting.ordinary_hours import told_of_by_newest
from headroom.forecasting.series import Series
from headroom.units import HOURS_PER_DAY

_CHECKS_BEFORE: Final = (0, 2, 4, 8, 12, 16, 20)
"""Steps before the newest origin whose next steps are known, at which what was said is held against what came."""
_STEPS_THAT_AGREE: Final = _CHECKS_BEFORE[CHECKS_THAT_AGREE - 1] + NEAR_STEPS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checks:
    """What was said of the next steps at origins of the last day, newest first, and what came.

    Both have shape (origins, NEAR_STEPS), NaN where nothing was seen.
    """

    said: Floats
    came: Floats


def newest_checks(series: Series, says: Callable[[Series], Floats] | None) -> Checks:
    """Return the checks of the last day; of no origins where history is short or nobody `says` anything.

    `says`: the path of NEAR_STEPS after the end of what is known at an origin.
    """
    newest = len(series) - NEAR_STEPS
    origins = [newest - before for before in _CHECKS_BEFORE if says and newest - before > 2 * series.day]
    return Checks(
        said=np.array([says(series.until(origin)) for origin in origins if says]).reshape(-1, NEAR_STEPS),
        came=np.array([series.observed[origin : origin + NEAR_STEPS] for origin in origins]).reshape(-1, NEAR_STEPS),
    )


def moved_by_misses(path: Floats, checks: Checks, calibration: Calibration, series: Series) -> tuple[Floats, str]:
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
