"""Forecast tasks: a chunk's forecasts each hour, and the daily choice of members that the hours in between use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.event import CalendarEvent
from headroom.domain.fleet import Fleet
from headroom.domain.sparse_metrics import is_omitted_at_zero
from headroom.domain.window import Window
from headroom.forecasting.drift import Drift
from headroom.forecasting.fleet_forecast import forecast_fleet, refit_members, select_members, select_provisionally
from headroom.forecasting.pooled_demand import PooledDemand
from headroom.forecasting.selection import Selection
from headroom.forecasting.series import ForecastError
from headroom.lake.frames import with_columns_of
from headroom.lake.layout import chunk_name, hourly_path
from headroom.lake.tables import TABLES
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import closed_at_utc
from headroom.pipelines.demand_history import (
    FORECAST_TABLE,
    demand_histories,
    forecast_rows,
    forecasts_from_rows,
    inputs_hash,
    pool_for_young,
)
from headroom.pipelines.drifts import find_drifts
from headroom.pipelines.kept_selections import keep_selection, newest_selection
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, run_step
from headroom.pipelines.workspace import Workspace

HORIZON_HOURS = 72
REFIT_AFTER = timedelta(days=1)
SELECT_AFTER = timedelta(days=7)
"""Members are fitted anew daily and chosen anew weekly, after the hour's push; hours in between update them."""
CHOICES_BEFORE_PUSH = 4
"""Fleets of a chunk whose members are chosen before the push where nothing that serves was kept (a fleet's first hour,
or days without a run): a second each. The others get a provisional forecast, so that a thousand new fleets delay
nobody's actions; theirs are chosen after the push. A count, no clock: equal input must give equal forecasts."""


def forecast_chunk(window: Window, chunk: int) -> dict[str, Any]:
    """Forecast every fleet of a chunk from what was known at the window's end; keep forecasts already made."""
    return run_step(
        dag_id="scale_ahead",
        window=window,
        part=f"1-forecast-{chunk_name(chunk)}",
        step=lambda workspace: forecast_fleets(workspace, window, chunk),
    )


def forecast_fleets(workspace: Workspace, window: Window, chunk: int) -> list[Outcome]:
    """Write the forecasts of a chunk; a rerun adds only fleets that have none: accuracy is judged on what was known."""
    closed_at_utc(workspace, window)
    path = hourly_path(FORECAST_TABLE, window.start_utc, chunk_name(chunk))
    present = workspace.lake.read_table(path)
    if present is None:
        present = TABLES[FORECAST_TABLE].schema.empty_table()
    fleets = workspace.fleets_in(chunk)
    done = set(present["fleet_id"].to_pylist()) & {fleet.id for fleet in fleets}
    missing = [fleet for fleet in fleets if fleet.id not in done]
    histories = demand_histories(workspace, missing, window.end_utc)
    selections = _newest_selections(workspace, missing, window.end_utc)
    pool = pool_for_young(workspace, histories.values(), window.end_utc)
    drifts = find_drifts(workspace, missing, selections, window.end_utc)
    choices_left = CHOICES_BEFORE_PUSH
    made = []
    outcomes = [Outcome(step="forecast", subject=fleet_id, status=OutcomeStatus.OK) for fleet_id in sorted(done)]
    for fleet in missing:
        try:
            history = known_history(histories, fleet)
            selection = selections[fleet.id]
            if selection is None or not selection.serves(window.end_utc):
                is_provisional = choices_left == 0
                choices_left = max(choices_left - 1, 0)
                choose = _provisional if is_provisional else _choose
                selection = choose(workspace, fleet, history, window.end_utc)
                drifts.pop(fleet.id, None)
            forecast = _forecast(
                workspace,
                fleet,
                history,
                selection,
                window.end_utc,
                horizon_hours=HORIZON_HOURS,
                pool=pool,
                drift=drifts.get(fleet.id),
            )
        except Exception as error:  # noqa: BLE001, whatever a model trips over is this fleet's cause, and stops no other
            outcomes.append(_outcome(fleet, OutcomeStatus.FAILED, str(error) or type(error).__name__))
        else:
            made.append((forecast, inputs_hash(history)))
            outcomes.append(_outcome(fleet, OutcomeStatus.OK))
    kept = with_columns_of(TABLES[FORECAST_TABLE], present).select(TABLES[FORECAST_TABLE].columns)
    rows = pa.concat_tables([kept, forecast_rows(made)])
    workspace.lake.write_table(path, TABLES[FORECAST_TABLE], rows, fingerprint="")
    return outcomes


def forecast_from(
    workspace: Workspace,
    fleet: Fleet,
    history: DemandHistory,
    *,
    made_at_utc: datetime,
    horizon_hours: int,
) -> DemandForecast:
    """Forecast one fleet with its events and its newest selection; where it has none yet, one is made and kept."""
    selection = newest_selection(workspace, fleet.id, made_at_utc)
    selection = selection or _choose(workspace, fleet, history, made_at_utc)
    pool = pool_for_young(workspace, [history], made_at_utc)
    return _forecast(workspace, fleet, history, selection, made_at_utc, horizon_hours=horizon_hours, pool=pool)


def _forecast(
    workspace: Workspace,
    fleet: Fleet,
    history: DemandHistory,
    selection: Selection,
    made_at_utc: datetime,
    *,
    horizon_hours: int,
    pool: Mapping[str, PooledDemand],
    drift: Drift | None = None,
) -> DemandForecast:
    return forecast_fleet(
        history,
        made_at_utc=made_at_utc,
        horizon_hours=horizon_hours,
        country=fleet.country,
        events=_events_of(workspace, fleet),
        selection=selection,
        pool=pool,
        drift=drift,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownForecast:
    """A forecast out of the lake, with the hash of what it was made from."""

    forecast: DemandForecast
    inputs_hash: str


def read_forecasts(workspace: Workspace, window: Window, chunk: int) -> dict[str, KnownForecast]:
    """Return the forecasts made at the window's end, by fleet."""
    rows = workspace.lake.read_table(hourly_path(FORECAST_TABLE, window.start_utc, chunk_name(chunk)))
    if rows is None:
        return {}
    hashes = dict(zip(rows["fleet_id"].to_pylist(), rows["inputs_hash"].to_pylist(), strict=True))
    return {
        fleet_id: KnownForecast(forecast=forecast, inputs_hash=hashes[fleet_id])
        for (fleet_id, _), forecast in forecasts_from_rows(rows).items()
    }


def refit_chunk(window: Window, chunk: int) -> dict[str, Any]:
    """Fit members anew where the fits are a day old; choose anew where the choice is a week old or demand drifts."""
    return run_step(
        dag_id="scale_ahead",
        window=window,
        part=f"4-refit-{chunk_name(chunk)}",
        step=lambda workspace: refit_fleets(workspace, window, chunk),
    )


def refit_fleets(workspace: Workspace, window: Window, chunk: int) -> list[Outcome]:
    """Refit the fleets of a chunk that are due."""
    fleets = workspace.fleets_in(chunk)
    histories = demand_histories(workspace, fleets, window.end_utc)
    selections = _newest_selections(workspace, fleets, window.end_utc)
    drifts = find_drifts(workspace, fleets, selections, window.end_utc)
    outcomes = []
    for fleet in fleets:
        try:
            history = known_history(histories, fleet)
            selection = selections[fleet.id]
            is_due = _refit_if_due(workspace, fleet, history, selection, window.end_utc, is_drifting=fleet.id in drifts)
        except Exception as error:  # noqa: BLE001, as in forecast_fleets
            outcomes.append(_outcome(fleet, OutcomeStatus.FAILED, str(error) or type(error).__name__, step="refit"))
        else:
            status = OutcomeStatus.OK if is_due else OutcomeStatus.NOTHING_TO_DO
            outcomes.append(_outcome(fleet, status, step="refit"))
    return outcomes


def _refit_if_due(
    workspace: Workspace,
    fleet: Fleet,
    history: DemandHistory,
    selection: Selection | None,
    made_at_utc: datetime,
    *,
    is_drifting: bool,
) -> bool:
    if selection is None or is_drifting or made_at_utc - selection.selected_at_utc >= SELECT_AFTER:
        _choose(workspace, fleet, history, made_at_utc)
    elif made_at_utc - selection.fitted_at_utc >= REFIT_AFTER:
        _refit(workspace, fleet, history, selection, made_at_utc)
    else:
        return False
    return True


def _newest_selections(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    made_at_utc: datetime,
) -> dict[str, Selection | None]:
    found = at_once(lambda fleet: newest_selection(workspace, fleet.id, made_at_utc), fleets)
    return {fleet.id: selection for fleet, selection in zip(fleets, found, strict=True)}


def _choose(workspace: Workspace, fleet: Fleet, history: DemandHistory, made_at_utc: datetime) -> Selection:
    selection = select_members(
        history,
        made_at_utc=made_at_utc,
        horizon_hours=HORIZON_HOURS,
        country=fleet.country,
        events=_events_of(workspace, fleet),
    )
    return keep_selection(workspace, selection)


def _provisional(workspace: Workspace, fleet: Fleet, history: DemandHistory, made_at_utc: datetime) -> Selection:
    """Return a selection of what costs milliseconds, which is not kept: the choice after the push is."""
    return select_provisionally(
        history,
        made_at_utc=made_at_utc,
        horizon_hours=HORIZON_HOURS,
        country=fleet.country,
        events=_events_of(workspace, fleet),
    )


def _refit(
    workspace: Workspace,
    fleet: Fleet,
    history: DemandHistory,
    selection: Selection,
    made_at_utc: datetime,
) -> Selection:
    refitted = refit_members(
        history,
        selection,
        made_at_utc=made_at_utc,
        horizon_hours=HORIZON_HOURS,
        country=fleet.country,
        events=_events_of(workspace, fleet),
    )
    return keep_selection(workspace, refitted)


def known_history(histories: dict[str, DemandHistory], fleet: Fleet) -> DemandHistory:
    """Return a fleet's history; raise ForecastError where nobody saw an hour of it, or nothing but inferred zeros.

    A metric that is left out at zero and never had a sample may as well be named wrongly: no reason to scale in.
    """
    if fleet.id not in histories:
        raise ForecastError("no hour of its demand is known; backfill settle_days, or see why extraction fails")
    history = histories[fleet.id]
    if is_omitted_at_zero(fleet.demand.metric) and not np.nansum(history.mean_per_second):
        metric = fleet.demand.metric
        raise ForecastError(
            f"{metric.namespace} {metric.name} had no sample in {len(history.hours)} hours, while other metrics of the "
            "fleet had: nobody used it, or the metric's name or dimensions in fleets.yaml are wrong",
        )
    return history


def _events_of(workspace: Workspace, fleet: Fleet) -> tuple[CalendarEvent, ...]:
    return tuple(event for event in workspace.events if event.concerns(fleet.id))


def _outcome(fleet: Fleet, status: OutcomeStatus, cause: str = "", *, step: str = "forecast") -> Outcome:
    return Outcome(step=step, subject=fleet.id, status=status, cause=cause)
