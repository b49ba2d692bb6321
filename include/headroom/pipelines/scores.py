"""Scores of forecasts against what then was seen, kept for ever in mart_forecast_score__by_fleet."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.window import DAY, Window
from headroom.forecasting.scoring import score_forecast
from headroom.lake.layout import settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import FORECAST_TABLE, demand_histories, forecasts_from_rows
from headroom.pipelines.model_runs import read_rows
from headroom.pipelines.workspace import Workspace

SCORE_TABLE = "mart_forecast_score__by_fleet"
SCORED_AFTER = timedelta(days=3)
"""A forecast reaches 72 hours, so it is scored with the day on which its last hour is settled."""


def settle_scores(workspace: Workspace, window: Window) -> int:
    """Score the forecasts whose 72 hours ended in the day `window`; write the day's scores; return how many rows."""
    made = Window(window.start_utc - SCORED_AFTER, window.end_utc - SCORED_AFTER)
    # A forecast stands in the file of the hour before it was made.
    rows = read_rows(workspace, FORECAST_TABLE, Window(made.start_utc - DAY, made.end_utc))
    made_at = pc.field("made_at_utc")
    rows = rows.filter((made_at > pa.scalar(made.start_utc)) & (made_at <= pa.scalar(made.end_utc)))
    scores: list[dict[str, Any]] = []
    if rows.num_rows:
        histories = demand_histories(workspace, workspace.fleets, window.end_utc)
        for (fleet_id, _), forecast in sorted(forecasts_from_rows(rows).items()):
            if fleet_id in histories:
                scores += [dict(score) for score in score_forecast(forecast, histories[fleet_id])]
    table = TABLES[SCORE_TABLE]
    frame = pa.Table.from_pylist(scores, schema=table.schema)
    workspace.lake.write_table(settled_path(SCORE_TABLE, window.day), table, frame, fingerprint="")
    return len(scores)
