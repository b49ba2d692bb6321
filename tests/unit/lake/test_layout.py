from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from headroom.domain.window import Window
from headroom.lake.errors import PathError
from headroom.lake.layout import (
    CHUNK_COUNT,
    chunk_name,
    chunk_of,
    daily_path,
    folder_prefixes,
    hourly_path,
    parse_partition,
    period_path,
    settled_path,
    visible_partitions,
)

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)


def test_paths_spell_table_hour_and_part() -> None:
    assert hourly_path("metric_sample", HOUR, "all") == "raw/metric_sample/hour=2026-11-18T05/all.parquet"
    assert settled_path("mart_kpi__daily_by_fleet", HOUR.date()) == (
        "mart/mart_kpi__daily_by_fleet/day=2026-11-18/settled.parquet"
    )
    assert period_path("billing_line", date(2026, 11, 30)) == "raw/billing_line/period=2026-11/assembly.parquet"


def test_hours_are_named_in_utc_whatever_zone_they_come_in() -> None:
    local = HOUR.astimezone(datetime.strptime("+0530", "%z").tzinfo)

    assert hourly_path("metric_sample", local, "all") == hourly_path("metric_sample", HOUR, "all")


def test_chunks_of_known_fleets_never_move() -> None:
    # the first eight hex digits of SHA-256, modulo 16: sha256("a") starts ca978112, and 0xca978112 % 16 = 2
    assert chunk_of("a") == 2
    assert {chunk_of(f"fleet-{number}") for number in range(200)} == set(range(CHUNK_COUNT))


@pytest.mark.parametrize("chunk", [-1, CHUNK_COUNT])
def test_a_chunk_that_is_none_is_refused(chunk: int) -> None:
    with pytest.raises(PathError, match="expected 0 to 15"):
        chunk_name(chunk)


def test_unknown_tables_odd_hours_and_odd_parts_are_refused() -> None:
    with pytest.raises(PathError, match="no table 'nonsense'"):
        hourly_path("nonsense", HOUR, "all")
    with pytest.raises(PathError, match="not the start of an hour"):
        hourly_path("metric_sample", HOUR + timedelta(minutes=1), "all")
    for make in (hourly_path, daily_path):
        with pytest.raises(PathError, match=r"part '\.\./x'"):
            make("metric_sample", HOUR, "../x")


@pytest.mark.parametrize(
    "path",
    ["raw/t/hour=2026-11-18T05/all.json", "raw/t/hour=soon/all.parquet", "raw/t/x=1/all.parquet", "all.parquet"],
)
def test_files_that_are_no_partitions_are_passed_over(path: str) -> None:
    assert parse_partition(path) is None


def test_a_period_spans_its_month() -> None:
    partition = parse_partition("raw/billing_line/period=2026-12/assembly.parquet")

    assert partition is not None
    assert partition.span == Window(datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_a_settled_day_hides_its_hours_and_no_others() -> None:
    settled = settled_path("metric_sample", HOUR.date())
    hidden = hourly_path("metric_sample", HOUR, "all")
    next_day = hourly_path("metric_sample", HOUR + timedelta(hours=20), "all")

    assert visible_partitions([hidden, next_day, settled], None) == sorted([next_day, settled])


def test_a_days_file_of_one_chunk_hides_no_hour() -> None:
    table = "mart_plan__rightsizing"
    paths = [daily_path(table, HOUR.date(), "chunk=03"), hourly_path(table, HOUR, "chunk=04")]

    assert paths[0] == f"mart/{table}/day=2026-11-18/chunk=03.parquet"
    assert visible_partitions(paths, None) == paths


def test_a_window_leaves_only_files_that_touch_it() -> None:
    paths = [hourly_path("metric_sample", HOUR + timedelta(hours=hour), "all") for hour in range(-3, 4)]

    assert visible_partitions(paths, Window(HOUR, HOUR + timedelta(hours=2))) == paths[3:5]
    assert visible_partitions(paths, Window.hour_of(HOUR)) == [paths[3]]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(hours=1), ("hour=2026-11-18T05", "day=2026-11-18", "period=2026-11")),
        (timedelta(hours=2), ("hour=2026-11-18", "day=2026-11-18", "period=2026-11")),
        (
            timedelta(hours=20),
            ("hour=2026-11-18", "day=2026-11-18", "hour=2026-11-19", "day=2026-11-19", "period=2026-11"),
        ),
        (
            timedelta(days=42),
            ("hour=2026-11", "day=2026-11", "hour=2026-12", "day=2026-12", "period=2026-11", "period=2026-12"),
        ),
    ],
)
def test_few_folder_names_are_listed_for_a_window(length: Any, expected: Any) -> None:
    assert set(folder_prefixes(Window(HOUR, HOUR + length))) == set(expected)


def test_without_window_everything_is_listed() -> None:
    assert folder_prefixes(None) == ("",)
