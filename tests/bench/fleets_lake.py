"""A lake of many fleets as production leaves it: eight weeks of demand, three days of forecasts, chosen members."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtri
from tests.fleet_entries import GROUP_ENTRY
from tests.unit.extract.fake_aws import FakeClients

from headroom.columns import PART_NAMES, QUANTILE_LEVELS, QUANTILE_NAMES
from headroom.config import load_fleets
from headroom.domain.demand import Floats
from headroom.domain.window import DAY, HOUR, Window
from headroom.lake.lake import Lake
from headroom.lake.layout import chunk_name, chunk_of, hourly_path, settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.pipelines.demand_history import FORECAST_TABLE
from headroom.pipelines.forecasts import HORIZON_HOURS, refit_fleets
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

END = datetime(2026, 11, 18, tzinfo=UTC)
CHOSEN_AT = END - DAY
DAYS, RECORD_HOURS = 56, 72
PEAK_OVER_MEAN, NOISE = 1.25, 0.12
LAST_HOUR = Window(END - HOUR, END)


class Clock:
    """Tells the cloud's time: five minutes after END."""

    def get_caller_identity(self) -> dict[str, Any]:
        date = format_datetime(END + timedelta(minutes=5), usegmt=True)
        return {"Account": "123456789012", "ResponseMetadata": {"HTTPHeaders": {"date": date}}}


def open_fleets(folder: Path) -> Workspace:
    return Workspace(
        fleets=load_fleets(folder / "fleets.yaml"),
        config_folder=folder,
        lake=Lake(LocalStorage(folder / "lake")),
        models=SqlModels.load(SQL_FOLDER),
        clients=FakeClients({"sts": Clock()}),
        deployment="bench",
        warehouse_path=folder / "warehouse.duckdb",
    )


def write_fleets(folder: Path, count: int, *, shapes: int) -> float:
    """Write the lake of `count` fleets of which every `shapes`-th is alike but for level and noise.

    Members are chosen for the first of each shape alone: what a refit or an update costs depends on which members have
    weight. Return the seconds a choice took.
    """
    names = [f"fleet-{number:04d}" for number in range(count)]
    (folder / "fleets.yaml").write_text("fleets:\n" + "".join(GROUP_ENTRY.format(name=name) for name in names))
    workspace = open_fleets(folder)
    demand = _demand(count, shapes)
    write_demand(workspace, names, demand)
    write_record(workspace, names, demand)
    return _choose(workspace, names[:shapes], names)


def _demand(count: int, shapes: int) -> Floats:
    """Return hourly means (fleets, hours), as many hours beyond END as a forecast reaches."""
    generator = np.random.default_rng(4)
    hour = np.arange(24 * DAYS + HORIZON_HOURS)
    kinds = generator.uniform([0.2, 0, 0.5, -0.001], [0.8, 24, 1.0, 0.001], size=(shapes, 4))
    rows = np.arange(count) % shapes
    swing, phase, weekend, growth = (kinds[rows, column][:, np.newaxis] for column in range(4))
    daily = 1 + swing * np.sin(2 * np.pi * (hour - phase) / 24)
    weekly = np.where((hour // 24) % 7 >= 5, weekend, 1.0)
    level = generator.uniform(1.0, 500.0, size=(count, 1)) * np.exp(growth * hour / 24)
    noise = np.exp(NOISE * generator.standard_normal((count, len(hour))))
    return level * daily * weekly * noise


def write_demand(workspace: Workspace, names: list[str], demand: Floats, *, days: int = DAYS) -> None:
    """Write the demand mart of the last `days` of DAYS before END."""
    table = TABLES["mart_demand__hourly_by_fleet"]
    for day in range(DAYS - days, DAYS):
        start = END - (DAYS - day) * DAY
        mean = demand[:, 24 * day : 24 * day + 24].ravel()
        rows = {
            "fleet_id": np.repeat(names, 24),
            "hour_start_utc": [start + hour * HOUR for hour in range(24)] * len(names),
            "mean_demand_per_second": mean,
            "peak_demand_per_second": mean * PEAK_OVER_MEAN,
            "samples_expected": np.full(len(mean), 12),
            "samples_seen": np.full(len(mean), 12),
            "samples_inferred": np.zeros(len(mean), dtype=np.int64),
            "censored_fraction": np.zeros(len(mean)),
        }
        path = settled_path(table.name, start.date())
        workspace.lake.write_table(path, table, pa.table(rows, schema=table.schema), fingerprint="")


def write_record(
    workspace: Workspace, names: list[str], demand: Floats, *, ago: range = range(1, RECORD_HOURS + 1)
) -> None:
    """Write what would have been forecast so many hours ago: drift is looked for in it; 0 is what END is planned by."""
    table = TABLES[FORECAST_TABLE]
    spread = np.exp(NOISE * ndtri(np.array(QUANTILE_LEVELS)))
    chunks = np.array([chunk_of(name) for name in names])
    for hours_ago in ago:
        made_at = END - hours_ago * HOUR
        first = 24 * DAYS - hours_ago
        for chunk in np.unique(chunks):
            own = np.flatnonzero(chunks == chunk)
            mean = demand[own, first : first + HORIZON_HOURS].ravel()
            count = len(mean)
            columns: dict[str, Any] = {
                "fleet_id": np.repeat(np.array(names)[own], HORIZON_HOURS),
                "made_at_utc": [made_at] * count,
                "hour_start_utc": [made_at + hour * HOUR for hour in range(HORIZON_HOURS)] * len(own),
                "members": ['{"prophet": 1.0}'] * count,
                "forecast_note": ["weights and bands from 72 past origins"] * count,
                "explanation": [None] * count,
                "inputs_hash": ["0" * 64] * count,
                **{f"mean_demand_{name}_per_second": np.zeros(count) for name in PART_NAMES},
                f"mean_demand_{PART_NAMES[0]}_per_second": mean,
            }
            for name, factor in zip(QUANTILE_NAMES, spread, strict=True):
                columns[f"mean_demand_{name}_per_second"] = mean * factor
                columns[f"peak_demand_{name}_per_second"] = mean * PEAK_OVER_MEAN * factor
            rows = pa.table({name: columns[name] for name in table.schema.names}, schema=table.schema)
            path = hourly_path(FORECAST_TABLE, made_at - HOUR, chunk_name(int(chunk)))
            workspace.lake.write_table(path, table, rows, fingerprint="")


def _choose(workspace: Workspace, first: list[str], names: list[str]) -> float:
    few = replace(workspace, fleets=tuple(fleet for fleet in workspace.fleets if fleet.id in first))
    began = time.perf_counter()
    for chunk in few.chunks():
        bad = [item for item in refit_fleets(few, Window(CHOSEN_AT - HOUR, CHOSEN_AT), chunk) if item.is_bad]
        assert not bad, bad
    seconds = (time.perf_counter() - began) / len(first)
    for number, name in enumerate(names):
        (path,) = workspace.lake.storage.list(f"selections/{first[number % len(first)]}")
        if name not in first:
            chosen = {**json.loads(workspace.lake.storage.read_bytes(path)), "fleet_id": name}
            workspace.lake.write_json(path.replace(first[number % len(first)], name), chosen)
    return seconds
