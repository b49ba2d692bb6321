"""The pandas frame that a table's expectations look at: its columns as plain types, and columns derived for checks."""

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

MAX_GPU_PERCENT: Final = 100.0
MAX_PERCENT: Final = 10_000.0
"""CPU and memory of a container may exceed its share of the host many times over (CloudWatch, ECS, 2026)."""
MAX_LATENCY_SECONDS: Final = 86_400.0
MAX_AMOUNT: Final = 1e15

_BILLING_COLUMNS: Final = (
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ConsumedQuantity",
    "PricingQuantity",
    "BillingCurrency",
    "ChargeCategory",
)
"""Columns of a bill that expectations look at: a month of lines is large, and text is the most of it."""


def validation_frame(table_name: str, frame: pa.Table) -> "pd.DataFrame":
    """Return `frame`, whose dtypes fit the table, as pandas, with the table's derived columns.

    Money becomes floats, times lose their zone and are in UTC.
    """
    chosen = frame.select(_BILLING_COLUMNS) if table_name == "billing_line" else frame
    columns = {name: _plain(column) for name, column in zip(chosen.schema.names, chosen.columns, strict=True)}
    prepared: pd.DataFrame = pa.table(columns).to_pandas()
    if table_name == "metric_sample":
        prepared["highest_value"] = _highest_values(frame["metric"]).to_pandas()
        prepared["seconds_off_period"] = _seconds_off_period(frame).to_pandas()
    if table_name == "billing_line":
        prepared["is_repeated"] = _is_repeated(frame)
    return prepared


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))  # UTC: pandas is warning of zones here
    return column


def _highest_values(metrics: pa.ChunkedArray) -> pa.ChunkedArray:
    def ends(suffix: str) -> pa.ChunkedArray:
        return pc.fill_null(pc.ends_with(metrics.cast(pa.string()), suffix), fill_value=False)

    is_gpu = pc.fill_null(pc.starts_with(metrics.cast(pa.string()), "gpu"), fill_value=False)
    percent = pc.if_else(is_gpu, MAX_GPU_PERCENT, MAX_PERCENT)
    return pc.if_else(ends("_percent"), percent, pc.if_else(ends("_seconds"), MAX_LATENCY_SECONDS, MAX_AMOUNT))


def _seconds_off_period(frame: pa.Table) -> pa.ChunkedArray:
    """How far a sample's time lies from a multiple of its period: a source with a wrong clock gives such times."""
    seconds = pc.divide(frame["timestamp_utc"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()), 1_000_000)
    period = frame["period_seconds"].cast(pa.int64())
    period = pc.if_else(pc.greater(period, 0), period, pa.scalar(None, pa.int64()))
    return pc.subtract(seconds, pc.multiply(pc.divide(seconds, period), period))


def _is_repeated(frame: pa.Table) -> list[bool]:
    """Whether a line of a named resource equals another in everything: a file delivered twice repeats them all."""
    keyed = frame.select(["ResourceId", "ChargePeriodStart", "SkuId", "ChargeDescription", "EffectiveCost"])
    seen: set[tuple[object, ...]] = set()
    repeated = []
    for row in zip(*(column.to_pylist() for column in keyed.columns), strict=True):
        is_again = row[0] is not None and row in seen
        repeated.append(is_again)
        seen.add(row)
    return repeated
