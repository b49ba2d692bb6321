"""`headroom forecast`: every series of a frame, over as many processes as asked for, with one and the same result."""

import json
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from headroom.columns import QUANTILE_NAMES
from headroom.forecasting import ensemble
from headroom.forecasting.series import DEFAULT_SEASONS, ForecastError, prepare, seed_of
from headroom.forecasting.series_forecast import SeriesForecast
from headroom.forecasting.series_frames import OUT_COLUMNS, FrameSeries, ds_column, read_series

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]
"""Called with (series done, series in all) after each."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesForecasts:
    """`frame`: the columns of OUT_COLUMNS, by series and step. `failures`: why a series has no rows, by its id."""

    frame: "pd.DataFrame"
    failures: dict[str, str]


def forecast_series(
    frame: "pd.DataFrame",
    *,
    horizon: int,
    seasons: tuple[int, ...] = DEFAULT_SEASONS,
    country: str | None = None,
    jobs: int = 1,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> SeriesForecasts:
    """Select, fit and forecast `horizon` steps of each series of `frame` (`unique_id`, `ds`, `y`).

    The result depends neither on `jobs` nor on the order of rows or series. Raises FrameError where the frame as a
    whole cannot be used, ValueError for a horizon below 1; what is wrong with one series is in `failures`.
    """
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 step, found {horizon}")
    found, failures = read_series(frame, seasons=seasons, country=country)
    work = partial(_forecast_one, horizon=horizon, seed=seed)
    parts = []
    for item, made in zip(found.values(), run_jobs(work, list(found.values()), jobs, on_progress), strict=True):
        if isinstance(made, str):
            failures[item.series.series_id] = made
        else:
            parts.append(_rows(item, made, frame["ds"], horizon))
    return SeriesForecasts(frame=_concatenate(parts, frame["ds"]), failures=dict(sorted(failures.items())))


def run_jobs(
    work: Callable[[FrameSeries], _Result], items: list[FrameSeries], jobs: int, on_progress: Progress | None
) -> Iterator[_Result]:
    """Yield `work(item)` for each item in order, from `jobs` processes (fresh ones: no state of ours is inherited).

    BrokenProcessPool where one of them was ended from outside. However it ends, none of them is left at work.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, found {jobs}")
    if min(jobs, len(items)) <= 1:
        yield from _counted(map(work, items), len(items), on_progress)
        return
    workers, context = min(jobs, len(items)), get_context("spawn")
    with ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=_end_with_parent) as pool:
        others = set(active_children())
        futures = _submitted(pool, work, items)
        try:
            yield from _counted(_results(futures), len(items), on_progress)
        except BaseException:  # an interruption, too: what is under way would take minutes, and nobody waits for it
            for process in set(active_children()) - others:
                process.terminate()
            raise


def _submitted(
    pool: ProcessPoolExecutor, work: Callable[[FrameSeries], _Result], items: list[FrameSeries]
) -> "deque[Future[_Result]]":
    """Return the work under way in processes that hear of no interruption from the keyboard: it is their parent's.

    What is blocked when a process starts stays blocked in it; one that comes meanwhile is only late here.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return deque(pool.submit(work, item) for item in items)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _results(futures: "deque[Future[_Result]]") -> Iterator[_Result]:
    while futures:
        yield futures.popleft().result()


def _end_with_parent() -> None:
    """Let a worker end when its parent has, however that came; else it would wait for more work for ever."""
    Thread(target=_exit_after, args=(parent_process(),), daemon=True).start()


def _exit_after(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)


def _counted(results: Iterator[_Result], total: int, on_progress: Progress | None) -> Iterator[_Result]:
    for done, result in enumerate(results, start=1):
        if on_progress is not None:
            on_progress(done, total)
        yield result


def _forecast_one(item: FrameSeries, *, horizon: int, seed: int) -> SeriesForecast | str:
    """Return the forecast, or in a sentence why there is none (an exception would take the other series with it)."""
    try:
        item.steps_after(horizon)  # before the work: it must have a place on the frame's axis
        series = prepare(item.series)
        series_seed = seed_of(series.series_id, seed=seed)
        return ensemble.forecast(series, ensemble.NOTHING_LEARNT, horizon_steps=horizon, seed=series_seed)
    except ForecastError as error:
        return str(error)


def _rows(item: FrameSeries, made: SeriesForecast, ds: "pd.Series", horizon: int) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415  # slow to import, and only frames need it

    rows = pd.DataFrame(made.quantiles, columns=list(QUANTILE_NAMES))
    rows.insert(0, "unique_id", item.series.series_id)
    rows.insert(1, "ds", ds_column(item.steps_after(horizon), ds))
    rows.insert(2, "yhat", made.median)
    rows["model"] = [json.dumps(weights, sort_keys=True) for weights in made.step_weights()]
    return rows


def _concatenate(parts: "list[pd.DataFrame]", ds: "pd.Series") -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415  # as above

    if parts:
        return pd.concat(parts, ignore_index=True)
    empty = pd.DataFrame({name: pd.Series(dtype="float64") for name in OUT_COLUMNS})
    return empty.astype({"unique_id": "str", "model": "str"}).assign(ds=ds.iloc[:0])
