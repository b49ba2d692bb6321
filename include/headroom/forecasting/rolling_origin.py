"""Rolling origin: what each member would have said at past origins of a series, from what was known there.

A member is fitted at a few origins a day apart or more, and between them only updated with the newest hours: the
rhythm it serves in. No fit and no path ever sees a value at or after its origin.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.members import Forecaster, MemberError
from headroom.forecasting.series import Series

MOST_FITS: Final = 5
DAYS_BETWEEN_FITS: Final = 2
_UPDATES_PER_FIT: Final = 4
_HOURS_BETWEEN_UPDATES: Final = 7
"""Not a divisor of 24, so that origins fall on different hours of the day."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OriginPaths:
    """Paths of each member from each origin, beside what came.

    `origins`: steps known at each origin, shape (k,). `actuals` and each of `paths`: shape (k, horizon_steps); NaN
    past the end of the series, where nothing was seen, or where the member could not serve yet.
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


def update_offsets(day: int) -> tuple[int, ...]:
    """Return how many steps after a fit its updates are made, the fit itself included: 0, 7, 14, 21 of 24."""
    return tuple(sorted({index * _HOURS_BETWEEN_UPDATES * day // 24 for index in range(_UPDATES_PER_FIT)}))


def collect_origin_paths(
    series: Series, members: Sequence[Forecaster], *, horizon_steps: int, seed: int
) -> OriginPaths:
    """Fit and update `members` over the newest days of `series`; no origins where it is under two days long."""
    offsets = update_offsets(series.day)
    origins = tuple(fit + offset for fit in fit_origins(series) for offset in offsets)
    shape = (len(origins), horizon_steps)
    padded = np.concatenate([series.observed, np.full(horizon_steps, np.nan)])
    actuals = np.array([padded[origin : origin + horizon_steps] for origin in origins]).reshape(shape)
    paths = {member.name: np.full(shape, np.nan) for member in members}
    failures: dict[str, str] = {}
    for member in members:
        for number, fit in enumerate(fit_origins(series)):
            known = series.until(fit)
            if not member.can_fit(known):
                continue
            try:
                fitted = member.fit(known, horizon_steps=horizon_steps, seed=seed)
            except MemberError as error:  # leaves these origins empty, which costs the member weight, and is said
                failures[member.name] = str(error)
                continue
            for index, offset in enumerate(offsets):
                path = fitted.path(series.until(fit + offset), horizon_steps=horizon_steps)
                if path is not None:
                    paths[member.name][number * len(offsets) + index] = path
    return OriginPaths(origins=origins, actuals=actuals, paths=paths, failures=failures)
