"""The sandbox's world: fleets under demand, with capacity, metrics, prices and a clock. No HTTP, no wall clock.

Everything follows from the seed, the moment the world opens at, the demand file, and what was asked of it since: the
same calls give the same world, however its clock is advanced in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from headroom.domain.account import Place
from headroom.domain.fleet import TargetKind
from headroom.domain.window import Window, as_utc, floor_day
from headroom.sandbox.prices import DATED_PRICES, on_demand_price_at, usd_in_region
from headroom.sandbox.scenarios.demo import demo_scenario
from headroom.sandbox.scenarios.scenario import Scenario, availability_zones
from headroom.sandbox.world_fleet import FleetWorld, build_fleets
from headroom.sandbox.world_interface import (
    Capacity,
    DueAction,
    ExecutedAction,
    Instance,
    MetricId,
    MetricSeries,
    OnDemandPrice,
    OwnersPolicy,
    SandboxFleet,
    SpotPrice,
)
from headroom.sandbox.world_metrics import build_series
from headroom.sandbox.world_spot import SpotMarket
from headroom.units import SECONDS_PER_MINUTE

DEFAULT_NOW: Final = datetime(2026, 11, 18, 6, 5, tzinfo=UTC)
HISTORY: Final = timedelta(days=42)


class World:
    """The simulated cloud's inside (headroom.sandbox.world_interface.SandboxWorld).

    It starts at the midnight `history` before it opens. `demand_file`, where given, plays real demand
    (headroom.sandbox.demand_file); DemandFileError where it cannot be used. Without a `scenario` it is the demo's.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        now_utc: datetime = DEFAULT_NOW,
        demand_file: Path | None = None,
        history: timedelta = HISTORY,
        scenario: Scenario | None = None,
    ) -> None:
        self.scenario = demo_scenario() if scenario is None else scenario
        self.seed = seed
        self._now_utc = as_utc(now_utc)
        self.start_utc = floor_day(self._now_utc - history)
        self._spot = SpotMarket(
            seed=seed,
            opened_utc=self._now_utc,
            zones=[zone for region in self.scenario.regions for zone in availability_zones(region)],
        )
        fleets = build_fleets(
            self.scenario, seed=seed, start_utc=self.start_utc, now_utc=self._now_utc, demand_file=demand_file
        )
        self._worlds = {world.facts.id: world for world in fleets}
        self._metrics: dict[Place, dict[MetricId, FleetWorld]] = {}
        for world in self._worlds.values():
            self._metrics.setdefault(world.facts.place, {}).update(dict.fromkeys(world.metrics, world))
        self._pass_until(self._now_utc)

    @property
    def now_utc(self) -> datetime:
        """The sandbox's clock."""
        return self._now_utc

    @property
    def fleets(self) -> tuple[SandboxFleet, ...]:
        """The fleets, in the order of the scenario."""
        return tuple(world.facts for world in self._worlds.values())

    def fleet_world(self, fleet_id: str) -> FleetWorld:
        """Return the inside of one fleet, for the bills; KeyError for an unknown one."""
        return self._worlds[fleet_id]

    def advance_to(self, moment_utc: datetime, due_actions: Iterable[DueAction] = ()) -> tuple[ExecutedAction, ...]:
        """Let time pass until `moment_utc` and execute what falls due on the way (see SandboxWorld)."""
        moment = as_utc(moment_utc)
        if moment < self._now_utc:
            now = self._now_utc.isoformat()
            raise ValueError(f"the clock only goes forward: it is {now}, asked for {moment.isoformat()}")
        due = sorted(
            (action for action in due_actions if as_utc(action.at_utc) <= moment),
            key=lambda action: (as_utc(action.at_utc), action.name, action.fleet_id),
        )
        executed = tuple(self._execute(action) for action in due)
        self._pass_until(moment)
        return executed

    def capacity(self, fleet_id: str) -> Capacity:
        """Return the capacity now; KeyError for an unknown fleet."""
        return self._worlds[fleet_id].capacity_now()

    def set_capacity(
        self,
        fleet_id: str,
        *,
        min_instances: int | None = None,
        max_instances: int | None = None,
        desired_instances: int | None = None,
    ) -> Capacity:
        """Change the target at the world's now (see SandboxWorld); ValueError where AWS refuses."""
        world = self._worlds[fleet_id]
        world.capacity.apply(minimum=min_instances, maximum=max_instances, desired=desired_instances)
        return world.capacity_now()

    def set_policies(self, fleet_id: str, policies: Sequence[OwnersPolicy]) -> None:
        """Let the fleet be scaled by these policies from now on, and by no others (see SandboxWorld)."""
        self._worlds[fleet_id].set_policies(policies)

    def limit_launches(self, fleet_id: str, most_running: int | None) -> None:
        """Let the zones have no more than so many instances for a fleet (see SandboxWorld)."""
        self._worlds[fleet_id].capacity.limit_launches(most_running)

    def instances(self, fleet_id: str) -> tuple[Instance, ...]:
        """Return the running instances, oldest first."""
        world = self._worlds[fleet_id]
        return tuple(
            Instance(
                instance_id=world.instance_id(run),
                availability_zone=run.zone,
                instance_type=world.facts.instance_type,
                launched_at_utc=self.start_utc + timedelta(minutes=run.launched),
                is_in_service=run.ready <= world.capacity.minute,
            )
            for run in sorted(world.capacity.running, key=lambda run: run.number)
        )

    def launches(self, fleet_id: str) -> tuple[tuple[str, datetime, datetime], ...]:
        """Return the launches since the world's start that came into service, oldest first; only groups have any."""
        world = self._worlds[fleet_id]
        if world.facts.kind is not TargetKind.EC2_AUTO_SCALING_GROUP:
            return ()
        return tuple(
            (
                world.instance_id(run),
                self.start_utc + timedelta(minutes=run.launched),
                self.start_utc + timedelta(minutes=run.ready),
            )
            for run in sorted((*world.capacity.ended, *world.capacity.running), key=lambda run: run.number)
            if run.launched >= 0 and run.ready <= (world.capacity.minute if run.ended is None else run.ended)
        )

    def metrics(self, place: Place | None = None) -> tuple[MetricId, ...]:
        """Return every metric there is, or those of one place."""
        places = self._metrics if place is None else (place,)
        return tuple(metric for one in places for metric in self._metrics.get(one, ()))

    def metric_series(
        self, namespace: str, name: str, dimensions: Mapping[str, str], *, place: Place | None = None
    ) -> MetricSeries | None:
        """Return the samples up to now; None where no such metric is."""
        metric = MetricId(namespace=namespace, name=name, dimensions=tuple(sorted(dimensions.items())))
        places = self._metrics if place is None else (place,)
        world = next((found for one in places if (found := self._metrics.get(one, {}).get(metric))), None)
        if world is None:
            return None
        return build_series(
            metric,
            world.metrics[metric],
            served=world.served,
            gauges=world.life.gauges,
            start=np.datetime64(self.start_utc.replace(tzinfo=None), "s"),
        )

    def spot_prices(
        self,
        *,
        instance_types: Sequence[str] | None,
        availability_zones: Sequence[str] | None,
        window: Window,
    ) -> tuple[SpotPrice, ...]:
        """Return price changes in the window and the last one before its start, newest first, none after now."""
        return self._spot.history(
            instance_types=instance_types,
            availability_zones=availability_zones,
            window=window,
            now_utc=self._now_utc,
        )

    def on_demand_prices(
        self,
        *,
        instance_types: Sequence[str] | None = None,
        service: str | None = None,
    ) -> tuple[OnDemandPrice, ...]:
        """Return the prices in force now, by service and type."""
        names = {
            (price.service, price.instance_type)
            for price in DATED_PRICES
            if (instance_types is None or price.instance_type in instance_types) and service in (None, price.service)
        }
        in_force = [on_demand_price_at(name, self._now_utc) for _, name in sorted(names)]
        return tuple(
            OnDemandPrice(
                region=region,
                instance_type=price.instance_type,
                service=price.service,
                usd_per_hour=usd_in_region(price.usd_per_hour, region),
                effective_from_utc=price.effective_from_utc,
            )
            for region in self.scenario.regions
            for price in in_force
        )

    def _minute_of(self, moment: datetime) -> int:
        return int((moment - self.start_utc).total_seconds()) // SECONDS_PER_MINUTE

    def _execute(self, action: DueAction) -> ExecutedAction:
        world = self._worlds[action.fleet_id]
        at = max(as_utc(action.at_utc), self._now_utc)
        # One that asks for a second inside a minute runs at the minute's end, as AWS may be late but never early.
        world.run_until(
            max(world.capacity.minute, -(-int((at - self.start_utc).total_seconds()) // SECONDS_PER_MINUTE))
        )
        failure = None
        try:
            world.capacity.apply(
                minimum=action.min_instances,
                maximum=action.max_instances,
                desired=action.desired_instances,
            )
        except ValueError as error:
            failure = str(error)
        return ExecutedAction(action=action, executed_at_utc=at, capacity=world.capacity_now(), failure=failure)

    def _pass_until(self, moment: datetime) -> None:
        self._now_utc = moment
        for world in self._worlds.values():
            world.run_until(self._minute_of(moment))
            world.serve()
