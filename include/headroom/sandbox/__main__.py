"""`python -m headroom.sandbox --state DIR [--scenario NAME] [--seed 0] [--now ISO]`: a cloud on loopback.

Writes DIR/endpoint.json `{"url", "pid", "seed", "now_utc", "scenario", "account", "region"}` once it answers, and
removes it when it stops (SIGTERM or SIGINT); what its owner would tell Headroom goes to DIR/config. Progress goes to
stderr, requests to DIR/sandbox.log with --log.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from headroom.domain.window import as_utc
from headroom.sandbox.ports import LOOPBACK
from headroom.sandbox.process import CONFIG_FOLDER, ENDPOINT_FILE

BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox until it is told to stop; returns the exit code (2 for bad input)."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stopping.set())
    options.state.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings(
        "ignore", r"Exception\((AwsError|AccessRefusedError)\)", UserWarning
    )  # moto's serializer knows no common errors
    if options.log:
        _log_to(options.state / "sandbox.log")
    if not options.host.is_loopback:
        _say(f"WARNING: listening on {options.host}. It checks no signature: whoever reaches it may do anything in it")
    _say(f"building {options.history_days} days of fleets, demand and prices")
    # the imports take seconds: after argparse, so that --help and bad options answer at once
    from headroom.sandbox.cloud import SandboxCloud  # noqa: PLC0415, see above
    from headroom.sandbox.exports import BillingExporter  # noqa: PLC0415
    from headroom.sandbox.scenarios.by_name import scenario_named  # noqa: PLC0415
    from headroom.sandbox.seeding import add_foreign_action, find_group, seed_cloud  # noqa: PLC0415
    from headroom.sandbox.server import SandboxServer  # noqa: PLC0415
    from headroom.sandbox.world import DEFAULT_NOW, World  # noqa: PLC0415

    try:
        scenario = scenario_named(options.scenario)
        world = World(
            seed=options.seed,
            now_utc=options.now or DEFAULT_NOW,
            demand_file=options.demand,
            history=timedelta(days=options.history_days),
            scenario=scenario,
        )
        owners_group = find_group(world, options.foreign_action) if options.foreign_action else None
        cloud = SandboxCloud(world)
        server = SandboxServer(cloud, host=str(options.host), port=options.port)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return BAD_INPUT
    server.start()
    _say("setting up groups, services, endpoints and bills")
    seed_cloud(cloud, server.url)
    if options.bills:
        cloud.deliver_bills_with(lambda put_object: BillingExporter(world, put_object))
    if owners_group is not None:
        add_foreign_action(cloud, server.url, owners_group)
    _write_config(options.state / CONFIG_FOLDER, scenario.config_files)
    endpoint = {
        "url": server.url,
        "pid": os.getpid(),
        "seed": options.seed,
        "now_utc": cloud.now().isoformat(),
        "scenario": scenario.name,
        "account": scenario.account,
        "region": scenario.home_region,
    }
    _write_atomically(options.state / ENDPOINT_FILE, json.dumps(endpoint))
    _say(f"ready at {server.url} after {time.monotonic() - began:.1f} s, its clock at {cloud.now():%Y-%m-%dT%H:%M:%SZ}")
    stopping.wait()
    (options.state / ENDPOINT_FILE).unlink(missing_ok=True)
    server.stop()
    _say("stopped")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m headroom.sandbox", description="A local cloud to try Headroom with: AWS APIs, fleets, a clock."
    )
    parser.add_argument("--state", type=Path, required=True, help="folder for endpoint.json and sandbox.log")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument(
        "--host",
        type=IPv4Address,
        default=IPv4Address(LOOPBACK),
        help="address to listen on; no signature is checked, so leave 127.0.0.1 (the default) only inside a container",
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed changes everything but the structure")
    parser.add_argument("--scenario", default="demo", help="whose account it is: demo (the default), company or many:N")
    parser.add_argument(
        "--history-days", type=_day_count, default=42, help="how many days of past the account has; 42 by default"
    )
    parser.add_argument(
        "--no-bills",
        dest="bills",
        action="store_false",
        help="deliver no bills: those of a thousand fleets take minutes and gigabytes",
    )
    parser.add_argument("--now", type=_moment, default=None, help="the clock's start, such as 2026-11-18T06:05:00Z")
    parser.add_argument(
        "--demand", type=Path, default=None, help="Parquet of real demand to play instead of the generator's"
    )
    parser.add_argument(
        "--foreign-action", metavar="FLEET", help="give this fleet's group an action of its owner's own"
    )
    parser.add_argument("--log", action="store_true", help="log every request to DIR/sandbox.log")
    return parser


def _moment(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _day_count(text: str) -> int:
    days = int(text)
    if days < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1 day, found {days}")
    return days


def _write_config(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        _write_atomically(folder / name, text)


def _log_to(path: Path) -> None:
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("headroom.sandbox").setLevel(logging.DEBUG)


def _write_atomically(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def _say(text: str) -> None:
    sys.stderr.write(f"sandbox: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
