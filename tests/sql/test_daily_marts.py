from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from headroom.domain.window import Window

DAY = datetime(2026, 11, 18, tzinfo=UTC)
KPI = "mart_kpi__daily_by_fleet"
SAVINGS = "mart_savings__daily_by_fleet"
FLEET = {
    "sustainable_rate_per_second": 10.0,
    "on_demand_usd_per_hour": Decimal("2.0"),
    "baseline_instances": 6.0,
}


def hours(count: Any = 24) -> Any:
    return [DAY + timedelta(hours=hour) for hour in range(count)]


def demand(mean: Any = 20.0, peak: Any = 35.0, *, count: Any = 24) -> Any:
    return [
        {
            "fleet_id": "chat",
            "hour_start_utc": hour,
            "mean_demand_per_second": mean,
            "peak_demand_per_second": peak,
            "samples_seen": 12,
            "samples_expected": 12,
        }
        for hour in hours(count)
    ]


def utilization(instances: Any = 5.0, *, count: Any = 24) -> Any:
    return [
        {
            "fleet_id": "chat",
            "hour_start_utc": hour,
            "instances_in_service_mean": instances,
            "gpu_utilization_max_fraction": 0.2,
        }
        for hour in hours(count)
    ]


def cost(usd: Any = "1.5", *, usage_hours: Any = 5.0, count: Any = 24, **changes: Any) -> Any:
    return [
        {
            "fleet_id": "chat",
            "hour_start_utc": hour,
            "instance_type": "g5.xlarge",
            "purchase_option": "on_demand",
            "effective_cost": Decimal(usd),
            "billing_currency": "USD",
            "usage_hours": usage_hours,
        }
        | changes
        for hour in hours(count)
    ]


def run_day(run_model: Any, name: str, *, fleet: Any = None, **tables: Any) -> Any:
    names = {
        "demand": "mart_demand__hourly_by_fleet",
        "utilization": "mart_utilization__hourly_by_fleet",
        "latency": "mart_latency__hourly_by_fleet",
        "cost": "mart_cost__hourly_by_fleet",
        "plans": "mart_plan__schedule",
    }
    (row,) = run_model(
        name,
        {names[table]: rows for table, rows in tables.items()},
        fleets=[{**FLEET, **(fleet or {})}],
        window=Window.day_of(DAY),
    )
    return row


def test_savings_are_the_baseline_at_on_demand_prices_less_the_bill(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(), cost=cost())

    assert row["baseline_cost_usd"] == Decimal(288)  # 6 instances x 24 h x 2 USD
    assert row["actual_cost_usd"] == Decimal(36)  # 24 h x 1.5 USD
    assert (row["realised_savings_usd"], row["cost_basis"]) == (Decimal(252), "billed")
    assert row["day_utc"] == date(2026, 11, 18)


def test_without_a_bill_the_day_is_estimated_from_instances_in_service(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(5.5))

    assert row["actual_cost_usd"] == row["estimated_cost_usd"] == Decimal(264)  # 5.5 x 24 x 2
    assert row["billed_cost_usd"] is None
    assert (row["cost_basis"], row["instances_basis"]) == ("estimated", "in_service")


def test_once_billed_the_estimate_stays_beside_the_bill_which_alone_counts(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(5.0), cost=cost("7.5"))

    assert row["billed_cost_usd"] == row["actual_cost_usd"] == Decimal(180)  # 24 x 7.5
    assert row["estimated_cost_usd"] == Decimal(240)  # 5 x 24 x 2
    assert (row["cost_basis"], row["realised_savings_usd"]) == ("billed", Decimal(108))  # 288 - 180


def plans(*desired: Any) -> Any:
    """One plan an hour, made at the hour's end, of two hours to come; the first is the moment it read the target at."""
    return [
        {
            "plan_id": f"chat-{hour}",
            "fleet_id": "chat",
            "made_at_utc": DAY + timedelta(hours=hour + 1),
            "hour_start_utc": DAY + timedelta(hours=hour + 1 + ahead),
            "desired_instances": count,
        }
        for hour, count in enumerate(desired)
        for ahead in (0, 1)
    ]


def test_without_a_metric_of_instances_what_the_target_was_set_to_is_counted(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, plans=plans(*[4] * 12, *[7] * 12))

    assert row["estimated_cost_usd"] == Decimal(264)  # (12 x 4 + 12 x 7) x 2
    assert (row["cost_basis"], row["instances_basis"]) == ("estimated", "desired")


def test_instances_in_service_come_before_those_the_target_was_set_to(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(5.0), plans=plans(*[9] * 24))

    assert (row["estimated_cost_usd"], row["instances_basis"]) == (Decimal(240), "in_service")


def test_plans_of_past_windows_that_could_not_read_the_target_then_are_not_counted(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, plans=plans(None, None, 4))

    assert (row["estimated_cost_usd"], row["instances_basis"]) == (Decimal(192), "desired")  # 4 x 24 x 2


def test_where_nothing_says_what_ran_the_baseline_is_counted(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS)

    assert row["estimated_cost_usd"] == Decimal(288)  # 6 x 24 x 2
    assert (row["cost_basis"], row["instances_basis"]) == ("estimated", "baseline")
    assert row["realised_savings_usd"] == 0


@pytest.mark.parametrize(
    ("lines", "basis"),
    [
        (cost(count=13), "estimated"),  # an hourly export that has got to 13:00
        (cost(count=24), "billed"),
        (cost("36", usage_hours=120.0, count=1), "billed"),  # a daily export books the day on its first hour
    ],
    ids=["half a day", "a whole day", "a daily export"],
)
def test_without_a_metric_of_instances_a_bill_counts_when_it_covers_the_days_hours(
    run_model: Any, lines: Any, basis: Any
) -> None:
    row = run_day(run_model, SAVINGS, cost=lines, plans=plans(*[5] * 24))

    assert row["cost_basis"] == basis


def test_an_estimate_tells_the_day_of_its_price_list(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, fleet={"price_day_utc": date(2026, 11, 20)}, utilization=utilization())

    assert row["price_day_utc"] == date(2026, 11, 20)


def test_a_bill_that_covers_half_of_the_day_is_not_taken_for_the_day(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(), cost=cost(count=12))

    assert (row["actual_cost_usd"], row["cost_basis"]) == (Decimal(240), "estimated")  # 5 x 24 x 2, not 12 x 1.5


def test_a_daily_export_that_books_the_day_on_its_first_hour_is_complete(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(), cost=cost("36", usage_hours=120.0, count=1))

    assert (row["actual_cost_usd"], row["cost_basis"]) == (Decimal(36), "billed")


def test_hours_nobody_saw_are_estimated_as_average_ones_not_as_empty(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(count=12))

    assert row["actual_cost_usd"] == Decimal(240)


@pytest.mark.parametrize(
    "lines",
    [cost(billing_currency="EUR"), cost(instance_type=None, usage_hours=None)],
    ids=["another currency", "not instances"],
)
def test_lines_that_cannot_be_compared_with_the_baseline_are_no_bill(run_model: Any, lines: Any) -> None:
    row = run_day(run_model, SAVINGS, utilization=utilization(), cost=lines)

    assert (row["cost_basis"], row["billed_cost_usd"]) == ("estimated", None)


def test_a_bill_stands_by_itself_where_instances_are_not_measured(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, cost=cost(usage_hours=None))

    assert (row["actual_cost_usd"], row["cost_basis"]) == (Decimal(36), "billed")


@pytest.mark.parametrize("missing", ["baseline_instances", "on_demand_usd_per_hour"])
def test_without_baseline_or_price_savings_are_null(run_model: Any, missing: Any) -> None:
    row = run_day(run_model, SAVINGS, fleet={missing: None}, utilization=utilization(), cost=cost())

    assert row["baseline_cost_usd"] is row["realised_savings_usd"] is None
    assert row["actual_cost_usd"] == Decimal(36)


def test_nothing_known_of_a_day_is_nulls_and_not_savings(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, fleet={"baseline_instances": None})

    assert row["actual_cost_usd"] is row["estimated_cost_usd"] is row["realised_savings_usd"] is None
    assert row["cost_basis"] == "unknown"


def test_without_a_price_the_cost_is_unknown_however_well_instances_are_known(run_model: Any) -> None:
    row = run_day(run_model, SAVINGS, fleet={"on_demand_usd_per_hour": None}, utilization=utilization())

    assert (row["actual_cost_usd"], row["cost_basis"], row["instances_basis"]) == (None, "unknown", "in_service")


def test_kpi_cost_per_million_units_and_instance_hours_come_from_the_bill(run_model: Any) -> None:
    row = run_day(run_model, KPI, demand=demand(), utilization=utilization(), cost=cost(usage_hours=5.1))

    units = 20 * 86_400  # per second, over the day
    assert float(row["cost_per_million_units_usd"]) == pytest.approx(36 / units * 1e6)
    assert row["cost_basis"] == "billed"
    assert row["instance_hours"] == pytest.approx(24 * 5.1)
    assert (row["mean_demand_per_second"], row["peak_demand_per_second"]) == (20.0, 35.0)
    assert row["gpu_utilization_max_fraction"] == 0.2


def test_kpi_cost_per_million_units_says_that_it_is_estimated_before_the_bill(run_model: Any) -> None:
    row = run_day(run_model, KPI, demand=demand(), utilization=utilization(5.0))

    units = 20 * 86_400
    assert float(row["cost_per_million_units_usd"]) == pytest.approx(240 / units * 1e6)  # 5 x 24 x 2 USD
    assert (row["cost_basis"], row["instance_hours"]) == ("estimated", 120.0)


def test_waste_is_what_was_in_service_above_what_the_peak_needed(run_model: Any) -> None:
    row = run_day(run_model, KPI, demand=demand(peak=35.0), utilization=utilization(5.0))

    assert row["waste_fraction"] == pytest.approx((5 - 4) / 5)  # ceil(35 / 10) = 4


def test_a_short_hour_does_not_make_up_for_a_wasteful_one(run_model: Any) -> None:
    busy = demand(peak=35.0)
    busy[0]["peak_demand_per_second"] = 95.0  # needs 10, has 5

    row = run_day(run_model, KPI, demand=busy, utilization=utilization(5.0))

    assert row["waste_fraction"] == pytest.approx(23 * 1 / (24 * 5))


def test_waste_of_an_unknown_rate_is_null(run_model: Any) -> None:
    row = run_day(
        run_model,
        KPI,
        fleet={"sustainable_rate_per_second": None},
        demand=demand(),
        utilization=utilization(),
    )

    assert row["waste_fraction"] is None


def test_cost_per_unit_of_a_day_without_demand_is_null(run_model: Any) -> None:
    row = run_day(run_model, KPI, demand=demand(0.0, 0.0), utilization=utilization(), cost=cost())

    assert row["cost_per_million_units_usd"] is None
    assert row["waste_fraction"] == pytest.approx(1.0)


def test_hours_meet_the_objective_at_its_own_percentile(run_model: Any) -> None:
    latency = [
        {
            "fleet_id": "chat",
            "hour_start_utc": hour,
            "latency_p95_seconds": 2.5 if position < 6 else 1.0,
            "latency_p99_seconds": 9.0 - position / 10,
            "success_fraction": 0.9 if position == 0 else 1.0,
            "cold_starts": 1,
        }
        for position, hour in enumerate(hours(12))
    ]

    row = run_day(run_model, KPI, demand=demand(), latency=latency)

    assert row["slo_hours_fraction"] == pytest.approx(6 / 12)  # hours without latency do not count
    assert (row["latency_p99_seconds"], row["cold_starts"]) == (9.0, 12)
    assert row["success_fraction"] == pytest.approx((0.9 + 11) / 12)  # weighted by equal demand


def test_mean_demand_weighs_hours_by_their_samples(run_model: Any) -> None:
    uneven = [*demand(10.0, 10.0, count=1), *demand(40.0, 40.0, count=2)[1:]]
    uneven[1]["samples_seen"] = 4

    row = run_day(run_model, KPI, demand=uneven)

    assert row["mean_demand_per_second"] == pytest.approx((12 * 10 + 4 * 40) / 16)


def test_a_kpi_row_stands_for_every_fleet_and_day_even_of_nothing(run_model: Any) -> None:
    rows = run_model(KPI, {}, fleets=[FLEET], window=Window(DAY, DAY + timedelta(days=2)))

    assert [row["day_utc"].day for row in rows] == [18, 19]
    assert rows[0]["mean_demand_per_second"] is None
    assert rows[0]["instance_hours"] == 144.0  # of the baseline: 6 x 24
