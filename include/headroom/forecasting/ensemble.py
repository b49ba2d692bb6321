"""The ensemble of one series: selection on its own history, refit, and the forecast from a cached selection."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from headroom.domain.demand import Floats
from headroom.forecasting.bands import BAND_NAMES, band_indices
from headroom.forecasting.boosting import BoostingForecaster
from headroom.forecasting.calibration import FEWEST_ERRORS, NEAR_STEPS, Calibration, calibrate
from headroom.forecasting.corrected_naive import DAY_CORRECTED, DAYS_CORRECTED, LEVEL_CORRECTED, WEEKS_CORRECTED
from headroom.forecasting.joint_paths import checked_errors, remember_errors
from headroom.forecasting.members import FittedForecaster, Forecaster, MemberError, State
from headroom.forecasting.naive import DAILY, WEEKLY, seasonal_naive
from headroom.forecasting.newest_hours import moved_by_misses, newest_checks
from headroom.forecasting.ordinary_hours import OnOrdinaryHours, ordinary_hours
from headroom.forecasting.pooled_demand import PooledDemand
from headroom.forecasting.prophet_model import ProphetForecaster
from headroom.forecasting.random_forest import RandomForestForecaster
from headroom.forecasting.rolling_origin import OriginPaths, collect_origin_paths
from headroom.forecasting.scale import choose_scale
from headroom.forecasting.series import Series
from headroom.forecasting.series_forecast import SeriesForecast, finish_quantiles
from headroom.forecasting.similar_hours import SIMILAR_HOURS
from headroom.forecasting.simple_cases import forecast_simple_case, typical_calibration
from headroom.forecasting.smoothed_level import SMOOTHED_LEVEL
from headroom.forecasting.theta import THETA
from headroom.forecasting.weighting import Weights, combine, weights_by_band

CHEAP_MEMBERS: Final[tuple[Forecaster, ...]] = tuple(
    OnOrdinaryHours(member)
    for member in (
        *(DAILY, WEEKLY, DAY_CORRECTED, DAYS_CORRECTED, WEEKS_CORRECTED, LEVEL_CORRECTED),
        *(THETA, SIMILAR_HOURS, SMOOTHED_LEVEL),
    )
)
"""Those whose fit takes a millisecond at most."""
MEMBERS: Final[tuple[Forecaster, ...]] = (ProphetForecaster(), BoostingForecaster(), *CHEAP_MEMBERS)
OTHER_MEMBERS: Final[tuple[Forecaster, ...]] = (RandomForestForecaster(),)
"""Asked for by name in a backtest only; the ensemble does better without (docs/decisions/0020-which-members.md)."""

_LEFT_OUT: Final = "; left out: "
_NONE_SERVES: Final = "no member that was chosen could serve, or not every hour: the day before stands in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSelection:
    """What was learnt about one series, kept between runs: weights by band, calibration, and the members' fits.

    Empty weights mean that a simple case serves (`note` says which) and nothing was learnt. `past_errors`: how the
    errors of past origins hung together, as joint_paths remembers them.
    """

    weights: dict[str, Weights]
    calibration: Calibration | None
    fits: dict[str, State]
    note: str
    past_errors: tuple[str, ...] = ()

    def state(self) -> State:
        """Return the selection as JSON values."""
        calibration = self.calibration.state() if self.calibration else None
        return {
            "weights": self.weights,
            "calibration": calibration,
            "fits": self.fits,
            "note": self.note,
            "past_errors": list(self.past_errors),
        }

    @classmethod
    def restore(cls, state: State) -> "SeriesSelection":
        """Return the selection that `state()` described; KeyError, TypeError or ValueError where it is damaged."""
        calibration = Calibration.restore(state["calibration"]) if state["calibration"] else None
        weights, fits = state["weights"], state["fits"]
        if not isinstance(fits, dict):
            raise TypeError(f"fits are {type(fits).__name__}, expected them by member")
        if set(weights) != set(BAND_NAMES[: len(weights)]) or (weights and calibration is None):
            raise ValueError(f"weights of the bands {list(weights)}, expected the first ones, and a calibration")
        for name, weight in (pair for chosen in weights.values() for pair in chosen.items()):
            if not 0 <= weight <= 1:
                raise ValueError(f"{name} has weight {weight}, expected 0 to 1")
        for member in MEMBERS:  # of others, which an earlier version had, the rest takes the weight
            if member.name in fits:
                member.restore(fits[member.name])
        return cls(
            weights=weights,
            calibration=calibration,
            fits=fits,
            note=str(state["note"]),
            # selections kept by earlier versions have none
            past_errors=checked_errors(state.get("past_errors", ())),
        )


NOTHING_LEARNT: Final = SeriesSelection(weights={}, calibration=None, fits={}, note="")
"""Makes `forecast` select for itself."""


def select(
    series: Series, *, horizon_steps: int, seed: int, members: Sequence[Forecaster] = MEMBERS
) -> SeriesSelection:
    """Choose and weigh `members` by rolling-origin error on `series` alone, calibrate, and fit them at its end."""
    simple = forecast_simple_case(series, horizon_steps=horizon_steps)
    if simple is not None:
        return replace(NOTHING_LEARNT, note=simple.note)
    able = [member for member in members if member.can_fit(series)]
    found = collect_origin_paths(series, able, horizon_steps=horizon_steps, seed=seed)
    return refit(series, choose(series, found), horizon_steps=horizon_steps, seed=seed, members=members)


def choose(series: Series, found: OriginPaths) -> SeriesSelection:
    """Return weights and calibration from what the members would have said; nothing is fitted yet."""
    weights = weights_by_band(found)
    paths = combine(found.paths, weights)
    is_judged = np.isfinite(paths - found.actuals).sum() >= FEWEST_ERRORS
    calibration = (
        calibrate(paths, found.actuals, log_scale=choose_scale(series.observed))
        if is_judged
        else typical_calibration(series.observed[np.isfinite(series.observed)])
    )
    errors = calibration.scale.forward(found.actuals) - calibration.scale.forward(paths)
    days = len(series) / series.day
    note = f"weights and bands from {len(found.origins)} past origins in {days:.1f} days of history"
    note = note if is_judged else f"{note}, of which too little was seen to judge: bands of typical width"
    for name, reason in sorted(found.failures.items()):
        note = f"{note}; {name} could not be judged everywhere: {reason}"
    return SeriesSelection(
        weights=weights, calibration=calibration, fits={}, note=note, past_errors=remember_errors(errors)
    )


def refit(
    series: Series,
    selection: SeriesSelection,
    *,
    horizon_steps: int,
    seed: int,
    members: Sequence[Forecaster] = MEMBERS,
) -> SeriesSelection:
    """Fit the members that have weight to all of `series`; weights and calibration stay.

    A member whose fit fails drops out of the fits, and the others share its weight.
    """
    wanted = {name for weights in selection.weights.values() for name in weights}
    fits: dict[str, State] = {}
    note = selection.note.split(_LEFT_OUT)[0]
    for member in members:
        if member.name in wanted:
            try:
                fits[member.name] = member.fit(series, horizon_steps=horizon_steps, seed=seed).state()
            except MemberError as error:
                note = f"{note}{_LEFT_OUT}{member.name}, {error}"
    return replace(selection, fits=fits, note=note)


def forecast(
    series: Series,
    selection: SeriesSelection,
    *,
    horizon_steps: int,
    seed: int,
    members: Sequence[Forecaster] = MEMBERS,
    pool: PooledDemand | None = None,
    widening: float = 1.0,
) -> SeriesForecast:
    """Return the forecast after the end of `series` from a selection made then or somewhat earlier.

    Members are updated with the hours seen since; one whose fit does not reach far enough is fitted again. Where the
    selection holds no weights although the series has outgrown its simple case, or none for bands so far ahead, it is
    made anew. `pool`: older fleets of the deployment, for a series under a day old. `widening`: by how much, at least,
    the members' bands are wider than their past asks for, 1 for no opinion.
    """
    simple = forecast_simple_case(series, horizon_steps=horizon_steps, pool=pool)
    if simple is not None:
        quantiles = finish_quantiles(simple.quantiles, series)
        return replace(simple, quantiles=quantiles, note=_with_remarks(simple.note, series))
    farthest = BAND_NAMES[band_indices(np.array([horizon_steps]))[0]]
    if farthest not in selection.weights:
        selection = select(series, horizon_steps=horizon_steps, seed=seed, members=members)
    return forecast_with_members(
        series, selection, horizon_steps=horizon_steps, seed=seed, members=members, widening=widening
    )


def forecast_with_members(
    series: Series,
    selection: SeriesSelection,
    *,
    horizon_steps: int,
    seed: int,
    members: Sequence[Forecaster] = MEMBERS,
    widening: float = 1.0,
    is_moved: bool = True,
) -> SeriesForecast:
    """Return the forecast of a selection that has weights, whether or not a simple case would serve.

    `is_moved`: whether hours that were all missed on one side may move the path, as they do what we serve. Without it
    the median of a lone member is what that member says.
    """
    if selection.calibration is None:
        raise ValueError(f"{series.series_id}: the selection has no calibration, select first")
    fitted, paths = _restore(series, selection, horizon_steps=horizon_steps, seed=seed, members=members)
    combined = _combined(paths, selection.weights, horizon_steps)
    note, is_silent = selection.note, np.isnan(combined)
    if is_silent.any():
        naive = seasonal_naive(series.observed, season=series.day, horizon_steps=horizon_steps)
        combined, note = np.where(is_silent, naive, combined), f"{note}; {_NONE_SERVES}"
    heavy = {name: fit for name, fit in fitted.items() if name in selection.weights[BAND_NAMES[0]]}
    says = partial(_path_together, heavy, selection.weights, NEAR_STEPS) if heavy else None
    checks, moved = newest_checks(series, says), ""
    if is_moved:
        combined, moved = moved_by_misses(combined, checks, selection.calibration, series)
    calibration = selection.calibration.stretched(checks.said, checks.came, least=widening if widening > 1 else 0.0)
    quantiles = calibration.quantiles(combined, steps_late=series.trailing_gap)
    return SeriesForecast(
        quantiles=finish_quantiles(quantiles, series),
        weights=selection.weights,
        note=_with_remarks(note + moved, series),
        effects=ordinary_hours(series).effects,
        is_widened=widening > 1,
    )


def _restore(
    series: Series, selection: SeriesSelection, *, horizon_steps: int, seed: int, members: Sequence[Forecaster]
) -> tuple[dict[str, FittedForecaster], dict[str, Floats]]:
    """Return the fits and their paths, all made anew where one of them does not reach far enough: they are equally old.

    Where that fails, the older fit serves as far as it reaches.
    """
    able = [member for member in members if member.name in selection.fits]
    fitted = {member.name: member.restore(selection.fits[member.name]) for member in able}
    paths = _paths(series, fitted, horizon_steps)
    if len(paths) == len(fitted):
        return fitted, paths
    for member in able:
        with suppress(MemberError):
            fitted[member.name] = member.fit(series, horizon_steps=horizon_steps, seed=seed)
    return fitted, _paths(series, fitted, horizon_steps)


def _paths(series: Series, fitted: Mapping[str, FittedForecaster], horizon_steps: int) -> dict[str, Floats]:
    """Return the paths of those whose fits reach far enough."""
    paths = {name: fit.path(series, horizon_steps=horizon_steps) for name, fit in fitted.items()}
    return {name: path for name, path in paths.items() if path is not None}


def _path_together(
    fitted: Mapping[str, FittedForecaster], weights: Mapping[str, Weights], horizon_steps: int, series: Series
) -> Floats:
    return _combined(_paths(series, fitted, horizon_steps), weights, horizon_steps)


def _combined(paths: Mapping[str, Floats], weights: Mapping[str, Weights], horizon_steps: int) -> Floats:
    """Return the path of all members together, NaN where none of them has anything to say."""
    return combine(paths, weights) if paths else np.full(horizon_steps, np.nan)


def _with_remarks(note: str, series: Series) -> str:
    gap, limited = series.trailing_gap, series.outlier_count
    missing = f"; the newest {gap} hours are missing" if gap else ""
    outliers = f"; hours far above all others that were limited: {limited}" if limited else ""
    factor, since = series.level_shift or (1.0, 0)
    raised = f"; saturated hours that count as usual ones: {series.raised_count}" if series.raised_count else ""
    shift = f"; hours before the last {since} were brought to the new level, {factor:.2f} times theirs" if since else ""
    return f"{note}{missing}{outliers}{raised}{shift}"
