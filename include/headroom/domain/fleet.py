"""What a fleet is: one workload behind one scaling target, with its objective and its bounds.

The attribute names are the keys of fleets.yaml (docs/reference/configuration.md): one quantity, one name.
`headroom.config` builds these classes from YAML with pydantic, which reads `__pydantic_config__`; invariants live here,
in `__post_init__`.
"""

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final, Literal

from headroom.domain import limits
from headroom.domain.guardrail_settings import NO_GUARDRAIL_SETTINGS, GuardrailSettings
from headroom.domain.limits import require
from headroom.domain.serving import ContinuousBatching, Objective, Slots
from headroom.domain.strict_keys import FORBID_UNKNOWN_KEYS

FLEET_ID_PATTERN = re.compile(r"(?=.{1,100}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""Ids stand in the names of files and of scheduled actions, which may have 255 characters."""
REGION_PATTERN = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
"""As in us-east-1, us-isof-south-1 and eusc-de-east-1 (`regionRegex` of botocore 1.44)."""
ACCOUNT_PATTERN = re.compile(r"\d{12}")
_KUBERNETES_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""An RFC 1123 label (Kubernetes documentation, "Object Names and IDs", read 2026-11): KEDA copies the name into one."""
_TYPE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_STATISTIC_PATTERN = re.compile(
    r"Average|Sum|Minimum|Maximum|SampleCount|IQM|(?:p|tm|wm|tc|ts)\d{1,2}(?:\.\d{1,10})?|(?:PR|TM|WM|TC|TS)\([\d.%:]+\)"
)
"""Statistics definitions, Amazon CloudWatch User Guide, read 2026-11."""


class Mode(StrEnum):
    """How far Headroom may go with a fleet; the default is recommend."""

    OBSERVE = "observe"
    RECOMMEND = "recommend"
    APPROVE = "approve"
    AUTO = "auto"


class TargetKind(StrEnum):
    """The kinds of scaling target."""

    EC2_AUTO_SCALING_GROUP = "ec2_auto_scaling_group"
    ECS_SERVICE = "ecs_service"
    SAGEMAKER_VARIANT = "sagemaker_variant"
    SAGEMAKER_INFERENCE_COMPONENT = "sagemaker_inference_component"
    KUBERNETES_DEPLOYMENT = "kubernetes_deployment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a fleet is scaled.

    `name` is the Auto Scaling group's name, `cluster/service` for ECS, `endpoint/variant` for a SageMaker variant,
    `namespace/deployment` for Kubernetes. `manifest` is the file, a path or an s3:// URL, with the owner's ScaledObject
    of a Kubernetes Deployment; without it Headroom keeps one in the lake.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    kind: TargetKind
    name: str
    manifest: str | None = None

    def __post_init__(self) -> None:
        require(bool(self.name), "expected the scaling target's name")
        if self.kind in (TargetKind.ECS_SERVICE, TargetKind.SAGEMAKER_VARIANT):
            require(
                self.name.count("/") == 1,
                f"expected cluster/service or endpoint/variant, found {self.name!r}",
            )
        if self.kind is TargetKind.KUBERNETES_DEPLOYMENT:
            parts = self.name.split("/")
            require(
                len(parts) == 2 and all(map(_KUBERNETES_NAME.fullmatch, parts)),
                f"expected namespace/deployment, each as Kubernetes names them, found {self.name!r}",
            )
        if self.manifest is not None:
            require(
                self.kind is TargetKind.KUBERNETES_DEPLOYMENT,
                f"manifest is for a kubernetes_deployment only, found it at a {self.kind}",
            )
            require(
                self.manifest.startswith(("/", "s3://")) and self.manifest.endswith((".yaml", ".yml")),
                f"manifest must be an absolute path or an s3:// URL that ends in .yaml, found {self.manifest!r}",
            )
            require(
                "//" not in self.manifest.removeprefix("s3://"),  # S3 has keys with empty parts; we would read another
                f"manifest must have no empty part, found {self.manifest!r}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricReference:
    """One CloudWatch metric: `statistic` as GetMetricData takes it (Sum, Average, Maximum, p95 ...).

    What CloudWatch has is divided by `divide_by` before it is kept: SageMaker's GPUUtilization of an instance with four
    GPUs runs to 400 percent.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    namespace: str
    name: str
    dimensions: dict[str, str] = field(default_factory=dict)
    statistic: str = "Average"
    divide_by: float = 1.0

    def __post_init__(self) -> None:
        require(0.0 < self.divide_by < math.inf, f"divide_by must be above 0, found {self.divide_by:g}")
        require(bool(self.namespace), "namespace must not be empty")
        require(bool(self.name), "name must not be empty")
        require(all(map(all, self.dimensions.items())), f"dimensions must have names and values: {self.dimensions}")
        require(
            _STATISTIC_PATTERN.fullmatch(self.statistic) is not None,
            f"statistic must be Average, Sum, Minimum, Maximum, SampleCount or a percentile such as p95, "
            f"found {self.statistic!r}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSource:
    """Where the fleet's demand is measured; the metric's Sum over a period is the work offered in it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    metric: MetricReference
    unit: Literal["requests", "input_tokens", "output_tokens"] = "requests"
    source: Literal["cloudwatch"] = "cloudwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceOption:
    """An instance type the fleet may run on; a rate or price that is None is derived, then taken from the lake.

    A lead time that is None is the fleet's.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    name: str
    sustainable_rate_per_second: float | None = None
    on_demand_usd_per_hour: float | None = None
    spot_usd_per_hour: float | None = None
    lead_time_seconds: float | None = None

    def __post_init__(self) -> None:
        require(_TYPE_PATTERN.fullmatch(self.name) is not None, f"name must be an instance type, found {self.name!r}")
        limits.require_within("sustainable_rate_per_second", self.sustainable_rate_per_second, limits.RATE_PER_SECOND)
        for name in ("on_demand_usd_per_hour", "spot_usd_per_hour"):
            limits.require_within(name, getattr(self, name), limits.USD_PER_HOUR)
        limits.require_within("lead_time_seconds", self.lead_time_seconds, limits.LEAD_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The least and most instances that Headroom may ever ask for at this fleet."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    min_instances: int
    max_instances: int

    def __post_init__(self) -> None:
        limits.require_within("min_instances", self.min_instances, limits.INSTANCES)
        require(
            self.max_instances >= max(1, self.min_instances),
            f"max_instances must be at least 1 and at least min_instances, found {self.max_instances}",
        )
        limits.require_within("max_instances", self.max_instances, limits.INSTANCES)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimits:
    """The most instances by which one change may raise or lower the floor; None is no limit."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    max_raise_instances: int | None = None
    max_lowering_instances: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_raise_instances", "max_lowering_instances"):
            limits.require_within(name, getattr(self, name), limits.STEP_INSTANCES)


NO_STEP_LIMITS: Final = StepLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The model served, for GPU memory and tier: weights, batch, context."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    model_parameters_billion: float
    bytes_per_parameter: float = 2.0
    batch_size: int = 1
    context_tokens: int = 2048
    latency_requirement_seconds: float | None = None

    def __post_init__(self) -> None:
        limits.require_within(
            "model_parameters_billion", self.model_parameters_billion, limits.MODEL_PARAMETERS_BILLION
        )
        limits.require_within("bytes_per_parameter", self.bytes_per_parameter, limits.BYTES_PER_PARAMETER)
        limits.require_within("batch_size", self.batch_size, limits.BATCH_SIZE)
        limits.require_within("context_tokens", self.context_tokens, limits.CONTEXT_TOKENS)
        limits.require_within("latency_requirement_seconds", self.latency_requirement_seconds, limits.SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotLimits:
    """How much of a fleet may run on spot, and the chance of being short that is accepted."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    max_fraction: float = 0.0
    risk_budget_fraction: float = 0.01

    def __post_init__(self) -> None:
        require(0 <= self.max_fraction <= 1, f"max_fraction must lie between 0 and 1, found {self.max_fraction}")
        require(
            0 < self.risk_budget_fraction < 1,
            f"risk_budget_fraction must lie between 0 and 1, found {self.risk_budget_fraction}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingMatch:
    """Which bill lines are the fleet's: every tag given must be on the line with this value."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A horizontally scaled group that serves one workload through one scaling target, in one account and region."""

    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID_UNKNOWN_KEYS
    id: str
    target: Target
    demand: DemandSource
    objective: Objective
    serving: Slots | ContinuousBatching = field(metadata={"discriminator": "model"})
    instance_types: tuple[InstanceOption, ...]
    lead_time_seconds: float
    bounds: Bounds
    step_limits: StepLimits = NO_STEP_LIMITS
    guardrails: GuardrailSettings = NO_GUARDRAIL_SETTINGS
    """What is set for this fleet alone; the file may set guardrails for all (headroom.scheduling.guardrail_limits)."""
    account: str | None = None
    region: str = "us-east-1"
    mode: Mode = Mode.RECOMMEND
    shortage_cost_ratio: float = 9.0
    metrics: dict[str, MetricReference] = field(default_factory=dict)
    """Where the other metrics are, by canonical name (headroom.columns.METRICS); what is absent is unknown."""
    country: str = "US"
    """Whose public holidays shape the demand, as an ISO 3166 code."""
    workload: Workload | None = None
    spot: SpotLimits = SpotLimits()
    billing: BillingMatch | None = None

    def __post_init__(self) -> None:
        require(
            FLEET_ID_PATTERN.fullmatch(self.id) is not None,
            f"id must be lower-case letters, digits and inner hyphens, found {self.id!r}",
        )
        require(
            self.account is None or ACCOUNT_PATTERN.fullmatch(self.account) is not None,
            f"account must be an AWS account's 12 digits, found {self.account!r}",
        )
        require(
            REGION_PATTERN.fullmatch(self.region) is not None,
            f"region must be an AWS region such as us-east-1, found {self.region!r}",
        )
        require(
            re.fullmatch("[A-Z]{2}", self.country) is not None,
            f"country must be an ISO 3166 code of two capital letters such as US, found {self.country!r}",
        )
        require(len(self.instance_types) > 0, "instance_types must name at least one type; the first is today's")
        names = [option.name for option in self.instance_types]
        require(len(set(names)) == len(names), f"instance_types names a type twice: {names}")
        limits.require_within("lead_time_seconds", self.lead_time_seconds, limits.LEAD_SECONDS)
        limits.require_within("shortage_cost_ratio", self.shortage_cost_ratio, limits.COST_RATIO)

    @property
    def critical_ratio(self) -> float:
        """Demand quantile worth buying: c_short / (c_short + c_over), the newsvendor's."""
        return self.shortage_cost_ratio / (self.shortage_cost_ratio + 1.0)

    @property
    def current_type(self) -> InstanceOption:
        """The type the fleet runs on today."""
        return self.instance_types[0]

    def lead_seconds_of(self, option: InstanceOption) -> float:
        """Return the configured lead time of a type: its own, or else the fleet's."""
        return self.lead_time_seconds if option.lead_time_seconds is None else option.lead_time_seconds
