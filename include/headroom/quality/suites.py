"""The expectations of each raw table: what a frame must be before it may enter the lake."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from headroom.columns import METRICS
from headroom.domain.window import Window
from headroom.lake.tables import Table
from headroom.quality.validation_frame import MAX_AMOUNT, microseconds

MAX_PRICE_USD_PER_HOUR: Final = 2000.0
"""Above the dearest instance on any public price list (u7inh-32tb.480xlarge, 407 USD per hour, 2026)."""
MAX_LINE_COST: Final = 1e9
SPOT_HISTORY: Final = timedelta(days=90)
"""DescribeSpotPriceHistory reaches back so far."""
LATE_CHARGES: Final = timedelta(days=92)
"""A bill may correct charges of the quarter before it."""
MAX_REPEATED_FRACTION: Final = 0.1
"""Two equal lines may be two charges; a file delivered twice repeats half of them."""
ARCHITECTURES: Final = ("x86_64", "arm64", "i386", "x86_64_mac", "arm64_mac")
CHARGE_CATEGORIES: Final = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
"""FOCUS 1.2, column ChargeCategory."""


def expectations_of(gxe: Any, table: Table, window: Window | None) -> list[Any]:  # noqa: ANN401, great_expectations has no types
    """Return the table's expectations; `gxe` is great_expectations.expectations. Each has its reason in `meta`."""
    common = [gxe.ExpectTableRowCountToBeBetween(min_value=1, meta=_why("there are no rows"))]
    if table.key:
        names = ", ".join(table.key)
        common.append(
            gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.key), meta=_why(f"rows stand twice ({names})")),
        )
    return [*common, *_SPECIFIC[table.name](gxe, window)]


def _metric_sample(gxe: Any, window: Window | None) -> list[Any]:  # noqa: ANN401, as above
    return [
        *_not_null(gxe, "fleet_id", "metric", "timestamp_utc", "period_seconds", "value"),
        gxe.ExpectColumnValuesToBeInSet(
            column="metric", value_set=sorted(METRICS), meta=_why("metric is none we know")
        ),
        _between(gxe, "period_seconds", 1, 3600, "period_seconds is not between 1 and 3600"),
        _between(gxe, "value", 0, MAX_AMOUNT, "value is negative or not finite"),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="highest_value",
            column_B="value",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            meta=_why("value is beyond what its metric can be", column="value"),
        ),
        _between(gxe, "seconds_off_period", 0, 0, "timestamp_utc is no multiple of its period: the clock is off"),
        *_inside(gxe, "timestamp_utc", window),
    ]


def _spot_price(gxe: Any, window: Window | None) -> list[Any]:  # noqa: ANN401, as above
    names = ("region", "availability_zone", "instance_type", "product_description", "timestamp_utc")
    return [
        *_not_null(gxe, *names, "spot_usd_per_hour"),
        _price(gxe, "spot_usd_per_hour"),
        *_inside(gxe, "timestamp_utc", window, reach_back=SPOT_HISTORY),
    ]


def _on_demand_price(gxe: Any, window: Window | None) -> list[Any]:  # noqa: ANN401, as above
    return [
        *_not_null(gxe, "region", "instance_type", "service", "day_utc", "on_demand_usd_per_hour"),
        gxe.ExpectColumnValuesToBeInSet(
            column="service",
            value_set=["ec2", "sagemaker"],
            meta=_why("service is neither ec2 nor sagemaker"),
        ),
        _price(gxe, "on_demand_usd_per_hour"),
        *_day_inside(gxe, window),
    ]


def _instance_type(gxe: Any, window: Window | None) -> list[Any]:  # noqa: ANN401, as above
    return [
        *_not_null(gxe, "region", "instance_type", "day_utc", "vcpus", "memory_mib", "architecture"),
        gxe.ExpectColumnValuesToBeInSet(
            column="architecture",
            value_set=list(ARCHITECTURES),
            meta=_why("architecture is none we know"),
        ),
        *(
            _between(gxe, name, 1, MAX_AMOUNT, f"{name} is below 1")
            for name in ("vcpus", "memory_mib", "gpu_count", "gpu_memory_mib")
        ),
        _between(gxe, "network_mbps", 0, MAX_AMOUNT, "network_mbps is negative or not finite"),
        *_day_inside(gxe, window),
    ]


def _billing_line(gxe: Any, window: Window | None) -> list[Any]:  # noqa: ANN401, as above
    return [
        *_not_null(gxe, "BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd"),
        *_not_null(gxe, "BilledCost", "EffectiveCost", "BillingCurrency", "ChargeCategory"),
        *(
            _between(gxe, name, -MAX_LINE_COST, MAX_LINE_COST, f"{name} is not finite or beyond any bill")
            for name in ("BilledCost", "EffectiveCost", "ListCost", "ConsumedQuantity", "PricingQuantity")
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="BillingCurrency",
            regex="^[A-Z]{3}$",
            meta=_why("BillingCurrency is no ISO 4217 code"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="ChargeCategory",
            value_set=list(CHARGE_CATEGORIES),
            meta=_why("ChargeCategory is none that FOCUS knows"),
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="ChargePeriodEnd",
            column_B="ChargePeriodStart",
            ignore_row_if="either_value_is_missing",
            meta=_why("ChargePeriodEnd is not after ChargePeriodStart", column="ChargePeriodEnd"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="is_repeated",
            value_set=[False],
            mostly=1 - MAX_REPEATED_FRACTION,
            meta=_why("lines of one resource stand twice: a file was delivered twice", column="ResourceId"),
        ),
        *_inside(gxe, "BillingPeriodStart", window),
        *_inside(gxe, "ChargePeriodStart", window, reach_back=LATE_CHARGES),
    ]


_SPECIFIC: Final[dict[str, Callable[[Any, Window | None], list[Any]]]] = {
    "metric_sample": _metric_sample,
    "spot_price": _spot_price,
    "on_demand_price": _on_demand_price,
    "instance_type": _instance_type,
    "billing_line": _billing_line,
}
GATED_TABLES: Final = tuple(_SPECIFIC)


def _why(reason: str, *, column: str | None = None) -> dict[str, str]:
    return {"reason": reason} if column is None else {"reason": reason, "column": column}


def _not_null(gxe: Any, *names: str) -> list[Any]:  # noqa: ANN401, as above
    return [gxe.ExpectColumnValuesToNotBeNull(column=name, meta=_why(f"{name} is missing")) for name in names]


def _between(gxe: Any, column: str, least: float, most: float, reason: str) -> Any:  # noqa: ANN401, as above
    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=least, max_value=most, meta=_why(reason))


def _price(gxe: Any, column: str) -> Any:  # noqa: ANN401, as above
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=0,
        strict_min=True,
        max_value=MAX_PRICE_USD_PER_HOUR,
        meta=_why(f"{column} is not above 0, or above {MAX_PRICE_USD_PER_HOUR:g}"),
    )


def _inside(gxe: Any, column: str, window: Window | None, *, reach_back: timedelta = timedelta()) -> list[Any]:  # noqa: ANN401, as above
    if window is None:
        return []
    start = window.start_utc - reach_back
    reason = f"{column} lies outside {start:%Y-%m-%dT%H:%M} to {window.end_utc:%Y-%m-%dT%H:%M} UTC"
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column=column,
            min_value=microseconds(start),
            max_value=microseconds(window.end_utc),
            strict_max=True,
            meta=_why(reason),
        ),
    ]


def _day_inside(gxe: Any, window: Window | None) -> list[Any]:  # noqa: ANN401, as above
    if window is None:
        return []
    days = [day.day for day in window.days()]
    reason = f"day_utc is not {' or '.join(day.isoformat() for day in days)}"
    return [gxe.ExpectColumnValuesToBeInSet(column="day_utc", value_set=days, meta=_why(reason))]
