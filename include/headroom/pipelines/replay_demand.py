"""Recorded demand for a replay: from a Parquet file, or from the lake, in the 5-minute bins that marts are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.demand import Floats, Hours
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Counts
from headroom.domain.window import Window
from headroom.pipelines.demand_history import HISTORY_DAYS, demand_histories
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.parquet_file import ParquetFileError, read_columns
from headroom.pipelines.workspace import Workspace
from headroom.simulation.demand_path import Bursts, DemandError, Stamps, check_rates, demand_record
from headroom.simulation.policy import DemandRecord

BY_BIN: Final = "int_demand__5min"
BY_HOUR: Final = "mart_demand__hourly_by_fleet"
_BIN: Final = np.timedelta64(5, "m")
ALL: Final = "all"
"""The one workload class of demand that names none."""
_COLUMNS: Final = ("ds", "rate_per_second")
_CLASS: Final = "workload_class"
MOST_CLASSES: Final = 100
"""More names are no classes but ids of requests or users, and every class has a column in the report."""
MOST_CLASS_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedDemand:
    """Demand as it was recorded: the start of each step, shape (steps,), and the rate of each workload class in it."""

    source: str
    stamps_utc: Stamps
    rate_by_class: Mapping[str, Floats]

    @property
    def rate_per_second(self) -> Floats:
        """Rate of all classes, shape (steps,)."""
        total: Floats = np.sum(list(self.rate_by_class.values()), axis=0)
        return total

    @property
    def step_seconds(self) -> float:
        """Length of a step as it was recorded."""
        return float((self.stamps_utc[1] - self.stamps_utc[0]) / np.timedelta64(1, "s"))

    def record(self, bursts: Bursts) -> DemandRecord:
        """Return it as the replay plays it; DemandError where it cannot."""
        return demand_record(self.stamps_utc, self.rate_per_second, bursts)

    def shares(self, record: DemandRecord) -> dict[str, Floats]:
        """Return each class's share of demand in each step of `record`, shape (steps,); 0 where there is none."""
        start = np.datetime64(record.start_utc.replace(tzinfo=None), "us")
        kept = self.stamps_utc.astype("datetime64[us]") >= start
        total = self.rate_per_second[kept]
        parts = len(record.rate_per_second) // len(total)
        return {
            name: np.repeat(np.divide(rates[kept], total, out=np.zeros_like(total), where=total > 0), parts)
            for name, rates in self.rate_by_class.items()
        }


def read_recorded_demand(file: Path) -> RecordedDemand:
    """Read a Parquet file with `ds`, `rate_per_second` and, where there are several, `workload_class`.

    DemandError for a file that is none, a column that is missing or of another type, and classes whose steps differ.
    """
    try:
        rows = read_columns(file, _COLUMNS, optional=(_CLASS,))
    except ParquetFileError as error:
        raise DemandError(str(error)) from error
    stamps = _stamps(rows["ds"])
    rates = _numbers(rows["rate_per_second"])
    check_rates(stamps, rates)  # each class by itself: one below 0 would hide in the sum
    if _CLASS not in rows.column_names or not len(rows):
        return RecordedDemand(source=file.name, stamps_utc=stamps, rate_by_class={ALL: rates})
    names, codes = _class_names(rows[_CLASS])
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    places = dict(zip(names, np.split(order, ends[:-1]), strict=True))
    spine = stamps[places[names[0]]]
    for name, chosen in places.items():
        if not np.array_equal(stamps[chosen], spine):
            raise DemandError(
                f"{_CLASS} {name!r}: expected the same ascending times in ds as {names[0]!r}, a row for each step; "
                f"missing demand is unknown, not 0"
            )
    by_class = {name: rates[chosen] for name, chosen in places.items()}
    return RecordedDemand(source=file.name, stamps_utc=spine, rate_by_class=by_class)


def demand_from_lake(
    workspace: Workspace,
    fleet: Fleet,
    *,
    start_utc: datetime,
    end_utc: datetime,
) -> RecordedDemand:
    """Return a fleet's demand of the six weeks before `start_utc`, and of the span to be played.

    In the 5-minute bins from which the mart has its hourly peaks, so that plans are made from the peaks that production
    plans from; a bin that nobody saw has its hour's mean. By the hour where an hour's samples are kept no longer.
    History that has a gap counts from its last gap on, since nothing is played that nobody saw; DemandError for a gap
    of an hour in the span itself.
    """
    since = start_utc - timedelta(days=HISTORY_DAYS)
    history = demand_histories(workspace, [fleet], end_utc, start_utc=since).get(fleet.id)
    if history is None:
        raise DemandError(f"{fleet.id}: no hour of its demand is known before {end_utc:%FT%TZ}; backfill settle_days")
    first = np.datetime64(start_utc.replace(tzinfo=None), "s")
    missing = history.hours[np.isnan(history.mean_per_second)]
    gaps = missing[missing >= first]
    if len(gaps):
        raise DemandError(
            f"{fleet.id}: expected demand in every hour played, found none in {gaps[0]}Z ({len(gaps)} in all); "
            "backfill settle_days, or choose another span"
        )
    is_after = history.hours > missing[-1] if len(missing) else np.ones(len(history.hours), dtype=np.bool_)
    hours, means = history.hours[is_after], history.mean_per_second[is_after]
    bins = _bins(workspace, fleet, hours, means, end_utc)
    if bins is None:
        return RecordedDemand(source=BY_HOUR, stamps_utc=hours, rate_by_class={ALL: means})
    stamps = hours[0] + np.arange(len(bins)) * _BIN
    return RecordedDemand(source=BY_BIN, stamps_utc=stamps, rate_by_class={ALL: bins})


def _bins(workspace: Workspace, fleet: Fleet, hours: Hours, means: Floats, end_utc: datetime) -> Floats | None:
    """Return the rates of the hours' bins, shape (12 x hours,); None where an hour has no bin."""
    start_utc: datetime = hours[0].astype("datetime64[us]").item()
    rows = run_model(workspace, BY_BIN, [fleet], window=Window(start_utc.replace(tzinfo=UTC), end_utc))
    per_hour = int(np.timedelta64(1, "h") / _BIN)
    rates = np.full(len(hours) * per_hour, np.nan)
    place = (rows["bin_start_utc"].to_numpy().astype("datetime64[s]") - hours[0]) // _BIN
    rates[place] = rows["demand_per_second"].to_numpy()
    is_seen = ~np.isnan(rates)
    if not is_seen.reshape(-1, per_hour).any(axis=1).all():
        return None
    return np.where(is_seen, rates, np.repeat(means, per_hour))


def _stamps(column: pa.ChunkedArray) -> Stamps:
    if not pa.types.is_timestamp(column.type):
        raise DemandError(f"ds: expected timestamps in UTC, found {column.type}")
    wanted = pc.CastOptions(pa.timestamp("us", column.type.tz), allow_time_truncate=True)
    try:
        stamps: Stamps = pc.cast(column, options=wanted).to_numpy()
    except pa.ArrowInvalid as error:
        raise DemandError("ds: expected times from 2000 to 2200, found one beyond what microseconds count") from error
    return stamps


def _numbers(column: pa.ChunkedArray) -> Floats:
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise DemandError(f"rate_per_second: expected numbers, found {kind}")
    numbers: Floats = pc.cast(column, pa.float64(), safe=False).to_numpy()
    return numbers


def _class_names(column: pa.ChunkedArray) -> tuple[list[str], Counts]:
    """Return the names in order, and for each row the number of its name."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DemandError(f"{_CLASS}: expected names, found {column.type}")
    if column.null_count:
        raise DemandError(f"{_CLASS}: expected a name in every row, found none in {column.null_count} rows")
    encoded = pc.dictionary_encode(pc.cast(column, pa.large_string())).combine_chunks()
    names = encoded.dictionary.to_pylist()
    if len(names) > MOST_CLASSES:
        raise DemandError(f"{_CLASS}: expected at most {MOST_CLASSES} names, found {len(names):,}")
    for name in names:
        if not name.strip() or len(name) > MOST_CLASS_CHARACTERS:
            raise DemandError(
                f"{_CLASS}: expected a name of 1 to {MOST_CLASS_CHARACTERS} characters in every row, found "
                f"{name[:MOST_CLASS_CHARACTERS]!r}"
            )
    rank = np.argsort(np.argsort(np.array(names, dtype=np.object_)))
    codes: Counts = rank[encoded.indices.to_numpy()]
    return sorted(names), codes
