"""read_spot_prices: changes in the window, the price that stood at its start, each once and exact."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.extract.fake_aws import FakeClients, FakeEc2, client_error

from headroom.domain.window import Window
from headroom.extract.errors import SourceError
from headroom.extract.spot_prices import read_spot_prices
from headroom.lake.tables import TABLES

START = datetime(2026, 11, 18, 5, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))


def price(minutes: int, usd: str, zone: str = "us-east-1a", name: str = "g5.xlarge") -> dict[str, Any]:
    return {
        "AvailabilityZone": zone,
        "InstanceType": name,
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": usd,
        "Timestamp": START + timedelta(minutes=minutes),
    }


def read(ec2: Any, *names: str) -> list[tuple[str, datetime, Decimal]]:
    table = read_spot_prices(FakeClients({"ec2": ec2}), region="us-east-1", instance_types=names, window=HOUR)
    assert table.schema == TABLES["spot_price"].schema
    return [(r["availability_zone"], r["timestamp_utc"], r["spot_usd_per_hour"]) for r in table.to_pylist()]


def test_the_last_price_before_the_start_is_kept_and_the_end_is_left_out() -> None:
    ec2 = FakeEc2(prices=[price(-90, "0.4"), price(-30, "0.5"), price(10, "0.512300"), price(60, "0.6")])
    assert read(ec2, "g5.xlarge") == [
        ("us-east-1a", START - timedelta(minutes=30), Decimal("0.5")),
        ("us-east-1a", START + timedelta(minutes=10), Decimal("0.5123")),
    ]


def test_pages_are_walked_and_rows_come_sorted() -> None:
    ec2 = FakeEc2(prices=[price(minute, f"0.{minute:02d}", zone) for minute in range(1, 20) for zone in ("a", "b")])
    ec2.page_rows = 7
    rows = read(ec2, "g5.xlarge")
    assert len(rows) == 38
    assert rows == sorted(rows)
    assert ec2.calls == 6  # 38 rows / 7 a page


def test_a_row_that_comes_twice_is_one_row() -> None:
    ec2 = FakeEc2(prices=[price(10, "0.5"), price(10, "0.5")])
    assert len(read(ec2, "g5.xlarge")) == 1


def test_sagemaker_types_have_no_spot_price_and_are_not_asked_for() -> None:
    ec2 = FakeEc2(prices=[price(10, "0.5")])
    assert read(ec2, "ml.g5.xlarge") == []
    assert ec2.calls == 0


def test_a_source_that_refuses_says_why() -> None:
    class Refusing(FakeEc2):
        def describe_spot_price_history(self, **_: Any) -> dict[str, Any]:
            raise client_error("UnauthorizedOperation", "You are not authorized", status=403)

    with pytest.raises(SourceError, match=r"EC2 DescribeSpotPriceHistory in us-east-1 did not answer: Unauthorized"):
        read(Refusing(), "g5.xlarge")


def test_a_price_that_is_no_number_is_named() -> None:
    with pytest.raises(SourceError, match="gave the price 'n/a', which is no number"):
        read(FakeEc2(prices=[price(10, "n/a")]), "g5.xlarge")
