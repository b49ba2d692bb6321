"""When DAGs run: root DAGs by the clock, one partition key a tick; all others when an asset's partition arrives.

With HEADROOM_CLOCK=manual no run starts by the wall clock: root DAGs then run by backfill, by hand or through the API
only. The sandbox uses it, whose own clock says which hour it is.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from airflow.sdk import Asset, CronPartitionTimetable, PartitionedAssetTimetable
from pendulum import FixedTimezone

from headroom.config.errors import ConfigError

CLOCK_VARIABLE = "HEADROOM_CLOCK"
CLOCK_CHOICES = ("wall", "manual")
BEFORE_ANY_RUN = datetime(2020, 1, 1, tzinfo=UTC)
HOUR_KEY = "%Y-%m-%dT%H:00:00"
DAY_KEY = "%Y-%m-%dT00:00:00"


def every_hour(*, delay: timedelta) -> CronPartitionTimetable:
    """Run `delay` after the close of each hour, keyed by the start of the hour that closed."""
    return CronPartitionTimetable("0 * * * *", timezone=_behind_utc(delay), run_offset=-1, key_format=HOUR_KEY)


def every_day(*, delay: timedelta, is_about_today: bool = False) -> CronPartitionTimetable:
    """Run `delay` after UTC midnight, keyed by the day that closed; with `is_about_today` by the one that began."""
    offset = 0 if is_about_today else -1
    return CronPartitionTimetable("0 0 * * *", timezone=_behind_utc(delay), run_offset=offset, key_format=DAY_KEY)


def after(asset: Asset) -> PartitionedAssetTimetable:
    """Run once for each partition of `asset` that arrives, under the same key."""
    return PartitionedAssetTimetable(assets=asset)


def clock_end_utc(environment: Mapping[str, str] = os.environ) -> datetime | None:
    """Return the `end_date` of root DAGs: none, or with HEADROOM_CLOCK=manual a moment before any run.

    Airflow plans no run of a DAG that has ended, but backfills it and takes keys for it as before. ConfigError for
    any other value.
    """
    clock = environment.get(CLOCK_VARIABLE, "wall")
    if clock not in CLOCK_CHOICES:
        raise ConfigError(f"{CLOCK_VARIABLE}: expected one of {', '.join(CLOCK_CHOICES)}, found {clock!r}")
    return BEFORE_ANY_RUN if clock == "manual" else None


def _behind_utc(delay: timedelta) -> FixedTimezone:
    """Return a zone in which midnight falls `delay` after UTC's.

    A cron expression with minutes would delay the runs just as well, but it would also shift the partitions: a backfill
    to the 17th would then end on the 16th, because the tick of the 17th lies after its midnight.
    """
    return FixedTimezone(-int(delay.total_seconds()))
