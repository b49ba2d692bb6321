from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from headroom.lake.sql_runner import SqlModels

HOUR = datetime(2026, 11, 18, 5, tzinfo=UTC)
COST = "mart_cost__hourly_by_fleet"


def line(**changes: Any) -> Any:
    return {
        "BillingPeriodStart": datetime(2026, 11, 1, tzinfo=UTC),
        "ChargePeriodStart": HOUR,
        "ChargePeriodEnd": HOUR + timedelta(hours=1),
        "BilledCost": Decimal("1.2"),
        "EffectiveCost": Decimal("1.1"),
        "ListCost": Decimal("1.3"),
        "ConsumedQuantity": 1.0,
        "ConsumedUnit": "Hrs",
        "PricingQuantity": 1.0,
        "PricingUnit": "Hrs",
        "PricingCategory": "Standard",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "RegionId": "us-east-1",
        "AvailabilityZone": "us-east-1a",
        "x_InstanceType": "g5.xlarge",
        "Tags": '{"fleet": "chat", "team": "ml"}',
    } | changes


def test_lines_of_one_pool_and_hour_are_summed_exactly(run_model: Any) -> None:
    lines = [line(EffectiveCost=Decimal("0.1000000001")), line(EffectiveCost=Decimal("123456789.0000000002"))]

    (row,) = run_model(COST, {"billing_line": lines})

    assert row["effective_cost"] == Decimal("123456789.1000000003")
    assert (row["billed_cost"], row["list_cost"], row["usage_hours"]) == (Decimal("2.4"), Decimal("2.6"), 2.0)
    assert (row["fleet_id"], row["hour_start_utc"], row["region"]) == ("chat", HOUR, "us-east-1")


@pytest.mark.parametrize(
    ("fields", "option"),
    [
        ({"PricingCategory": "Standard"}, "on_demand"),
        ({"PricingCategory": "Dynamic"}, "spot"),
        ({"PricingCategory": "Committed"}, "commitment"),
        ({"PricingCategory": "Standard", "CommitmentDiscountStatus": "Used"}, "commitment"),
        ({"PricingCategory": None}, "on_demand"),
    ],
)
def test_purchase_option_follows_pricing_category_and_commitment(run_model: Any, fields: Any, option: Any) -> None:
    (row,) = run_model(COST, {"billing_line": [line(**fields)]})

    assert row["purchase_option"] == option


@pytest.mark.parametrize(
    ("wanted", "tags", "is_match"),
    [
        ('{"fleet": "chat"}', '{"fleet": "chat", "team": "ml"}', True),
        ('{"fleet": "chat", "team": "ml"}', '{"team": "ml", "fleet": "chat", "x": "y"}', True),
        ('{"fleet": "chat", "team": "ml"}', '{"fleet": "chat"}', False),
        ('{"fleet": "chat"}', '{"fleet": "chat-large"}', False),
        ('{"fleet": "chat"}', '{"Fleet": "chat"}', False),
        ('{"fleet": "chat"}', None, False),
        ('{"fleet": "chat"}', "no json {", False),
        ('{"fleet": "chat"}', '["fleet", "chat"]', False),
        ('{"size": "3"}', '{"size": 3}', True),  # tag values are text, however an export spells them
        (None, '{"fleet": "chat"}', False),
        ("{}", '{"fleet": "chat"}', False),  # a fleet that names no tag owns no line
    ],
)
def test_a_line_is_a_fleets_when_every_tag_given_matches(run_model: Any, wanted: Any, tags: Any, is_match: Any) -> None:
    rows = run_model(COST, {"billing_line": [line(Tags=tags)]}, fleets=[{"tags": wanted}])

    assert len(rows) == is_match


def test_a_line_that_fits_two_fleets_is_counted_once_for_the_one_that_asks_for_more(run_model: Any) -> None:
    fleets = [{"fleet_id": "all", "tags": '{"team": "ml"}'}, {"tags": '{"fleet": "chat", "team": "ml"}'}]

    rows = run_model(COST, {"billing_line": [line()]}, fleets=fleets)

    assert [row["fleet_id"] for row in rows] == ["chat"]


@pytest.mark.parametrize("category", ["Purchase", "Tax", "Credit", "Adjustment"])
def test_only_usage_is_a_fleets_cost(run_model: Any, category: Any) -> None:
    assert run_model(COST, {"billing_line": [line(ChargeCategory=category)]}) == []


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({"ConsumedUnit": "Hours", "ConsumedQuantity": 0.5}, 0.5),
        ({"ConsumedUnit": "GB", "PricingUnit": "hrs", "PricingQuantity": 0.25}, 0.25),
        ({"ConsumedUnit": None, "PricingUnit": None}, None),
        ({"ConsumedUnit": "GB", "PricingUnit": "GB"}, None),
        ({"x_InstanceType": None}, None),  # a load balancer's hours are no instance-hours
        ({"CommitmentDiscountStatus": "Unused"}, 0.0),
    ],
)
def test_usage_hours_are_instance_hours_or_null(run_model: Any, fields: Any, hours: Any) -> None:
    (row,) = run_model(COST, {"billing_line": [line(**fields)]})

    assert row["usage_hours"] == hours


def test_pools_options_and_currencies_stand_apart_and_an_hour_without_lines_has_no_row(run_model: Any) -> None:
    lines = [
        line(),
        line(AvailabilityZone=None),
        line(PricingCategory="Dynamic"),
        line(BillingCurrency="EUR"),
        line(x_InstanceType="g6.xlarge"),
        line(ChargePeriodStart=HOUR + timedelta(minutes=40)),
        line(ChargePeriodStart=HOUR + timedelta(hours=1)),
    ]

    rows = run_model(COST, {"billing_line": lines})

    assert len(rows) == 5
    assert {row["hour_start_utc"] for row in rows} == {HOUR}
    assert max(row["usage_hours"] for row in rows) == 2.0  # the line that starts at 05:40 joins the first


def test_money_stays_decimal_in_the_mart_table(
    run_model: Any, session: duckdb.DuckDBPyConnection, models: SqlModels
) -> None:
    run_model(COST, {"billing_line": [line()]})
    table = models.run_model(
        session,
        COST,
        {"window_start": HOUR, "window_end": HOUR + timedelta(hours=1)},
    )

    assert str(table.schema.field("effective_cost").type) == "decimal128(38, 10)"
