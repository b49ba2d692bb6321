from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headroom.lake.errors import FrameError, UnreadableFileError
from headroom.lake.lake import Lake
from headroom.lake.layout import hourly_path, settled_path
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
SAMPLE = TABLES["metric_sample"]
SAVINGS = TABLES["mart_savings__daily_by_fleet"]
PATH = hourly_path("metric_sample", HOUR, "all")


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    return Lake(LocalStorage(tmp_path))


def samples(count: Any = 3, **changes: Any) -> Any:
    columns = {
        "fleet_id": ["chat"] * count,
        "metric": ["demand_count"] * count,
        "timestamp_utc": pa.array([HOUR + timedelta(minutes=5 * i) for i in range(count)], pa.timestamp("us", "UTC")),
        "period_seconds": pa.array([300] * count, pa.int32()),
        "value": [float(i) for i in range(count)],
    }
    return pa.table(columns | changes)


def savings(cost: Any) -> Any:
    return pa.table(
        {
            "fleet_id": ["chat"],
            "day_utc": [HOUR.date()],
            "baseline_cost_usd": cost,
            "actual_cost_usd": [None],
            "realised_savings_usd": [None],
            "cost_basis": ["unknown"],
            "billed_cost_usd": [None],
            "estimated_cost_usd": [None],
            "instances_basis": [None],
            "price_day_utc": [None],
        },
    )


def test_what_was_written_is_read_back_sorted_by_key(lake: Lake) -> None:
    result = lake.write_table(PATH, SAMPLE, samples().take([2, 0, 1]), fingerprint="etag-1")

    found = lake.read_table(PATH)
    assert found.schema == SAMPLE.schema
    assert found.to_pylist() == samples().to_pylist()
    assert (result.path, result.row_count, result.is_changed) == (PATH, 3, True)


def test_the_file_says_its_schema_version_fingerprint_and_rows(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, samples(), fingerprint="etag-1")

    metadata = lake.read_metadata(PATH)
    assert (metadata.schema_version, metadata.fingerprint, metadata.row_count) == (1, "etag-1", 3)


def test_the_same_content_is_not_written_again(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, samples(), fingerprint="")
    before = (lake.storage.root / PATH).stat().st_ino

    assert lake.write_table(PATH, SAMPLE, samples().take([1, 0, 2]), fingerprint="").is_changed is False
    assert (lake.storage.root / PATH).stat().st_ino == before
    assert lake.write_table(PATH, SAMPLE, samples(), fingerprint="another source").is_changed is True


def test_rows_in_several_chunks_give_the_bytes_of_one(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, samples(), fingerprint="")

    pieces = pa.concat_tables([samples().slice(2), samples().slice(0, 2)])
    assert lake.write_table(PATH, SAMPLE, pieces, fingerprint="").is_changed is False


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (samples().drop_columns(["value"]), "metric_sample: column 'value' is missing; expected double"),
        (samples(extra=[1, 2, 3]), "unknown column 'extra'"),
        (samples(value=["1", "2", "3"]), "column 'value' has dtype string, expected double"),
        (samples(fleet_id=[1, 2, 3]), "column 'fleet_id' has dtype int64, expected string"),
        (samples(period_seconds=[1.5, 2.0, 3.0]), "column 'period_seconds' has dtype double, expected int32"),
        (samples(period_seconds=[2**40] * 3), "column 'period_seconds' has dtype int64, which does not fit int32"),
        (
            samples(timestamp_utc=pa.array([datetime(2026, 11, 18)] * 3, pa.timestamp("us"))),  # noqa: DTZ001, the fault
            r"column 'timestamp_utc' has dtype timestamp\[us\], expected timestamp\[us, tz=UTC\]",
        ),
        (samples(timestamp_utc=[1, 2, 3]), "column 'timestamp_utc' has dtype int64"),
        (samples(timestamp_utc=pa.array([HOUR] * 3, pa.timestamp("us", "UTC"))), "1 keys stand more than once"),
        (samples().append_column("value", pa.array([1, 2, 3])), "column 'value' stands twice"),
    ],
)
def test_a_frame_that_does_not_fit_names_column_found_and_wanted(lake: Lake, frame: pa.Table, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        lake.write_table(PATH, SAMPLE, frame, fingerprint="")
    assert not lake.storage.exists(PATH)


def test_casts_that_lose_nothing_are_made(lake: Lake) -> None:
    frame = samples(
        fleet_id=pa.array(["chat"] * 3, pa.large_string()),
        metric=pa.array(["demand_count"] * 3).dictionary_encode(),
        timestamp_utc=samples()["timestamp_utc"].cast(pa.timestamp("s", "UTC")),
        period_seconds=pa.array([300] * 3, pa.int64()),
        value=pa.array([0, 1, 2], pa.int64()),
    )

    lake.write_table(PATH, SAMPLE, frame, fingerprint="")

    assert lake.read_table(PATH).equals(samples())


def test_times_in_another_zone_become_utc(lake: Lake) -> None:
    frame = samples(timestamp_utc=samples()["timestamp_utc"].cast(pa.timestamp("us", "Asia/Kolkata")))

    lake.write_table(PATH, SAMPLE, frame, fingerprint="")

    assert lake.read_table(PATH).equals(samples())


def test_nan_is_missing(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, samples(value=[float("nan"), 1.0, None]), fingerprint="")

    assert lake.read_table(PATH)["value"].to_pylist() == [None, 1.0, None]


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        (0.1, "0.1000000000"),
        (12345678.9, "12345678.9000000000"),
        (1e-5, "0.0000100000"),
        (0.00000000005, "0.0000000000"),  # half to even
        (0.00000000015, "0.0000000002"),
        (3, "3.0000000000"),
        (float("nan"), None),
    ],
)
def test_money_from_floats_is_the_decimal_one_reads(lake: Lake, usd: Any, expected: Any) -> None:
    path = settled_path(SAVINGS.name, HOUR.date())

    lake.write_table(path, SAVINGS, savings([usd]), fingerprint="")

    (money,) = lake.read_table(path)["baseline_cost_usd"].to_pylist()
    assert money == (None if expected is None else Decimal(expected))


def test_infinite_money_is_refused(lake: Lake) -> None:
    with pytest.raises(FrameError, match="baseline_cost_usd"):
        lake.write_table("x.parquet", SAVINGS, savings([float("inf")]), fingerprint="")


def test_an_empty_frame_is_a_file_with_the_right_types(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, SAMPLE.schema.empty_table(), fingerprint="")

    assert lake.read_table(PATH).schema == SAMPLE.schema


def test_what_is_not_there_is_none(lake: Lake) -> None:
    assert lake.read_table(PATH) is None
    assert lake.read_metadata(PATH) is None
    assert lake.read_json("a.json") is None


def test_damaged_files_are_set_aside_and_named(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, samples(), fingerprint="")
    whole = lake.storage.read_bytes(PATH)
    lake.storage.write_bytes(PATH, whole[: len(whole) // 2])
    lake.storage.write_bytes("a.json", b"{")

    assert lake.read_table(PATH) is None
    (damaged,) = lake.damaged
    assert damaged.path == PATH
    assert damaged.reason.startswith("not a whole Parquet file: ")
    assert lake.storage.read_bytes(damaged.kept) == whole[: len(whole) // 2]
    assert not lake.storage.exists(PATH)
    assert lake.read_metadata(PATH) is None
    with pytest.raises(UnreadableFileError, match=r"a\.json"):
        lake.read_json("a.json")


def test_a_parquet_file_of_someone_else_has_no_metadata_of_ours(lake: Lake) -> None:
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(samples(), sink)
    lake.storage.write_bytes(PATH, sink.getvalue().to_pybytes())

    with pytest.raises(UnreadableFileError, match="schema_version"):
        lake.read_metadata(PATH)


def test_a_settled_day_is_known_and_hides_hours_that_can_then_be_deleted(lake: Lake) -> None:
    lake.write_table(PATH, SAMPLE, samples(), fingerprint="")
    assert not lake.has_settled("metric_sample", HOUR.date())
    assert lake.delete_hidden_hours("metric_sample", HOUR.date()) == 0

    settled = settled_path("metric_sample", HOUR.date())
    lake.write_table(settled, SAMPLE, samples(), fingerprint="")
    assert lake.has_settled("metric_sample", HOUR.date())
    assert lake.table_files("metric_sample") == [settled]
    assert lake.delete_hidden_hours("metric_sample", HOUR.date()) == 1
    assert not lake.storage.exists(PATH)


def test_json_is_canonical_and_unchanged_is_not_rewritten(lake: Lake) -> None:
    document = {"b": 1, "a": [HOUR, date(2026, 11, 18), Decimal("0.10")], "ü": None}

    assert lake.write_json("x.json", document) is True
    assert lake.write_json("x.json", dict(reversed(document.items()))) is False
    assert lake.read_json("x.json") == {
        "a": ["2026-11-18T05:00:00+00:00", "2026-11-18", "0.10"],
        "b": 1,
        "ü": None,
    }


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (object(), TypeError)])
def test_json_refuses_what_it_cannot_say(lake: Lake, value: Any, error: Any) -> None:
    with pytest.raises(error):
        lake.write_json("x.json", value)


def test_json_once_keeps_the_first(lake: Lake) -> None:
    assert lake.write_json_once("x.json", 1) is True
    assert lake.write_json_once("x.json", 2) is False
    assert lake.read_json("x.json") == 1
