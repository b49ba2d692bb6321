"""The hour in which most requests were late, and why they were; pure.

Every step's late requests have one cause, the first of these that holds: instances at work were fewer than the
objective needs, and (starting) more had been asked for, or (at most) the fleet was as large as it may be, or (not
asked) nobody had asked for them; or enough were at work and (queue) they worked off what an earlier step of the same
shortage had left, or (chance) the late ones are among those that the objective allows or bursts inside the step.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from headroom.domain.demand import Floats
from headroom.simulation.engine import Run
from headroom.simulation.replay import Replay
from headroom.units import SECONDS_PER_HOUR


class LateCause(StrEnum):
    """Why requests of a step were late, in words that end a sentence."""

    STARTING = "while instances that had been asked for were not yet at work"
    AT_MOST = "while the fleet was at its most instances"
    NOT_ASKED = "while fewer instances than needed had been asked for"
    QUEUE = "behind the queue that a shortage had left"
    CHANCE = "by chance, with enough instances at work"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstHour:
    """An hour of a run, counted from the replay's start; the last may be short.

    Rates in requests per second: the hour's mean and highest step, and the mean of the hour before (None for the
    first). Instances are in those of the fleet's type today. `late_by_cause`: late requests, most first.
    """

    start_utc: datetime
    requests: float
    late: float
    mean_per_second: float
    peak_per_second: float
    mean_before_per_second: float | None
    least_ready: float
    most_ready: float
    most_needed: int
    most_instances: int
    late_by_cause: dict[LateCause, float]

    def __str__(self) -> str:
        """What demand did, what was ready, and how many requests were late and why."""
        before = self.mean_before_per_second
        came = f"demand averaged {self.mean_per_second:.3g} a second with a peak of {self.peak_per_second:.3g}"
        came += "" if before is None else f", after {before:.3g} in the hour before"
        least, most = f"{self.least_ready:.3g}", f"{self.most_ready:.3g}"
        ready = least if least == most else f"{least} to {most}"
        was = "instance was" if ready == "1" else "instances were"
        needed = (
            f"up to {self.most_needed}" if self.most_needed <= self.most_instances else "more than the fleet's most"
        )
        causes = [
            f"{late / self.late:.0%} {cause}" for cause, late in self.late_by_cause.items() if late >= 0.005 * self.late
        ]
        return (
            f"{self.start_utc:%a %d %b %H:%M} UTC: {came}; {ready} {was} ready where {needed} were "
            f"needed; {self.late:,.0f} of {self.requests:,.0f} requests ({self.late / self.requests:.2%}) were late: "
            f"{', '.join(causes)}."
        )


def worst_hour(replay: Replay, run: Run) -> WorstHour | None:
    """Return the hour with most late requests; None where none was late."""
    scene = replay.scene
    hour_of_step = (np.arange(len(run.late)) * scene.step_seconds // SECONDS_PER_HOUR).astype(np.int64)
    late = np.bincount(hour_of_step, run.late)
    if late.max() < 0.5:
        return None
    worst = int(late.argmax())
    steps = np.flatnonzero(hour_of_step == worst)
    before = replay.rate_per_second[hour_of_step == worst - 1]
    speeds = np.array([pool.speed for pool in run.pools])
    ready: Floats = speeds @ run.ready[:, steps]
    return WorstHour(
        start_utc=scene.moment(int(steps[0])),
        requests=float(run.arriving[steps].sum()),
        late=float(late[worst]),
        mean_per_second=float(replay.rate_per_second[steps].mean()),
        peak_per_second=float(replay.rate_per_second[steps].max()),
        mean_before_per_second=float(before.mean()) if len(before) else None,
        least_ready=float(ready.min()),
        most_ready=float(ready.max()),
        most_needed=int(replay.needed[steps].max()),
        most_instances=scene.fleet.bounds.max_instances,
        late_by_cause=_late_by_cause(replay, run, steps[0], steps[-1] + 1),
    )


def _late_by_cause(replay: Replay, run: Run, start: int, end: int) -> dict[LateCause, float]:
    """Return late requests of the steps [start, end) by cause, most first; a queue may be older than they are."""
    capacity = np.array([pool.speed for pool in run.pools]) @ run.ready
    is_short = capacity < replay.needed - 1e-9
    is_at_most = run.wanted >= replay.scene.fleet.bounds.max_instances
    is_starting = run.wanted > run.ready.sum(axis=0)
    is_beyond = run.late > run.arriving * (1.0 - replay.scene.queue.percentile / 100.0) * (1.0 + 1e-9)
    # what follows a shortage without a step inside the objective between is the shortage's queue
    is_queue = np.zeros(len(is_short), dtype=np.bool_)
    for step in range(1, end):
        is_queue[step] = not is_short[step] and is_beyond[step] and (is_short[step - 1] or is_queue[step - 1])
    causes = {
        LateCause.STARTING: is_short & is_starting,
        LateCause.AT_MOST: is_short & ~is_starting & is_at_most,
        LateCause.NOT_ASKED: is_short & ~is_starting & ~is_at_most,
        LateCause.QUEUE: is_queue,
        LateCause.CHANCE: ~is_short & ~is_queue,
    }
    late = {cause: float(run.late[start:end][chosen[start:end]].sum()) for cause, chosen in causes.items()}
    return dict(sorted(late.items(), key=lambda item: -item[1]))
