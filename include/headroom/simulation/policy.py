"""What a policy is told, and how what it decides gets into force: the Protocol that ours and the incumbents follow.

A policy returns the whole plan of a replay at once, but must make each decision from what was known at its time:
a record is read up to the moment asked about, and tests change what comes after a decision to see that it stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from headroom.capacity import SustainableRate
from headroom.domain.demand import DemandForecast, DemandHistory, Floats
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Counts
from headroom.simulation.engine import CapacityPlan, Pool, Reaction
from headroom.simulation.latency_table import ServingQueue
from headroom.units import SECONDS_PER_HOUR

PEAK_SECONDS: Final = 300
"""The peak of an hour is its largest mean over five minutes (glossary)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandRecord:
    """Demand at even steps: `rate_per_second`, shape (steps,), from `start_utc` on, which lies on the hour.

    Steps divide an hour. What lies before a replay's start is history.
    """

    start_utc: datetime
    step_seconds: float
    rate_per_second: Floats

    @property
    def end_utc(self) -> datetime:
        """The end of the last step."""
        return self.start_utc + timedelta(seconds=self.step_seconds * len(self.rate_per_second))

    def step_of(self, moment_utc: datetime) -> int:
        """Return the number of the first step that begins at `moment_utc` or after."""
        return int(np.ceil((moment_utc - self.start_utc).total_seconds() / self.step_seconds - 1e-9))

    def until(self, moment_utc: datetime) -> Floats:
        """Return the rates of the steps that had ended by `moment_utc`."""
        elapsed = (moment_utc - self.start_utc).total_seconds() / self.step_seconds
        return self.rate_per_second[: min(max(0, int(elapsed + 1e-9)), len(self.rate_per_second))]

    def blocks(self, moment_utc: datetime) -> Floats:
        """Return the 5-minute means of the hours that had ended by `moment_utc`, shape (hours, blocks an hour).

        A block is a whole number of steps that divides an hour: shorter or longer where five minutes are not.
        """
        per_hour = round(SECONDS_PER_HOUR / self.step_seconds)
        known = self.until(moment_utc)
        hours = len(known) // per_hour
        per_block = max(1, round(PEAK_SECONDS / self.step_seconds))
        while per_hour % per_block:
            per_block -= 1
        means: Floats = known[: hours * per_hour].reshape(hours, per_hour // per_block, per_block).mean(axis=2)
        return means

    def hourly(self, fleet_id: str, moment_utc: datetime) -> DemandHistory:
        """Return mean and peak of the hours that had ended by `moment_utc`."""
        blocks = self.blocks(moment_utc)
        first = np.datetime64(self.start_utc.replace(tzinfo=None), "s")
        return DemandHistory(
            fleet_id=fleet_id,
            hours=first + np.arange(len(blocks)) * np.timedelta64(1, "h"),
            mean_per_second=blocks.mean(axis=1),
            peak_per_second=blocks.max(axis=1),
        )


class ForecastProvider(Protocol):
    """Gives the forecasts that production would have had."""

    def forecast(self, made_at_utc: datetime) -> DemandForecast:
        """Return the forecast made at an hour's end, from what was known then; ForecastError where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """The fleet, its demand so far, and the span to be played: [start_utc, start_utc + steps x step_seconds).

    `known` reaches from the history's first step to the replay's last; policies read it by `until` and `hourly` only.
    `pool`: the fleet's type today, on demand. `rate`: what one of it carries, in requests per second, as production
    would have known at the start.
    """

    fleet: Fleet
    start_utc: datetime
    steps: int
    known: DemandRecord
    queue: ServingQueue
    pool: Pool
    rate: SustainableRate
    initial_instances: int
    forecasts: ForecastProvider | None = None
    seed: int = 0

    @property
    def rate_per_instance(self) -> float:
        """What one instance carries, in requests per second."""
        return self.rate.rate_per_second

    @property
    def step_seconds(self) -> float:
        """Length of a step."""
        return self.known.step_seconds

    @property
    def rate_per_second(self) -> Floats:
        """Demand of each step played, shape (steps,)."""
        start = self.known.step_of(self.start_utc)
        return self.known.rate_per_second[start : start + self.steps]

    def moment(self, step: int) -> datetime:
        """Return when a step of the replay begins."""
        return self.start_utc + timedelta(seconds=step * self.step_seconds)

    def history(self, moment_utc: datetime) -> DemandHistory:
        """Return the hourly demand that was known at a moment."""
        return self.known.hourly(self.fleet.id, moment_utc)

    def bounded(self, instances: float) -> int:
        """Return a count inside the fleet's bounds."""
        bounds = self.fleet.bounds
        return int(min(max(instances, bounds.min_instances), bounds.max_instances))

    def instances_for(self, rate_per_second: npt.ArrayLike) -> Counts:
        """Return the fewest instances that keep the objective at each rate, inside the fleet's bounds; shape as given.

        ImpossibleObjective when no number of instances keeps it.
        """
        bounds = self.fleet.bounds
        carried = self.queue.carried_rates(bounds.max_instances)
        needed: Counts = np.searchsorted(carried, np.asarray(rate_per_second, dtype=np.float64))
        return np.clip(needed, bounds.min_instances, bounds.max_instances)

    def hours_of_steps(self, *, ahead_seconds: float = 0.0) -> Counts:
        """Return the hour, counted from the start of `known`, in which the moment `ahead_seconds` after each step lies.

        Shape (steps,).
        """
        before = (self.start_utc - self.known.start_utc).total_seconds() + ahead_seconds
        hours: Counts = ((before + np.arange(self.steps) * self.step_seconds + 1e-6) // SECONDS_PER_HOUR).astype(
            np.int64
        )
        return hours

    def holding(self, instances: Counts, reaction: Reaction | None = None) -> CapacityPlan:
        """Return the plan that holds these counts, shape (steps,), inside the bounds; at least, where one reacts."""
        bounds = self.fleet.bounds
        floors: Counts = np.clip(instances, bounds.min_instances, bounds.max_instances)[np.newaxis, :]
        return CapacityPlan(pools=(self.pool,), floors=floors, reaction=reaction)


class Policy(Protocol):
    """Something that decides how many instances run."""

    @property
    def name(self) -> str:
        """The name on the command line and in replay.json."""
        ...

    def plan(self, scene: Scene) -> CapacityPlan:
        """Return what it asks for over the whole span, each decision made from what was known at its time."""
        ...


@runtime_checkable
class Swept(Policy, Protocol):
    """A policy with a main knob, which trades cost for latency."""

    def swept(self) -> Mapping[str, Policy]:
        """Return it at several settings of its main knob, by the setting in words ("target 50 %"), in the knob's order.

        All of them bear the policy's own name.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From `at_utc` on, hold `instances`."""

    at_utc: datetime
    instances: int


def floor_of(changes: Sequence[Change], scene: Scene, *, most_late_seconds: float = 0.0) -> Counts:
    """Return the floor, shape (1, steps), that changes in order of time put in force; the first instances before them.

    Each comes up to `most_late_seconds` late, evenly spread by the scene's seed, and counts from the next whole step.
    """
    random = np.random.default_rng([scene.seed, 1])
    late = random.uniform(0.0, most_late_seconds, len(changes)) if most_late_seconds else np.zeros(len(changes))
    floor: Counts = np.full((1, scene.steps), scene.initial_instances, dtype=np.int64)
    for change, seconds in zip(changes, late, strict=True):
        at = ((change.at_utc - scene.start_utc).total_seconds() + seconds) / scene.step_seconds
        floor[0, max(0, int(np.ceil(at - 1e-9))) :] = scene.bounded(change.instances)
    return floor
