"""Demand histories out of the hourly mart, and forecasts to and from their mart."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from headroom.columns import PART_NAMES, QUANTILE_NAMES
from headroom.domain.demand import DemandForecast, DemandHistory
from headroom.domain.fleet import Fleet
from headroom.domain.window import Window
from headroom.forecasting.pooled_demand import POOL_DAYS, PooledDemand, pool_demand
from headroom.lake.frames import with_columns_of
from headroom.lake.tables import TABLES
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.workspace import Workspace
from headroom.units import HOURS_PER_DAY

HISTORY_DAYS = 42
"""Six weeks: enough for weekly shape and its noise, little enough to follow a fleet's growth."""

FORECAST_TABLE = "mart_forecast__hourly_by_fleet"


def demand_histories(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    end_utc: datetime,
    *,
    start_utc: datetime | None = None,
) -> dict[str, DemandHistory]:
    """Return each fleet's hourly demand of the HISTORY_DAYS before `end_utc`, from its first seen hour on.

    Hours nobody saw are NaN. A fleet without any seen hour is absent from the answer. `start_utc`: instead of the
    HISTORY_DAYS, all from there on.
    """
    window = Window(start_utc or end_utc - timedelta(days=HISTORY_DAYS), end_utc)
    rows = run_model(workspace, "int_demand__history", fleets, window=window)
    fleet_ids = rows["fleet_id"].to_numpy()
    seen_hours = rows["hour_start_utc"].to_numpy().astype("datetime64[s]")
    means, peaks = (rows[f"{statistic}_demand_per_second"].to_numpy() for statistic in ("mean", "peak"))
    censored = rows["censored_fraction"].to_numpy()
    histories = {}
    for fleet_id in sorted(set(fleet_ids.tolist())):
        chosen = fleet_ids == fleet_id
        hours = seen_hours[chosen]
        spine = np.arange(hours[0], np.datetime64(end_utc.replace(tzinfo=None), "s"), np.timedelta64(1, "h"))
        position = ((hours - spine[0]) // np.timedelta64(1, "h")).astype(int)
        histories[fleet_id] = DemandHistory(
            fleet_id=fleet_id,
            hours=spine,
            mean_per_second=_spread(means[chosen], position, len(spine)),
            peak_per_second=_spread(peaks[chosen], position, len(spine)),
            censored_fraction=_spread(censored[chosen], position, len(spine)),
        )
    return histories


def pool_for_young(
    workspace: Workspace, histories: Iterable[DemandHistory], made_at_utc: datetime
) -> dict[str, PooledDemand]:
    """Return the demand of the deployment's older fleets where one of `histories` is under a day old, else nothing."""
    if not any(np.isfinite(history.mean_per_second).sum() < HOURS_PER_DAY for history in histories):
        return {}
    start_utc = made_at_utc - timedelta(days=POOL_DAYS)
    return pool_demand(demand_histories(workspace, workspace.fleets, made_at_utc, start_utc=start_utc).values())


def _spread(values: Any, position: Any, length: int) -> Any:  # noqa: ANN401, arrow's arrays carry no types
    spread = np.full(length, np.nan)
    spread[position] = values
    return spread


def inputs_hash(history: DemandHistory) -> str:
    """Return the SHA-256 of what a forecast was made from."""
    digest = hashlib.sha256(history.fleet_id.encode())
    known = (history.mean_per_second, history.peak_per_second, history.censored_fraction)
    for part in (history.hours.astype("int64"), *(part for part in known if part is not None)):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def forecast_rows(forecasts: Iterable[tuple[DemandForecast, str]]) -> pa.Table:
    """Return forecasts, each with the hash of its inputs, as rows of their mart."""
    schema = TABLES[FORECAST_TABLE].schema
    tables = []
    for forecast, input_hash in forecasts:
        count = len(forecast.hours)
        columns: dict[str, Any] = {
            "fleet_id": [forecast.fleet_id] * count,
            "made_at_utc": [forecast.made_at_utc] * count,
            "hour_start_utc": pa.array(forecast.hours.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC")),
            "members": [json.dumps(forecast.members, sort_keys=True)] * count,
            "forecast_note": [forecast.note] * count,
            "explanation": [forecast.explanation or None] * count,
            "inputs_hash": [input_hash] * count,
        }
        parts = forecast.mean_parts_per_second
        for position, name in enumerate(PART_NAMES):
            columns[f"mean_demand_{name}_per_second"] = [None] * count if parts is None else parts[:, position]
        for target, quantiles in (
            ("mean", forecast.mean_quantiles_per_second),
            ("peak", forecast.peak_quantiles_per_second),
        ):
            for position, name in enumerate(QUANTILE_NAMES):
                columns[f"{target}_demand_{name}_per_second"] = quantiles[:, position]
        tables.append(pa.table({name: columns[name] for name in schema.names}, schema=schema))
    return pa.concat_tables(tables) if tables else schema.empty_table()


def forecasts_from_rows(rows: pa.Table) -> dict[tuple[str, datetime], DemandForecast]:
    """Return the forecasts that rows of the mart hold, by fleet and the moment they were made.

    Those that an older version made have no parts and no explanation.
    """
    forecasts = {}
    frame = (
        with_columns_of(TABLES[FORECAST_TABLE], rows)
        .to_pandas()
        .sort_values(["fleet_id", "made_at_utc", "hour_start_utc"])
    )
    for (fleet_id, made_at), group in frame.groupby(["fleet_id", "made_at_utc"]):
        made_at_utc = made_at.to_pydatetime().astimezone(UTC)
        forecasts[str(fleet_id), made_at_utc] = DemandForecast(
            fleet_id=str(fleet_id),
            made_at_utc=made_at_utc,
            hours=group["hour_start_utc"].dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
            mean_quantiles_per_second=_quantiles(group, "mean"),
            peak_quantiles_per_second=_quantiles(group, "peak"),
            members=json.loads(group["members"].iloc[0]),
            note=str(group["forecast_note"].iloc[0]),
            mean_parts_per_second=_parts(group),
            explanation=_text_of(group["explanation"].iloc[0]),
        )
    return forecasts


def _quantiles(group: Any, target: str) -> Any:  # noqa: ANN401, pandas frames carry no column types
    return group[[f"{target}_demand_{name}_per_second" for name in QUANTILE_NAMES]].to_numpy(dtype=np.float64)


def _parts(group: Any) -> Any:  # noqa: ANN401, as above
    parts = group[[f"mean_demand_{name}_per_second" for name in PART_NAMES]].to_numpy(dtype=np.float64)
    return None if np.isnan(parts).any() else parts


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""
