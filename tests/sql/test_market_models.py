"""What was known of types and prices at a moment: the newest list before it, or what a later list says of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

TYPES = "int_market__newest_instance_type"
ON_DEMAND = "int_market__newest_on_demand_price"
SPOT = "int_market__newest_spot_price"
AS_OF = datetime(2026, 11, 18, 5, tzinfo=UTC)


def kind(day: date, vcpus: int = 4, **changes: Any) -> Any:
    return {
        "region": "us-east-1",
        "instance_type": "g5.xlarge",
        "day_utc": day,
        "vcpus": vcpus,
        "memory_mib": 16384,
        "architecture": "x86_64",
    } | changes


def price(day: date, usd: str, effective_from_utc: datetime | None = None, **changes: Any) -> Any:
    return {
        "region": "us-east-1",
        "instance_type": "g5.xlarge",
        "service": "ec2",
        "day_utc": day,
        "on_demand_usd_per_hour": Decimal(usd),
        "effective_from_utc": effective_from_utc,
    } | changes


def spot(moment: datetime, usd: str, **changes: Any) -> Any:
    return {
        "region": "us-east-1",
        "availability_zone": "us-east-1a",
        "instance_type": "g5.xlarge",
        "product_description": "Linux/UNIX",
        "timestamp_utc": moment,
        "spot_usd_per_hour": Decimal(usd),
    } | changes


def run_as_of(run_model: Any, name: str, rows: Any, *, moment: datetime = AS_OF, **options: Any) -> Any:
    table = {TYPES: "instance_type", ON_DEMAND: "on_demand_price", SPOT: "spot_price"}[name]
    return run_model(name, {table: rows}, parameters={"as_of": moment}, **options)


@pytest.mark.parametrize(
    ("days", "chosen"),
    [
        ((10, 17), 17),
        ((10, 18), 18),  # the list of the day itself serves all of that day
        ((10, 19), 10),  # an older list from before goes ahead of a nearer one from after
        ((20, 25), 20),  # none from before: the first reading after it
    ],
)
def test_a_type_is_as_the_last_list_before_the_moment_says(run_model: Any, days: Any, chosen: int) -> None:
    (row,) = run_as_of(run_model, TYPES, [kind(date(2026, 11, day), vcpus=day) for day in days])

    assert (row["vcpus"], row["day_utc"]) == (chosen, date(2026, 11, chosen))


@pytest.mark.parametrize(("name", "row"), [(TYPES, kind), (ON_DEMAND, lambda day: price(day, "1.0"))])
def test_midnight_ends_the_day_before_whatever_was_read_since(run_model: Any, name: str, row: Any) -> None:
    midnight = datetime(2026, 11, 18, tzinfo=UTC)
    of_the_day = run_as_of(run_model, name, [row(date(2026, 11, 17))], moment=midnight)

    assert [found["day_utc"] for found in of_the_day] == [date(2026, 11, 17)]
    assert run_as_of(run_model, name, [row(date(2026, 11, 17)), row(date(2026, 11, 18))], moment=midnight) == of_the_day


def test_types_are_those_of_regions_that_have_fleets(run_model: Any) -> None:
    day = date(2026, 11, 17)
    rows = [kind(day), kind(day, region="eu-west-1"), kind(day, region="ap-south-1")]

    found = run_as_of(run_model, TYPES, rows, fleets=[{}, {"fleet_id": "embed", "region": "eu-west-1"}])

    assert [row["region"] for row in found] == ["eu-west-1", "us-east-1"]


def test_a_price_is_the_last_one_read_before_the_moment(run_model: Any) -> None:
    rows = [price(date(2026, 11, 16), "1.1"), price(date(2026, 11, 17), "1.0"), price(date(2026, 11, 19), "0.9")]

    (row,) = run_as_of(run_model, ON_DEMAND, rows)

    assert (row["on_demand_usd_per_hour"], row["day_utc"]) == (Decimal("1.0"), date(2026, 11, 17))


@pytest.mark.parametrize(
    ("effective_from_utc", "is_known"),
    [
        (AS_OF - timedelta(days=200), True),
        (AS_OF, True),
        (AS_OF + timedelta(seconds=1), False),
        (None, False),  # a list that does not say since when says nothing of the time before it
    ],
)
def test_before_the_first_list_a_price_counts_when_it_was_in_force_already(
    run_model: Any, effective_from_utc: Any, is_known: Any
) -> None:
    rows = run_as_of(run_model, ON_DEMAND, [price(date(2026, 11, 25), "1.0", effective_from_utc)])

    assert len(rows) == is_known


def test_prices_are_those_of_regions_that_have_fleets(run_model: Any) -> None:
    rows = [price(date(2026, 11, 17), "1.0"), price(date(2026, 11, 17), "1.2", region="eu-west-1")]

    assert [row["region"] for row in run_as_of(run_model, ON_DEMAND, rows)] == ["us-east-1"]


def test_a_pools_spot_price_is_its_last_change_up_to_the_moment(run_model: Any) -> None:
    rows = [
        spot(AS_OF - timedelta(hours=9), "0.50"),
        spot(AS_OF, "0.40"),
        spot(AS_OF + timedelta(minutes=1), "0.10"),
        spot(AS_OF - timedelta(hours=30), "0.45", availability_zone="us-east-1b"),
        spot(AS_OF, "0.30", region="eu-west-1", availability_zone="eu-west-1a"),
    ]

    found = run_as_of(run_model, SPOT, rows)

    assert [(row["availability_zone"], row["spot_usd_per_hour"]) for row in found] == [
        ("us-east-1a", Decimal("0.40")),
        ("us-east-1b", Decimal("0.45")),
    ]


@pytest.mark.parametrize("name", [TYPES, ON_DEMAND, SPOT])
def test_nothing_read_is_no_row(run_model: Any, name: str) -> None:
    assert run_as_of(run_model, name, []) == []
