"""The parser of every command; docs/reference/commands.md is checked against it."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from headroom.cli.account import discover_account
from headroom.cli.analysis import backtest, forecast, size
from headroom.cli.claims import claims
from headroom.cli.doctor import examine_installation
from headroom.cli.exits import EXIT_BAD_INPUT
from headroom.cli.explain import explain
from headroom.cli.keeping import backup_lake, restore_lake, tend_files
from headroom.cli.operations import build, confirm, extract, plan, push, report, rollback
from headroom.cli.replay import replay
from headroom.domain.foreign_text import one_line
from headroom.domain.window import FIRST_YEAR, LAST_YEAR, as_utc

MOST_STEPS = 100_000
"""More than eleven years of hours: a larger horizon, season or count is a slip of the finger."""


MOST_STEPS_AHEAD = 8_784
"""A leap year of hours: half a minute and 0.7 GB a series. Twelve weeks of history tell nothing of what lies beyond."""
_HORIZON = f"steps ahead, at most {MOST_STEPS_AHEAD}: a year of hours"


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, and leaves the usage to --help."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = _OneLineParser(prog="headroom", description="Buy AI-inference capacity before it is needed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_discover(commands)
    _add_doctor(commands)
    _add_forecast(commands)
    _add_backtest(commands)
    _add_size(commands)
    _add_replay(commands)
    _add_claims(commands)
    _add_extract(commands)
    _add_json(_add(commands, "build", build, "build the warehouse from the lake's marts"))
    _add_as_of(
        _add(commands, "plan", plan, "forecast and plan every fleet from what was known at a time; print the diff")
    )
    pushing = _add(commands, "push", push, "push the plan of a time; without --apply only print what would change")
    _add_as_of(pushing)
    pushing.add_argument("--apply", action="store_true", help="write to the cloud, as far as each fleet's mode allows")
    undoing = _add(commands, "rollback", rollback, "put back what stood before a push, under a kill switch too")
    undoing.add_argument("push_id", metavar="PUSH_ID")
    undoing.add_argument("--apply", action="store_true", help="write to the cloud")
    undoing.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the ledger with your user name")
    _add_json(undoing)
    _add_explain(commands)
    reporting = _add(
        commands,
        "report",
        report,
        "write the savings report of a day, a week or a month, and how good forecasts have been",
    )
    reporting.add_argument("--period", required=True, help="2026-11-17, 2026-W47 or 2026-11")
    _add_json(reporting)
    confirming = _add(commands, "confirm", confirm, "let a fleet be pushed to again after its owner changed the target")
    confirming.add_argument("fleet_id", metavar="FLEET")
    confirming.add_argument("--by", required=True, help="who confirms; kept in the ledger")
    confirming.add_argument("--note", default="", help="why; kept in the ledger")
    _add_keeping(commands)
    return parser


def _add(commands: Any, name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:  # noqa: ANN401, argparse keeps this type private
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=command)
    return parser


def _add_keeping(commands: Any) -> None:  # noqa: ANN401, as above
    saving = _add(commands, "backup", backup_lake, "keep ledger, control files, selections and configuration in a file")
    saving.add_argument("--out", required=True, metavar="FILE", help="a path or s3://bucket/key; replaced whole")
    _add_json(saving)
    restoring = _add(
        commands, "restore", restore_lake, "create what the lake lacks of a backup; nothing is overwritten"
    )
    restoring.add_argument("file", metavar="FILE", help="what backup wrote: a path or s3://bucket/key")
    restoring.add_argument("--apply", action="store_true", help="write to the lake")
    _add_json(restoring)
    tending = _add(commands, "tend", tend_files, "delete what the lake's policy no longer keeps, file by file")
    tending.add_argument("--apply", action="store_true", help="delete; without it only say what would go")
    _add_json(tending)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print nothing but JSON")


def _add_as_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-of", required=True, type=_moment, metavar="T", help="UTC; the hour that ends at T is the newest known"
    )
    _add_json(parser)


def _add_explain(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(
        commands, "explain", explain, "say why a fleet's minimum is what it is, down to the forecast; reads only"
    )
    parser.add_argument("--fleet", required=True, metavar="F", help="id in fleets.yaml")
    parser.add_argument(
        "--at", type=_moment, metavar="T", help="UTC; default now; ahead of now: what is scheduled, as far as pushed"
    )
    _add_json(parser)


def _add_discover(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(commands, "discover", discover_account, "draft fleets.yaml from what an account has; reads only")
    parser.add_argument("--region", required=True, action="append", metavar="R", help="may be given several times")
    parser.add_argument("--account", action="append", metavar="A", help="12 digits; our own where none is named")
    parser.add_argument("--role-arn", metavar="ARN", help="role to enter accounts by, as aws.role_arn in sources.yaml")
    parser.add_argument("--include-cpu", action="store_true", help="draft targets without accelerators, too")
    parser.add_argument("--out", required=True, type=_path, metavar="FILE", help="the fleets.yaml to write")
    parser.add_argument("--force", action="store_true", help="replace FILE where it is there already")
    _add_json(parser)


def _add_doctor(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(
        commands,
        "doctor",
        examine_installation,
        "say what is missing or in the way, and how to get it; writes to no account; exit 3: a problem, 4: unknown",
    )
    parser.add_argument(
        "--region", action="append", metavar="R", help="look at our own account there, too; may be given several times"
    )
    parser.add_argument("--quiet", action="store_true", help="leave out what is in order")
    _add_json(parser)


def _add_forecast(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(commands, "forecast", forecast, "forecast any hourly series: selection, fit and forecast in one call")
    parser.add_argument(
        "--series", required=True, type=_path, metavar="IN", help="Parquet: unique_id, ds, y (null = missing)"
    )
    parser.add_argument("--horizon", required=True, type=_steps_ahead, metavar="H", help=_HORIZON)
    parser.add_argument(
        "--season", action="append", type=_positive, metavar="S", help="steps of a season; default 24 and 168"
    )
    parser.add_argument("--jobs", type=_positive, default=1, help="processes; the result does not depend on it")
    parser.add_argument("--out", required=True, type=_path, help="Parquet: unique_id, ds, yhat, q01 to q99, model")


def _add_backtest(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(commands, "backtest", backtest, "judge the forecasts of any hourly series by rolling origin")
    parser.add_argument(
        "--series", required=True, type=_path, metavar="IN", help="Parquet: unique_id, ds, y (null = missing)"
    )
    parser.add_argument("--horizon", required=True, type=_steps_ahead, metavar="H", help=_HORIZON)
    parser.add_argument(
        "--windows", required=True, type=_positive, metavar="W", help="origins, a horizon apart, newest last"
    )
    parser.add_argument(
        "--season", action="append", type=_positive, metavar="S", help="steps of a season; default 24 and 168"
    )
    parser.add_argument(
        "--models",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="rows to score; may be given several times; default: all but random_forest",
    )
    parser.add_argument("--jobs", type=_positive, default=1, help="processes; the result does not depend on it")
    parser.add_argument("--out", required=True, type=_path, metavar="DIR", help="gets scores.parquet and report.html")


def _add_size(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(commands, "size", size, "the fewest instances that keep a latency objective")
    parser.add_argument("--rate-per-second", required=True, type=float, metavar="R", help="requests offered")
    parser.add_argument(
        "--service-seconds", required=True, type=float, metavar="S", help="mean service time of a request"
    )
    parser.add_argument(
        "--service-cv2", type=float, default=1.0, help="squared coefficient of variation of service times"
    )
    parser.add_argument("--arrival-cv2", type=float, default=1.0, help="squared coefficient of variation of arrivals")
    parser.add_argument("--slots", type=_positive, default=1, help="requests an instance works on at a time")
    parser.add_argument("--percentile", required=True, type=float, metavar="P", help="as in 95 or 99.5")
    parser.add_argument(
        "--latency-seconds", required=True, type=float, metavar="L", help="objective: waiting plus service"
    )
    _add_json(parser)


def _add_replay(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(commands, "replay", replay, "play policies over recorded demand: what each would have cost and kept")
    parser.add_argument(
        "--demand", required=True, type=_path, metavar="D", help="Parquet: ds, rate_per_second, optional workload_class"
    )
    parser.add_argument("--fleet", required=True, type=_path, metavar="FLEET.yaml", help="one entry of fleets.yaml")
    parser.add_argument(
        "--from", dest="start", required=True, type=_moment, metavar="T0", help="UTC; what lies before is history"
    )
    parser.add_argument("--to", dest="end", required=True, type=_moment, metavar="T1", help="UTC; not included")
    parser.add_argument(
        "--policy",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="policies to play, beside both oracles; may be given several times; default all",
    )
    parser.add_argument(
        "--burst-cv",
        type=float,
        default=0.15,
        help="standard deviation over mean of demand inside a recorded step, 0 to 10",
    )
    parser.add_argument(
        "--burst-correlation-minutes",
        type=float,
        default=10.0,
        metavar="M",
        help="minutes until its correlation falls to 1/e",
    )
    parser.add_argument(
        "--lead-spread",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="launches take longer by this share of the lead time on average, 0 to 10",
    )
    parser.add_argument(
        "--refused-launches",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of launches with a capacity error, asked for again a step later",
    )
    parser.add_argument(
        "--failed-launches",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of launches that fail when they should begin to serve",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything that is left to chance; equal in, equal out")
    parser.add_argument("--sweep", action="store_true", help="also play every policy over its main knob: the frontier")
    parser.add_argument(
        "--out", required=True, type=_path, metavar="DIR", help="gets replay.json, capacity.parquet and report.html"
    )
    _add_json(parser)


def _add_claims(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(
        commands, "claims", claims, "replay what the article claims over generated demand, and say what holds and why"
    )
    parser.add_argument("--seed", type=int, default=0, help="of demand and chance; equal in, equal out")
    parser.add_argument(
        "--out", required=True, type=_path, metavar="DIR", help="gets claims.json, claims.md and claims.html"
    )
    _add_json(parser)


def _add_extract(commands: Any) -> None:  # noqa: ANN401, as above
    parser = _add(
        commands, "extract", extract, "read a source into the lake; whole days are settled, other hours read singly"
    )
    parser.add_argument("source", choices=["billing", "utilization", "prices"])
    parser.add_argument("--from", dest="start", required=True, type=_moment, metavar="T0", help="UTC, on the hour")
    parser.add_argument(
        "--to", dest="end", required=True, type=_moment, metavar="T1", help="UTC, on the hour; not included"
    )
    _add_json(parser)


def _positive(text: str, *, most: int = MOST_STEPS) -> int:
    number = int(text) if text.isdecimal() and len(text) <= len(str(MOST_STEPS)) else 0
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {most}, found {text[:40]!r}")
    return number


def _steps_ahead(text: str) -> int:
    return _positive(text, most=MOST_STEPS_AHEAD)


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found an empty text")
    return Path(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-11-18T06:00:00Z, found {text!r}") from error
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise argparse.ArgumentTypeError(f"expected a time from {FIRST_YEAR} to {LAST_YEAR}, found {text!r}")
    return as_utc(moment) if moment.tzinfo else moment.replace(tzinfo=UTC)
