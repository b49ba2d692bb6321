"""Spot prices: the changes in a window and the price that stood at its start, by pool."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from headroom.domain.window import Window, as_utc
from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, answering
from headroom.lake.tables import TABLES

PRODUCT_DESCRIPTION = "Linux/UNIX"
_TYPES_PER_CALL = 100
_PAGE_ROWS = 1000


def read_spot_prices(clients: Clients, *, region: str, instance_types: Sequence[str], window: Window) -> pa.Table:
    """Return raw.spot_price rows: price changes in `window`, and each pool's last one before its start.

    SageMaker's `ml.` types are passed over: SageMaker endpoints cannot run on spot. A type without a row has no spot
    offer in the region. SourceError when EC2 does not answer or names a price that is no number.
    """
    names = sorted({name for name in instance_types if not name.startswith("ml.")})
    client = clients.client("ec2", region=region) if names else None
    rows = {}
    for start in range(0, len(names), _TYPES_PER_CALL):
        for item in _history(client, region, names[start : start + _TYPES_PER_CALL], window):
            row = _row_of(item, region)
            # The end is exclusive for us and inclusive for EC2; pages may repeat a row.
            if row["timestamp_utc"] < window.end_utc:
                rows[tuple(row.values())] = row
    schema = TABLES["spot_price"].schema
    ordered = [rows[key] for key in sorted(rows)]
    return pa.Table.from_pylist(ordered, schema=schema)


def _history(client: Any, region: str, names: list[str], window: Window) -> list[dict[str, Any]]:  # noqa: ANN401, boto3 makes client classes at run time
    with answering(f"EC2 DescribeSpotPriceHistory in {region}"):
        pages = client.get_paginator("describe_spot_price_history").paginate(
            InstanceTypes=names,
            ProductDescriptions=[PRODUCT_DESCRIPTION],
            StartTime=window.start_utc,
            EndTime=window.end_utc,
            PaginationConfig={"PageSize": _PAGE_ROWS},
        )
        return [item for page in pages for item in page["SpotPriceHistory"]]


def _row_of(item: dict[str, Any], region: str) -> dict[str, Any]:
    try:
        price = Decimal(item["SpotPrice"])
    except InvalidOperation as error:
        message = f"EC2 DescribeSpotPriceHistory in {region} gave the price {item['SpotPrice']!r}, which is no number"
        raise SourceError(message) from error
    return {
        "region": region,
        "availability_zone": item["AvailabilityZone"],
        "instance_type": item["InstanceType"],
        "product_description": item["ProductDescription"],
        "timestamp_utc": as_utc(item["Timestamp"]),
        "spot_usd_per_hour": price,
    }
