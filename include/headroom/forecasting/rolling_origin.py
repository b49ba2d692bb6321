"""Rolling origin: what each member would have said at past origins of a series, from what was known there.

A member is fitted at a few origins a day apart or more, and between them only updated with the newest hours: the
rhythm it serves in. No fit and no path ever sees a value at or after its origin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.members import FittedForecaster, Forecaster, MemberError
from headroom.forecasting.ordinary_hours import judged_steps
from headroom.forecasting.series import Series

MOST_FITS: Final = 5
DAYS_BETWEEN_FITS: Final = 2
_HOURS_BETWEEN_UPDATES: Final = 3
"""Not a divisor of 24, so that origins fall on different hours of the day."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OriginPaths:
    """Paths of each member from each origin, beside what came.

    `origins`: steps known at each origin, shape (k,). `actuals` and each of `paths`: shape (k, horizon_steps); NaN
    past the end of the series, where nothing was seen, or where the member could not serve yet. Holidays and events
    are not judged either: what an unforeseen one does to one member's error says nothing of the days to come.
    """

    origins: tuple[int, ...]
    actuals: Floats
    paths: dict[str, Floats]
    failures: dict[str, str] = field(default_factory=dict)
    """Why a member's fit failed at some origin, by member."""


def fit_origins(series: Series) -> tuple[int, ...]:
    """Return the steps known at each fit, oldest first: the last a day before the end, never under a day."""
    newest = len(series) - series.day
    oldest_first = range(newest, series.day - 1, -DAYS_BETWEEN_FITS * series.day)[:MOST_FITS]
    return tuple(reversed(oldest_first))


def update_origins(series: Series, fit: int) -> tuple[int, ...]:
    """Return the steps known at each update of a fit, its own included, until the next fit or the end of the series."""
    return tuple(range(fit, min(fit + DAYS_BETWEEN_FITS * series.day, len(series)), _steps_between_updates(series.day)))


def _steps_between_updates(day: int) -> int:
    return max(1, _HOURS_BETWEEN_UPDATES * day // 24)


def collect_origin_paths(
    series: Series, members: Sequence[Forecaster], *, horizon_steps: int, seed: int
) -> OriginPaths:
    """Fit and update `members` over the newest days of `series`; no origins where it is under two days long."""
    updates = [(fit, origin) for fit in fit_origins(series) for origin in update_origins(series, fit)]
    shape = (len(updates), horizon_steps)
    padded = np.concatenate([judged_steps(series), np.full(horizon_steps, np.nan)])
    actuals = np.array([padded[origin : origin + horizon_steps] for _, origin in updates]).reshape(shape)
    paths = {member.name: np.full(shape, np.nan) for member in members}
    failures: dict[str, str] = {}
    known = {origin: series.until(origin) for _, origin in updates}
    for member in members:
        fitted: dict[int, FittedForecaster] = {}
        for fit in fit_origins(series):
            if not member.can_fit(known[fit]):
                continue
            try:
                fitted[fit] = member.fit(known[fit], horizon_steps=horizon_steps, seed=seed)
            except MemberError as error:  # leaves these origins empty, which costs the member weight, and is said
                failures[member.name] = str(error)
        for row, (fit, origin) in enumerate(updates):
            path = fitted[fit].path(known[origin], horizon_steps=horizon_steps) if fit in fitted else None
            if path is not None:
                paths[member.name][row] = path
    return OriginPaths(origins=tuple(origin for _, origin in updates), actuals=actuals, paths=paths, failures=failures)
