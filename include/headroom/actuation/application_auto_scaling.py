"""Scaling targets of Application Auto Scaling: ECS service, SageMaker endpoint variant and inference component."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from headroom.actuation.errors import ActuationError, cloud_call, request_id_of
from headroom.actuation.target import (
    ActionFailure,
    ApplyResult,
    BeforeCall,
    Clients,
    WriteCall,
    not_tried,
    read_pages,
)
from headroom.domain.fleet import Fleet
from headroom.domain.scaling import Action, CapacitySetting, PresentAction, ScalingApi, TargetState

MAX_ACTIONS = 200
"""Scheduled actions per scalable target (Application Auto Scaling quotas, 2026-11)."""

_AT_EXPRESSION = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_ABOUT_ONE_ACTION = frozenset({"ValidationException", "ConcurrentUpdateException"})
"""Refusals that say nothing of the next action; after any other, the rest is not tried."""
_GONE = "ObjectNotFoundException"


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """A resource registered with Application Auto Scaling, through `client` (boto3 `application-autoscaling`).

    `read_desired` returns the instances or tasks the resource is heading for, from the service's own API.
    """

    api: ClassVar[ScalingApi] = ScalingApi.APPLICATION_AUTO_SCALING
    max_actions: ClassVar[int] = MAX_ACTIONS

    fleet_id: str
    service_namespace: str
    resource_id: str
    scalable_dimension: str
    client: Any
    read_desired: Callable[[], int]

    def read(self, *, now_utc: datetime) -> TargetState:
        """Return the target's bounds, policies and scheduled actions; raise ActuationError when not registered."""
        registered = self._read_registration()
        suspended = registered.get("SuspendedState", {})
        is_dynamic_suspended = suspended.get("DynamicScalingInSuspended", False) and suspended.get(
            "DynamicScalingOutSuspended",
            False,
        )
        policies = self._describe("describe_scaling_policies", "ScalingPolicies")
        with cloud_call("describe", self._subject):
            current_instances = self.read_desired()
        return TargetState(
            fleet_id=self.fleet_id,
            api=self.api,
            read_at_utc=now_utc,
            setting=CapacitySetting(
                min_instances=registered["MinCapacity"],
                max_instances=registered["MaxCapacity"],
            ),
            current_instances=current_instances,
            actions=tuple(map(_present_action, self._describe("describe_scheduled_actions", "ScheduledActions"))),
            has_reactive_policy=not is_dynamic_suspended
            and any(policy["PolicyType"] != "PredictiveScaling" for policy in policies),
            has_predictive_policy=any(map(_is_predictive, policies)),
            is_scheduled_scaling_suspended=suspended.get("ScheduledScalingSuspended", False),
        )

    def put_actions(self, actions: Sequence[Action], *, before_call: BeforeCall) -> ApplyResult:
        """Create or replace `actions`, one call each, every one sent whole: what an update leaves out is deleted."""
        return self._write_each(
            [action.name for action in actions],
            {action.name: _put_arguments(action) for action in actions},
            before_call,
            operation="put_scheduled_action",
        )

    def delete_actions(self, names: Sequence[str], *, before_call: BeforeCall) -> ApplyResult:
        """Delete the actions named, one call each; one that is already gone counts as deleted."""
        nothing: dict[str, dict[str, Any]] = {name: {} for name in names}
        return self._write_each(names, nothing, before_call, operation="delete_scheduled_action", gone=_GONE)

    def _write_each(
        self,
        names: Sequence[str],
        arguments: dict[str, dict[str, Any]],
        before_call: BeforeCall,
        *,
        operation: str,
        gone: str | None = None,
    ) -> ApplyResult:
        result = ApplyResult()
        for position, name in enumerate(names):
            try:
                before_call()
            except ActuationError as error:
                return result + not_tried(names[position:], str(error))
            try:
                with cloud_call(operation, self._subject):
                    call = getattr(self.client, operation)
                    answer = call(**self._key, ScheduledActionName=name, **arguments[name])
            except ActuationError as error:
                calls = (WriteCall(operation=operation, names=(name,), request_id=error.request_id),)
                if gone is not None and error.code == gone:
                    result += ApplyResult(applied=(name,), calls=calls)
                    continue
                result += ApplyResult(failures=(ActionFailure(name=name, reason=str(error)),), calls=calls)
                if error.code in _ABOUT_ONE_ACTION:
                    continue
                return result + not_tried(names[position + 1 :], "not tried after an earlier action failed")
            calls = (WriteCall(operation=operation, names=(name,), request_id=request_id_of(answer)),)
            result += ApplyResult(applied=(name,), calls=calls)
        return result

    @property
    def _key(self) -> dict[str, str]:
        return {
            "ServiceNamespace": self.service_namespace,
            "ResourceId": self.resource_id,
            "ScalableDimension": self.scalable_dimension,
        }

    @property
    def _subject(self) -> str:
        return f"scalable target {self.resource_id!r}"

    def _read_registration(self) -> dict[str, Any]:
        with cloud_call("describe_scalable_targets", self._subject):
            targets = read_pages(
                self.client.describe_scalable_targets,
                "ScalableTargets",
                ServiceNamespace=self.service_namespace,
                ResourceIds=[self.resource_id],
                ScalableDimension=self.scalable_dimension,
            )
        if not targets:
            message = f"{self._subject} is not registered with Application Auto Scaling; register it with its bounds"
            raise ActuationError(message, code="NotFound")
        return targets[0]

    def _describe(self, operation: str, key: str) -> list[dict[str, Any]]:
        with cloud_call(operation, self._subject):
            return read_pages(getattr(self.client, operation), key, **self._key)


def ecs_service(fleet: Fleet, clients: Clients) -> ScalableTarget:
    """Return the target of a fleet whose target name is `cluster/service`."""
    cluster, service = fleet.target.name.split("/")
    ecs = clients.client("ecs", region=fleet.region, account=fleet.account)

    def read_desired() -> int:
        services = ecs.describe_services(cluster=cluster, services=[service])["services"]
        if not services:
            raise ActuationError(f"ECS service {fleet.target.name!r} is not there", code="NotFound")
        return int(services[0]["desiredCount"])

    return ScalableTarget(
        fleet.id,
        "ecs",
        f"service/{cluster}/{service}",
        "ecs:service:DesiredCount",
        _application_auto_scaling(fleet, clients),
        read_desired,
    )


def sagemaker_variant(fleet: Fleet, clients: Clients) -> ScalableTarget:
    """Return the target of a fleet whose target name is `endpoint/variant`."""
    endpoint, variant = fleet.target.name.split("/")
    sagemaker = clients.client("sagemaker", region=fleet.region, account=fleet.account)

    def read_desired() -> int:
        for found in sagemaker.describe_endpoint(EndpointName=endpoint).get("ProductionVariants", []):
            if found["VariantName"] == variant:
                return int(found["DesiredInstanceCount"])
        raise ActuationError(f"SageMaker endpoint {endpoint!r} has no variant {variant!r}", code="NotFound")

    return ScalableTarget(
        fleet.id,
        "sagemaker",
        f"endpoint/{endpoint}/variant/{variant}",
        "sagemaker:variant:DesiredInstanceCount",
        _application_auto_scaling(fleet, clients),
        read_desired,
    )


def sagemaker_inference_component(fleet: Fleet, clients: Clients) -> ScalableTarget:
    """Return the target of a fleet whose target name is the inference component's; its capacity counts copies."""
    sagemaker = clients.client("sagemaker", region=fleet.region, account=fleet.account)

    def read_desired() -> int:
        component = sagemaker.describe_inference_component(InferenceComponentName=fleet.target.name)
        return int(component["RuntimeConfig"]["DesiredCopyCount"])

    return ScalableTarget(
        fleet.id,
        "sagemaker",
        f"inference-component/{fleet.target.name}",
        "sagemaker:inference-component:DesiredCopyCount",
        _application_auto_scaling(fleet, clients),
        read_desired,
    )


def _application_auto_scaling(fleet: Fleet, clients: Clients) -> Any:  # noqa: ANN401, boto3 clients have no static type
    return clients.client("application-autoscaling", region=fleet.region, account=fleet.account)


def _put_arguments(action: Action) -> dict[str, Any]:
    sizes = {"MinCapacity": action.setting.min_instances, "MaxCapacity": action.setting.max_instances}
    return {
        "Schedule": f"at({action.starts_at_utc.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
        "Timezone": "UTC",
        "ScalableTargetAction": {key: size for key, size in sizes.items() if size is not None},
    }


def _present_action(item: dict[str, Any]) -> PresentAction:
    sizes = item.get("ScalableTargetAction", {})
    once = _AT_EXPRESSION.fullmatch(item["Schedule"])
    starts_at: datetime | None = item.get("StartTime")
    if once is not None:
        zone = ZoneInfo(item.get("Timezone") or "UTC")
        starts_at = datetime.fromisoformat(once[1]).replace(tzinfo=zone)
    return PresentAction(
        name=item["ScheduledActionName"],
        starts_at_utc=starts_at.astimezone(UTC) if starts_at else None,
        setting=CapacitySetting(min_instances=sizes.get("MinCapacity"), max_instances=sizes.get("MaxCapacity")),
        recurrence=None if once is not None else item["Schedule"],
    )


def _is_predictive(policy: dict[str, Any]) -> bool:
    """Whether the policy acts on its forecast; the default mode, ForecastOnly, only shows one."""
    mode = policy.get("PredictiveScalingPolicyConfiguration", {}).get("Mode", "ForecastOnly")
    return bool(policy["PolicyType"] == "PredictiveScaling" and mode == "ForecastAndScale")
