"""Bench of the hourly demand mart: DuckDB over the lake's files, as a task runs it, beside the same sums in pandas.

Seven days of 5-minute samples of three metrics. Both read the same Parquet files; the answers are compared.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from headroom.domain.window import Window
from headroom.lake.fleet_relation import FLEET_RELATION_SCHEMA
from headroom.lake.lake import Lake
from headroom.lake.layout import settled_path
from headroom.lake.session import open_session, register_tables
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES

SQL = Path(__file__).resolve().parents[2] / "sql"
MART, RAW = "mart_demand__hourly_by_fleet", TABLES["metric_sample"]
START, DAYS, PERIOD = datetime(2026, 11, 10, tzinfo=UTC), 7, timedelta(minutes=5)
WINDOW = Window(START, START + timedelta(days=DAYS))
METRICS = ("demand_count", "cpu_utilization_percent", "latency_p95_seconds")
SATURATED_PERCENT, OBJECTIVE_SECONDS = 90.0, 2.0


def measure(*, is_quick: bool) -> dict[str, Any]:
    """Return the seconds of both over one another, and the rows a second of ours."""
    fleets = [f"fleet-{number:04d}" for number in range(20 if is_quick else 400)]
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(LocalStorage(Path(folder)))
        rows = _write_samples(lake, fleets)
        models, relation = SqlModels.load(SQL), _relation(fleets)
        began = time.perf_counter()
        with open_session() as session:
            register_tables(session, lake, [RAW.name], window=WINDOW)
            session.register("fleet", relation)
            bound = {"window_start": WINDOW.start_utc, "window_end": WINDOW.end_utc}
            ours = models.run_model(session, MART, bound)
        seconds = time.perf_counter() - began
        began = time.perf_counter()
        theirs = _in_pandas([lake.storage.url(path) for path in lake.table_files(RAW.name)])
        pandas_seconds = time.perf_counter() - began
    _check_equal(ours, theirs)
    return {
        "fleets": len(fleets),
        "samples": rows,
        "seconds": seconds,
        "seconds_over_pandas": seconds / pandas_seconds,
        "samples_per_second": rows / seconds,
    }


def _write_samples(lake: Lake, fleets: list[str]) -> int:
    random = np.random.default_rng(0)
    written = 0
    for day in WINDOW.days():
        steps = int(timedelta(days=1) / PERIOD)
        stamps = pd.date_range(day.start_utc, periods=steps, freq=PERIOD).as_unit("us")
        count = len(fleets) * len(METRICS) * steps
        frame = pa.table(
            {
                "fleet_id": np.repeat(fleets, len(METRICS) * steps),
                "metric": np.tile(np.repeat(METRICS, steps), len(fleets)),
                "timestamp_utc": pa.array(np.tile(stamps.to_numpy(), len(fleets) * len(METRICS))).cast(
                    pa.timestamp("us", tz="UTC")
                ),
                "period_seconds": pa.array(np.full(count, 300), pa.int32()),
                "value": random.gamma(4.0, 15.0, count),
            }
        )
        lake.write_table(settled_path(RAW.name, day.day), RAW, frame, fingerprint="")
        written += count
    return written


def _relation(fleets: list[str]) -> pa.Table:
    row = {
        "region": "us-east-1",
        "demand_unit": "requests",
        "expected_period_seconds": 300,
        "objective_latency_seconds": OBJECTIVE_SECONDS,
        "objective_percentile": 95.0,
        "objective_latency_metric": "latency_p95_seconds",
        "has_error_metric": False,
        "is_demand_omitted_at_zero": False,
        "instance_type": "g5.12xlarge",
    }
    return pa.Table.from_pylist([{**row, "fleet_id": fleet} for fleet in fleets], FLEET_RELATION_SCHEMA)


def _in_pandas(files: list[str]) -> pd.DataFrame:
    samples = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    samples = samples.sort_values(["fleet_id", "metric", "timestamp_utc", "period_seconds", "value"])
    samples = samples.drop_duplicates(["fleet_id", "metric", "timestamp_utc"])
    samples["bin"] = samples["timestamp_utc"].dt.floor("5min")
    bins = samples.pivot_table(index=["fleet_id", "bin"], columns="metric", values="value", aggfunc="max")
    rate = bins["demand_count"] / PERIOD.total_seconds()
    is_slow = bins["latency_p95_seconds"] > OBJECTIVE_SECONDS
    bins = pd.DataFrame({"rate": rate, "saturated": is_slow | (bins["cpu_utilization_percent"] >= SATURATED_PERCENT)})
    bins = bins.reset_index()
    hourly = bins.groupby(["fleet_id", bins["bin"].dt.floor("h")])
    return hourly.agg(mean=("rate", "mean"), peak=("rate", "max"), saturated=("saturated", "mean")).reset_index()


def _check_equal(ours: pa.Table, theirs: pd.DataFrame) -> None:
    assert ours.num_rows == len(theirs)
    for name, other in (("mean_demand_per_second", "mean"), ("peak_demand_per_second", "peak")):
        np.testing.assert_allclose(ours[name].to_numpy(), theirs[other].to_numpy(), rtol=1e-9)
