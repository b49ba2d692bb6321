"""What the sandbox's simulated world shows to the AWS-like APIs in front of it: types only, no behaviour of its own.

`headroom.sandbox.world.World` is the one implementation. It knows no HTTP and no wall clock, and it is not thread-safe:
whoever serves it holds one lock around every call. Beside the world itself:

- `headroom.sandbox.world.DEFAULT_NOW` is 2026-11-18T06:05:00Z.
- `headroom.sandbox.exports.BillingExporter(world, put_object)`, with `put_object(bucket, key, content)`, has
  `deliver()`: call it once after seeding and after every advance; it writes the billing periods of both formats that
  changed since, and nothing within a sandbox day. The caller creates the exports' buckets first.
- `headroom.sandbox.world_metrics.statistics_of(series, statistic=, period_seconds=, window=)` gives timestamps and
  values of Sum, Average, Minimum, Maximum, SampleCount or pNN at any period that is a multiple of 60 (below 300 the
  5-minute samples come back), ValueError otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from headroom.domain.account import Place
from headroom.domain.fleet import TargetKind
from headroom.domain.window import Window

if TYPE_CHECKING:  # a scenario's fleets have lives, which are told in the types below
    from headroom.sandbox.scenarios.scenario import Scenario

Floats = npt.NDArray[np.float64]
Moments = npt.NDArray[np.datetime64]

SAMPLE_SECONDS = 300
"""Metrics come at this period; a sample is there once its period is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetTracking:
    """The reactive policy of a fleet, as the owner set it up."""

    policy_name: str
    predefined_metric: str
    """As the API names it: ECSServiceAverageCPUUtilization, SageMakerVariantInvocationsPerInstance ..."""
    target_value: float
    """In the metric's own unit (percent, or invocations per instance and minute)."""
    target_utilization_fraction: float
    """The same target as the world uses it: share of an instance's slots that are busy."""
    scale_out_cooldown_seconds: int = 60
    scale_in_cooldown_seconds: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictiveScaling:
    """A predictive policy that forecasts and scales, as the owner set it up."""

    policy_name: str
    target_utilization_fraction: float
    """Share of an instance's slots that is busy at the policy's target."""
    scheduling_buffer_seconds: int = 300
    """How long before its hour a forecast's capacity is launched."""
    raises_maximum: bool = False
    """MaxCapacityBreachBehavior IncreaseMaxCapacity: a forecast above the maximum raises it, for good."""
    maximum_buffer_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersPolicy:
    """A scaling policy in force as the API keeps it: which metric is to be held at what."""

    name: str
    is_predictive: bool
    predefined_metric: str
    """Of target tracking, or of a predictive policy's pair of metrics; empty for metrics of the owner's own."""
    target_value: float
    scale_out_cooldown_seconds: int = 60
    scale_in_cooldown_seconds: int = 300
    scheduling_buffer_seconds: int = 300
    raises_maximum: bool = False
    maximum_buffer_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxFleet:
    """A fleet as its owner runs it, before Headroom came: for seeding moto and for GET /_sandbox/fleets."""

    id: str
    kind: TargetKind
    target_name: str
    """Group name; `cluster/service`; `endpoint/variant`."""
    region: str
    account: str
    availability_zones: tuple[str, ...]
    instance_type: str
    lead_time_seconds: int
    baseline_min: int
    baseline_max: int
    baseline_desired: int
    reactive: TargetTracking | None
    tags: Mapping[str, str]
    demand_origin: str
    """Where its demand comes from: `generator, seed 0` or `file NAME, series ID`."""

    @property
    def place(self) -> Place:
        """Account and region."""
        return Place(account=self.account, region=self.region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a target has at the world's now. `in_service <= running`; running ones are billed from their launch."""

    min_instances: int
    max_instances: int
    desired_instances: int
    running_instances: int
    in_service_instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance that runs at the world's now (for DescribeAutoScalingGroups' Instances)."""

    instance_id: str
    availability_zone: str
    instance_type: str
    launched_at_utc: datetime
    is_in_service: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAction:
    """A scheduled action to execute at `at_utc`, or at once where that has passed; None leaves a setting."""

    fleet_id: str
    name: str
    at_utc: datetime
    min_instances: int | None = None
    max_instances: int | None = None
    desired_instances: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedAction:
    """What became of a due action: the capacity just after it, or why it could not be executed."""

    action: DueAction
    executed_at_utc: datetime
    capacity: Capacity
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricId:
    """A metric's place in CloudWatch; `dimensions` sorted by name."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricSeries:
    """The 5-minute samples of one metric, gaps left out: what CloudWatch never got is not there.

    `timestamps`: datetime64[s] starts of periods in UTC, ascending, shape (n,). The other arrays have the same shape.
    `percentiles` holds p50, p90, p95, p99 of a latency metric and is empty for others.
    `statistics_of` (in headroom.sandbox.world_metrics) gives any statistic at any period.
    """

    metric: MetricId
    unit: str
    """As CloudWatch spells it: Count, Seconds, Microseconds, Percent, Bytes, None."""
    timestamps: Moments
    sample_count: Floats
    sums: Floats
    minimum: Floats
    maximum: Floats
    percentiles: Mapping[float, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPrice:
    """A change of a pool's spot price, as DescribeSpotPriceHistory gives it."""

    availability_zone: str
    instance_type: str
    product_description: str
    timestamp_utc: datetime
    usd_per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandPrice:
    """An on-demand price (Linux, shared tenancy, no licence) in force at the asked moment."""

    region: str
    instance_type: str
    """With `ml.` in front for SageMaker."""
    service: str
    """ec2 or sagemaker."""
    usd_per_hour: float
    effective_from_utc: datetime


class SandboxWorld(Protocol):
    """The simulated cloud's inside; `World(seed=0, now_utc=DEFAULT_NOW, demand_file=None)` has 42 days of past."""

    @property
    def now_utc(self) -> datetime:
        """The sandbox's clock."""
        ...

    @property
    def scenario(self) -> "Scenario":
        """Whose account this is and where."""
        ...

    @property
    def fleets(self) -> tuple[SandboxFleet, ...]:
        """The fleets, in the order of the scenario."""
        ...

    def advance_to(self, moment_utc: datetime, due_actions: Iterable[DueAction] = ()) -> tuple[ExecutedAction, ...]:
        """Let time pass until `moment_utc` (never back: ValueError), minute by minute.

        Due actions run in the order of their time, then of their name; ones past `moment_utc` are ignored; one that AWS
        would refuse at its time (desired outside the bounds) comes back with `failure`. The caller takes executed
        one-time actions out of its store, and mirrors `capacity()` into its groups: reactive policies change desired.
        """
        ...

    def capacity(self, fleet_id: str) -> Capacity:
        """Return the capacity now; KeyError for an unknown fleet."""
        ...

    def set_capacity(
        self,
        fleet_id: str,
        *,
        min_instances: int | None = None,
        max_instances: int | None = None,
        desired_instances: int | None = None,
    ) -> Capacity:
        """Change the target at the world's now, as UpdateAutoScalingGroup or RegisterScalableTarget does.

        Raising the minimum above desired raises desired, lowering the maximum below it lowers desired; ValueError where
        minimum > maximum or an asked desired lies outside the bounds. Application Auto Scaling callers leave desired
        None; UpdateService and UpdateEndpointWeightsAndCapacities may give it.
        """
        ...

    def set_policies(self, fleet_id: str, policies: Sequence[OwnersPolicy]) -> None:
        """Let the fleet be scaled by these policies from the world's now on, and by no others.

        Of several of a kind the one with the lowest target acts, as the largest capacity wins on AWS; those on
        metrics that the world cannot tell from utilization do nothing.
        """
        ...

    def limit_launches(self, fleet_id: str, most_running: int | None) -> None:
        """Let no instance of a fleet be launched beyond so many, as where a zone has none left; None lifts it.

        KeyError for an unknown fleet. What runs goes on, and what is desired comes once there is capacity again.
        """
        ...

    def instances(self, fleet_id: str) -> tuple[Instance, ...]:
        """Return the running instances, oldest first."""
        ...

    def launches(self, fleet_id: str) -> tuple[tuple[str, datetime, datetime], ...]:
        """Return an Auto Scaling group's launches: instance id, when it was launched, when it was in service."""
        ...

    def metrics(self, place: Place | None = None) -> tuple[MetricId, ...]:
        """Return every metric there is, for ListMetrics; with `place`, its own alone."""
        ...

    def metric_series(
        self, namespace: str, name: str, dimensions: Mapping[str, str], *, place: Place | None = None
    ) -> MetricSeries | None:
        """Return the samples up to now; None where no such metric is (all dimensions must match exactly, as on AWS).

        Without `place`, the first of that name in any.
        """
        ...

    def spot_prices(
        self,
        *,
        instance_types: Sequence[str] | None,
        availability_zones: Sequence[str] | None,
        window: Window,
    ) -> tuple[SpotPrice, ...]:
        """Return price changes in the window and the last one before its start, newest first, none after now."""
        ...

    def on_demand_prices(
        self, *, instance_types: Sequence[str] | None = None, service: str | None = None
    ) -> tuple[OnDemandPrice, ...]:
        """Return the prices in force now, by service and type."""
        ...
