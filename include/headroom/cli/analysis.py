"""Commands that work on a user's own numbers: forecast, backtest, size. No account, no lake."""

import argparse
import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from headroom.capacity import ImpossibleObjective
from headroom.capacity import size as size_fleet
from headroom.cli.exits import EXIT_BAD_INPUT, EXIT_OK, BadInput
from headroom.cli.terminal import complain, progress
from headroom.forecasting import DEFAULT_SEASONS, FrameError
from headroom.forecasting.backtest import KNOWN_MODELS, MODELS, backtest_series
from headroom.forecasting.series_jobs import forecast_series
from headroom.reporting.backtest_report import render_backtest_report

if TYPE_CHECKING:
    import pandas as pd


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
    frame = _read_frame(options.series)
    with progress("forecasting") as on_progress:
        try:
            made = forecast_series(
                frame,
                horizon=options.horizon,
                seasons=_seasons(options),
                jobs=min(options.jobs, os.cpu_count() or 1),
                on_progress=on_progress,
            )
        except (FrameError, ValueError, OverflowError, MemoryError) as error:
            raise BadInput(f"{options.series}: {error}") from error
    _write_frame(made.frame, options.out)
    return _report_failures(options.series, made.failures, served=made.frame["unique_id"].nunique())


def backtest(options: argparse.Namespace) -> int:
    """Score the models on every series of a file by rolling origin."""
    unknown = sorted(set(options.models or ()) - set(KNOWN_MODELS))
    if unknown:
        raise BadInput(f"--models: no model {unknown[0]!r}; known are {', '.join(KNOWN_MODELS)}")
    frame = _read_frame(options.series)
    with progress("backtesting") as on_progress:
        try:
            scores = backtest_series(
                frame,
                horizon=options.horizon,
                windows=options.windows,
                models=tuple(options.models or MODELS),
                seasons=_seasons(options),
                jobs=min(options.jobs, os.cpu_count() or 1),
                on_progress=on_progress,
            )
        except (FrameError, ValueError, OverflowError, MemoryError) as error:
            raise BadInput(f"{options.series}: {error}") from error
    options.out.mkdir(parents=True, exist_ok=True)
    _write_frame(scores.frame, options.out / "scores.parquet")
    table = mean_scores(scores.frame)
    page = render_backtest_report(options.series.name, table, failures=scores.failures)
    (options.out / "report.html").write_text(page, encoding="utf-8")
    _print_scores(table)
    return _report_failures(options.series, scores.failures, served=scores.frame["unique_id"].nunique())


def mean_scores(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return each model's scores averaged over series, cutoffs and bands, best mean pinball first."""
    measures = ["mase", "wape", "smape", "pinball", "coverage80", "bias"]
    return frame.groupby("model")[measures].mean().sort_values("pinball").reset_index()


def _seasons(options: argparse.Namespace) -> tuple[int, ...]:
    return tuple(options.season) if options.season else DEFAULT_SEASONS


def _read_frame(file: Path) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415, slow to import, and `headroom --help` should not wait for it

    if file.is_dir():
        raise BadInput(f"{file}: expected a Parquet file, found a folder")
    try:
        frame = pd.read_parquet(file)
    except FileNotFoundError as error:
        raise BadInput(f"{file}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: not a Parquet file: {error}") from error
    if frame.empty:
        raise BadInput(f"{file}: there are no rows; expected at least one series")
    return frame


def _write_frame(frame: "pd.DataFrame", file: Path) -> None:
    if file.exists() and not file.is_file():
        raise BadInput(f"{file}: cannot be written: it is no regular file")
    beside = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(beside, index=False)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BadInput(f"{file}: cannot be written: {error.strerror or error}") from error


def _report_failures(file: Path, failures: dict[str, str], *, served: int) -> int:
    for cause in failures.values():
        complain(f"{file}: {cause}")
    return EXIT_BAD_INPUT if failures and not served else EXIT_OK


def _print_scores(table: "pd.DataFrame") -> None:
    shown = Table("model", *table.columns[1:])
    for row in table.itertuples(index=False):
        shown.add_row(row[0], *(f"{value:.3f}" for value in row[1:]))
    Console().print(shown)
