import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from headroom.cli.cost_text import savings_table
from headroom.domain.window import DAY, Window
from headroom.reporting.savings_report import FleetSavings, SavingsReport, render_savings_report

START = datetime(2026, 11, 16, tzinfo=UTC)
UNKNOWN: Any = {
    "days": 1,
    "billed_days": 0,
    "estimated_days": 0,
    "unknown_days": 1,
    "baseline_cost_usd": None,
    "billed_cost_usd": None,
    "estimated_cost_usd": None,
    "billed_savings_usd": None,
    "estimated_savings_usd": None,
    "compared_days": 0,
    "compared_billed_cost_usd": None,
    "compared_estimated_cost_usd": None,
    "instances_bases": None,
    "price_day_utc": None,
    "instance_hours": None,
    "gpu_utilization_p50_fraction": None,
    "cpu_utilization_p50_fraction": None,
    "latency_p99_seconds": None,
    "success_fraction": None,
    "slo_hours_fraction": None,
    "waste_fraction": None,
    "cold_starts": None,
}
ESTIMATED: Any = {
    "estimated_days": 1,
    "unknown_days": 0,
    "baseline_cost_usd": 288.0,
    "estimated_cost_usd": 264.0,
    "estimated_savings_usd": 24.0,
    "instances_bases": ["in_service"],
    "price_day_utc": date(2026, 11, 16),
}
BILLED: Any = {
    "billed_days": 1,
    "unknown_days": 0,
    "baseline_cost_usd": 288.0,
    "billed_cost_usd": 200.0,
    "billed_savings_usd": 88.0,
    "compared_days": 1,
    "compared_billed_cost_usd": 200.0,
    "compared_estimated_cost_usd": 240.0,
    "instances_bases": ["in_service"],
}


def savings(fleet_id: str = "chat", **known: Any) -> FleetSavings:
    return FleetSavings(fleet_id=fleet_id, **{**UNKNOWN, **known})


def report(*fleets: FleetSavings) -> SavingsReport:
    return SavingsReport(name="2026-11-16", window=Window(START, START + DAY), fleets=fleets)


def figures(page: str) -> dict[str, set[str]]:
    """Every amount on the page, by the sign before it: "≈ " or none."""
    found: dict[str, set[str]] = {"": set(), "≈ ": set()}
    for mark, amount in re.findall(r"(≈ )?(\$[\d,.]+)", page.split("<main>")[1]):
        found[mark].add(amount)
    return found


def test_before_a_bill_every_amount_is_marked_as_estimated_and_none_as_billed() -> None:
    page = render_savings_report(report(savings(**ESTIMATED)))

    assert figures(page) == {"": set(), "≈ ": {"$264", "$288", "$24.00"}}
    assert "on the bill" not in page
    assert "instances in service" in page
    assert "the price list of 16 Nov 2026" in page


def test_billed_and_estimated_costs_stand_apart_and_are_never_added_up() -> None:
    page = render_savings_report(report(savings("chat", **BILLED), savings("embed", **ESTIMATED)))

    found = figures(page)
    assert found[""] == {"$200", "$88.00"}
    assert {"$264", "$24.00"} <= found["≈ "]
    assert "$464" not in page  # 200 billed + 264 estimated


def test_once_billed_the_estimate_stands_beside_the_bill_with_its_error() -> None:
    page = render_savings_report(report(savings(**BILLED)))

    assert "How good the estimates were" in page
    assert "+20.0 %" in page  # 240 / 200 - 1
    assert "$240" in figures(page)["≈ "]


def test_a_cost_nobody_knows_is_said_to_be_unknown_and_never_shown_as_nothing() -> None:
    page = render_savings_report(report(savings()))

    assert figures(page) == {"": set(), "≈ ": set()}
    assert "there is neither a bill nor a price" in page
    assert "Not in these sums, their cost being unknown: 1 fleet-day." in page
    assert "1 day: no metric of instances in service, no plan and no baseline" in page
    assert "What the estimates rest on" not in page


def test_the_data_of_the_page_names_the_basis_of_each_part_and_the_error_of_the_estimate() -> None:
    (fleet,) = report(savings(**{**BILLED, **ESTIMATED, "days": 2})).summary()["fleets"]

    assert fleet["cost_bases"] == ["billed", "estimated"]
    assert fleet["estimate_error_fraction"] == pytest.approx(0.2)
    assert fleet["price_day_utc"] == "2026-11-16"
    assert "actual_cost_usd" not in fleet  # a sum over both


def test_the_terminal_shows_a_row_for_each_basis() -> None:
    fleets = (savings("chat", **{**BILLED, **ESTIMATED, "days": 2}), savings("embed"))

    table = savings_table(report(*fleets).summary())

    rows = list(zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True))
    assert rows == [
        ("chat", "1", "billed", "200.00", "88.00", "≈ 240.00 (+20.0%)"),
        ("chat", "1", "estimated", "≈ 264.00", "≈ 24.00", ""),
        ("embed", "1", "unknown", "unknown", "unknown", ""),
    ]
