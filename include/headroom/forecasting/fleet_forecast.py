"""Forecasts of fleets, hourly mean and hourly peak: selection (weekly), refit (daily), forecast (hourly)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np

from headroom.domain.demand import DemandForecast, DemandHistory, Floats
from headroom.domain.event import CalendarEvent
from headroom.domain.window import as_utc, floor_hour
from headroom.forecasting import ensemble
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.drift import Drift
from headroom.forecasting.explanation import explain
from headroom.forecasting.joint_paths import draw_paths
from headroom.forecasting.losses import MEDIAN_INDEX
from headroom.forecasting.parts import level_of_last_week, median_parts
from headroom.forecasting.pooled_demand import PooledDemand
from headroom.forecasting.saturated_hours import raised_where_saturated, saturated_flags
from headroom.forecasting.selection import TARGETS, Selection
from headroom.forecasting.series import ONE_HOUR, ForecastError, Series, prepare, seed_of
from headroom.forecasting.series_forecast import SeriesForecast

DEFAULT_HORIZON_HOURS: Final = 72
PROVISIONAL_NOTE: Final = "provisional, without the members that must be fitted: they are chosen after this hour's push"


def select_members(
    history: DemandHistory,
    *,
    made_at_utc: datetime,
    horizon_hours: int = DEFAULT_HORIZON_HOURS,
    country: str | None = "US",
    events: Sequence[CalendarEvent] = (),
    seed: int = 0,
) -> Selection:
    """Choose, weigh, calibrate and fit both targets from what was known at `made_at_utc`; seconds a fleet.

    Raises ForecastError where no hour was ever seen. The result is JSON-able and made to be cached.
    """
    made_at = _on_the_hour(made_at_utc)
    targets = {}
    for target, series in _target_series(history, made_at, _calendar(history, country, events)).items():
        series_seed = seed_of(series.series_id, seed=seed)
        targets[target] = ensemble.select(series, horizon_steps=horizon_hours, seed=series_seed)
    return Selection(fleet_id=history.fleet_id, selected_at_utc=made_at, fitted_at_utc=made_at, targets=targets)


def select_provisionally(
    history: DemandHistory,
    *,
    made_at_utc: datetime,
    horizon_hours: int = DEFAULT_HORIZON_HOURS,
    country: str | None = "US",
    events: Sequence[CalendarEvent] = (),
    seed: int = 0,
) -> Selection:
    """Weigh and calibrate the cheap members, in a tenth of a second a fleet; its note calls it provisional.

    Its quantiles are as honest as those of a full selection, only wider. Raises as select_members does.
    """
    made_at = _on_the_hour(made_at_utc)
    targets = {}
    for target, series in _target_series(history, made_at, _calendar(history, country, events)).items():
        series_seed = seed_of(series.series_id, seed=seed)
        made = ensemble.select(series, horizon_steps=horizon_hours, seed=series_seed, members=ensemble.CHEAP_MEMBERS)
        targets[target] = replace(made, note=f"{made.note}; {PROVISIONAL_NOTE}") if made.weights else made
    return Selection(fleet_id=history.fleet_id, selected_at_utc=made_at, fitted_at_utc=made_at, targets=targets)


def refit_members(
    history: DemandHistory,
    selection: Selection,
    *,
    made_at_utc: datetime,
    horizon_hours: int = DEFAULT_HORIZON_HOURS,
    country: str | None = "US",
    events: Sequence[CalendarEvent] = (),
    seed: int = 0,
) -> Selection:
    """Fit the selected members anew (daily, or on drift): weights and calibration stay, a fifth of the time."""
    made_at = _on_the_hour(made_at_utc)
    targets = {}
    for target, series in _target_series(history, made_at, _calendar(history, country, events)).items():
        series_seed = seed_of(series.series_id, seed=seed)
        targets[target] = ensemble.refit(
            series, selection.targets[target], horizon_steps=horizon_hours, seed=series_seed
        )
    return replace(selection, fitted_at_utc=made_at, targets=targets)


def forecast_fleet(
    history: DemandHistory,
    *,
    made_at_utc: datetime,
    horizon_hours: int = DEFAULT_HORIZON_HOURS,
    country: str | None = "US",
    events: Sequence[CalendarEvent] = (),
    seed: int = 0,
    selection: Selection | None = None,
    pool: Mapping[str, PooledDemand] | None = None,
    drift: Drift | None = None,
) -> DemandForecast:
    """Forecast `horizon_hours` from `made_at_utc` on; hours of `history` at or after it are not looked at.

    With a cached `selection` the fits are updated with the newest hours (milliseconds); without one, or with one from
    after `made_at_utc` (a backfill must not know its future), it is made first. `pool`, by target as pool_demand gives
    it, lends a fleet under a day old the shape of older ones. `drift` of what was forecast before widens the bands of
    the members. `note` says what served. Raises ForecastError where no hour was ever seen, ValueError for a time off
    the hour.
    """
    made_at = _on_the_hour(made_at_utc)
    calendar = _calendar(history, country, events)
    usable = selection if selection is not None and selection.fitted_at_utc <= made_at else None
    made: dict[str, SeriesForecast] = {}
    known = _target_series(history, made_at, calendar)
    for target, series in known.items():
        series_seed = seed_of(series.series_id, seed=seed)
        learnt = usable.targets[target] if usable else ensemble.NOTHING_LEARNT
        shared = (pool or {}).get(target)
        made[target] = ensemble.forecast(
            series,
            learnt,
            horizon_steps=horizon_hours,
            seed=series_seed,
            pool=shared,
            widening=drift.widening if drift else 1.0,
        )
    mean = np.maximum(made["mean"].quantiles, 0.0)
    hours = _hour(made_at) + ONE_HOUR * np.arange(horizon_hours)
    parts = median_parts(known["mean"], mean[:, MEDIAN_INDEX], made["mean"].effects)
    # brought to a new level, the newest week's hours are no longer that week's
    level_before = None if known["mean"].level_shift else level_of_last_week(known["mean"])
    return DemandForecast(
        fleet_id=history.fleet_id,
        made_at_utc=made_at,
        hours=hours,
        mean_quantiles_per_second=mean,
        peak_quantiles_per_second=np.maximum(made["peak"].quantiles, mean),
        members=_joint_weights(made),
        note=_joint_note(made, usable, drift),
        mean_parts_per_second=parts,
        explanation=explain(hours, parts, level_before=level_before),
    )


def draw_fleet_paths(
    forecast: DemandForecast,
    *,
    target: Literal["mean", "peak"],
    count: int,
    selection: Selection | None = None,
    seed: int = 0,
) -> Floats:
    """Return `count` ways the forecast's hours may come together, work per second, shape (count, hours).

    Every hour has the forecast's quantiles over the paths; which hours are high together is copied from the errors
    that `selection` remembers. ValueError for a count out of range.
    """
    quantiles = forecast.mean_quantiles_per_second if target == "mean" else forecast.peak_quantiles_per_second
    remembered = selection.targets[target].past_errors if selection else ()
    series_seed = seed_of(f"{forecast.fleet_id}/{target}", seed=seed)
    return draw_paths(quantiles, remembered, count=count, seed=series_seed)


def _on_the_hour(made_at_utc: datetime) -> datetime:
    made_at = as_utc(made_at_utc)
    if floor_hour(made_at) != made_at:
        raise ValueError(f"a forecast is made on the hour, not at {made_at.isoformat()}")
    return made_at


def _calendar(history: DemandHistory, country: str | None, events: Sequence[CalendarEvent]) -> Calendar:
    return Calendar(country=country, events=tuple(event for event in events if event.concerns(history.fleet_id)))


def _hour(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def _target_series(history: DemandHistory, made_at: datetime, calendar: Calendar) -> dict[str, Series]:
    """Return what was known at `made_at`, up to the hour before it: hours not delivered yet are NaN."""
    known = int(np.searchsorted(history.hours, _hour(made_at)))
    if known == 0:
        raise ForecastError(f"{history.fleet_id}: no hour of demand before {made_at.isoformat()}")
    late = int((_hour(made_at) - history.hours[known - 1]) / ONE_HOUR) - 1
    hours = np.concatenate([history.hours[:known], history.hours[known - 1] + ONE_HOUR * np.arange(1, late + 1)])
    is_excluded = calendar.excluded_flags(hours)
    demand = {"mean": history.mean_per_second, "peak": history.peak_per_second}
    censored = np.zeros(known) if history.censored_fraction is None else history.censored_fraction[:known]
    is_saturated = saturated_flags(_known_values(censored, late))
    found = {}
    for target in TARGETS:
        series = Series(
            series_id=f"{history.fleet_id}/{target}",
            hours=hours,
            observed=np.where(is_excluded, np.nan, _known_values(demand[target][:known], late)),
            calendar=calendar,
        )
        found[target] = prepare(raised_where_saturated(series, is_saturated))
    return found


def _known_values(values: Floats, late: int) -> Floats:
    finite = np.where(np.isfinite(values), values, np.nan)
    return np.concatenate([finite, np.full(late, np.nan)])


def _joint_weights(made: dict[str, SeriesForecast]) -> dict[str, float]:
    """Return each member's weight, averaged over hours and both targets, heaviest first."""
    totals: dict[str, float] = {}
    for part in made.values():
        for name, weight in part.mean_weights().items():
            totals[name] = totals.get(name, 0.0) + weight / len(made)
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return {name: round(weight, 6) for name, weight in ordered}


def _joint_note(made: dict[str, SeriesForecast], selection: Selection | None, drift: Drift | None) -> str:
    notes = {target: part.note for target, part in made.items()}
    text = notes["mean"] if notes["mean"] == notes["peak"] else f"mean: {notes['mean']}; peak: {notes['peak']}"
    text = f"{text}; selected at {selection.selected_at_utc:%Y-%m-%d %H:%M} UTC" if selection else text
    is_widened = any(part.is_widened for part in made.values())
    return f"{text}; {drift.remark(is_widened=is_widened)}" if drift else text
