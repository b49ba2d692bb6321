"""Many fleets in the demo's account, each with a size and a time zone of its own: for runs at scale.

Fleet n is made after the demo's fleet n modulo 4. Size and time zone are drawn from n alone, so `many:50` is the first
fifty of `many:1000`, whatever the sandbox's seed.
"""

import hashlib
import json
import math
import re
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np

from headroom.domain.fleet import BillingMatch, Bounds, DemandSource, Fleet, MetricReference, Target
from headroom.sandbox.demand_generator import Region
from headroom.sandbox.fleet_lives import FleetLife
from headroom.sandbox.scenarios.demo import demo_scenario
from headroom.sandbox.scenarios.scenario import Scenario

SMALLEST_SIZE, LARGEST_SIZE = 0.15, 0.8
"""Of the demo's fleet that it is made after."""
_USERS: Final = (
    ("America/New_York", "US"),
    ("America/Los_Angeles", "US"),
    ("America/Sao_Paulo", "BR"),
    ("Europe/London", "GB"),
    ("Europe/Berlin", "DE"),
    ("Asia/Kolkata", "IN"),
    ("Asia/Tokyo", "JP"),
    ("Australia/Sydney", "AU"),
)
_SHARED_PARTS: Final = frozenset({"app", "targetgroup", "AllTraffic"})
_LOAD_BALANCER_ID: Final = re.compile(r"[0-9a-f]{16}")


def many_scenario(count: int) -> Scenario:
    """Return `count` fleets with the configuration that fits them."""
    demo = demo_scenario()
    numbered = [(number, demo.fleets[number % len(demo.fleets)]) for number in range(count)]
    drawn = [_fleet(number, like, demo.lives[like.id]) for number, like in numbered]
    fleets = tuple(fleet for fleet, _ in drawn)
    return Scenario(
        name=f"many:{count}",
        account=demo.account,
        regions=demo.regions,
        fleets=fleets,
        lives={life.fleet_id: life for _, life in drawn},
        exports=demo.exports,
        config_files={
            "fleets.yaml": fleets_yaml(fleets),
            "events.yaml": "events: []\n",
            "sources.yaml": demo.config_files["sources.yaml"],
        },
    )


def fleets_yaml(fleets: tuple[Fleet, ...]) -> str:
    """Return the fleets as a fleets.yaml, an entry a line (JSON is YAML, and is written and read quickly)."""
    return "fleets:\n" + "".join(f"- {json.dumps(_without_nones(asdict(fleet)))}\n" for fleet in fleets)


def _fleet(number: int, like: Fleet, life: FleetLife) -> tuple[Fleet, FleetLife]:
    random = np.random.default_rng(number)
    size = float(np.exp(random.uniform(math.log(SMALLEST_SIZE), math.log(LARGEST_SIZE))))
    time_zone, country = _USERS[int(random.integers(len(_USERS)))]
    suffix = f"-{number + 1:04d}"
    fleet_id = like.id + suffix
    smallest, desired, largest = (
        max(least, math.ceil(instances * size))
        for least, instances in ((1, life.baseline_min), (2, life.baseline_desired), (4, life.baseline_max))
    )
    fleet = replace(
        like,
        id=fleet_id,
        country=country,
        target=Target(kind=like.target.kind, name=_own(like.target.name, suffix)),
        demand=DemandSource(metric=_own_metric(like.demand.metric, suffix), unit=like.demand.unit),
        metrics={name: _own_metric(metric, suffix) for name, metric in like.metrics.items()},
        bounds=Bounds(min_instances=1, max_instances=largest + 4),
        billing=BillingMatch(tags={"fleet": fleet_id}),
    )
    shape = replace(
        life.demand,
        mean_per_second=life.demand.mean_per_second * size,
        busy_per_second=life.demand.busy_per_second * size,
        regions=(Region(time_zone=time_zone, country=country, share_fraction=1.0),),
    )
    return fleet, replace(
        life,
        fleet_id=fleet_id,
        baseline_min=smallest,
        baseline_desired=desired,
        baseline_max=largest,
        demand=shape,
        savings_plan_instances=0,
    )


def _own_metric(metric: MetricReference, suffix: str) -> MetricReference:
    return replace(metric, dimensions={name: _own(value, suffix) for name, value in metric.dimensions.items()})


def _own(name: str, suffix: str) -> str:
    """Return the name of this fleet's own resource in place of the one of the fleet it is made after."""
    return "/".join(_own_part(part, suffix) for part in name.split("/"))


def _own_part(part: str, suffix: str) -> str:
    if part in _SHARED_PARTS:
        return part
    if _LOAD_BALANCER_ID.fullmatch(part):
        return hashlib.sha256((part + suffix).encode()).hexdigest()[:16]
    return part + suffix


def _without_nones(value: Any) -> Any:  # noqa: ANN401, any plain value
    if isinstance(value, dict):
        return {key: _without_nones(item) for key, item in value.items() if item is not None}
    return [_without_nones(item) for item in value] if isinstance(value, list | tuple) else value
