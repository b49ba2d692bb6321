"""Sustainable rates from history: hourly marts -> what an instance of today's type was measured to carry."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from headroom.capacity import LoadHistory, MeasuredRate, measured_rate
from headroom.domain.fleet import Fleet
from headroom.domain.window import Window, floor_day
from headroom.lake.fleet_relation import LATENCY_METRICS
from headroom.pipelines.demand_history import HISTORY_DAYS
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.workspace import Workspace

_HIGHEST_PERCENTILE = LATENCY_METRICS[-1][0]


def read_measured_rates(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    end_utc: datetime,
) -> dict[str, MeasuredRate | str]:
    """Return, by fleet, the rate of today's type over the HISTORY_DAYS whole days before `end_utc`, or why it has none.

    Whole days, so that a rate does not change within one.
    """
    rates: dict[str, MeasuredRate | str] = {}
    asked: dict[str, float] = {}
    for fleet in fleets:
        if fleet.objective.latency_seconds is None:
            rates[fleet.id] = "history has request latency, and the objective is on tokens"
        elif fleet.objective.percentile > _HIGHEST_PERCENTILE:
            rates[fleet.id] = f"latency is measured up to p{_HIGHEST_PERCENTILE:g}"
        else:
            asked[fleet.id] = fleet.objective.latency_seconds
    chosen = [fleet for fleet in fleets if fleet.id in asked]
    if not chosen:
        return rates
    window = Window(floor_day(end_utc) - timedelta(days=HISTORY_DAYS), floor_day(end_utc))
    rows = run_model(workspace, "int_latency__by_load", chosen, window=window)
    for fleet_id, latency_seconds in asked.items():
        history = _history(rows.filter(pc.field("fleet_id") == fleet_id))
        rates[fleet_id] = measured_rate(history, latency_seconds=latency_seconds)
    return rates


def _history(rows: pa.Table) -> LoadHistory:
    return LoadHistory(
        peak_per_second=rows["peak_demand_per_second"].to_numpy(),
        latency_seconds=rows["latency_seconds"].to_numpy(),
        instances_mean=rows["instances_in_service_mean"].to_numpy(),
        instances_min=rows["instances_in_service_min"].to_numpy(),
        instances_max=rows["instances_in_service_max"].to_numpy(),
        censored_fraction=rows["censored_fraction"].to_numpy(),
    )
