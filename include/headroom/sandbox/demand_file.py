"""Real demand from a Parquet file (HEADROOM_SANDBOX_DEMAND), shifted to the sandbox's time and scaled to its fleets.

The file has `series_id` (text), `timestamp` (start of the step, UTC) and `requests` (the count in the step; null is
missing); other columns are left alone. A series has one regular step of 5 to 60 minutes. Series go to the fleets in the
order in which they first appear in the file, those under nine days left out; series beyond the number of fleets are not
used. A fleet for which the file has no series left keeps its generated demand, since a fleet without any demand would
show nothing at all: its `demand_origin` says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from headroom.sandbox.demand_burst import burst_model
from headroom.sandbox.demand_steps import DemandSteps
from headroom.sandbox.world_interface import SAMPLE_SECONDS, Floats
from headroom.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE

LEAST_SPAN: Final = timedelta(days=9)
LEAST_END_AHEAD: Final = timedelta(days=2)
_WEEK_SECONDS: Final = 7 * SECONDS_PER_DAY
_BUSY_QUANTILE: Final = 0.99


class DemandFileError(ValueError):
    """The demand file cannot be used; the message names file, column and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandSeries:
    """One series on a complete spine of steps: `rate_per_second` is NaN where the file has nothing, shape (n,)."""

    series_id: str
    start_seconds: int
    """Start of the first step, seconds since 1970 in UTC, in the file's own time."""
    step_seconds: int
    rate_per_second: Floats

    @property
    def end_seconds(self) -> int:
        """End of the last step."""
        return self.start_seconds + len(self.rate_per_second) * self.step_seconds


def read_demand_file(file: Path) -> tuple[DemandSeries, ...]:
    """Read the series of at least nine days, in file order; raise DemandFileError on the first fault."""
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise DemandFileError(f"{file}: cannot be read as Parquet ({error})") from error
    _check_columns(file, table.schema)
    frame = table.select(["series_id", "timestamp", "requests"]).to_pandas()
    for column in ("series_id", "timestamp"):
        if frame[column].isna().any():
            raise DemandFileError(f"{file}: column {column}: {int(frame[column].isna().sum())} values are null")
    requests = frame["requests"].to_numpy(dtype=np.float64, na_value=np.nan)
    if (requests < 0).any() or np.isinf(requests).any():
        raise DemandFileError(f"{file}: column requests: expected finite counts of at least 0, found others")
    series = []
    for series_id, rows in frame.groupby("series_id", sort=False):
        one = _spine(file, str(series_id), rows)
        if one is not None:
            series.append(one)
    if not series:
        days = LEAST_SPAN.days
        raise DemandFileError(f"{file}: column timestamp: expected at least one series of {days} days, found none")
    return tuple(series)


def _check_columns(file: Path, schema: pa.Schema) -> None:
    expected = {
        "series_id": (_is_text, "text"),
        "timestamp": (pa.types.is_timestamp, "a timestamp"),
        "requests": (_is_number, "a number"),
    }
    for column, (is_expected, words) in expected.items():
        if column not in schema.names:
            raise DemandFileError(f"{file}: column {column} is missing; expected {words}, found {schema.names}")
        if not is_expected(schema.field(column).type):
            raise DemandFileError(f"{file}: column {column}: expected {words}, found {schema.field(column).type}")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _spine(file: Path, series_id: str, rows: pd.DataFrame) -> DemandSeries | None:
    """Return the series on its spine of steps, or None where it is shorter than nine days."""
    moments = rows["timestamp"]
    if moments.dt.tz is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    seconds = moments.to_numpy(dtype="datetime64[s]").astype(np.int64)
    order = np.argsort(seconds, kind="stable")
    seconds = seconds[order]
    gaps = np.diff(seconds)
    where = f"{file}: column timestamp: series {series_id!r}"
    if len(seconds) < 2:
        return None
    if (gaps == 0).any():
        twice = pd.Timestamp(int(seconds[1:][gaps == 0][0]), unit="s").isoformat()
        raise DemandFileError(f"{where} has {twice} twice; expected each once")
    step = int(gaps.min())
    if int(seconds[-1]) + step - int(seconds[0]) < LEAST_SPAN.total_seconds():
        return None
    if step % SAMPLE_SECONDS or step > SECONDS_PER_HOUR or SECONDS_PER_HOUR % step:
        raise DemandFileError(f"{where}: expected a step of 5 to 60 minutes that divides the hour, found {step} s")
    if (gaps % step).any() or int(seconds[0]) % SAMPLE_SECONDS:
        raise DemandFileError(f"{where}: expected times on one grid of {step} s, on whole 5 minutes")
    rate = np.full((int(seconds[-1]) - int(seconds[0])) // step + 1, np.nan)
    counts = rows["requests"].to_numpy(dtype=np.float64, na_value=np.nan)[order]
    rate[(seconds - seconds[0]) // step] = counts / step
    return DemandSeries(series_id=series_id, start_seconds=int(seconds[0]), step_seconds=step, rate_per_second=rate)


def weeks_to_shift(end_seconds: int, *, now_utc: datetime) -> int:
    """Return the whole weeks that bring a series' end to at least 2 and less than 9 days after now."""
    earliest = now_utc.timestamp() + LEAST_END_AHEAD.total_seconds()
    return int(-((end_seconds - earliest) // _WEEK_SECONDS))


def size_factor(rate_per_second: Floats, *, mean_per_second: float, busy_per_second: float) -> float:
    """Return the factor that scales demand to a fleet: to its mean rate, but its busy hours not above its busy rate.

    The busy hour is the 99th percentile of steps: bursty series with long silences would otherwise be scaled far beyond
    what the fleet could ever serve. A series without any demand is left as it is.
    """
    mean = float(np.nanmean(rate_per_second))
    if mean <= 0.0:
        return 1.0
    busy = float(np.nanquantile(rate_per_second, _BUSY_QUANTILE))
    return min(mean_per_second / mean, busy_per_second / busy) if busy > 0.0 else mean_per_second / mean


class FileDemand:
    """One series of a demand file, played for one fleet; missing before its start and after its end."""

    def __init__(
        self,
        *,
        series: DemandSeries,
        file: Path,
        start_utc: datetime,
        now_utc: datetime,
        mean_per_second: float,
        busy_per_second: float,
        random: np.random.Generator,
    ) -> None:
        self.origin = f"file {file.name}, series {series.series_id}"
        shift = weeks_to_shift(series.end_seconds, now_utc=now_utc) * _WEEK_SECONDS
        factor = size_factor(
            series.rate_per_second,
            mean_per_second=mean_per_second,
            busy_per_second=busy_per_second,
        )
        self._rate_per_second = burst_model(
            series.rate_per_second * factor,
            parts=series.step_seconds // SAMPLE_SECONDS,
            step_minutes=SAMPLE_SECONDS / SECONDS_PER_MINUTE,
            random=random,
        )
        self._offset = (series.start_seconds + shift - int(start_utc.timestamp())) // SAMPLE_SECONDS

    def steps(self, count: int) -> DemandSteps:
        """Return the first `count` steps from the world's start."""
        rate = np.full(count, np.nan)
        first = max(0, self._offset)
        last = min(count, self._offset + len(self._rate_per_second))
        if last > first:
            rate[first:last] = self._rate_per_second[first - self._offset : last - self._offset]
        return DemandSteps(
            rate_per_second=rate, count=rate * SAMPLE_SECONDS, is_reported=np.ones(count, dtype=np.bool_)
        )
