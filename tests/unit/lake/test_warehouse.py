import errno
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headroom.lake.errors import PathError, WarehouseError
from headroom.lake.frames import parquet_bytes
from headroom.lake.lake import Lake
from headroom.lake.layout import hourly_path, settled_path
from headroom.lake.session import duckdb_types
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES
from headroom.lake.warehouse import build_warehouse, open_warehouse

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
MODELS = SqlModels.load(Path(__file__).resolve().parents[3] / "sql")
SAVINGS = TABLES["mart_savings__daily_by_fleet"]
MARTS = {name for name, table in TABLES.items() if table.layer == "mart"}


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    return Lake(LocalStorage(tmp_path / "lake"))


@pytest.fixture
def path(tmp_path: Path) -> Any:
    return tmp_path / "a folder" / "warehouse.duckdb"


def save(lake: Lake, usd: Any) -> None:
    rows = [{"fleet_id": "chat", "day_utc": HOUR.date(), "realised_savings_usd": Decimal(usd), "cost_basis": "unknown"}]
    frame = pa.Table.from_pylist(rows, SAVINGS.schema)
    lake.write_table(settled_path(SAVINGS.name, HOUR.date()), SAVINGS, frame, fingerprint="")


def savings_in(connection: Any) -> Any:
    return connection.execute(f"select realised_savings_usd from {SAVINGS.name}").fetchall()  # noqa: S608, a constant name


def test_every_mart_is_a_typed_table_even_without_data(lake: Lake, path: Path) -> None:
    summary = build_warehouse(lake, MODELS, path)

    assert summary.row_counts == dict.fromkeys(MARTS, 0)
    with open_warehouse(path) as warehouse:
        found = warehouse.execute("select table_schema, table_name from information_schema.tables").fetchall()
        assert set(found) == {("main", name) for name in MARTS}
        for name in MARTS:
            described = warehouse.execute(f"describe {name}").fetchall()
            types = {row[0]: row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in described}
            assert types == duckdb_types(TABLES[name])


def test_it_holds_what_the_lake_holds_in_utc_with_comments(lake: Lake, path: Path) -> None:
    save(lake, "12.5")
    demand = TABLES["mart_demand__hourly_by_fleet"]
    rows = [{"fleet_id": "chat", "hour_start_utc": HOUR, "samples_expected": 12, "samples_seen": 12}]
    frame = pa.Table.from_pylist(rows, demand.schema)
    lake.write_table(hourly_path(demand.name, HOUR, "chunk=01"), demand, frame, fingerprint="")

    assert build_warehouse(lake, MODELS, path).row_counts[SAVINGS.name] == 1

    with open_warehouse(path) as warehouse:
        assert savings_in(warehouse) == [(Decimal("12.5"),)]
        assert warehouse.execute(f"select hour_start_utc from {demand.name}").fetchall() == [(HOUR,)]  # noqa: S608, a constant name
        comments = dict(warehouse.execute("select table_name, comment from duckdb_tables()").fetchall())
        assert comments[SAVINGS.name] == MODELS[SAVINGS.name].description
        assert comments["mart_plan__schedule"] == "One row per plan, hour."


def test_readers_keep_the_old_warehouse_while_a_new_one_is_swapped_in(lake: Lake, path: Path) -> None:
    save(lake, "1")
    build_warehouse(lake, MODELS, path)
    with open_warehouse(path) as before:
        save(lake, "2")
        build_warehouse(lake, MODELS, path)

        assert savings_in(before) == [(Decimal(1),)]
    with open_warehouse(path) as after:
        assert savings_in(after) == [(Decimal(2),)]


def test_it_can_be_read_while_a_new_one_is_being_built(lake: Lake, path: Path) -> Any:
    save(lake, "1")
    build_warehouse(lake, MODELS, path)
    seen = []

    class ReadingLake(Lake):
        def table_files(self, table_name: Any, *, window: Any = None, chunks: Any = None) -> Any:
            with open_warehouse(path) as reader:
                seen.append(savings_in(reader))
            return super().table_files(table_name, window=window, chunks=chunks)

    build_warehouse(ReadingLake(lake.storage), MODELS, path)

    assert seen == [[(Decimal(1),)]] * len(MARTS)


def test_a_build_that_fails_leaves_the_old_one_and_the_next_clears_up(lake: Lake, path: Path) -> None:
    save(lake, "1")
    build_warehouse(lake, MODELS, path)

    class FullDisk(Lake):
        def table_files(self, *_: Any, **__: Any) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb: cannot be built.*No space left on device"):
        build_warehouse(FullDisk(lake.storage), MODELS, path)
    with open_warehouse(path) as warehouse:
        assert savings_in(warehouse) == [(Decimal(1),)]
    assert sorted(file.name for file in path.parent.iterdir()) == ["warehouse.duckdb", "warehouse.duckdb.lock"]


def demand_rows(*, day: int, mean: float) -> Any:
    hour = datetime(2026, 11, day, 5, tzinfo=UTC)
    row = {"fleet_id": "chat", "hour_start_utc": hour, "samples_expected": 12, "samples_seen": 12}
    return pa.Table.from_pylist(
        [{**row, "mean_demand_per_second": mean, "peak_demand_per_second": mean}],
        TABLES["mart_demand__hourly_by_fleet"].schema,
    )


def no_parquet(_: Any) -> bytes:
    return b"no Parquet"


def twice(rows: Any) -> bytes:
    return parquet_bytes(pa.concat_tables([rows, rows]), fingerprint="")


def of_text(rows: Any) -> bytes:
    position = rows.schema.get_field_index("mean_demand_per_second")
    return parquet_bytes(rows.set_column(position, "mean_demand_per_second", pa.array(["many"])), fingerprint="")


@pytest.mark.parametrize(
    ("spoil", "mean", "reason"),
    [
        (no_parquet, 1.0, "not a whole Parquet file"),
        (twice, 1.0, "1 keys stand more than once"),
        (of_text, 1.0, "'mean_demand_per_second' has dtype string, expected double"),
        (None, -1.0, "accepted_range column mean_demand_per_second"),
        (None, float("inf"), "accepted_range column mean_demand_per_second"),
        (None, 1e12, "accepted_range column mean_demand_per_second"),
    ],
)
def test_a_damaged_file_is_set_aside_and_named_and_the_others_are_there(
    lake: Lake, path: Path, spoil: Any, mean: float, reason: str
) -> None:
    demand = TABLES["mart_demand__hourly_by_fleet"]
    lake.write_table(
        settled_path(demand.name, date(2026, 11, 17)), demand, demand_rows(day=17, mean=2.0), fingerprint=""
    )
    bad, rows = settled_path(demand.name, date(2026, 11, 18)), demand_rows(day=18, mean=mean)
    data = spoil(rows) if spoil else parquet_bytes(rows, fingerprint="")
    lake.storage.write_bytes(bad, data)

    assert build_warehouse(lake, MODELS, path).row_counts[demand.name] == 1

    (damaged,) = lake.damaged
    assert damaged.path == bad
    assert reason in damaged.reason
    assert lake.storage.read_bytes(damaged.kept) == data
    assert lake.read_json(f"{damaged.kept}.json") == {"meant_for": bad, "reason": damaged.reason}
    assert not lake.storage.exists(bad)


def test_a_warehouse_that_was_not_built_is_said_plainly(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="headroom build"):
        open_warehouse(path)


def test_a_file_that_is_no_warehouse_is_never_replaced(lake: Lake, tmp_path: Path) -> None:
    precious = tmp_path / "notes.txt"
    precious.write_text("precious, and longer than a magic number")
    for place, reason in ((precious, "holds something else"), (tmp_path, "is no regular file")):
        with pytest.raises(PathError, match=reason):
            build_warehouse(lake, MODELS, place)
    assert precious.read_text() == "precious, and longer than a magic number"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
