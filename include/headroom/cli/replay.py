"""`headroom replay`: what every policy would have cost and kept over recorded demand."""

import argparse
import json
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from headroom.cli.exits import EXIT_BAD_INPUT, EXIT_OK, BadInput
from headroom.cli.out_folder import check_out, write_out
from headroom.cli.terminal import complain, plain, progress
from headroom.pipelines.replay import REPLAY_FILES, ReplayInputError, ReplayRequest, replay_files, write_replay
from headroom.simulation.demand_path import Bursts
from headroom.simulation.launches import Launches

MOST_SEED = 2**32 - 1


def replay(options: argparse.Namespace) -> int:
    """Play the policies and write DIR/replay.json, DIR/capacity.parquet and DIR/report.html."""
    check_out(options.out, REPLAY_FILES)
    request = ReplayRequest(
        start_utc=options.start,
        end_utc=options.end,
        policies=tuple(options.policy or ()),
        bursts=_bursts(options),
        launches=_launches(options),
        is_swept=options.sweep,
    )
    with progress("replaying") as on_progress:
        try:
            report = replay_files(options.demand, options.fleet, request, on_progress=on_progress)
        except ReplayInputError as error:
            raise BadInput(str(error)) from error
    summary = write_out(options.out, lambda storage: write_replay(storage, report))
    if options.json:
        print(json.dumps(summary, allow_nan=False))  # noqa: T201, the command's output
    else:
        _print_policies(summary, report.replay.scene.queue.promise)
    refused = report.replay.refused
    for name, reason in refused.items():
        complain(f"{name} was not played: {reason}")
    replay = report.replay
    most = replay.scene.fleet.bounds.max_instances
    steps_beyond = int((replay.needed > most).sum())
    if steps_beyond:
        complain(
            f"bounds.max_instances: {most} are fewer than {steps_beyond} of {len(replay.needed)} steps need: "
            "there no policy keeps the objective"
        )
    is_nothing_played = bool(refused) and set(report.replay.played) <= {"oracle", "oracle_hourly"}
    return EXIT_BAD_INPUT if is_nothing_played else EXIT_OK


def _bursts(options: argparse.Namespace) -> Bursts:
    if not 0 <= options.seed <= MOST_SEED:
        raise BadInput(f"--seed: expected a whole number from 0 to {MOST_SEED}, found {options.seed}")
    try:
        return Bursts(
            variation=options.burst_cv, correlation_minutes=options.burst_correlation_minutes, seed=options.seed
        )
    except ValueError as error:
        words = str(error).replace("correlation_minutes", "--burst-correlation-minutes")
        raise BadInput(words.replace("variation", "--burst-cv")) from error


def _launches(options: argparse.Namespace) -> Launches:
    try:
        return Launches(
            spread_fraction=options.lead_spread,
            refused_fraction=options.refused_launches,
            failed_fraction=options.failed_launches,
        )
    except ValueError as error:
        name, _, said = str(error).partition("_fraction ")
        option = {"spread": "--lead-spread", "refused": "--refused-launches", "failed": "--failed-launches"}[name]
        raise BadInput(f"{option} {said}") from error


def _print_policies(summary: dict[str, Any], promise: str) -> None:
    columns = {"p99, s": "latency_p99_seconds"}
    if "objective_ttft_seconds" in summary["settings"]:
        columns = {"ttft p99, s": "ttft_p99_seconds", "itl p99, s": "itl_p99_seconds"}
    caption = f"kept: requests inside {promise}; hours: those in which the objective's percentile of them are"
    table = Table(box=SIMPLE_HEAD, caption=caption, title=f"replay of {summary['fleet_id']}")
    table.add_column("policy", no_wrap=True)
    for heading in ("USD", "x oracle", "kept", "hours", *columns):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, figures in summary["policies"].items():
        if figures["status"] != "played":
            table.add_row(name, plain(figures["status"]))
            continue
        over, slowest = figures["cost_over_oracle"], [figures[column] for column in columns.values()]
        table.add_row(
            name,
            f"{figures['cost_usd']:,.2f}",
            "none" if over is None else f"{over:.3f}",
            f"{figures['slo_met_fraction']:.3%}",
            f"{figures['slo_hours_fraction']:.1%}",
            *("none" if seconds is None else f"{seconds:.3g}" for seconds in slowest),
        )
    Console().print(table)
