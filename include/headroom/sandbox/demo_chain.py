"""The demo's chain of runs: what Airflow's scheduler is asked for, and how its progress and failures are read."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from headroom.domain.window import DAY, HOUR, Window, floor_day, floor_hour
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import AirflowApi, DagRun

DAG_IDS = frozenset(
    {
        "extract_billing",
        "extract_catalogue",
        "extract_spot_prices",
        "extract_utilization",
        "plan_fleets",
        "report_savings",
        "rollback_scaling",
        "scale_ahead",
        "settle_days",
    },
)
HISTORY_DAYS = 42
BACKFILLED_DAYS = 7
CONCURRENT_DAYS = 2
POLL_SECONDS = 0.7
RUN_TIMEOUT_SECONDS = 480.0
SHOWN_LOG_LINES = 12


class ChainError(RuntimeError):
    """A run of the chain failed or was not done in time; the message says which, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Runs that must finish well: `dag_id` once for each of `keys`."""

    dag_id: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoCalendar:
    """Which days and hours the demo is about, all from the cloud's own clock."""

    now_utc: datetime
    history_days: int = HISTORY_DAYS
    backfilled_day_count: int = BACKFILLED_DAYS

    @property
    def live_hour(self) -> Window:
        """The hour that closed last."""
        return Window.hour_of(floor_hour(self.now_utc) - HOUR)

    @property
    def today(self) -> Window:
        """The day the cloud's clock is in."""
        return Window.day_of(self.now_utc)

    @property
    def backfilled_days(self) -> tuple[Window, ...]:
        """The last whole days, oldest first, which Airflow's backfill settles."""
        end = floor_day(self.now_utc)
        return tuple(
            Window(end - count * DAY, end - (count - 1) * DAY) for count in range(self.backfilled_day_count, 0, -1)
        )

    @property
    def older_days(self) -> tuple[date, date]:
        """First and last of the days before, which are settled in one go."""
        first = floor_day(self.now_utc) - (self.history_days - 1) * DAY
        return first.date(), (self.backfilled_days[0].start_utc - DAY).date()


def request_market_and_bills(api: AirflowApi, calendar: DemoCalendar) -> list[Expected]:
    """Ask for bills, catalogue and spot prices; return the runs to wait for."""
    wanted = {
        "extract_billing": calendar.backfilled_days[-1],
        "extract_catalogue": calendar.today,
        "extract_spot_prices": calendar.live_hour,
    }
    for dag_id, window in wanted.items():
        api.trigger(dag_id, key=window_key(window))
    return [Expected(dag_id=dag_id, keys=(window_key(window),)) for dag_id, window in wanted.items()]


def request_backfill(api: AirflowApi, calendar: DemoCalendar, *, wall_clock_utc: datetime) -> list[Expected]:
    """Ask for the last days to be settled; return those runs and the ones that follow from them.

    Airflow refuses to backfill days that are still to come by the machine's own clock. Where the cloud's clock runs
    ahead of it, the same runs are asked for one by one.
    """
    days = calendar.backfilled_days
    if days[-1].end_utc <= wall_clock_utc:
        api.backfill("settle_days", first_day=days[0].day, last_day=days[-1].day, max_active_runs=CONCURRENT_DAYS)
    else:
        for day in days:
            api.trigger("settle_days", key=window_key(day))
    keys = tuple(window_key(day) for day in days)
    return [Expected(dag_id=dag_id, keys=keys) for dag_id in ("settle_days", "plan_fleets", "report_savings")]


def request_live_hour(api: AirflowApi, calendar: DemoCalendar) -> list[Expected]:
    """Ask for the hour that closed last; return its run and the one that follows from it."""
    key = window_key(calendar.live_hour)
    api.trigger("extract_utilization", key=key)
    return [Expected(dag_id=dag_id, keys=(key,)) for dag_id in ("extract_utilization", "scale_ahead")]


def wait_for(
    api: AirflowApi,
    expected: Collection[Expected],
    *,
    show: Callable[[int, int, str], None],
    check_running: Callable[[], None],
    timeout_seconds: float = RUN_TIMEOUT_SECONDS,
) -> None:
    """Wait until every expected run is done; `show` gets how many are, of how many, and what is under way.

    Raises ChainError for the first failed run, with the cause from its task's log, or when the time is over.
    """
    deadline = time.monotonic() + timeout_seconds
    wanted = {(item.dag_id, key) for item in expected for key in item.keys}
    while True:
        check_running()
        runs = [run for item in expected for run in api.runs(item.dag_id)]
        failed = [run for run in runs if run.state == "failed" and (run.dag_id, run.key) in wanted]
        if failed:
            raise ChainError(describe_failure(api, failed[0]))
        done = {(run.dag_id, run.key) for run in runs if run.state == "success"} & wanted
        under_way = sorted({run.dag_id for run in runs if not run.is_finished})
        show(len(done), len(wanted), ", ".join(under_way))
        if done == wanted:
            return
        if time.monotonic() > deadline:
            missing = ", ".join(sorted(f"{dag_id} {key}" for dag_id, key in wanted - done))
            raise ChainError(f"not done after {timeout_seconds:g} s: {missing}")
        time.sleep(POLL_SECONDS)


def describe_failure(api: AirflowApi, run: DagRun) -> str:
    """Return which tasks of a run failed, and the end of the first one's log."""
    failed = [task for task in api.tasks(run) if task.state == "failed"]
    names = ", ".join(task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]" for task in failed)
    lines = [f"{run.dag_id} {run.key} failed in {names or 'none of its tasks'}"]
    for task in failed[:1]:
        log = [line for line in api.log(run, task).splitlines() if line and not line.startswith("::")]
        lines += log[-SHOWN_LOG_LINES:]
    return "\n    ".join(lines)


def wall_clock_utc() -> datetime:
    """Return the machine's own time: what Airflow judges backfills by."""
    return datetime.now(tz=UTC)
