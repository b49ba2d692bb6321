"""The demo, step by step: cloud and Airflow up, history settled, a week backfilled, the live hour scaled ahead."""

import json
import time
from pathlib import Path
from typing import Any

from headroom.lake.storage import LocalStorage
from headroom.pipelines.windows import window_key
from headroom.sandbox.demo_chain import (
    BACKFILLED_DAYS,
    DAG_IDS,
    HISTORY_DAYS,
    DemoCalendar,
    Expected,
    request_backfill,
    request_live_hour,
    request_market_and_bills,
    wait_for,
    wall_clock_utc,
)
from headroom.sandbox.demo_display import Display
from headroom.sandbox.local_stack import LocalStack

POLL_SECONDS = 0.5
LATEST_PAGE = "reports/latest.html"


def bring_up(
    stack: LocalStack,
    display: Display,
    *,
    history_days: int = HISTORY_DAYS,
    backfilled_days: int = BACKFILLED_DAYS,
) -> DemoCalendar:
    """Start cloud and Airflow; return the calendar of the cloud's clock."""
    stack.prepare()
    cloud_step = display.step("sandbox cloud: fleets, six weeks of metrics, prices, bills")
    stack.start_cloud()
    airflow_step = display.step(f"Airflow: {stack.airflow.description}")
    stack.start_airflow()
    calendar = DemoCalendar(stack.wait_for_cloud(), history_days, backfilled_days)
    cloud_step.finish(f"{stack.cloud.url}, its clock at {calendar.now_utc:%Y-%m-%d %H:%M} UTC")
    stack.start_history(*calendar.older_days)
    stack.airflow.wait_until_ready(set(DAG_IDS))
    airflow_step.finish(stack.airflow.url)
    return calendar


def run_chain(stack: LocalStack, display: Display, calendar: DemoCalendar) -> None:
    """Let Airflow's scheduler run the chain, and wait for every run of it."""
    api = stack.airflow.api
    market = request_market_and_bills(api, calendar)
    _wait_for_history(stack, display, calendar)
    _wait(stack, display, "catalogue, spot prices and bills", market)
    backfill = request_backfill(api, calendar, wall_clock_utc=wall_clock_utc())
    days = f"backfill of the last {calendar.backfilled_day_count} days"
    _wait(stack, display, f"{days} through settle_days, plans and reports after it", backfill)
    hour = window_key(calendar.live_hour)
    _wait(
        stack, display, f"the live hour {hour}: utilization, forecast, schedule, push", request_live_hour(api, calendar)
    )


def read_summary(stack: LocalStack, calendar: DemoCalendar) -> dict[str, Any]:
    """Return the summary that the live hour's report task wrote beside its page."""
    key = window_key(calendar.live_hour)[:13]
    summary: dict[str, Any] = json.loads(stack.lake_files.read_bytes(f"reports/run/{key}.json"))
    return summary


def report_path(stack: LocalStack) -> Path:
    """Return where the newest page lies; out of a lake that ends with the cloud it is copied."""
    files = stack.lake_files
    if isinstance(files, LocalStorage):
        return files.root / LATEST_PAGE
    page = stack.folder / "latest.html"
    page.write_bytes(files.read_bytes(LATEST_PAGE))
    return page


def _wait_for_history(stack: LocalStack, display: Display, calendar: DemoCalendar) -> None:
    first_day, last_day = calendar.older_days
    total = (last_day - first_day).days + 1
    step = display.step(f"history: {first_day} to {last_day} into the lake")
    while not stack.is_history_done():
        stack.check_running()
        settled = stack.settled_days()
        step.show(f"{settled} of {total} days", done=settled, total=total)
        time.sleep(POLL_SECONDS)
    step.finish(f"{total} days")


def _wait(stack: LocalStack, display: Display, name: str, expected: list[Expected]) -> None:
    step = display.step(name)
    count = sum(len(item.keys) for item in expected)

    def show(done: int, total: int, under_way: str) -> None:
        step.show(f"{done} of {total} runs; {under_way}", done=done, total=total)

    wait_for(stack.airflow.api, expected, show=show, check_running=stack.check_running)
    step.finish(f"{count} runs")
