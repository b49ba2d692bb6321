from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MOMENT = datetime(2026, 11, 18, 5, tzinfo=UTC)


def test_spot_prices_repeated_by_every_file_stand_once(run_model: Any) -> None:
    pool = {
        "region": "us-east-1",
        "availability_zone": "us-east-1a",
        "instance_type": "g5.xlarge",
        "product_description": "Linux/UNIX",
        "timestamp_utc": MOMENT,
        "spot_usd_per_hour": Decimal("0.5"),
    }

    rows = run_model("stg_market__spot_price", {"spot_price": [pool, pool, pool | {"availability_zone": "us-east-1b"}]})

    assert len(rows) == 2


def test_of_two_on_demand_prices_of_a_day_the_one_in_force_last_stands(run_model: Any) -> None:
    price = {
        "region": "us-east-1",
        "instance_type": "g5.xlarge",
        "service": "ec2",
        "day_utc": date(2026, 11, 18),
        "on_demand_usd_per_hour": Decimal("1.0"),
        "effective_from_utc": datetime(2026, 1, 1, tzinfo=UTC),
    }
    newer = price | {"on_demand_usd_per_hour": Decimal("0.9"), "effective_from_utc": MOMENT}

    (row,) = run_model("stg_market__on_demand_price", {"on_demand_price": [price, newer]})

    assert row["on_demand_usd_per_hour"] == Decimal("0.9")


def test_instance_types_stand_once_a_day(run_model: Any) -> None:
    kind = {
        "region": "us-east-1",
        "instance_type": "g5.xlarge",
        "day_utc": date(2026, 11, 18),
        "vcpus": 4,
        "memory_mib": 16384,
        "architecture": "x86_64",
    }

    rows = run_model(
        "stg_market__instance_type", {"instance_type": [kind, kind, kind | {"day_utc": date(2026, 11, 19)}]}
    )

    assert [row["gpu_count"] for row in rows] == [None, None]


def test_bill_lines_keep_their_number_and_get_our_names(run_model: Any) -> None:
    bill = {
        "ChargePeriodStart": MOMENT,
        "ChargeCategory": "Usage",
        "EffectiveCost": Decimal("0.1"),
        "x_InstanceType": "g5.xlarge",
    }

    rows = run_model("stg_billing__line", {"billing_line": [bill, bill]})

    assert [(row["effective_cost"], row["instance_type"]) for row in rows] == [(Decimal("0.1"), "g5.xlarge")] * 2


def test_samples_keep_the_finer_period(run_model: Any) -> None:
    sample = {
        "fleet_id": "chat",
        "metric": "demand_count",
        "timestamp_utc": MOMENT,
        "period_seconds": 300,
        "value": 9.0,
    }

    (row,) = run_model(
        "stg_metrics__sample", {"metric_sample": [sample, sample | {"period_seconds": 60, "value": 2.0}]}
    )

    assert (row["period_seconds"], row["value"]) == (60, 2.0)
