"""Forecasts of a replay: selected weekly, fitted daily, made hourly as scale_ahead does, from what was known then."""

from collections.abc import Sequence
from datetime import datetime

from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.event import CalendarEvent
from headroom.domain.fleet import Fleet
from headroom.forecasting.fleet_forecast import forecast_fleet, refit_members, select_members
from headroom.forecasting.selection import Selection
from headroom.pipelines.demand_history import HISTORY_DAYS
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
        selection = self._selection
        if selection is None or not selection.serves(made_at_utc):
            selection = self._select(history, made_at_utc)
        forecast = forecast_fleet(
            history,
            made_at_utc=made_at_utc,
            horizon_hours=HORIZON_HOURS,
            country=self._fleet.country,
            events=self._events,
            selection=selection,
        )
        # What is due anew is made after the hour's push, and serves from the next hour on.
        if made_at_utc - selection.selected_at_utc >= SELECT_AFTER:
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
