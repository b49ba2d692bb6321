"""The window a running task is about: its run's partition key or, in a run by hand, the Param `window`; and its try."""

from airflow.sdk import Param, get_current_context

from headroom.domain.window import Window
from headroom.pipelines.windows import day_window, hour_window


def hour_param() -> Param:
    """Return the Param by which a person starts an hourly DAG."""
    return _window_param("Start of the hour, UTC, such as 2026-11-18T05:00:00+00:00.")


def day_param() -> Param:
    """Return the Param by which a person starts a daily DAG."""
    return _window_param("Start of the day, UTC, such as 2026-11-17T00:00:00+00:00.")


def hour_of_run() -> Window:
    """Return the hour the running task is about; raise WindowError where its run names none."""
    return hour_window(_key_of_run())


def day_of_run() -> Window:
    """Return the UTC day the running task is about; raise WindowError where its run names none."""
    return day_window(_key_of_run())


def is_second_try() -> bool:
    """Say whether the running task was tried before; Airflow has ended that try, or lost its worker."""
    return int(get_current_context()["ti"].try_number) > 1


def _key_of_run() -> str | None:
    context = get_current_context()
    return context.get("partition_key") or context["params"].get("window")


def _window_param(description: str) -> Param:
    needed = (
        "Needed where a run is started by hand; scheduled, backfilled and keyed runs take it from their partition key."
    )
    return Param(
        None, type=["null", "string"], format="date-time", title="Window", description=f"{description} {needed}"
    )
