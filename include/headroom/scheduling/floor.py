"""What a schedule holds, moment by moment and hour by hour."""

from datetime import UTC, datetime

import numpy as np

from headroom.domain.demand import Floats, Hours
from headroom.domain.scaling import CapacitySchedule, Counts
from headroom.units import SECONDS_PER_HOUR


def floor_at(schedule: CapacitySchedule, moment_utc: datetime, *, current_instances: int) -> int:
    """Return the instances held at a moment; `current_instances` before the first step, the last step's after its end.

    What holds after `ends_at_utc` is the owner's, which a schedule does not know.
    """
    held = current_instances
    for step in schedule.steps:
        if step.starts_at_utc > moment_utc:
            break
        held = step.instances
    return held


def hourly_floor(schedule: CapacitySchedule, hours: Hours, *, current_instances: int) -> Counts:
    """Return the fewest instances held in each hour from its start to its end, shape (h,).

    In the hour that the schedule starts in, a first raise counts from its start: nothing could have been held earlier.
    """
    held: Counts = np.empty(len(hours), dtype=np.int64)
    for position, hour in enumerate(hours.astype("datetime64[s]").astype(np.int64)):
        begin, stop = _moment(int(hour)), _moment(int(hour) + SECONDS_PER_HOUR)
        levels = [step.instances for step in schedule.steps if begin < step.starts_at_utc < stop]
        held[position] = min([floor_at(schedule, begin, current_instances=current_instances), *levels])
        if schedule.steps and begin <= schedule.steps[0].starts_at_utc < stop:
            held[position] = min([schedule.steps[0].instances, *levels])
    return held


def mean_floor(schedule: CapacitySchedule, hours: Hours, *, current_instances: int) -> Floats:
    """Return the mean instances held over each hour: instance-hours, shape (h,)."""
    moments = [int(step.starts_at_utc.timestamp()) for step in schedule.steps]
    mean: Floats = np.empty(len(hours), dtype=np.float64)
    for position, hour in enumerate(hours.astype("datetime64[s]").astype(np.int64)):
        begin, stop = int(hour), int(hour) + SECONDS_PER_HOUR
        edges = [begin, *(moment for moment in moments if begin < moment < stop), stop]
        held = [floor_at(schedule, _moment(edge), current_instances=current_instances) for edge in edges[:-1]]
        mean[position] = np.dot(held, np.diff(edges)) / SECONDS_PER_HOUR
    return mean


def _moment(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, tz=UTC)
