"""Commands that work on a user's own numbers: forecast, backtest, size. No account, no lake."""

import argparse
import io
import json
import math
import os
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from headroom.capacity import ImpossibleObjective
from headroom.capacity import size as size_fleet
from headroom.cli.exits import EXIT_BAD_INPUT, EXIT_OK, BadInput
from headroom.cli.out_folder import check_out, check_out_file, write_out, write_out_file
from headroom.cli.terminal import complain, progress
from headroom.forecasting import DEFAULT_SEASONS, FrameError
from headroom.forecasting.backtest import KNOWN_MODELS, MODELS, backtest_series
from headroom.forecasting.series_jobs import forecast_series
from headroom.lake.storage import Storage
from headroom.pipelines.parquet_file import ParquetFileError
from headroom.pipelines.series_file import read_series_file
from headroom.reporting.backtest_report import mean_scores, render_backtest_report

if TYPE_CHECKING:
    import pandas as pd

BACKTEST_FILES: Final = ("scores.parquet", "report.html")


def size(options: argparse.Namespace) -> int:
    """Print the fewest instances that keep a latency objective."""
    for name in ("rate_per_second", "service_seconds", "service_cv2", "arrival_cv2", "percentile", "latency_seconds"):
        if not math.isfinite(getattr(options, name)):
            raise BadInput(f"--{name.replace('_', '-')}: expected a number, found {getattr(options, name)}")
    if 0 < options.percentile < 1:
        meant = f"{100 * options.percentile:g}"
        raise BadInput(f"--percentile: expected as in 95 or 99.5, found {options.percentile:g}; did you mean {meant}?")
    try:
        sizing = size_fleet(
            rate_per_second=options.rate_per_second,
            service_seconds=options.service_seconds,
            service_cv2=options.service_cv2,
            arrival_cv2=options.arrival_cv2,
            slots=options.slots,
            percentile=options.percentile,
            latency_seconds=options.latency_seconds,
        )
    except ImpossibleObjective as error:
        raise BadInput(str(error)) from error
    except ValueError as error:
        name, _, said = str(error).partition(" ")
        raise BadInput(f"--{name.replace('_', '-')} {said}") from error
    if options.json:
        print(json.dumps(asdict(sizing), allow_nan=False))  # noqa: T201, the command's output
    else:
        Console().print(
            f"{sizing.instances} instances: p{options.percentile:g} latency {sizing.latency_seconds:.3g} s, "
            f"{sizing.utilization_fraction:.0%} utilized ({sizing.method})",
        )
    return EXIT_OK


def forecast(options: argparse.Namespace) -> int:
    """Forecast every series of a file."""
    check_out_file(options.out)
    seasons = _seasons(options)
    frame = _read_frame(options.series)
    with progress("forecasting") as on_progress:
        try:
            made = forecast_series(
                frame,
                horizon=options.horizon,
                seasons=seasons,
                jobs=min(options.jobs, os.cpu_count() or 1),
                on_progress=on_progress,
            )
        except (FrameError, ValueError, OverflowError, MemoryError) as error:
            raise BadInput(f"{options.series}: {error}") from error
        except BrokenProcessPool as error:
            raise _worker_ended(options) from error
    if len(made.frame):
        write_out_file(options.out, _parquet(made.frame))
    return _report_failures(options.series, made.failures, served=len(made.frame))


def backtest(options: argparse.Namespace) -> int:
    """Score the models on every series of a file by rolling origin."""
    unknown = sorted(set(options.models or ()) - set(KNOWN_MODELS))
    if unknown:
        raise BadInput(f"--models: no model {unknown[0]!r}; known are {', '.join(KNOWN_MODELS)}")
    check_out(options.out, BACKTEST_FILES)
    seasons = _seasons(options)
    frame = _read_frame(options.series)
    with progress("backtesting") as on_progress:
        try:
            scores = backtest_series(
                frame,
                horizon=options.horizon,
                windows=options.windows,
                models=tuple(options.models or MODELS),
                seasons=seasons,
                jobs=min(options.jobs, os.cpu_count() or 1),
                on_progress=on_progress,
            )
        except (FrameError, ValueError, OverflowError, MemoryError) as error:
            raise BadInput(f"{options.series}: {error}") from error
        except BrokenProcessPool as error:
            raise _worker_ended(options) from error
    if len(scores.frame):
        page = render_backtest_report(options.series.name, scores)
        contents = (_parquet(scores.frame), page.encode())
        write_out(options.out, lambda storage: _write_all(storage, contents))
        _print_scores(mean_scores(scores.frame))
    return _report_failures(options.series, scores.failures, served=scores.frame["unique_id"].nunique())


def _write_all(storage: Storage, contents: Sequence[bytes]) -> None:
    for name, content in zip(BACKTEST_FILES, contents, strict=True):
        storage.write_bytes(name, content)


def _worker_ended(options: argparse.Namespace) -> BadInput:
    return BadInput(
        f"--jobs: one of {options.jobs} processes was ended from outside before its series was done, as a system that "
        "runs out of memory does; fewer need less"
    )


def _seasons(options: argparse.Namespace) -> tuple[int, ...]:
    seasons = tuple(options.season or DEFAULT_SEASONS)
    if list(seasons) != sorted(set(seasons)) or seasons[0] < 2:
        found = ", ".join(map(str, seasons))
        raise BadInput(f"--season: expected ascending lengths of at least 2 steps, found {found}")
    return seasons


def _read_frame(file: Path) -> "pd.DataFrame":
    try:
        return read_series_file(file)
    except ParquetFileError as error:
        raise BadInput(f"{file}: {error}") from error


def _parquet(frame: "pd.DataFrame") -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _report_failures(file: Path, failures: dict[str, str], *, served: int) -> int:
    for cause in failures.values():
        complain(f"{file}: {cause}")
    return EXIT_BAD_INPUT if failures and not served else EXIT_OK


def _print_scores(table: "pd.DataFrame") -> None:
    shown = Table("model", *table.columns[1:])
    for row in table.itertuples(index=False):
        shown.add_row(row[0], *(f"{value:.3f}" for value in row[1:]))
    Console().print(shown)
