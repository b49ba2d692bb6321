"""`python -m headroom.sandbox.team`: the team set-up as processes, the chain run on it, and everything ended again.

`run` (the default) shows it and ends everything it started; `up` leaves it running with the UI open; `down` ends that.
Exit codes are the demo's.
"""

import argparse
from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.markup import escape

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.demo import EXIT_FAILED, guarded, leave_up, run_demo, take_down
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_run import bring_up
from headroom.sandbox.postgres_server import remove_cluster
from headroom.sandbox.prerequisites import missing_prerequisites, missing_servers
from headroom.sandbox.team_stack import TeamStack

TEAM_FOLDER = PROJECT_ROOT / "var" / "team"
HISTORY_DAYS = 21
BACKFILLED_DAYS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the verbs; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m headroom.sandbox.team", description="The team set-up, locally.")
    parser.add_argument("verb", nargs="?", choices=("run", "up", "down"), default="run")
    parser.add_argument("--airflow-port", type=int, help="port of the Airflow UI; default a free one")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    if options.verb == "down":
        code = take_down(console, TEAM_FOLDER)
        remove_cluster(TEAM_FOLDER)
        return code
    missing = missing_prerequisites() + missing_servers()
    for line in missing:
        console.print(escape(line), style="red")
    if missing:
        return EXIT_FAILED

    stack, display = TeamStack(TEAM_FOLDER, airflow_port=options.airflow_port), Display(console)
    short = partial(bring_up, history_days=HISTORY_DAYS, backfilled_days=BACKFILLED_DAYS)
    if options.verb == "up":
        work = partial(leave_up, stack, display, "make team-down", bring_up=short)
        return guarded(stack, console, work, is_left_up=True)
    return guarded(stack, console, partial(run_demo, stack, display, is_kept=False, bring_up=short))


if __name__ == "__main__":
    raise SystemExit(main())
