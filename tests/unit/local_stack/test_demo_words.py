import io
import signal
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from headroom.domain.window import Window
from headroom.sandbox.airflow_api import DagRun, TaskRun
from headroom.sandbox.demo_chain import (
    ChainError,
    DemoCalendar,
    Expected,
    request_backfill,
    request_live_hour,
    request_market_and_bills,
    wait_for,
)
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_outcome import outcome_lines
from headroom.sandbox.prerequisites import missing_prerequisites
from headroom.sandbox.stop_signals import Interrupted, holding_stop_signals, raising_on_stop

NOW = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
CALENDAR = DemoCalendar(NOW)


class Airflow:
    """Takes requests as Airflow does, and finishes every run it has with one state."""

    def __init__(self, state: str = "success") -> None:
        self.state = state
        self.triggered: list[tuple[str, str]] = []
        self.backfills: list[tuple[str, date, date]] = []

    def trigger(self, dag_id: str, *, key: str) -> None:
        self.triggered.append((dag_id, key))

    def backfill(self, dag_id: str, *, first_day: date, last_day: date, max_active_runs: int) -> None:
        assert max_active_runs >= 1
        self.backfills.append((dag_id, first_day, last_day))

    def runs(self, dag_id: str) -> list[DagRun]:
        return [
            DagRun(dag_id=dag, run_id=f"run-{key}", key=key, state=self.state)
            for dag, key in self.triggered
            if dag == dag_id
        ]

    def tasks(self, _run: DagRun) -> list[TaskRun]:
        return [
            TaskRun(task_id="list_chunks", map_index=-1, state="success"),
            TaskRun(task_id="push_chunk", map_index=1, state="failed"),
        ]

    def log(self, _run: DagRun, _task: TaskRun) -> str:
        return "::group::Pre Execute\nTask failed with exception ActuationError: the group is gone"


def test_the_demos_hours_and_days_come_from_the_clouds_clock() -> None:
    # 06:05 on the 18th: the hour 05 closed last; the 11th to the 17th are the last seven whole days;
    # 42 days of history begin at the 8th of October, whose first hours may be cut off.
    assert CALENDAR.live_hour == Window.hour_of(datetime(2026, 11, 18, 5, tzinfo=UTC))
    assert [day.day.day for day in CALENDAR.backfilled_days] == list(range(11, 18))
    assert CALENDAR.older_days == (date(2026, 10, 8), date(2026, 11, 10))


def test_the_last_week_is_backfilled_and_its_followers_are_waited_for() -> None:
    airflow = Airflow()
    expected = request_backfill(airflow, CALENDAR, wall_clock_utc=datetime(2026, 11, 23, tzinfo=UTC))  # type: ignore[arg-type]
    assert airflow.backfills == [("settle_days", date(2026, 11, 11), date(2026, 11, 17))]
    assert {item.dag_id: len(item.keys) for item in expected} == {
        "settle_days": 7,
        "plan_fleets": 7,
        "report_savings": 7,
    }


def test_where_the_machines_clock_is_behind_the_clouds_the_days_are_asked_for_one_by_one() -> None:
    airflow = Airflow()
    request_backfill(airflow, CALENDAR, wall_clock_utc=datetime(2026, 7, 1, tzinfo=UTC))  # type: ignore[arg-type]
    assert airflow.backfills == []
    assert airflow.triggered == [("settle_days", f"2026-11-{day}T00:00:00") for day in range(11, 18)]


def test_the_live_hour_is_asked_for_by_its_key() -> None:
    airflow = Airflow()
    request_market_and_bills(airflow, CALENDAR)  # type: ignore[arg-type]
    request_live_hour(airflow, CALENDAR)  # type: ignore[arg-type]
    assert airflow.triggered == [
        ("extract_billing", "2026-11-17T00:00:00"),
        ("extract_catalogue", "2026-11-18T00:00:00"),
        ("extract_spot_prices", "2026-11-18T05:00:00"),
        ("extract_utilization", "2026-11-18T05:00:00"),
    ]


def test_waiting_ends_when_every_expected_run_is_done() -> None:
    airflow = Airflow()
    airflow.trigger("scale_ahead", key="k")
    shown: list[tuple[int, int, str]] = []
    wait_for(
        airflow,  # type: ignore[arg-type]
        [Expected(dag_id="scale_ahead", keys=("k",))],
        show=lambda *progress: shown.append(progress),
        check_running=lambda: None,
    )
    assert shown == [(1, 1, "")]


def test_a_failed_run_names_its_task_and_the_end_of_its_log() -> None:
    airflow = Airflow("failed")
    airflow.trigger("scale_ahead", key="k")
    with pytest.raises(
        ChainError, match=r"scale_ahead k failed in push_chunk\[1\]\n +Task failed .* the group is gone"
    ):
        wait_for(
            airflow,  # type: ignore[arg-type]
            [Expected(dag_id="scale_ahead", keys=("k",))],
            show=lambda *_: None,
            check_running=lambda: None,
        )


def test_waiting_has_an_end_and_names_what_was_missing() -> None:
    with pytest.raises(ChainError, match="not done after 0 s: scale_ahead k"):
        wait_for(
            Airflow(),  # type: ignore[arg-type]
            [Expected(dag_id="scale_ahead", keys=("k",))],
            show=lambda *_: None,
            check_running=lambda: None,
            timeout_seconds=0,
        )


def fleet(**changes: object) -> dict[str, object]:
    action = {
        "name": "headroom-default-chat-20261118T1053Z",
        "starts_at_utc": "2026-11-18T10:53:00+00:00",
        "need_at_utc": "2026-11-18T11:00:00+00:00",
        "purpose": "raise",
        "min_instances": 16,
        "max_instances": None,
        "desired_instances": 16,
        "lead_minutes": 7.0,
        "demand_per_second": 149.7,
        "status": "pushed and read back",
    }
    return {
        "fleet_id": "chat",
        "mode": "auto",
        "state": "verified",
        "cause": "",
        "today_usd_per_day": 200.0,
        "planned_usd_per_day": 50.0,
        "cost_basis": "estimated",
        "checks": 15,
        "checks_passed": 15,
        "actions": [action],
        **changes,
    }


def test_the_outcome_tells_cost_actions_peaks_and_checks() -> None:
    # 200 today, 50 as planned: (200 - 50) / 200 = 75 % less.
    first_action = (
        "Wed 18 Nov 10:53  raise   min 16, desired 16           7 min before Wed 18 Nov 11:00, sized for 149.7/s: "
        "pushed and read back"
    )
    total = (
        "1 fleets, 1 actions; about 200.00 USD a day today, about 50.00 USD as planned (75% less), "
        "estimated at list prices"
    )
    lines = list(outcome_lines({"fleets": [fleet()], "incidents": []}))
    assert lines == [
        "",
        "chat (mode auto): verified",
        "  cost      about 200.00 USD a day today, about 50.00 USD as planned (75% less), estimated",
        "  checks    15 of 15 passed",
        "  actions   1",
        f"    {first_action}",
        "",
        total,
    ]


def test_the_outcome_tells_what_failed_and_does_not_guess_an_unknown_cost() -> None:
    failed = fleet(state="failed", cause="no answer", today_usd_per_day=None, planned_usd_per_day=None, actions=[])
    incident = {"step": "extract", "subject": "chat", "status": "failed", "cause": "no answer"}
    text = "\n".join(outcome_lines({"fleets": [failed], "incidents": [incident]}))
    assert "chat (mode auto): failed, no answer" in text
    assert "unknown cost a day today, unknown cost as planned\n" in text
    assert "failed: extract of chat: no answer" in text
    assert text.endswith("1 fleets, 0 actions; unknown cost a day today, unknown cost as planned")


def test_a_plan_that_costs_more_or_the_same_says_so_and_long_lists_are_cut() -> None:
    many = fleet(planned_usd_per_day=220.0, actions=[fleet()["actions"][0]] * 9)  # type: ignore[index]
    text = "\n".join(outcome_lines({"fleets": [many, fleet(planned_usd_per_day=200.5)], "incidents": []}))
    assert "220.00 USD as planned (10% more)" in text
    assert "200.50 USD as planned (about the same)" in text
    assert "and 3 more, the last Wed 18 Nov 10:53" in text


def test_away_from_a_terminal_steps_are_plain_lines() -> None:
    out = io.StringIO()
    display = Display(Console(file=out, width=200))
    with display.live():
        step = display.step("history")
        step.show("1 of 2 days", done=1, total=2)
        step.finish("2 days")
    assert out.getvalue() == "  history ...\n  done history: 2 days (0 s)\n"


def test_on_a_terminal_steps_are_shown_live() -> None:
    out = io.StringIO()
    display = Display(Console(file=out, width=200, force_terminal=True))
    with display.live():
        step = display.step("history")
        step.show("1 of 2 days", done=1, total=2)
        step.finish("")
    assert "history" in out.getvalue()
    assert display.elapsed_seconds >= 0


def test_a_missing_library_is_one_line_that_names_its_package() -> None:
    lines = missing_prerequisites(platform="linux", has_module=lambda _: True, has_library=lambda _: False)
    assert lines == [
        "libgomp.so.1 is missing, which lightgbm needs (Debian, Ubuntu: apt-get install libgomp1)",
    ]


def test_nothing_is_asked_for_that_nobody_needs() -> None:
    assert missing_prerequisites(platform="linux", has_module=lambda _: False, has_library=lambda _: False) == []
    assert missing_prerequisites(platform="darwin", has_module=lambda _: True, has_library=lambda _: False) == []
    assert missing_prerequisites() == []


def test_the_first_request_to_end_is_raised_and_later_ones_do_not_cut_the_cleaning_short() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(Interrupted), raising_on_stop():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_request_to_end_waits_until_a_process_that_is_being_started_is_known() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    known: list[str] = []

    def start_a_process() -> None:
        with raising_on_stop(), holding_stop_signals():
            signal.raise_signal(signal.SIGINT)
            known.append("the process")

    try:
        with pytest.raises(Interrupted):
            start_a_process()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert known == ["the process"]
