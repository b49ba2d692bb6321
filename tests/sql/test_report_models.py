"""What the pages show: a period's savings, and the rightsizing plan in force."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from headroom.domain.window import Window

SAVINGS = "int_savings__period_by_fleet"
RIGHTSIZING = "int_plan__newest_rightsizing"
WEEK = Window(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
AS_OF = datetime(2026, 11, 18, tzinfo=UTC)


def kpi(day: int, *, fleet: str = "chat", **figures: Any) -> Any:
    return {"fleet_id": fleet, "day_utc": date(2026, 11, day), **figures}


def saved(day: int, baseline: Any, billed: Any = None, estimated: Any = None) -> Any:
    actual = estimated if billed is None else billed
    money = {"baseline_cost_usd": baseline, "billed_cost_usd": billed, "estimated_cost_usd": estimated}
    known = baseline is not None and actual is not None
    return {
        "fleet_id": "chat",
        "day_utc": date(2026, 11, day),
        **{name: None if amount is None else Decimal(amount) for name, amount in money.items()},
        "actual_cost_usd": None if actual is None else Decimal(actual),
        "realised_savings_usd": Decimal(baseline) - Decimal(actual) if known else None,
        "cost_basis": "unknown" if actual is None else "estimated" if billed is None else "billed",
        "instances_basis": "in_service" if day % 2 else "desired",
        "price_day_utc": date(2026, 11, day),
    }


def run_week(run_model: Any, kpis: Any, savings: Any = ()) -> Any:
    tables = {"mart_kpi__daily_by_fleet": kpis, "mart_savings__daily_by_fleet": savings}
    return run_model(SAVINGS, tables, window=WEEK)


def test_costs_are_summed_fractions_averaged_and_latency_is_the_worst_days(run_model: Any) -> None:
    kpis = [
        kpi(16, instance_hours=100.0, waste_fraction=0.2, latency_p99_seconds=1.5, cold_starts=3),
        kpi(17, instance_hours=140.0, waste_fraction=0.4, latency_p99_seconds=0.9, cold_starts=2),
    ]

    (row,) = run_week(run_model, kpis, [saved(16, "288", "36.1"), saved(17, "288", "40.2")])

    assert row["days"] == 2
    assert (row["baseline_cost_usd"], row["billed_cost_usd"]) == (Decimal(576), Decimal("76.3"))
    assert row["billed_savings_usd"] == Decimal("499.7")  # 576 - 76.3
    assert row["instance_hours"] == 240.0
    assert row["waste_fraction"] == pytest.approx(0.3)  # (0.2 + 0.4) / 2
    assert (row["latency_p99_seconds"], row["cold_starts"]) == (1.5, 5)


def test_days_outside_the_period_are_left_out(run_model: Any) -> None:
    kpis = [kpi(day, instance_hours=10.0) for day in (15, 16, 22, 23)]

    (row,) = run_week(run_model, kpis, [saved(day, "5", "1") for day in (15, 16, 22, 23)])

    assert (row["days"], row["instance_hours"], row["billed_savings_usd"]) == (2, 20.0, Decimal(8))  # 2 x (5 - 1)


def test_billed_and_estimated_days_are_summed_apart(run_model: Any) -> None:
    kpis = [kpi(day) for day in (16, 17, 18, 19)]
    savings = [
        saved(16, "288", billed="180", estimated="240"),
        saved(17, "288", billed="100"),
        saved(18, "288", estimated="264"),
        saved(19, "288"),  # neither bill nor price
    ]

    (row,) = run_week(run_model, kpis, savings)

    assert [row[f"{basis}_days"] for basis in ("billed", "estimated", "unknown")] == [2, 1, 1]
    assert (row["billed_cost_usd"], row["billed_savings_usd"]) == (Decimal(280), Decimal(296))  # 576 - 280
    assert (row["estimated_cost_usd"], row["estimated_savings_usd"]) == (Decimal(264), Decimal(24))  # 288 - 264
    assert row["baseline_cost_usd"] == Decimal(864)  # the three days whose cost is known
    assert (row["instances_bases"], row["price_day_utc"]) == (["desired", "in_service"], date(2026, 11, 19))


def test_bill_and_estimate_are_compared_on_days_that_have_both(run_model: Any) -> None:
    kpis = [kpi(day) for day in (16, 17, 18)]
    savings = [
        saved(16, "288", billed="180", estimated="240"),
        saved(17, "288", billed="9"),
        saved(18, "288", None, "7"),
    ]

    (row,) = run_week(run_model, kpis, savings)

    assert row["compared_days"] == 1
    assert (row["compared_billed_cost_usd"], row["compared_estimated_cost_usd"]) == (Decimal(180), Decimal(240))


def test_a_day_without_a_row_of_savings_is_unknown(run_model: Any) -> None:
    (row,) = run_week(run_model, [kpi(16), kpi(17)])

    assert (row["days"], row["unknown_days"]) == (2, 2)
    assert row["billed_cost_usd"] is row["estimated_cost_usd"] is row["instances_bases"] is None


def test_what_is_unknown_of_every_day_is_null_and_not_zero(run_model: Any) -> None:
    (row,) = run_week(run_model, [kpi(16)], [saved(16, None, "36")])

    assert row["baseline_cost_usd"] is row["billed_savings_usd"] is row["waste_fraction"] is None
    assert row["billed_cost_usd"] == Decimal(36)


def test_fleets_not_asked_for_are_left_out_of_the_period(run_model: Any) -> None:
    assert run_week(run_model, [kpi(16, fleet="embed")]) == []


def option(
    rank: Any, name: str, *, made_at_utc: datetime = AS_OF, fleet: str = "chat", is_feasible: bool = True
) -> Any:
    return {
        "plan_id": f"{fleet}-{made_at_utc:%Y%m%d}",
        "fleet_id": fleet,
        "made_at_utc": made_at_utc,
        "instance_type": name,
        "purchase_option": "on_demand",
        "is_feasible": is_feasible,
        "is_current": rank == 1,
        "rank": rank,
    }


def run_plan(run_model: Any, rows: Any) -> Any:
    found = run_model(RIGHTSIZING, {"mart_plan__rightsizing": rows}, parameters={"as_of": AS_OF})
    return [(row["rank"], row["instance_type"]) for row in found]


def test_the_newest_plan_up_to_the_moment_is_shown_the_recommended_type_first(run_model: Any) -> None:
    rows = [
        option(2, "g5.xlarge"),
        option(1, "g6.xlarge"),
        option(1, "g4dn.xlarge", made_at_utc=AS_OF - timedelta(days=1)),
        option(1, "p5.48xlarge", made_at_utc=AS_OF + timedelta(days=1)),
    ]

    assert run_plan(run_model, rows) == [(1, "g6.xlarge"), (2, "g5.xlarge")]


def test_types_that_cannot_serve_are_not_shown(run_model: Any) -> None:
    rows = [option(1, "g6.xlarge"), option(None, "t3.micro", is_feasible=False)]

    assert run_plan(run_model, rows) == [(1, "g6.xlarge")]


def test_plans_of_fleets_not_asked_for_are_left_out(run_model: Any) -> None:
    assert run_plan(run_model, [option(1, "g6.xlarge", fleet="embed")]) == []
