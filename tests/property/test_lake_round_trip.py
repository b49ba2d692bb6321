"""What must always hold of the lake.

- What is written is read back, but for NaN, which becomes null.
- The bytes depend on the rows alone, not on their order or on how they are chunked.
- A fleet's chunk depends on its id alone and lies between 0 and 15.
- A path that storage takes stays below the root.
- A settled day hides exactly the hour files of that day.
"""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.lake.errors import PathError
from headroom.lake.frames import fit_frame, parquet_bytes
from headroom.lake.lake import Lake
from headroom.lake.layout import CHUNK_COUNT, chunk_of, hourly_path, parse_partition, settled_path, visible_partitions
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES

SAMPLE = TABLES["metric_sample"]
COST = TABLES["mart_cost__hourly_by_fleet"]
START = datetime(2026, 11, 1, tzinfo=UTC)
MONEY = st.one_of(st.none(), st.decimals(min_value=-(10**15), max_value=10**15, places=10))
MOMENTS = st.integers(0, 10**9).map(lambda seconds: START + timedelta(seconds=seconds))
SAMPLES = st.lists(
    st.fixed_dictionaries(
        {
            "fleet_id": st.text(max_size=8),
            "metric": st.sampled_from(["demand_count", "error_count"]),
            "timestamp_utc": MOMENTS,
            "period_seconds": st.one_of(st.none(), st.integers(1, 3600)),
            "value": st.one_of(st.none(), st.floats(allow_infinity=True)),
        },
    ),
    max_size=30,
    unique_by=lambda row: (row["fleet_id"], row["metric"], row["timestamp_utc"]),
)
COSTS = st.lists(
    st.fixed_dictionaries(
        {
            "fleet_id": st.just("chat"),
            "hour_start_utc": MOMENTS,
            "availability_zone": st.one_of(st.none(), st.sampled_from(["a", "b"])),
            "effective_cost": MONEY,
            "usage_hours": st.one_of(st.none(), st.floats(0, 1e6)),
        },
    ),
    max_size=30,
    unique_by=lambda row: (row["hour_start_utc"], row["availability_zone"]),
)


def without_nan(row: Any) -> Any:
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def in_key_order(rows: Any, table: Any) -> Any:
    return sorted(rows, key=lambda row: [(row.get(name) is None, row.get(name) or "") for name in table.key])


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(SAMPLES)
def test_samples_are_read_back_as_written(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    lake = Lake(LocalStorage(tmp_path_factory.mktemp("lake")))

    lake.write_table("x.parquet", SAMPLE, pa.Table.from_pylist(rows, SAMPLE.schema), fingerprint="")

    assert lake.read_table("x.parquet").to_pylist() == in_key_order(map(without_nan, rows), SAMPLE)


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(COSTS)
def test_money_and_nulls_in_keys_are_kept_exactly(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    lake = Lake(LocalStorage(tmp_path_factory.mktemp("lake")))

    lake.write_table("x.parquet", COST, pa.Table.from_pylist(rows, COST.schema), fingerprint="")

    found = lake.read_table("x.parquet").to_pylist()
    assert len(found) == len(rows)
    assert sum(row["effective_cost"] or Decimal(0) for row in found) == sum(
        row["effective_cost"] or Decimal(0) for row in rows
    )


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(SAMPLES, st.randoms(use_true_random=False), st.integers(0, 30))
def test_bytes_depend_on_the_rows_alone(rows: Any, random: Any, cut: Any) -> None:
    shuffled = rows.copy()
    random.shuffle(shuffled)
    pieces = pa.concat_tables(
        [
            pa.Table.from_pylist(shuffled[:cut], SAMPLE.schema),
            pa.Table.from_pylist(shuffled[cut:], SAMPLE.schema),
        ],
    )
    whole = pa.Table.from_pylist(rows, SAMPLE.schema)

    assert parquet_bytes(fit_frame(SAMPLE, pieces), fingerprint="f") == parquet_bytes(
        fit_frame(SAMPLE, whole),
        fingerprint="f",
    )


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(st.text())
def test_a_chunk_is_stable_and_in_range(fleet_id: str) -> None:
    assert 0 <= chunk_of(fleet_id) < CHUNK_COUNT
    assert chunk_of(fleet_id) == chunk_of(str(fleet_id))


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(st.lists(st.sampled_from(["..", ".", "", "a", "b c", "\\", "ü"]), max_size=6).map("/".join))
def test_paths_that_are_taken_stay_below_the_root(path: str) -> None:
    root = Path("/srv/lake")
    try:
        where = LocalStorage(root).url(path)
    except PathError:
        return
    assert Path(where).resolve().is_relative_to(root.resolve())
    assert Path(where) != root


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(st.sets(st.integers(0, 71), max_size=40), st.sets(st.integers(0, 2)))
def test_settled_days_hide_exactly_their_own_hours(hours: Any, settled_days: Any) -> None:
    hour_files = [hourly_path("metric_sample", START + timedelta(hours=hour), "all") for hour in hours]
    day_files = [settled_path("metric_sample", date(2026, 11, 1 + day)) for day in settled_days]

    visible = visible_partitions([*hour_files, *day_files], None)

    expected = {path for hour, path in zip(hours, hour_files, strict=True) if hour // 24 not in settled_days}
    assert set(visible) == expected | set(day_files)
    assert visible == sorted(visible)


@settings(deadline=None)  # files and a busy machine: time is not what is tested
@given(st.integers(0, 10_000))
def test_paths_are_read_as_they_were_spelt(hour: int) -> None:
    moment = START + timedelta(hours=hour)

    by_hour = parse_partition(hourly_path("metric_sample", moment, "all"))
    by_day = parse_partition(settled_path("metric_sample", moment.date()))

    assert by_hour is not None
    assert by_hour.span.start_utc == moment
    assert by_day is not None
    assert by_day.span.start_utc.date() == moment.date()
