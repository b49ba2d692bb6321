"""Bills written by hand for the tests: the same usage as CUR 2.0 and as FOCUS, in Parquet, the way AWS delivers it."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headroom.config.sources import BillingExport

PERIOD_START = datetime(2026, 11, 1)  # noqa: DTZ001, AWS writes timestamps without a zone
PERIOD_END = datetime(2026, 12, 1)  # noqa: DTZ001, as above
CUR2 = BillingExport(format="cur2", bucket="bills", prefix="exports", export_name="cur")
FOCUS = BillingExport(format="focus", bucket="bills", prefix="exports", export_name="focus")
PLAN = "arn:aws:savingsplans::123456789012:savingsplan/plan"
RESERVATION = "arn:aws:ec2:us-east-1:123456789012:reserved-instances/one"

_MOMENT = pa.timestamp("ms")
_TAGS = pa.map_(pa.string(), pa.string())
CUR2_SCHEMA = pa.schema(
    [
        *((name, _MOMENT) for name in ("bill_billing_period_start_date", "bill_billing_period_end_date")),
        *((name, _MOMENT) for name in ("line_item_usage_start_date", "line_item_usage_end_date")),
        *(
            (name, pa.float64())
            for name in (
                "line_item_unblended_cost",
                "line_item_net_unblended_cost",
                "line_item_usage_amount",
                "pricing_public_on_demand_cost",
                "savings_plan_savings_plan_effective_cost",
                "savings_plan_total_commitment_to_date",
                "savings_plan_used_commitment",
                "reservation_effective_cost",
                "reservation_unused_amortized_upfront_fee_for_billing_period",
                "reservation_unused_recurring_fee",
            )
        ),
        *(
            (name, pa.string())
            for name in (
                "bill_payer_account_id",
                "line_item_usage_account_id",
                "line_item_line_item_type",
                "line_item_usage_type",
                "line_item_resource_id",
                "line_item_currency_code",
                "line_item_availability_zone",
                "line_item_product_code",
                "line_item_line_item_description",
                "pricing_unit",
                "product_instance_type",
                "product_region_code",
                "product_sku",
                "savings_plan_savings_plan_a_r_n",
                "reservation_reservation_a_r_n",
                "identity_line_item_id",
                "split_line_item_parent_resource_id",
            )
        ),
        ("resource_tags", _TAGS),
    ],
)
FOCUS_SCHEMA = pa.schema(
    [
        *(
            (name, _MOMENT)
            for name in ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
        ),
        *(
            (name, pa.float64())
            for name in (
                "BilledCost",
                "EffectiveCost",
                "ListCost",
                "ContractedCost",
                "ConsumedQuantity",
                "PricingQuantity",
            )
        ),
        *(
            (name, pa.string())
            for name in (
                "BillingCurrency",
                "BillingAccountId",
                "SubAccountId",
                "ChargeCategory",
                "ChargeClass",
                "ChargeDescription",
                "CommitmentDiscountId",
                "CommitmentDiscountStatus",
                "ConsumedUnit",
                "PricingCategory",
                "PricingUnit",
                "ProviderName",
                "RegionId",
                "AvailabilityZone",
                "ResourceId",
                "ServiceName",
                "SkuId",
                "SkuMeter",
                "x_Operation",
            )
        ),
        ("SkuPriceDetails", _TAGS),
        ("Tags", _TAGS),
    ],
)


def cur2_line(kind: str = "Usage", *, hour: int = 5, **more: Any) -> dict[str, Any]:
    """One hour of a g5.12xlarge at 5.672 on demand."""
    start = datetime(2026, 11, 18, hour)  # noqa: DTZ001, as above
    return {
        "bill_billing_period_start_date": PERIOD_START,
        "bill_billing_period_end_date": PERIOD_END,
        "line_item_usage_start_date": start,
        "line_item_usage_end_date": start + timedelta(hours=1),
        "line_item_line_item_type": kind,
        "line_item_unblended_cost": 5.672,
        "line_item_usage_amount": 1.0,
        "line_item_usage_type": "BoxUsage:g5.12xlarge",
        "line_item_resource_id": "i-1",
        "line_item_currency_code": "USD",
        "line_item_product_code": "AmazonEC2",
        "line_item_availability_zone": "us-east-1a",
        "pricing_public_on_demand_cost": 5.672,
        "pricing_unit": "Hrs",
        "product_region_code": "us-east-1",
        "resource_tags": [("user_fleet", "chat-large")],
        **more,
    }


def focus_line(*, hour: int = 5, **more: Any) -> dict[str, Any]:
    """The same hour as cur2_line, as FOCUS 1.2."""
    start = datetime(2026, 11, 18, hour)  # noqa: DTZ001, as above
    return {
        "BillingPeriodStart": PERIOD_START,
        "BillingPeriodEnd": PERIOD_END,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(hours=1),
        "BilledCost": 5.672,
        "EffectiveCost": 5.672,
        "ListCost": 5.672,
        "ContractedCost": 5.672,
        "ConsumedQuantity": 1.0,
        "PricingQuantity": 1.0,
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ConsumedUnit": "Hours",
        "PricingCategory": "Standard",
        "PricingUnit": "Hours",
        "ProviderName": "AWS",
        "RegionId": "us-east-1",
        "AvailabilityZone": "us-east-1a",
        "ResourceId": "i-1",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "SkuMeter": "BoxUsage:g5.12xlarge",
        "Tags": [("fleet", "chat-large")],
        **more,
    }


def parquet(lines: list[dict[str, Any]], schema: pa.Schema, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(lines, schema=schema), buffer, compression="snappy", **options)
    return buffer.getvalue()


def deliver(
    put: Any,
    export: BillingExport,
    files: list[bytes],
    *,
    period: str = "2026-11",
    execution_id: str = "execution-1",
    folder: str = "",
    named: list[str] | None = None,
) -> list[str]:
    """Put a delivery's files, then its manifest, as AWS does; `folder` is that of an export that makes new files."""
    place = f"BILLING_PERIOD={period}/{folder}"
    keys = [f"{export.root}data/{place}{export.name}-{n:05d}.snappy.parquet" for n in range(1, len(files) + 1)]
    for key, content in zip(keys, files, strict=True):
        put(key, content)
    manifest = {
        "executionId": execution_id,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:123456789012:export/{export.name}",
        "columns": [],
        "dataFiles": named or [f"s3://{export.bucket}/{key}" for key in keys],
    }
    put(f"{export.root}metadata/{place}{export.name}-Manifest.json", json.dumps(manifest).encode())
    return keys


HOUR_START = datetime(2026, 11, 18, 5, tzinfo=UTC)
