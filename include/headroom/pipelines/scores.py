"""Scores of forecasts against what then was seen, kept for ever in mart_forecast_score__by_fleet.

A score also rests on the six weeks before, so a day that is settled late makes the scores of later days anew.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.window import DAY, Window
from headroom.forecasting.scoring import score_forecast
from headroom.lake.layout import settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import (
    FORECAST_TABLE,
    HISTORY_DAYS,
    demand_histories,
    forecasts_from_rows,
    inputs_hash,
)
from headroom.pipelines.model_runs import read_rows
from headroom.pipelines.workspace import Workspace

SCORE_TABLE = "mart_forecast_score__by_fleet"
DEMAND_TABLE = "mart_demand__hourly_by_fleet"
SCORED_AFTER = timedelta(days=3)
"""A forecast reaches 72 hours, so it is scored with the day on which its last hour is settled."""


def settle_scores(workspace: Workspace, window: Window) -> int:
    """Score the forecasts whose 72 hours ended in the day `window`; write the day's scores; return how many rows."""
    forecasts = _forecasts_ended_in(workspace, window)
    if not forecasts:
        return _write(workspace, window, [])
    histories = demand_histories(workspace, workspace.fleets, window.end_utc)
    while True:
        count = _write(workspace, window, _scores(forecasts, histories))
        # Another day may have been settled meanwhile, which saw no scores of this one to make again.
        read_before, histories = histories, demand_histories(workspace, workspace.fleets, window.end_utc)
        if _hashes(histories) == _hashes(read_before):
            return count


def settle_later_scores(workspace: Workspace, window: Window) -> int:
    """Score anew what was scored before the demand of the day `window` was known; return how many days."""
    later = Window(window.end_utc, window.end_utc + timedelta(days=HISTORY_DAYS))
    scored = workspace.lake.table_files(SCORE_TABLE, window=later)
    made = Window(window.start_utc - SCORED_AFTER, later.end_utc)
    if not scored or not workspace.lake.table_files(FORECAST_TABLE, window=made):
        return 0
    days = [day for day in later.days() if settled_path(SCORE_TABLE, day.day) in scored]
    for day in days:
        settle_scores(workspace, day)
    return len(days)


def demand_of_settled_day(workspace: Workspace, window: Window) -> bytes | None:
    """Return the file of the settled day's demand as it stands, None before it is settled."""
    try:
        return workspace.lake.storage.read_bytes(settled_path(DEMAND_TABLE, window.day))
    except FileNotFoundError:
        return None


def _forecasts_ended_in(workspace: Workspace, window: Window) -> list[DemandForecast]:
    made = Window(window.start_utc - SCORED_AFTER, window.end_utc - SCORED_AFTER)
    # A forecast stands in the file of the hour before it was made.
    rows = read_rows(workspace, FORECAST_TABLE, Window(made.start_utc - DAY, made.end_utc))
    made_at = pc.field("made_at_utc")
    rows = rows.filter((made_at > pa.scalar(made.start_utc)) & (made_at <= pa.scalar(made.end_utc)))
    return [forecast for _, forecast in sorted(forecasts_from_rows(rows).items())] if rows.num_rows else []


def _scores(forecasts: Iterable[DemandForecast], histories: Mapping[str, DemandHistory]) -> list[dict[str, Any]]:
    return [
        dict(score)
        for forecast in forecasts
        if forecast.fleet_id in histories
        for score in score_forecast(forecast, histories[forecast.fleet_id])
    ]


def _write(workspace: Workspace, window: Window, scores: list[dict[str, Any]]) -> int:
    table = TABLES[SCORE_TABLE]
    frame = pa.Table.from_pylist(scores, schema=table.schema)
    workspace.lake.write_table(settled_path(SCORE_TABLE, window.day), table, frame, fingerprint="")
    return len(scores)


def _hashes(histories: Mapping[str, DemandHistory]) -> dict[str, str]:
    return {fleet_id: inputs_hash(history) for fleet_id, history in histories.items()}
