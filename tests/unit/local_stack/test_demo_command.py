import io
import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from headroom.pipelines import settle
from headroom.sandbox import bootstrap_history, demo
from headroom.sandbox.demo_chain import ChainError, DemoCalendar
from headroom.sandbox.demo_run import report_path
from headroom.sandbox.local_stack import DEMAND_VARIABLE, AlreadyRunningError, LocalStack
from headroom.sandbox.process_group import ProcessEndedError
from headroom.sandbox.stop_signals import STOP_SIGNALS

CALENDAR = DemoCalendar(datetime(2026, 11, 18, 6, 5, tzinfo=UTC))


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Stack(LocalStack):
    """A stack that starts nothing and knows whether it was stopped."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True


def ended(folder: Path, work: Callable[[], None], *, is_left_up: bool = False) -> tuple[int, Stack, str]:
    stack, out = Stack(folder), io.StringIO()
    code = demo.guarded(stack, Console(file=out, width=300), work, is_left_up=is_left_up)
    return code, stack, out.getvalue()


def fail_with(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_a_demo_that_went_well_ends_all_it_started(tmp_path: Path) -> None:
    code, stack, said = ended(tmp_path, lambda: None)
    assert (code, stack.is_stopped, said) == (0, True, "")


def test_what_shall_stay_up_stays_up(tmp_path: Path) -> None:
    code, stack, _ = ended(tmp_path, lambda: None, is_left_up=True)
    assert (code, stack.is_stopped) == (0, False)


def test_what_shall_stay_up_does_not_after_a_failure(tmp_path: Path) -> None:
    code, stack, said = ended(tmp_path, fail_with(ChainError("scale_ahead failed")), is_left_up=True)
    assert (code, stack.is_stopped) == (1, True)
    assert "Failed: scale_ahead failed" in said
    assert f"Logs lie in {tmp_path}" in said


def test_an_interrupted_demo_ends_all_it_started(tmp_path: Path) -> None:
    code, stack, said = ended(tmp_path, lambda: signal.raise_signal(signal.SIGTERM))
    assert (code, stack.is_stopped) == (130, True)
    assert "Interrupted" in said


def test_a_defect_is_not_hidden_but_all_that_was_started_is_ended(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    with pytest.raises(ZeroDivisionError):
        demo.guarded(stack, Console(file=io.StringIO()), fail_with(ZeroDivisionError()))
    assert stack.is_stopped


def test_down_says_whether_something_ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(demo, "LOCAL_FOLDER", tmp_path)
    assert demo.main(["down"]) == 0


def test_a_missing_prerequisite_stops_the_demo_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "missing_prerequisites", lambda: ["libgomp.so.1 is missing"])
    assert demo.main(["run"]) == 1
    assert capsys.readouterr().out == "libgomp.so.1 is missing\n"


def test_the_outcome_ends_with_the_reports_path(tmp_path: Path) -> None:
    stack, out = Stack(tmp_path), io.StringIO()
    run = stack.lake_folder / "reports" / "run"
    run.mkdir(parents=True)
    (run / "2026-11-18T05.json").write_text(json.dumps({"fleets": [], "incidents": []}))
    demo.print_outcome(stack, Console(file=out, width=300), CALENDAR)
    demo.print_login(stack, Console(file=out, width=300))
    assert f"Report: {report_path(stack)}\n" in out.getvalue()
    assert f"Airflow: {stack.airflow.url} (user admin, password {stack.airflow.password})" in out.getvalue()


def test_tasks_see_the_sandbox_and_nothing_of_the_users_own_cloud(tmp_path: Path) -> None:
    own = {"AWS_PROFILE": "production", "HEADROOM_LAKE": "s3://ours", "HOME": "/home/ada", DEMAND_VARIABLE: "d.parquet"}
    stack = LocalStack(tmp_path, environment=own)
    assert "AWS_PROFILE" not in stack.environment
    assert stack.environment["HOME"] == "/home/ada"
    assert stack.environment["AWS_ENDPOINT_URL"] == stack.cloud.url
    assert stack.environment["HEADROOM_LAKE"] == str(tmp_path / "lake")
    assert stack.environment["HEADROOM_CLOCK"] == "manual"


def test_two_demos_do_not_work_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = LocalStack(tmp_path / "demo")
    stack.prepare()
    assert stack.lake_folder.is_dir()
    monkeypatch.setattr(stack.record, "living_starter", lambda: 4711)
    with pytest.raises(AlreadyRunningError, match="process 4711 works in"):
        stack.prepare()


def wait_for_history(stack: LocalStack) -> None:
    while not stack.is_history_done():
        stack.check_running()


@pytest.mark.thorough
def test_a_history_that_failed_is_noticed(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, config_folder=tmp_path / "none")
    assert not stack.is_history_done()
    assert stack.settled_days() == 0
    stack.start_history(date(2026, 11, 1), date(2026, 11, 1))
    try:
        with pytest.raises(ProcessEndedError, match="history ended with exit code 1"):
            wait_for_history(stack)
    finally:
        stack.stop()


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (2, 1)])
def test_history_reports_what_it_settled(
    failed: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def settled(first_day: date, last_day: date) -> dict[str, Any]:
        return {"days": (last_day - first_day).days + 1, "failed": failed, "causes": []}

    monkeypatch.setattr(settle, "bootstrap_history", settled)
    assert bootstrap_history.main(["2026-10-08", "2026-11-10"]) == code
    assert json.loads(capsys.readouterr().out)["days"] == 34
