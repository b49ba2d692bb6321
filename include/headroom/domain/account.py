"""What an account was found to have: scaling targets, metrics, load balancers, exports. Plain data alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from headroom.domain.fleet import MetricReference, Target

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """An account, by its 12 digits, and a region in it."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.region} of {self.account}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class MetricIdentity:
    """A CloudWatch metric: namespace, name, dimensions sorted by name."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    def reference(self, statistic: str) -> MetricReference:
        """Return it as fleets.yaml names it, asked for by `statistic`."""
        return MetricReference(
            namespace=self.namespace, name=self.name, dimensions=dict(self.dimensions), statistic=statistic
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """The GPUs or chips of one instance."""

    name: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.count} x {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPolicy:
    """A scaling policy at a target; `metric` is the one it tracks where it names one of its own."""

    name: str
    kind: str
    is_acting: bool = True
    metric: MetricIdentity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerLink:
    """A target group and its load balancer, as the dimensions of AWS/ApplicationELB spell them."""

    load_balancer: str
    target_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTarget:
    """A scaling target as it stands. Counts are instances (tasks for ECS); None is unknown.

    `instance_types` has today's first; `accelerator` is its GPU or chip, None where it has none. `nodes_group` is
    the Auto Scaling group under an ECS service. `launch_seconds` are the times that recent launches took.
    """

    place: Place
    target: Target
    instance_types: tuple[str, ...] = ()
    accelerator: Accelerator | None = None
    min_instances: int | None = None
    max_instances: int | None = None
    desired_instances: int | None = None
    is_registered: bool = True
    tags: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    load_balancers: tuple[LoadBalancerLink, ...] = ()
    policies: tuple[FoundPolicy, ...] = ()
    scheduled_actions: tuple[str, ...] = ()
    is_scheduled_scaling_suspended: bool = False
    nodes_group: str | None = None
    warmup_seconds: int | None = None
    launch_seconds: tuple[float, ...] = ()
    skip_reason: str | None = None
    """Why it is no fleet to draft; None where it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that could not be read: where, what, and what was said. `lost` says what is unknown because of it."""

    place: Place | None
    operation: str
    cause: str
    lost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundExport:
    """A billing export that the account has; None where its definition does not tell."""

    name: str
    bucket: str
    prefix: str
    region: str
    table: str
    is_parquet: bool
    is_hourly: bool | None
    has_resource_ids: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSummary:
    """Two weeks of a target's hours, in arrays of one length that are aligned by hour; NaN is missing."""

    demand_per_second: tuple[float, ...] = ()
    latency_p50_seconds: tuple[float, ...] = ()
    latency_p95_seconds: tuple[float, ...] = ()
    instances: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPicture:
    """Everything that was found in some places, and everything that could not be read."""

    targets: tuple[FoundTarget, ...] = ()
    metrics: Mapping[Place, frozenset[MetricIdentity]] = field(default_factory=dict)
    exports: tuple[FoundExport, ...] = ()
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who our credentials are in an account: `arn` of the caller, `principal_arn` of the role or user behind it."""

    account: str
    arn: str
    principal_arn: str | None

    @property
    def partition(self) -> str:
        """The partition of AWS: aws, aws-cn, aws-us-gov."""
        return self.arn.split(":")[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What STS said when asked who we are; `identity` is None where it refused or did not answer, for `cause`.

    `error_code` is AWS's, or the name of the error where no answer came. `cloud_utc` is the cloud's clock, which a
    refusal tells too.
    """

    identity: Identity | None = None
    cloud_utc: datetime | None = None
    cause: str = ""
    error_code: str = ""


class TriedResult(StrEnum):
    """What became of a read call that was tried."""

    ANSWERED = "answered"
    """Also where it was refused for what it asked: permission is looked at first."""
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedCall:
    """A read call that was tried for an IAM action; `is_for_tasks` tells whether a run needs it, or discover alone."""

    action: str
    is_for_tasks: bool
    result: TriedResult
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAction:
    """What IAM's simulator says of an action on a resource: allowed, implicitDeny or explicitDeny."""

    action: str
    resource: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineQuota:
    """An account's limit of running vCPUs of some instance families on demand, in a place; None is unknown."""

    name: str
    limit_vcpus: float | None
    needed_vcpus: int
    fleet_ids: tuple[str, ...]
    cause: str = ""
