from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from headroom.domain.window import Window
from headroom.lake.fleet_relation import FLEET_RELATION_SCHEMA
from headroom.lake.session import open_session
from headroom.lake.sql_runner import SqlModels
from headroom.lake.tables import TABLES

Rows = Sequence[Mapping[str, Any]]
RunModel = Callable[..., list[dict[str, Any]]]
HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"
FLEET = {
    "fleet_id": "chat",
    "region": "us-east-1",
    "tags": '{"fleet": "chat"}',
    "demand_unit": "requests",
    "expected_period_seconds": 300,
    "objective_latency_seconds": 2.0,
    "objective_percentile": 95.0,
    "objective_latency_metric": "latency_p95_seconds",
    "has_error_metric": True,
    "is_demand_omitted_at_zero": True,
    "instance_type": "g5.xlarge",
}


@pytest.fixture(scope="session")
def models() -> SqlModels:
    return SqlModels.load(SQL_FOLDER)


@pytest.fixture
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_session() as connection:
        yield connection


@pytest.fixture
def run_model(session: duckdb.DuckDBPyConnection, models: SqlModels) -> RunModel:
    """Run a model over small tables given as rows; what a row leaves out is null."""

    def run(
        name: str,
        tables: Mapping[str, Rows],
        *,
        fleets: Rows = ({},),
        window: Window | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        for table in models.relations(name):
            session.register(table, pa.Table.from_pylist(list(tables.get(table, ())), TABLES[table].schema))
        session.register("fleet", pa.Table.from_pylist([{**FLEET, **fleet} for fleet in fleets], FLEET_RELATION_SCHEMA))
        window = window or Window.hour_of(HOUR)
        bound = {"window_start": window.start_utc, "window_end": window.end_utc, **(parameters or {})}
        return models.run_model(session, name, bound).to_pylist()

    return run
