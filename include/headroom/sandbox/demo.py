"""`python -m headroom.sandbox.demo`: the whole chain on a local cloud, through a real Airflow, to pushed actions.

`run` (the default) shows it and ends everything it started; `up` leaves cloud and Airflow running with the UI open;
`down` ends those. Exit 0 when every run succeeded, 1 with the cause otherwise, 130 when interrupted.
"""

import argparse
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.airflow_api import AirflowApiError
from headroom.sandbox.airflow_process import USER, AirflowNotReadyError
from headroom.sandbox.control_client import SandboxControlError
from headroom.sandbox.demo_chain import ChainError, DemoCalendar
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_outcome import outcome_lines
from headroom.sandbox.demo_run import bring_up, read_summary, report_path, run_chain
from headroom.sandbox.local_stack import RECORD_FILE, AlreadyRunningError, LocalStack
from headroom.sandbox.prerequisites import missing_prerequisites
from headroom.sandbox.process_group import ProcessEndedError
from headroom.sandbox.running_record import RunningRecord
from headroom.sandbox.stop_signals import Interrupted, raising_on_stop

DEMO_FOLDER = PROJECT_ROOT / "var" / "demo"
LOCAL_FOLDER = PROJECT_ROOT / "var" / "local"
EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
EXPECTED_FAILURES = (
    AirflowApiError,
    AirflowNotReadyError,
    AlreadyRunningError,
    ChainError,
    OSError,
    ProcessEndedError,
    SandboxControlError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the verbs; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m headroom.sandbox.demo", description="Headroom on a local cloud.")
    parser.add_argument("verb", nargs="?", choices=("run", "up", "down"), default="run")
    parser.add_argument("--keep", action="store_true", help="with run: leave everything up until Ctrl-C")
    parser.add_argument("--airflow-port", type=int, help="port of the Airflow UI; default a free one")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    if options.verb == "down":
        return take_down(console, LOCAL_FOLDER)
    missing = missing_prerequisites()
    for line in missing:
        console.print(escape(line), style="red")
    if missing:
        return EXIT_FAILED
    if options.verb == "up":
        stack = LocalStack(LOCAL_FOLDER, airflow_port=options.airflow_port)
        return guarded(stack, console, lambda: leave_up(stack, Display(console), "make down"), is_left_up=True)
    stack = LocalStack(DEMO_FOLDER, airflow_port=options.airflow_port)
    return guarded(stack, console, lambda: run_demo(stack, Display(console), is_kept=options.keep))


def run_demo(
    stack: LocalStack, display: Display, *, is_kept: bool, bring_up: Callable[..., DemoCalendar] = bring_up
) -> None:
    """Run the chain, print what came of it, and with `is_kept` wait for a signal."""
    console = display.console
    with display.live():
        calendar = bring_up(stack, display)
        run_chain(stack, display, calendar)
    print_outcome(stack, console, calendar)
    console.print(f"All of it took {display.elapsed_seconds:.0f} s.")
    if is_kept:
        print_login(stack, console)
        console.print("Press Ctrl-C to end it.")
        signal.pause()


def leave_up(
    stack: LocalStack, display: Display, ending: str, *, bring_up: Callable[..., DemoCalendar] = bring_up
) -> None:
    """Run the chain and leave everything up; how to log in is said early, so that the runs can be watched."""
    with display.live():
        calendar = bring_up(stack, display)
        print_login(stack, display.console)
        run_chain(stack, display, calendar)
    print_outcome(stack, display.console, calendar)
    print_login(stack, display.console)
    display.console.print(f"`{ending}` ends all of it.")


def print_outcome(stack: LocalStack, console: Console, calendar: DemoCalendar) -> None:
    """Print what came of the live hour, and where its page lies."""
    for line in outcome_lines(read_summary(stack, calendar)):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"Report: {report_path(stack)}", markup=False, soft_wrap=True)


def print_login(stack: LocalStack, console: Console) -> None:
    """Say where the Airflow UI is and how to get in."""
    console.print(f"Airflow: {stack.airflow.url} (user {USER}, password {escape(stack.airflow.password)})")
    console.print(f"Sandbox cloud: {stack.cloud.url} (AWS_ENDPOINT_URL)")


def take_down(console: Console, folder: Path) -> int:
    """End what was left running in `folder`."""
    count = RunningRecord(folder / RECORD_FILE).end_all()
    console.print("Ended the local Airflow and the sandbox cloud." if count else "Nothing was running.")
    return EXIT_OK


def guarded(stack: LocalStack, console: Console, work: Callable[[], None], *, is_left_up: bool = False) -> int:
    """Do `work` and end everything it started, whatever happens; only what came up well and `is_left_up` stays."""
    code = EXIT_FAILED
    try:
        with raising_on_stop():
            work()
        code = EXIT_OK
    except Interrupted:
        console.print("Interrupted: ending everything that was started.")
        code = EXIT_INTERRUPTED
    except EXPECTED_FAILURES as error:
        console.print(f"[red]Failed:[/red] {escape(str(error))}")
        console.print(f"Logs lie in {escape(str(stack.folder))}.")
    finally:
        if code != EXIT_OK or not is_left_up:
            stack.stop()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
