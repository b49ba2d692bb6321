from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headroom.domain.window import Window
from headroom.lake.tables import TABLES
from headroom.quality import gate

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
HOUR_WINDOW = Window.hour_of(HOUR)
DAY_WINDOW = Window.day_of(HOUR)
INFINITE = float("inf")


def metric_samples(rows: Any = 3) -> Any:
    return {
        "fleet_id": ["chat"] * rows,
        "metric": ["demand_count"] * rows,
        "timestamp_utc": [HOUR + timedelta(minutes=5 * row) for row in range(rows)],
        "period_seconds": [300] * rows,
        "value": [float(row) for row in range(rows)],
    }


def spot_prices() -> Any:
    return {
        "region": ["us-east-1"] * 2,
        "availability_zone": ["us-east-1a", "us-east-1b"],
        "instance_type": ["g5.xlarge"] * 2,
        "product_description": ["Linux/UNIX"] * 2,
        "timestamp_utc": [HOUR, HOUR - timedelta(days=80)],
        "spot_usd_per_hour": [Decimal("0.4"), Decimal("0.5")],
    }


def on_demand_prices() -> Any:
    return {
        "region": ["us-east-1"] * 2,
        "instance_type": ["g5.xlarge", "ml.g5.xlarge"],
        "service": ["ec2", "sagemaker"],
        "day_utc": [HOUR.date()] * 2,
        "on_demand_usd_per_hour": [Decimal("1.006"), Decimal("1.408")],
        "effective_from_utc": [HOUR, None],
    }


def instance_types() -> Any:
    return {
        "region": ["us-east-1"] * 2,
        "instance_type": ["g5.xlarge", "c7i.large"],
        "day_utc": [HOUR.date()] * 2,
        "vcpus": [4, 2],
        "memory_mib": [16384, 4096],
        "architecture": ["x86_64"] * 2,
        "gpu_name": ["A10G", None],
        "gpu_manufacturer": ["NVIDIA", None],
        "gpu_count": [1, None],
        "gpu_memory_mib": [24576, None],
        "network_mbps": [10000.0, None],
    }


def billing_lines(rows: Any = 2) -> Any:
    return {
        "BillingPeriodStart": [datetime(2026, 11, 18, tzinfo=UTC)] * rows,
        "ChargePeriodStart": [HOUR] * rows,
        "ChargePeriodEnd": [HOUR + timedelta(hours=1)] * rows,
        "BilledCost": [Decimal("1.1")] * rows,
        "EffectiveCost": [Decimal("-1.1")] * rows,  # a correction gives money back
        "ListCost": [None] * rows,
        "ConsumedQuantity": [1.0] * rows,
        "BillingCurrency": ["USD"] * rows,
        "ChargeCategory": ["Usage"] * rows,
        "ResourceId": [f"i-{row}" for row in range(rows)],
    }


GOOD = {
    "metric_sample": (metric_samples, HOUR_WINDOW),
    "spot_price": (spot_prices, HOUR_WINDOW),
    "on_demand_price": (on_demand_prices, DAY_WINDOW),
    "instance_type": (instance_types, DAY_WINDOW),
    "billing_line": (billing_lines, DAY_WINDOW),
}


def check(name: str, changes: Any = None) -> Any:
    make, window = GOOD[name]
    schema = TABLES[name].schema
    columns = make() | (changes or {})
    rows = len(next(iter(columns.values())))
    frame = pa.table({column: columns.get(column, [None] * rows) for column in schema.names}, schema=schema)
    return gate(TABLES[name], frame, window=window)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_good_rows_pass(name: str) -> None:
    result = check(name)

    assert result.is_passed, result.reason
    assert (result.reason, result.table, result.row_count) == ("", name, len(next(iter(GOOD[name][0]().values()))))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_no_rows_do_not_pass(name: str) -> None:
    result = gate(TABLES[name], TABLES[name].schema.empty_table(), window=HOUR_WINDOW)

    assert result.reason == f"{name}: there are no rows"


BAD = [
    ("metric_sample", {"value": [1.0, -2.0, 3.0]}, "value", "negative or not finite (1 of 3 rows, such as -2.0)", 1),
    ("metric_sample", {"value": [1.0, float("nan"), 3.0]}, "value", "value is missing (1 of 3 rows", 1),
    ("metric_sample", {"value": [1.0, None, 3.0]}, "value", "value is missing (1 of 3 rows", 1),
    ("metric_sample", {"value": [1.0, INFINITE, -INFINITE]}, "value", "not finite (2 of 3 rows", 2),
    (
        "metric_sample",
        {"metric": ["demand_count", "cpu", None]},
        "metric",
        "metric is none we know (1 of 3 rows, such as cpu)",
        1,
    ),
    ("metric_sample", {"metric": ["demand_count", "cpu", None]}, "metric", "metric is missing", 1),
    ("metric_sample", {"fleet_id": ["chat", None, "chat"]}, "fleet_id", "fleet_id is missing", 1),
    (
        "metric_sample",
        {"timestamp_utc": [HOUR] * 3},
        "",
        "(fleet_id, metric, timestamp_utc) (3 of 3 rows, such as chat / demand_count / 2026-11-18T05:00:00+00:00",
        3,
    ),
    (
        "metric_sample",
        {"timestamp_utc": [HOUR, HOUR + timedelta(hours=1), HOUR - timedelta(minutes=5)]},
        "timestamp_utc",
        "lies outside 2026-11-18T05:00 to 2026-11-18T06:00 UTC (2 of 3 rows, such as 2026-11-18T06:00:00+00:00",
        2,
    ),
    (
        "metric_sample",
        {"timestamp_utc": [HOUR + timedelta(minutes=5 * row, seconds=7) for row in range(3)]},
        "seconds_off_period",
        "the clock is off (3 of 3 rows, such as 7",
        3,
    ),
    (
        "metric_sample",
        {"period_seconds": [300, 0, 300]},
        "period_seconds",
        "not between 1 and 3600 (1 of 3 rows, such as 0",
        1,
    ),
    (
        "metric_sample",
        {"metric": ["gpu_utilization_percent"] * 3, "value": [50.0, 100.0, 150.0]},
        "value",
        "beyond what its metric can be (1 of 3 rows, such as 100.0 / 150.0)",
        1,
    ),
    (
        "metric_sample",
        {"metric": ["latency_p95_seconds"] * 3, "value": [1.0, 2.0, 3e6]},
        "value",
        "beyond what its metric",
        1,
    ),
    ("spot_price", {"spot_usd_per_hour": [Decimal(0), Decimal("0.5")]}, "spot_usd_per_hour", "not above 0", 1),
    ("spot_price", {"spot_usd_per_hour": [Decimal(5000), None]}, "spot_usd_per_hour", "is missing", 1),
    ("spot_price", {"timestamp_utc": [HOUR, datetime(2006, 1, 1, tzinfo=UTC)]}, "timestamp_utc", "lies outside", 1),
    ("spot_price", {"availability_zone": ["us-east-1a"] * 2, "timestamp_utc": [HOUR] * 2}, "", "rows stand twice", 2),
    ("on_demand_price", {"service": ["ec2", "lambda"]}, "service", "neither ec2 nor sagemaker", 1),
    ("on_demand_price", {"day_utc": [HOUR.date(), date(2026, 11, 17)]}, "day_utc", "day_utc is not 2026-11-18", 1),
    (
        "on_demand_price",
        {"on_demand_usd_per_hour": [Decimal(-1), Decimal(1)]},
        "on_demand_usd_per_hour",
        "not above 0",
        1,
    ),
    ("instance_type", {"vcpus": [0, 2]}, "vcpus", "vcpus is below 1", 1),
    (
        "instance_type",
        {"architecture": ["x86_64", "pdp11"]},
        "architecture",
        "none we know (1 of 2 rows, such as pdp11)",
        1,
    ),
    ("instance_type", {"gpu_count": [0, None]}, "gpu_count", "gpu_count is below 1", 1),
    ("instance_type", {"network_mbps": [-1.0, None]}, "network_mbps", "negative or not finite", 1),
    ("billing_line", {"EffectiveCost": [None, Decimal(1)]}, "EffectiveCost", "EffectiveCost is missing", 1),
    ("billing_line", {"BillingCurrency": ["USD", "dollars"]}, "BillingCurrency", "no ISO 4217 code", 1),
    ("billing_line", {"ChargeCategory": ["Usage", "Gift"]}, "ChargeCategory", "none that FOCUS knows", 1),
    ("billing_line", {"ConsumedQuantity": [INFINITE, 1.0]}, "ConsumedQuantity", "not finite", 1),
    ("billing_line", {"ChargePeriodEnd": [HOUR, HOUR + timedelta(hours=2)]}, "ChargePeriodEnd", "is not after", 1),
    ("billing_line", {"BillingPeriodStart": [HOUR - timedelta(days=60)] * 2}, "BillingPeriodStart", "lies outside", 2),
    ("billing_line", {"ChargePeriodStart": [HOUR - timedelta(days=200)] * 2}, "ChargePeriodStart", "lies outside", 2),
]


@pytest.mark.parametrize(("name", "changes", "column", "reason", "count"), BAD)
def test_bad_rows_are_named_counted_and_shown(name: str, changes: Any, column: str, reason: str, count: int) -> None:
    result = check(name, changes)

    assert not result.is_passed
    (found,) = [failure for failure in result.failures if reason in failure.reason]
    assert (found.column, found.unexpected_count) == (column, count)
    assert found.expectation.startswith("expect_")
    assert reason in result.reason


def test_a_bill_delivered_twice_is_refused_but_two_equal_charges_are_not() -> None:
    once = billing_lines(40)
    twice = {name: values * 2 for name, values in once.items()}
    one_more = {name: [*values, values[0]] for name, values in once.items()}

    assert check("billing_line", one_more).is_passed
    (failure,) = check("billing_line", twice).failures
    assert "a file was delivered twice (40 of 80 rows" in failure.reason


def test_lines_without_resource_are_not_taken_for_repeated() -> None:
    lines = {name: [values[0]] * 30 for name, values in billing_lines().items()} | {"ResourceId": [None] * 30}

    assert check("billing_line", lines).is_passed


def test_wrong_columns_and_dtypes_come_first_and_all_at_once() -> None:
    frame = pa.table({"fleet_id": [1], "metric": ["demand_count"], "value": ["1"], "extra": [1]})

    result = gate(TABLES["metric_sample"], frame, window=HOUR_WINDOW)

    assert {(failure.column, failure.expectation) for failure in result.failures} == {
        ("timestamp_utc", "expect_table_columns_to_match_set"),
        ("period_seconds", "expect_table_columns_to_match_set"),
        ("extra", "expect_column_values_to_be_of_type"),
        ("fleet_id", "expect_column_values_to_be_of_type"),
        ("value", "expect_column_values_to_be_of_type"),
    }
    assert "column 'value' has dtype string, expected double" in result.reason


def test_without_a_window_times_are_not_judged() -> None:
    schema = TABLES["metric_sample"].schema
    old = metric_samples() | {"timestamp_utc": [HOUR - timedelta(days=900 + row) for row in range(3)]}

    assert gate(TABLES["metric_sample"], pa.table(old, schema=schema)).is_passed
    assert gate(
        TABLES["on_demand_price"], pa.table(on_demand_prices(), schema=TABLES["on_demand_price"].schema)
    ).is_passed


def test_a_table_without_expectations_is_refused() -> None:
    with pytest.raises(ValueError, match="'mart_kpi__daily_by_fleet' has no gate"):
        gate(TABLES["mart_kpi__daily_by_fleet"], pa.table({}))


def test_every_raw_table_has_a_gate() -> None:
    assert set(GOOD) == {name for name, table in TABLES.items() if table.layer == "raw"}
