"""Series in data frames: what `headroom forecast` reads, checked series by series, and what it writes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from headroom.columns import QUANTILE_NAMES
from headroom.domain.demand import Hours
from headroom.forecasting.calendar import Calendar
from headroom.forecasting.series import DEFAULT_SEASONS, ONE_HOUR, ForecastError, Series

if TYPE_CHECKING:
    import pandas as pd

Steps = npt.NDArray[np.int64]
_INT64_MAX: Final = int(np.iinfo(np.int64).max)
COLUMNS: Final = ("unique_id", "ds", "y")
OUT_COLUMNS: Final = ("unique_id", "ds", "yhat", *QUANTILE_NAMES, "model")
_FIRST_INVENTED_HOUR: Final = np.datetime64("2024-01-01T00:00:00", "s")
"""A Monday: steps that are not hours get an axis of hours from here, without holidays."""
_MOST_STEPS: Final = 1_000_000
_NANOSECOND: Final = np.timedelta64(1, "ns")
_MOST_SIZE: Final = 1e100
"""Of a value, above 0 or below: sums of squares stay finite, and what lies beyond is no measurement."""
_FIRST_TIME, _AFTER_LAST_TIME = np.datetime64("1700-01-01", "s"), np.datetime64("2200-01-01", "s")
"""Nanoseconds count to 1677 and 2262, and a forecast wants room behind the newest time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameSeries:
    """One series of a frame: what members see, and how to name the steps after it in the frame's own way.

    `last` and `step` are the `ds` of the newest row and the distance of rows, as integers (nanoseconds for timestamps);
    `largest` is the greatest integer that the frame's type of `ds` holds.
    """

    series: Series
    last: int
    step: int
    largest: int = _INT64_MAX

    def steps_after(self, horizon_steps: int) -> Steps:
        """Return the `ds` after the newest row, as integers; ForecastError where their type cannot hold the last."""
        last = self.last + self.step * horizon_steps
        if last > self.largest:
            reach = f"ds would reach {last} after {horizon_steps} steps, its type ends at {self.largest}"
            raise ForecastError(f"{self.series.series_id}: {reach}")
        return self.last + self.step * np.arange(1, horizon_steps + 1, dtype=np.int64)

    def step_at(self, position: int) -> int:
        """Return the `ds`, as an integer, of the value at `position` of the series."""
        return self.last - self.step * (len(self.series) - 1 - position)


class FrameError(ValueError):
    """The whole frame cannot be used: a column is missing or has the wrong type."""


def read_series(
    frame: "pd.DataFrame", *, seasons: tuple[int, ...] = DEFAULT_SEASONS, country: str | None = None
) -> tuple[dict[str, FrameSeries], dict[str, str]]:
    """Return the usable series by id, and why each of the others is not.

    Rows may stand in any order. Steps that are left out count as missing. Raises FrameError for a missing column, a
    wrong type (the message names column, type found and wanted) or seasons that are not ascending lengths of 2 or more.
    """
    _check_columns(frame)
    if not seasons or list(seasons) != sorted(set(seasons)) or seasons[0] < 2:
        raise FrameError(f"seasons must be ascending lengths of at least 2 steps, found {list(seasons)}")
    found: dict[str, FrameSeries] = {}
    failures: dict[str, str] = {}
    for unique_id, rows in frame.groupby("unique_id", sort=True):
        try:
            found[str(unique_id)] = _read_one(str(unique_id), rows, seasons, country)
        except ForecastError as error:
            failures[str(unique_id)] = str(error)
    return found, failures


def ds_column(steps: Steps, like: "pd.Series") -> "pd.Series":
    """Return integer steps as a column of the same type as `like` (integers, or timestamps with or without zone)."""
    import pandas as pd  # noqa: PLC0415  # slow to import, and only frames need it

    if pd.api.types.is_integer_dtype(like.dtype):
        return pd.Series(steps).astype(like.dtype)
    stamps = pd.Series(pd.to_datetime(steps, unit="ns", utc=True))
    if not isinstance(like.dtype, pd.DatetimeTZDtype):
        stamps = stamps.dt.tz_localize(None)
    return stamps.astype(like.dtype)


def _check_columns(frame: "pd.DataFrame") -> None:
    import pandas as pd  # noqa: PLC0415  # as above

    types = pd.api.types
    wanted: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "unique_id": ("string", lambda kind: types.is_string_dtype(kind) or types.is_object_dtype(kind)),
        "ds": (
            "timestamp or integer",
            lambda kind: types.is_datetime64_any_dtype(kind) or types.is_integer_dtype(kind),
        ),
        "y": ("double", lambda kind: types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind)),
    }
    for name, (kind, is_right) in wanted.items():
        if name not in frame.columns:
            raise FrameError(f"column {name!r} is missing: found {sorted(map(str, frame.columns))}, expected {kind}")
        if list(frame.columns).count(name) > 1:
            raise FrameError(f"column {name!r} is there more than once, expected one of type {kind}")
        if not is_right(frame[name].dtype):
            raise FrameError(f"column {name!r} has type {frame[name].dtype}, expected {kind}")
    for name in ("unique_id", "ds"):
        if frame[name].isna().any():
            raise FrameError(f"column {name!r} has {int(frame[name].isna().sum())} nulls, expected none")
    if types.is_object_dtype(frame["unique_id"].dtype):
        found = types.infer_dtype(frame["unique_id"])
        if found not in ("string", "empty"):
            raise FrameError(f"column 'unique_id' has values of type {found}, expected string")


def _read_one(unique_id: str, rows: "pd.DataFrame", seasons: tuple[int, ...], country: str | None) -> FrameSeries:
    import pandas as pd  # noqa: PLC0415  # as above

    is_time = not pd.api.types.is_integer_dtype(rows["ds"].dtype)
    stamps = rows["ds"].dt.tz_convert("UTC").dt.tz_localize(None) if _has_zone(rows["ds"]) else rows["ds"]
    largest = _INT64_MAX if is_time else min(_INT64_MAX, int(np.iinfo(_numpy_type(rows["ds"])).max))
    if is_time:
        _check_times(unique_id, stamps)
    elif int(rows["ds"].max()) > _INT64_MAX:
        raise ForecastError(f"{unique_id}: ds is {rows['ds'].max()}, expected at most {_INT64_MAX}")
    steps: Steps = np.asarray(stamps.astype("datetime64[ns]") if is_time else stamps).astype(np.int64)
    values = rows["y"].to_numpy(dtype=np.float64, na_value=np.nan)
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    if np.isinf(values).any():
        raise ForecastError(
            f"{unique_id}: y is infinite in {int(np.isinf(values).sum())} rows, expected numbers or nulls"
        )
    if (np.abs(values) > _MOST_SIZE).any():
        largest_size = np.nanmax(np.abs(values))
        raise ForecastError(f"{unique_id}: y is as large as {largest_size:g}, expected at most {_MOST_SIZE:g}")
    if not np.isfinite(values).any():
        raise ForecastError(f"{unique_id}: every y is null, so there is nothing to forecast from")
    step = _regular_step(unique_id, steps, is_time=is_time)
    positions = (steps - steps[0]) // step
    if positions[-1] >= _MOST_STEPS:
        raise ForecastError(f"{unique_id}: ds spans {positions[-1] + 1} steps, more than {_MOST_STEPS}")
    spine = np.full(int(positions[-1]) + 1, np.nan)
    spine[positions] = values
    is_hourly = is_time and step == int(ONE_HOUR / _NANOSECOND)
    return FrameSeries(
        series=Series(
            series_id=unique_id,
            hours=_axis(steps[0] if is_hourly else None, len(spine)),
            observed=spine,
            seasons=seasons,
            calendar=Calendar(country=country if is_hourly else None),
        ),
        last=int(steps[-1]),
        step=step,
        largest=largest,
    )


def _numpy_type(column: "pd.Series") -> Any:  # noqa: ANN401, numpy's or pandas' own integer type
    return getattr(column.dtype, "numpy_dtype", column.dtype)


def _has_zone(column: "pd.Series") -> bool:
    import pandas as pd  # noqa: PLC0415  # as above

    return isinstance(column.dtype, pd.DatetimeTZDtype)


def _check_times(unique_id: str, stamps: "pd.Series") -> None:
    """Raise ForecastError for times that nanoseconds do not count, or that leave a forecast no room behind them."""
    first, last = stamps.min(), stamps.max()
    is_wrong = first.to_datetime64() < _FIRST_TIME or last.to_datetime64() >= _AFTER_LAST_TIME
    if is_wrong:
        raise ForecastError(
            f"{unique_id}: ds has times from {first} to {last}, expected from {_FIRST_TIME} to {_AFTER_LAST_TIME}"
        )


def _regular_step(unique_id: str, steps: Steps, *, is_time: bool) -> int:
    """Return the distance of rows: the shortest one, which must divide all others (longer ones are gaps)."""
    if len(steps) == 1:
        return int(ONE_HOUR / _NANOSECOND) if is_time else 1
    if int(steps[-1]) - int(steps[0]) > _INT64_MAX:
        raise ForecastError(f"{unique_id}: ds spans {int(steps[-1]) - int(steps[0])}, expected at most {_INT64_MAX}")
    distances = np.diff(steps)
    is_twice = distances == 0
    if is_twice.any():
        count, first = int(is_twice.sum()), _told(int(steps[is_twice.argmax()]), is_time=is_time)
        raise ForecastError(
            f"{unique_id}: {count} values of ds occur twice, expected one row each; the first is {first}"
        )
    step = int(distances.min())
    is_odd = distances % step != 0
    if is_odd.any():
        place = int(is_odd.argmax())
        unit = np.timedelta64(1, "s") / _NANOSECOND if is_time else 1
        shortest, found = (f"{length / unit:.12g}{' s' if is_time else ''}" for length in (step, int(distances[place])))
        raise ForecastError(
            f"{unique_id}: ds is irregular: {int(is_odd.sum())} distances are no multiple of the shortest, {shortest}; "
            f"the first is {found} after {_told(int(steps[place]), is_time=is_time)}"
        )
    return step


def _told(step: int, *, is_time: bool) -> str:
    """Return a value of ds, as an integer, in words."""
    return str(np.datetime64(step, "ns")).removesuffix(".000000000") if is_time else str(step)


def _axis(first_nanoseconds: int | None, steps: int) -> Hours:
    first = _FIRST_INVENTED_HOUR
    if first_nanoseconds is not None:
        first = np.datetime64(int(first_nanoseconds), "ns").astype("datetime64[s]")
    return first + ONE_HOUR * np.arange(steps)
