"""The scenarios: what the article says of a fleet, and what it leaves open and we chose, before anything was played.

The service time is the one thing fitted, to the article's latency before: at 22 % utilization next to no request waits,
so the 95th percentile of latency is that of service. Nothing is fitted to what the article says came after.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

from headroom.domain.fleet import (
    Bounds,
    DemandSource,
    Fleet,
    InstanceOption,
    MetricReference,
    SpotLimits,
    Target,
    TargetKind,
)
from headroom.domain.serving import Objective, Slots
from headroom.simulation.claims.demand import DemandShape, generated_demand, scaled_to
from headroom.simulation.demand_path import Bursts
from headroom.simulation.engine import CapacityPlan
from headroom.simulation.fleet_scene import fleet_scene
from headroom.simulation.policy import Scene
from headroom.units import HOURS_PER_MONTH, MILLISECONDS_PER_SECOND

HISTORY_START: Final = datetime(2026, 7, 13, tzinfo=UTC)
START: Final = datetime(2026, 8, 10, tzinfo=UTC)
"""Mondays; no public holiday from the first until two weeks after the second, which are played."""
DAYS: Final = 14

SHOP_INSTANCES: Final = 50
SHOP_UTILIZATION: Final = 0.22
SHOP_USD_PER_MONTH: Final = 85_000.0
SHOP_P95_SECONDS: Final = 0.280
USD_PER_HOUR: Final = SHOP_USD_PER_MONTH / SHOP_INSTANCES / HOURS_PER_MONTH
SERVICE_SECONDS: Final = SHOP_P95_SECONDS / math.log(20.0)
"""The mean of exponential service whose 95th percentile is today's latency."""
QUICKER: Final = 0.75
"""Service time on the quicker type over today's: 210 ms over 280 ms, the article's own ratio."""
SPOT_DISCOUNTS: Final = (0.60, 0.75, 0.90)
"""The article's "60-90% compared to on-demand": its ends, and its middle, which is what is judged."""
SPOT_SHARE: Final = 10 / 12
"""The article's manifests run 10 replicas on spot beside 2 on demand."""
CLINIC_WARM: Final = 20
CLINIC_IDLE: Final = 0.60
CLINIC_STEP_SECONDS: Final = 15.0

_SHOPPING: Final = DemandShape(
    busiest_hour_utc=20,
    day_swing=3.0,
    weekend_factor=1.2,
    day_variation=0.05,
    sales_per_week=2.0,
    sale_factor=1.3,
    sale_hours=1,
    bursts=Bursts(),
)
_CONSULTING: Final = DemandShape(
    busiest_hour_utc=14,
    day_swing=3.0,
    weekend_factor=0.6,
    day_variation=0.05,
    sales_per_week=0.0,
    sale_factor=1.0,
    sale_hours=1,
    bursts=Bursts(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that a scenario fixes, and whether the article says so or we do."""

    what: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet with generated demand; `mean_per_second` is that of the span played."""

    name: str
    section: str
    fleet: Fleet
    shape: DemandShape
    mean_per_second: float
    step_seconds: float
    settings: tuple[Setting, ...]

    def scene(self, seed: int, *, days: int = DAYS) -> Scene:
        """Return the scene of `days` days from START on, without forecasts."""
        shape = replace(self.shape, bursts=replace(self.shape.bursts, seed=seed))
        in_all = (START - HISTORY_START).days + days
        drawn = generated_demand(shape, start_utc=HISTORY_START, days=in_all, step_seconds=self.step_seconds, seed=seed)
        demand = scaled_to(drawn, self.mean_per_second, from_utc=START)
        return fleet_scene(self.fleet, demand, start_utc=START, end_utc=demand.end_utc, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A count that nobody changes: the case study's cluster before."""

    instances: int

    @property
    def name(self) -> str:
        """The count in the name."""
        return f"fixed_{self.instances}"

    def plan(self, scene: Scene) -> CapacityPlan:
        """Hold the count."""
        return scene.holding(np.full(scene.steps, self.instances, dtype=np.int64))


def _fleet(name: str, *, serving: Slots, objective: Objective, lead_seconds: float, most: int) -> Fleet:
    return Fleet(
        id=name,
        target=Target(kind=TargetKind.EC2_AUTO_SCALING_GROUP, name=name),
        demand=DemandSource(metric=MetricReference(namespace="Claims", name="Requests")),
        objective=objective,
        serving=serving,
        instance_types=(
            InstanceOption(
                name="today",
                on_demand_usd_per_hour=USD_PER_HOUR,
                spot_usd_per_hour=USD_PER_HOUR * (1.0 - SPOT_DISCOUNTS[1]),
            ),
        ),
        lead_time_seconds=lead_seconds,
        bounds=Bounds(min_instances=2, max_instances=most),
        spot=SpotLimits(max_fraction=SPOT_SHARE),
    )


def with_spot_discount(fleet: Fleet, discount: float) -> Fleet:
    """Return the fleet with spot at this discount."""
    today = replace(fleet.current_type, spot_usd_per_hour=USD_PER_HOUR * (1.0 - discount))
    return replace(fleet, instance_types=(today,))


def on_quicker_type(scenario: Scenario) -> Scenario:
    """Return the scenario on a type that serves in QUICKER of the time, priced so that the same work costs the same."""
    serving = scenario.fleet.serving
    if not isinstance(serving, Slots):
        raise TypeError(f"serving.model: expected slots, found {serving.model}")
    option = InstanceOption(name="quicker", on_demand_usd_per_hour=USD_PER_HOUR / QUICKER)
    quicker = replace(serving, service_seconds=serving.service_seconds * QUICKER)
    return replace(
        scenario,
        name=f"{scenario.name}, quicker type",
        fleet=replace(scenario.fleet, serving=quicker, instance_types=(option,)),
    )


ARTICLE: Final = "article"
OURS: Final = "ours"


def _settings(rows: Sequence[tuple[str, str, str]]) -> tuple[Setting, ...]:
    return tuple(Setting(what=what, value=value, source=source) for what, value, source in rows)


SHOP: Final = Scenario(
    name="shop",
    section="Case Study: E-commerce Recommendation Engine",
    fleet=_fleet(
        "shop",
        serving=Slots(service_seconds=SERVICE_SECONDS),
        objective=Objective(percentile=95.0, latency_seconds=0.300),
        lead_seconds=300.0,
        most=SHOP_INSTANCES,
    ),
    shape=_SHOPPING,
    mean_per_second=SHOP_INSTANCES * SHOP_UTILIZATION / SERVICE_SECONDS,
    step_seconds=60.0,
    settings=_settings(
        [
            ("instances before", "50, never changed", ARTICLE),
            ("work", "keeps them 22 % busy on average: 11 instances' worth", ARTICLE),
            ("price", f"$85,000 / 50 / {HOURS_PER_MONTH:g} h = ${USD_PER_HOUR:.3f} an instance-hour", ARTICLE),
            ("latency before", "95 % within 280 ms, all of it service, as next to nothing waits at 22 %", ARTICLE),
            (
                "service time",
                f"exponential, {MILLISECONDS_PER_SECOND * SERVICE_SECONDS:.1f} ms on average, one request at a time",
                OURS,
            ),
            ("objective", "95 % within 300 ms: today's latency and a little room to wait in", OURS),
            ("bounds", "2 to 50 instances: the manifests' two warm ones, and what there was", ARTICLE),
            ("lead time", "300 s from launch to serving", OURS),
            ("day", "smooth, busiest at 20:00, three times its quietest", OURS),
            ("week", "Saturday and Sunday 1.2 times a workday", OURS),
            ("days differ", "by 5 % (standard deviation)", OURS),
            ("sales", "two a week, an hour each, 1.3 times the demand; nobody announces them", OURS),
            ("minutes", "gamma noise of 15 % with a correlation of 10 minutes, the replay's own", OURS),
            ("swing", "3 x 1.2 x 1.3 = 4.7 from the quietest hour to a sale at the busiest; 35 / 8 is 4.4", OURS),
            ("spot price", "75 % off, the middle of 60 to 90 %; both ends are played too", ARTICLE),
            ("spot share", "at most 10 in 12, as in the manifests", ARTICLE),
            ("spot interruptions", "the advisor's worst band, independent from zone to zone", OURS),
            ("quicker type", "service in 210 / 280 of the time, priced so that the same work costs the same", OURS),
            ("shortage cost", "9 times an instance-hour, the default: the 90 % quantile is bought", OURS),
        ]
    ),
)

CLINIC: Final = Scenario(
    name="clinic",
    section="The Cost of Overprovisioning, Cold Start Penalties",
    fleet=_fleet(
        "clinic",
        serving=Slots(service_seconds=1.0),
        objective=Objective(percentile=95.0, latency_seconds=5.0),
        lead_seconds=45.0,
        most=2 * CLINIC_WARM,
    ),
    shape=_CONSULTING,
    mean_per_second=CLINIC_WARM * (1.0 - CLINIC_IDLE),
    step_seconds=CLINIC_STEP_SECONDS,
    settings=_settings(
        [
            ("cold start", "45 s from launch to serving", ARTICLE),
            ("work", "that of 20 instances which are idle 60 % of the time: 8 instances' worth", OURS),
            ("service time", "exponential, 1 s on average, one request at a time", OURS),
            ("objective", "95 % within 5 s", OURS),
            ("bounds", "2 to 40 instances", OURS),
            ("day", "smooth, busiest at 14:00, three times its quietest", OURS),
            ("week", "Saturday and Sunday 0.6 times a workday", OURS),
            ("days differ", "by 5 % (standard deviation)", OURS),
            ("minutes", "gamma noise of 15 % with a correlation of 10 minutes, in steps of 15 s", OURS),
            ("price", f"the shop's, ${USD_PER_HOUR:.3f} an instance-hour: the article gives none", OURS),
        ]
    ),
)
SCENARIOS: Final = (SHOP, CLINIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The shop where one of our choices is another, to show how much hangs on it."""

    text: str
    scenario: Scenario
    has_other_demand: bool = False


def _with_swing(swing: float) -> Choice:
    shape = replace(SHOP.shape, day_swing=swing)
    return Choice(text=f"day swing {swing:g}, not 3", scenario=replace(SHOP, shape=shape), has_other_demand=True)


def _with_objective(seconds: float) -> Choice:
    objective = replace(SHOP.fleet.objective, latency_seconds=seconds)
    scenario = replace(SHOP, fleet=replace(SHOP.fleet, objective=objective))
    return Choice(text=f"objective {MILLISECONDS_PER_SECOND * seconds:.0f} ms, not 300", scenario=scenario)


def _with_lead(seconds: float) -> Choice:
    scenario = replace(SHOP, fleet=replace(SHOP.fleet, lead_time_seconds=seconds))
    return Choice(text=f"lead time {seconds:.0f} s, not 300", scenario=scenario)


CHOICES: Final = (
    Choice(text="as chosen", scenario=SHOP),
    *map(_with_objective, (0.290, 0.350)),
    *map(_with_lead, (120.0, 600.0)),
    *map(_with_swing, (1.5, 5.0)),
)
