"""A random forest on eight plain features, as predictive scaling is often described: an incumbent to be judged beside.

Hour of the day, day of the week, month, weekend, holiday, the hour before, the mean of seven days and their slope; each
hour ahead is asked with the answer for the hour before it. Measured, it takes nothing off the ensemble's error
(docs/decisions/0020-which-members.md), so it is no member unless asked for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.decision_trees import DecisionTrees
from headroom.forecasting.grown_trees import FOREST, grow_trees
from headroom.forecasting.members import FittedForecaster, MemberError, State
from headroom.forecasting.series import ONE_HOUR, Series

_FEWEST_DAYS: Final = 4
_DAYS: Final = 7
_FEWEST_ROWS: Final = 48
_TREES: Final = 100
_PARAMETERS: Final = {**FOREST, "bagging_fraction": 0.632, "num_leaves": 63, "min_data_in_leaf": 5}
"""A bootstrap sample holds 63.2 % of the rows; leaves of five hours keep the fit small and cost no accuracy."""
_MONDAY: Final = np.datetime64("1970-01-05T00:00:00", "s")
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RandomForestFit:
    """Trees for an hour's demand from its calendar and the seven days before it."""

    trees: DecisionTrees

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return the path after the end of `series`, each hour from the forecast of the one before it."""
        window = _DAYS * series.day
        values = np.concatenate([_filled(series.newest(min(len(series), window))), np.zeros(horizon_steps)])
        calendar = _calendar_rows(series, horizon_steps)[-horizon_steps:]
        known = len(values) - horizon_steps
        for step in range(horizon_steps):
            end = known + step
            before = values[max(end - window, 0) : end]
            row = np.concatenate([calendar[step], [before[-1], before.mean(), _slope(before)]])
            values[end] = min(self.trees.predict(row[np.newaxis])[0], series.ceiling)
        return values[known:]

    def state(self) -> State:
        """Return the fit as JSON values, some 60 kB."""
        return self.trees.state()


@dataclass(frozen=True, slots=True)
class RandomForestForecaster:
    """A hundred trees per series, on the scale of the demand itself."""

    name: str = "random_forest"

    def can_fit(self, series: Series) -> bool:
        """Say whether four days were seen."""
        return int(np.isfinite(series.observed).sum()) >= _FEWEST_DAYS * series.day

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Learn each hour after the first day from those before it."""
        del horizon_steps
        window, filled = _DAYS * series.day, _filled(series)
        ends = np.arange(series.day, len(series))
        past = [filled[max(end - window, 0) : end] for end in ends.tolist()]
        rows = np.column_stack(
            [
                _calendar_rows(series, 0)[ends],
                [before[-1] for before in past],
                [before.mean() for before in past],
                [_slope(before) for before in past],
            ]
        )
        target = series.observed[ends]
        is_seen = np.isfinite(target)
        if is_seen.sum() < _FEWEST_ROWS:
            raise MemberError("too few hours to learn from")
        return RandomForestFit(trees=grow_trees(rows[is_seen], target[is_seen], _PARAMETERS, count=_TREES, seed=seed))

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        return RandomForestFit(trees=DecisionTrees.restore(state))


def _calendar_rows(series: Series, horizon_steps: int) -> Floats:
    """Return hour, weekday (Monday is 0), month, whether weekend and holiday, per step to `horizon_steps` ahead."""
    hours = np.concatenate([series.hours, series.hours_after(horizon_steps)]).astype("datetime64[s]")
    since = (hours - _MONDAY) // ONE_HOUR
    weekday = since // 24 % 7
    month = hours.astype("datetime64[M]").astype(np.int64) % 12 + 1
    holiday = series.calendar.holiday_flags(hours)
    return np.column_stack([since % 24, weekday, month, weekday >= _SATURDAY, holiday]).astype(np.float64)


def _filled(series: Series) -> Floats:
    """Return the values with the last one seen held through gaps: a line to the next would tell of hours to come.

    Before the first one seen stands that one.
    """
    is_seen = np.isfinite(series.observed)
    if not is_seen.any():
        return np.zeros(len(series))
    last_seen = np.maximum.accumulate(np.where(is_seen, np.arange(len(series)), int(is_seen.argmax())))
    return series.observed[last_seen]


def _slope(values: Floats) -> float:
    """Return the slope of the least-squares line through `values`, per step; 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    centred = np.arange(len(values)) - (len(values) - 1) / 2
    return float(centred @ values / (centred @ centred))
