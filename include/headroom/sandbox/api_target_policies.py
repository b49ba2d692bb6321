"""Scaling policies of Application Auto Scaling's scalable targets, kept per target and given back as they were put.

moto refuses predictive policies, which ECS services may have.
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-predictive-scaling.html
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.api_target_schedules import TargetKey, target_of

MAX_POLICIES_PER_TARGET = 50
DEFAULT_PAGE = MAX_PAGE = 10
CONFIGURATION_OF_TYPE = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}
"""What each type of policy must come with."""
PREDICTIVE_NAMESPACES = frozenset({"ecs"})


class TargetPolicies:
    """Every target's policies and the operations on them; the caller holds the sandbox's lock."""

    def __init__(self, *, clock: Callable[[], datetime], has_target: Callable[[TargetKey], bool]) -> None:
        self._clock = clock
        self._has_target = has_target
        self._policies: dict[TargetKey, dict[str, dict[str, Any]]] = {}

    def policies(self, target: TargetKey) -> tuple[Mapping[str, Any], ...]:
        """Return a target's policies in the order they were put."""
        return tuple(self._policies.get(target, {}).values())

    def forget_target(self, target: TargetKey) -> None:
        """Drop a deregistered target's policies, as AWS does."""
        self._policies.pop(target, None)

    def put(self, call: AwsCall) -> Mapping[str, Any]:
        """PutScalingPolicy: what an update leaves out stays."""
        target, parameters = target_of(call), call.parameters
        if not self._has_target(target):
            raise AwsError("ObjectNotFoundException", f"No scalable target registered for {_named(target)}")
        policies, name = self._policies.setdefault(target, {}), str(parameters.get("PolicyName", ""))
        before = policies.get(name, {})
        kind = parameters.get("PolicyType", before.get("PolicyType", "StepScaling"))
        if kind not in CONFIGURATION_OF_TYPE:
            raise AwsError("ValidationException", f"PolicyType {kind!r} is none of {', '.join(CONFIGURATION_OF_TYPE)}")
        if kind == "PredictiveScaling" and target.namespace not in PREDICTIVE_NAMESPACES:
            raise AwsError("ValidationException", f"Predictive scaling is not supported for {target.namespace}")
        if before and kind != before["PolicyType"]:
            raise AwsError("ValidationException", "The type of a policy cannot be changed")
        configuration = parameters.get(CONFIGURATION_OF_TYPE[kind], before.get(CONFIGURATION_OF_TYPE[kind]))
        if configuration is None:
            raise AwsError("ValidationException", f"{CONFIGURATION_OF_TYPE[kind]} must be given for {kind}")
        if not before and len(policies) >= MAX_POLICIES_PER_TARGET:
            raise AwsError("LimitExceededException", f"A target takes {MAX_POLICIES_PER_TARGET} scaling policies")
        arn = before.get("PolicyARN") or (
            f"arn:aws:autoscaling:{target.region}:{target.account}:scalingPolicy:"
            f"{uuid.uuid5(uuid.NAMESPACE_URL, f'{target}/{name}')}:"
            f"resource/{target.namespace}/{target.resource_id}:policyName/{name}"
        )
        policies[name] = {
            "PolicyARN": arn,
            "PolicyName": name,
            "ServiceNamespace": target.namespace,
            "ResourceId": target.resource_id,
            "ScalableDimension": target.dimension,
            "PolicyType": kind,
            CONFIGURATION_OF_TYPE[kind]: configuration,
            "CreationTime": before.get("CreationTime", self._clock()),
            "Alarms": [],
        }
        return {"PolicyARN": arn, "Alarms": []}

    def describe(self, call: AwsCall) -> Mapping[str, Any]:
        """DescribeScalingPolicies: of a service namespace, narrowed by resource, dimension and names, page by page."""
        parameters = call.parameters
        names = set(parameters.get("PolicyNames", []))
        rows = [
            policy
            for target, policies in sorted(self._policies.items())
            if (target.account, target.region) == (call.account, call.region)
            and target.namespace == parameters.get("ServiceNamespace")
            and parameters.get("ResourceId") in (None, target.resource_id)
            and parameters.get("ScalableDimension") in (None, target.dimension)
            for policy in policies.values()
            if not names or policy["PolicyName"] in names
        ]
        page, token = page_of(
            rows,
            token=parameters.get("NextToken"),
            size=parameters.get("MaxResults"),
            default_size=DEFAULT_PAGE,
            max_size=MAX_PAGE,
            token_error="InvalidNextTokenException",  # noqa: S106, an error code
            size_error="ValidationException",
        )
        return {"ScalingPolicies": page, "NextToken": token}

    def delete(self, call: AwsCall) -> Mapping[str, Any]:
        """DeleteScalingPolicy."""
        target, name = target_of(call), str(call.parameters.get("PolicyName", ""))
        if self._policies.get(target, {}).pop(name, None) is None:
            raise AwsError("ObjectNotFoundException", f"No scaling policy {name} found for {_named(target)}")
        return {}


def _named(target: TargetKey) -> str:
    return (
        f"service namespace: {target.namespace}, resource ID: {target.resource_id}, "
        f"scalable dimension: {target.dimension}"
    )
