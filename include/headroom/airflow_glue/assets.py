"""The assets through which one DAG starts the next, each event carrying the key of the window that it is about."""

from airflow.sdk import Asset, get_current_context

from headroom.domain.window import Window
from headroom.pipelines.windows import window_key

UTILIZATION_HOUR = Asset(name="utilization_hour", uri="x-headroom://lake/utilization_hour", group="headroom")
"""An hour of utilization has landed in the lake, for every fleet whose source answered."""

SETTLED_DAY = Asset(name="settled_day", uri="x-headroom://lake/settled_day", group="headroom")
"""A day has been settled: its files are final, its marts, scores and KPIs are there."""


def announce(asset: Asset, window: Window) -> str:
    """Emit `asset` for `window` when the running task ends well, and return the key.

    The key is given by hand so that a run started without a partition key, by Param, starts its followers as well.
    """
    key = window_key(window)
    get_current_context()["outlet_events"][asset].add_partitions(key)
    return key
