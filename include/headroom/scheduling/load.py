"""Loads what a first schedule would compile or read: for processes that others are forked from. Pure but for that."""

from datetime import UTC, datetime

import numpy as np

from headroom.domain.fleet import Bounds
from headroom.domain.scaling import CapacityRequirement
from headroom.domain.window import HOUR
from headroom.scheduling.schedule import schedule_capacity


def load_compiled_schedule() -> None:
    """Schedule a single hour, so that the compiled search and numba's machinery are there for every other."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    schedule_capacity(
        CapacityRequirement(
            fleet_id="load",
            hours=np.array([start.replace(tzinfo=None)], dtype="datetime64[s]"),
            required_instances=np.array([2], dtype=np.int64),
            demand_per_second=np.array([2.0]),
            method="load",
        ),
        lead_time_seconds=60.0,
        min_dwell_seconds=300.0,
        max_changes=1,
        bounds=Bounds(min_instances=1, max_instances=2),
        starts_after_utc=start,
        ends_at_utc=start + HOUR,
        current_instances=1,
    )
