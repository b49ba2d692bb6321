"""One fleet of the sandbox's world: its demand, its instances, and what they made of it so far."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from headroom.domain.event import EventKind
from headroom.domain.fleet import Fleet
from headroom.sandbox.demand_file import FileDemand, read_demand_file
from headroom.sandbox.demand_generator import STEPS_AHEAD, GeneratedDemand
from headroom.sandbox.demand_steps import DemandSource, DemandSteps
from headroom.sandbox.fleet_lives import FleetLife
from headroom.sandbox.scenarios.scenario import Scenario, availability_zones
from headroom.sandbox.world_capacity import MINUTES_PER_STEP, FleetCapacity, InstanceRun
from headroom.sandbox.world_interface import Capacity, OwnersPolicy, SandboxFleet
from headroom.sandbox.world_metrics import quantities_of
from headroom.sandbox.world_policies import CapacityForecast, predictive_of, tracking_of
from headroom.sandbox.world_service import Service, empty_steps
from headroom.simulation.fleet_scene import request_queue
from headroom.units import SECONDS_PER_MINUTE

_FILE_NOISE: Final = 300


class FleetWorld:
    """One fleet; minutes and steps are counted from the world's start."""

    def __init__(
        self, *, facts: SandboxFleet, fleet: Fleet, number: int, life: FleetLife, demand: DemandSource, seed: int
    ) -> None:
        self.facts = facts
        self.life = life
        self.metrics = dict(quantities_of(fleet))
        self.service = Service(queue=request_queue(fleet), seed=seed, fleet_number=number)
        self.capacity = FleetCapacity(
            zones=facts.availability_zones,
            lead_minutes=-(-facts.lead_time_seconds // SECONDS_PER_MINUTE),
            minimum=life.baseline_min,
            maximum=life.baseline_max,
            desired=life.baseline_desired,
            rate_per_instance=self.service.rate_per_instance,
            reactive=life.reactive,
        )
        self.served = empty_steps()
        self._seed = seed
        self._source = demand
        self._demand: DemandSteps = demand.steps(0)

    def run_until(self, minute: int) -> None:
        """Let capacity follow until `minute` since the world's start."""
        needed = -(-minute // MINUTES_PER_STEP)
        if len(self._demand.count) < needed:
            self._demand = self._source.steps(needed + STEPS_AHEAD)
        self.capacity.run_until(minute, self._demand.rate_per_second)

    def serve(self) -> None:
        """Serve the steps that are over and not yet served."""
        first, last = len(self.served), self.capacity.minute // MINUTES_PER_STEP
        if last <= first:
            return
        minutes = slice(first * MINUTES_PER_STEP, last * MINUTES_PER_STEP)
        block = self.service.serve(
            arrived=self._demand.count[first:last],
            is_reported=self._demand.is_reported[first:last],
            in_service=np.array(self.capacity.in_service[minutes], dtype=np.int64).reshape(-1, MINUTES_PER_STEP),
            entered=np.array(self.capacity.entered_service[minutes], dtype=np.int64).reshape(-1, MINUTES_PER_STEP),
        )
        self.served = self.served.then(block)

    def set_policies(self, policies: Sequence[OwnersPolicy]) -> None:
        """Be scaled by these policies from the coming minute on."""
        rate = self.service.rate_per_instance
        predictive = predictive_of(self.life, policies, rate_per_instance=rate)
        self.capacity.follow(
            reactive=tracking_of(self.life, policies, rate_per_instance=rate),
            forecast=None if predictive is None else CapacityForecast(predictive, rate_per_instance=rate),
        )

    def instance_id(self, run: InstanceRun) -> str:
        """Return the EC2-like id of an instance of this fleet."""
        digest = hashlib.sha256(f"{self._seed}/{self.facts.id}/{run.number}".encode()).hexdigest()
        return f"i-0{digest[:16]}"

    def capacity_now(self) -> Capacity:
        """Return the capacity at the world's now."""
        return Capacity(
            min_instances=self.capacity.minimum,
            max_instances=self.capacity.maximum,
            desired_instances=self.capacity.desired,
            running_instances=len(self.capacity.running),
            in_service_instances=self.capacity.in_service_now,
        )


def build_fleets(
    scenario: Scenario,
    *,
    seed: int,
    start_utc: datetime,
    now_utc: datetime,
    demand_file: Path | None,
) -> Iterator[FleetWorld]:
    """Yield the scenario's fleets with their lives, demand from the file first, then from the generator."""
    series = read_demand_file(demand_file) if demand_file is not None else ()
    for number, fleet in enumerate(scenario.fleets):
        life = scenario.lives[fleet.id]
        demand: DemandSource
        if demand_file is not None and number < len(series):
            demand = FileDemand(
                series=series[number],
                file=demand_file,
                start_utc=start_utc,
                now_utc=now_utc,
                mean_per_second=life.demand.mean_per_second,
                busy_per_second=life.demand.busy_per_second,
                random=np.random.default_rng([seed, number, _FILE_NOISE]),
            )
        else:
            launches = [
                event.window for event in scenario.events if event.kind is EventKind.LAUNCH and event.concerns(fleet.id)
            ]
            demand = GeneratedDemand(
                seed=seed,
                fleet_number=number,
                shape=life.demand,
                start_utc=start_utc,
                now_utc=now_utc,
                launches=launches,
            )
        facts = _facts_of(fleet, life, account=fleet.account or scenario.account, origin=demand.origin)
        yield FleetWorld(facts=facts, fleet=fleet, number=number, life=life, demand=demand, seed=seed)


def _facts_of(fleet: Fleet, life: FleetLife, *, account: str, origin: str) -> SandboxFleet:
    return SandboxFleet(
        id=fleet.id,
        kind=fleet.target.kind,
        target_name=fleet.target.name,
        region=fleet.region,
        account=account,
        availability_zones=availability_zones(fleet.region),
        instance_type=fleet.current_type.name,
        lead_time_seconds=int(fleet.lead_seconds_of(fleet.current_type)),
        baseline_min=life.baseline_min,
        baseline_max=life.baseline_max,
        baseline_desired=life.baseline_desired,
        reactive=life.reactive,
        tags=dict(fleet.billing.tags) if fleet.billing else {},
        demand_origin=origin,
    )
