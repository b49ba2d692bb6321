"""Forecasts of a replay as scale_ahead makes them: chosen weekly or on drift, fitted daily, hourly; from the past."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.event import CalendarEvent
from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR
from headroom.forecasting.drift import Drift, find_drift
from headroom.forecasting.fleet_forecast import forecast_fleet, refit_members, select_members
from headroom.forecasting.selection import Selection
from headroom.pipelines.demand_history import HISTORY_DAYS
from headroom.pipelines.drifts import LOOK_BACK
from headroom.pipelines.forecasts import HORIZON_HOURS, REFIT_AFTER, SELECT_AFTER
from headroom.simulation.policy import DemandRecord
from headroom.units import HOURS_PER_DAY


class ReplayForecasts:
    """The forecasts production would have made of a recorded demand; each is made once and kept.

    Moments must be asked for in order of time the first time: a selection serves the hours after it.
    """

    def __init__(self, fleet: Fleet, known: DemandRecord, *, events: Sequence[CalendarEvent] = ()) -> None:
        self._fleet, self._known, self._events = fleet, known, tuple(events)
        self._made: dict[datetime, DemandForecast] = {}
        self._selection: Selection | None = None

    def forecast(self, made_at_utc: datetime) -> DemandForecast:
        """Return the forecast made at an hour's end; ForecastError where no hour of demand was known."""
        if made_at_utc not in self._made:
            self._made[made_at_utc] = self._make(made_at_utc)
        return self._made[made_at_utc]

    def _make(self, made_at_utc: datetime) -> DemandForecast:
        history = _newest(self._known.hourly(self._fleet.id, made_at_utc))
        selection, drift = self._selection, None
        if selection is None or not selection.serves(made_at_utc):
            selection = self._select(history, made_at_utc)
        else:
            drift = self._drift(history, made_at_utc, selection)
        forecast = forecast_fleet(
            history,
            made_at_utc=made_at_utc,
            horizon_hours=HORIZON_HOURS,
            country=self._fleet.country,
            events=self._events,
            selection=selection,
            drift=drift,
        )
        # What is due anew is made after the hour's push, and serves from the next hour on.
        if drift is not None or made_at_utc - selection.selected_at_utc >= SELECT_AFTER:
            selection = self._select(history, made_at_utc)
        elif made_at_utc - selection.fitted_at_utc >= REFIT_AFTER:
            selection = refit_members(
                history,
                selection,
                made_at_utc=made_at_utc,
                horizon_hours=HORIZON_HOURS,
                country=self._fleet.country,
                events=self._events,
            )
        self._selection = selection
        return forecast

    def _drift(self, history: DemandHistory, made_at_utc: datetime, selection: Selection) -> Drift | None:
        """Return the drift that pipelines.drifts.find_drifts would see: forecasts made with this choice, two days."""
        oldest = max(selection.selected_at_utc + HOUR, made_at_utc - LOOK_BACK)
        made = {moment: self._made[moment] for moment in self._made if oldest <= moment < made_at_utc}
        if not made:
            return None
        hours = np.array([moment.astimezone(UTC).replace(tzinfo=None) for moment in made], dtype="datetime64[s]")
        bands = np.array(
            [[forecast.peak_at_level(level)[0] for level in (0.1, 0.5, 0.9)] for forecast in made.values()]
        )
        demand = history.peak_per_second[np.searchsorted(history.hours, hours)]
        return find_drift(demand, low=bands[:, 0], median=bands[:, 1], high=bands[:, 2])

    def _select(self, history: DemandHistory, made_at_utc: datetime) -> Selection:
        return select_members(
            history,
            made_at_utc=made_at_utc,
            horizon_hours=HORIZON_HOURS,
            country=self._fleet.country,
            events=self._events,
        )


def _newest(history: DemandHistory) -> DemandHistory:
    first = max(0, len(history.hours) - HISTORY_DAYS * HOURS_PER_DAY)
    return DemandHistory(
        fleet_id=history.fleet_id,
        hours=history.hours[first:],
        mean_per_second=history.mean_per_second[first:],
        peak_per_second=history.peak_per_second[first:],
    )
