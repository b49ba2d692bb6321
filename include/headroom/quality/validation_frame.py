"""The pandas frame that a table's expectations look at: its columns as plain types, and columns derived for checks."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from headroom.units import MICROSECONDS_PER_SECOND

if TYPE_CHECKING:
    import pandas as pd

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
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

    Money becomes floats and times microseconds since 1970: Great Expectations looks at times one by one in Python, and
    for half a million bill lines that took 9 s.
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


def time_columns(frame: pa.Table) -> frozenset[str]:
    """Return the columns of `frame` that hold times, which the validation frame has as microseconds."""
    return frozenset(field.name for field in frame.schema if pa.types.is_timestamp(field.type))


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_from_microseconds(value: float) -> datetime:
    """Return the moment that the validation frame has as `value`."""
    return _EPOCH + timedelta(microseconds=int(value))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return column


def _highest_values(metrics: pa.ChunkedArray) -> pa.ChunkedArray:
    def ends(suffix: str) -> pa.ChunkedArray:
        return pc.fill_null(pc.ends_with(metrics.cast(pa.string()), suffix), fill_value=False)

    is_gpu = pc.fill_null(pc.starts_with(metrics.cast(pa.string()), "gpu"), fill_value=False)
    percent = pc.if_else(is_gpu, MAX_GPU_PERCENT, MAX_PERCENT)
    return pc.if_else(ends("_percent"), percent, pc.if_else(ends("_seconds"), MAX_LATENCY_SECONDS, MAX_AMOUNT))


def _seconds_off_period(frame: pa.Table) -> pa.ChunkedArray:
    """How far a sample's time lies from a multiple of its period: a source with a wrong clock gives such times."""
    seconds = pc.divide(_plain(frame["timestamp_utc"]), MICROSECONDS_PER_SECOND)
    period = frame["period_seconds"].cast(pa.int64())
    period = pc.if_else(pc.greater(period, 0), period, pa.scalar(None, pa.int64()))
    return pc.subtract(seconds, pc.multiply(pc.divide(seconds, period), period))


def _is_repeated(frame: pa.Table) -> "pd.Series[bool]":
    """Whether a line of a named resource equals another in everything: a file delivered twice repeats them all."""
    names = ("ResourceId", "ChargePeriodStart", "SkuId", "ChargeDescription", "EffectiveCost")
    lines: pd.DataFrame = pa.table({name: _plain(frame[name]) for name in names}).to_pandas()
    return lines["ResourceId"].notna() & lines.duplicated()
