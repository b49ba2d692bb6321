"""Members that repeat the past, told of holidays and events: learnt from ordinary hours, with effects put back."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.calendar import Flags
from headroom.forecasting.medians import column_medians
from headroom.forecasting.members import FittedForecaster, Forecaster, State
from headroom.forecasting.scale import Scale, choose_scale
from headroom.forecasting.series import Series

_PRIOR_DAYS: Final = 0.5
"""An effect seen over n days counts for n / (n + 0.5) of what it was: the first may have been chance."""
_LEAST_ORDINARY_FRACTION: Final = 0.5
"""With fewer ordinary hours than this, what is flagged is what is usual, and nothing is left out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinaryHours:
    """A series without its holidays and events, and by how much each kind moved demand, on `scale`.

    While a holiday or event lasts at the series' end, its hours stay, less the effect: they tell the level.
    """

    series: Series
    scale: Scale
    effects: dict[str, float]

    def restored(self, path: Floats) -> Floats:
        """Return the path of ordinary hours after the series' end with the effects of the flagged hours among them."""
        if not self.effects:
            return path
        flags = self.series.calendar.flags(self.series.hours_after(len(path)))
        moved = sum((effect * flags[kind] for kind, effect in self.effects.items() if kind in flags), np.zeros(1))
        if not np.any(moved):
            return path
        return np.where(moved == 0, path, self.scale.backward(self.scale.forward(path) + moved))


@lru_cache(maxsize=256)
def ordinary_hours(series: Series) -> OrdinaryHours:
    """Return the ordinary hours of `series` and the effects of the others; the series itself where none is flagged."""
    scale = choose_scale(series.observed)
    flags = _flags(series)
    if not flags:
        return OrdinaryHours(series=series, scale=scale, effects={})
    is_flagged = np.logical_or.reduce(list(flags.values()))
    scaled = scale.forward(series.observed)
    ordinary = np.where(is_flagged, np.nan, scaled)
    missed = scaled - _usual(ordinary, series)
    effects = {kind: _effect(missed[hours], series.day) for kind, hours in flags.items()}
    effect = sum((effects[kind] * hours for kind, hours in flags.items()), np.zeros(len(series)))
    still = _last_run(is_flagged)
    kept = np.where(is_flagged & ~still, np.nan, np.where(still, scale.backward(scaled - effect), series.observed))
    return OrdinaryHours(series=replace(series, observed=kept), scale=scale, effects=effects)


def judged_steps(series: Series) -> Floats:
    """Return the values of the ordinary hours, NaN at the others."""
    flags = _flags(series)
    return np.where(np.logical_or.reduce(list(flags.values())), np.nan, series.observed) if flags else series.observed


def told_of_by_newest(series: Series, *, newest_steps: int, horizon_steps: int) -> Flags:
    """Return which steps ahead the newest ones tell of: all, or where they hold a holiday or event, steps of it alone.

    What it did to demand ends with it.
    """
    lately = [kind for kind, hours in _flags(series).items() if hours[-newest_steps:].any()]
    if not lately:
        return np.ones(horizon_steps, dtype=bool)
    ahead = series.calendar.flags(series.hours_after(horizon_steps))
    none = np.zeros(horizon_steps, dtype=bool)
    is_told: Flags = np.logical_or.reduce([ahead.get(kind, none) for kind in lately])
    return is_told


def _flags(series: Series) -> dict[str, Flags]:
    """Return the flags of the series' hours by kind; none where they would leave too little that is ordinary."""
    flags = series.calendar.flags(series.hours)
    is_seen = np.isfinite(series.observed)
    is_flagged = np.logical_or.reduce(list(flags.values())) if flags else np.zeros(len(series), dtype=bool)
    is_enough = (is_seen & ~is_flagged).sum() >= _LEAST_ORDINARY_FRACTION * is_seen.sum()
    return flags if is_enough else {}


def _usual(ordinary: Floats, series: Series) -> Floats:
    """Return, per step, the median of ordinary steps at its phase of the week, else of the day, else of all."""
    usual = np.full(len(ordinary), np.nanmedian(ordinary))
    for season in series.seasons:
        padded = np.concatenate([ordinary, np.full(-len(ordinary) % season, np.nan)]).reshape(-1, season)
        by_step = column_medians(padded)[np.arange(len(ordinary)) % season]
        usual = np.where(np.isfinite(by_step), by_step, usual)
    return usual


def _effect(missed: Floats, day: int) -> float:
    seen = missed[np.isfinite(missed)]
    days = len(seen) / day
    return float(np.median(seen)) * days / (days + _PRIOR_DAYS) if len(seen) else 0.0


def _last_run(is_flagged: Flags) -> Flags:
    """Return the flagged steps that reach to the end without a break."""
    run: Flags = np.logical_and.accumulate(is_flagged[::-1])[::-1]
    return run


@dataclass(frozen=True, slots=True)
class OnOrdinaryHours:
    """A member that learns from ordinary hours and whose path is moved where holidays and events return."""

    inner: Forecaster

    @property
    def name(self) -> str:
        """The inner member's name."""
        return self.inner.name

    def can_fit(self, series: Series) -> bool:
        """Say whether the inner member has enough ordinary hours."""
        return self.inner.can_fit(ordinary_hours(series).series)

    def fit(self, series: Series, *, horizon_steps: int, seed: int) -> FittedForecaster:
        """Fit the inner member to the ordinary hours."""
        fitted = self.inner.fit(ordinary_hours(series).series, horizon_steps=horizon_steps, seed=seed)
        return _FittedOnOrdinaryHours(fitted)

    def restore(self, state: State) -> FittedForecaster:
        """Return the fit that `state()` described."""
        return _FittedOnOrdinaryHours(self.inner.restore(state))


@dataclass(frozen=True, slots=True)
class _FittedOnOrdinaryHours:
    inner: FittedForecaster

    def path(self, series: Series, *, horizon_steps: int) -> Floats | None:
        """Return the inner path, moved by the effects of what is known to come."""
        known = ordinary_hours(series)
        path = self.inner.path(known.series, horizon_steps=horizon_steps)
        return path if path is None else known.restored(path)

    def state(self) -> State:
        """Return the inner fit's state: the effects are found anew from the newest hours."""
        return self.inner.state()
