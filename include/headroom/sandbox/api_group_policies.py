"""Scaling policies of EC2 Auto Scaling groups, kept per group and given back as they were put.

moto keeps them by name alone, so that two groups' policies of one name replace each other, and answers without an ARN.
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from headroom.sandbox.api_group_schedules import GroupKey
from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError

MAX_POLICIES_PER_GROUP = 50
DEFAULT_PAGE, MAX_PAGE = 50, 100
CONFIGURATION_OF_TYPE = {
    "TargetTrackingScaling": "TargetTrackingConfiguration",
    "PredictiveScaling": "PredictiveScalingConfiguration",
    "StepScaling": "StepAdjustments",
    "SimpleScaling": "AdjustmentType",
}
"""What each type of policy must come with."""


class GroupPolicies:
    """Every group's policies and the operations on them; the caller holds the sandbox's lock."""

    def __init__(self, *, has_group: Callable[[GroupKey], bool]) -> None:
        self._has_group = has_group
        self._policies: dict[GroupKey, dict[str, dict[str, Any]]] = {}

    def policies(self, group: GroupKey) -> tuple[Mapping[str, Any], ...]:
        """Return a group's policies in the order they were put."""
        return tuple(self._policies.get(group, {}).values())

    def forget_group(self, group: GroupKey) -> None:
        """Drop a deleted group's policies."""
        self._policies.pop(group, None)

    def put(self, call: AwsCall) -> Mapping[str, Any]:
        """PutScalingPolicy."""
        parameters = call.parameters
        group = GroupKey(call.account, call.region, str(parameters.get("AutoScalingGroupName", "")))
        if not self._has_group(group):
            raise AwsError("ValidationError", f"Group {group.name} not found")
        kind, name = parameters.get("PolicyType", "SimpleScaling"), str(parameters.get("PolicyName", ""))
        if kind not in CONFIGURATION_OF_TYPE:
            raise AwsError("ValidationError", f"PolicyType {kind!r} is none of {', '.join(CONFIGURATION_OF_TYPE)}")
        if CONFIGURATION_OF_TYPE[kind] not in parameters:
            raise AwsError("ValidationError", f"{CONFIGURATION_OF_TYPE[kind]} must be given for policy type {kind}")
        policies = self._policies.setdefault(group, {})
        if name not in policies and len(policies) >= MAX_POLICIES_PER_GROUP:
            raise AwsError("LimitExceeded", f"A group takes {MAX_POLICIES_PER_GROUP} scaling policies")
        arn = (
            f"arn:aws:autoscaling:{group.region}:{group.account}:scalingPolicy:"
            f"autoScalingGroupName/{group.name}:policyName/{name}"
        )
        policies[name] = {"Enabled": True, **parameters, "PolicyType": kind, "PolicyARN": arn, "Alarms": []}
        return {"PolicyARN": arn, "Alarms": []}

    def describe(self, call: AwsCall) -> Mapping[str, Any]:
        """DescribePolicies."""
        parameters = call.parameters
        group_name = parameters.get("AutoScalingGroupName")
        names, kinds = set(parameters.get("PolicyNames", [])), set(parameters.get("PolicyTypes", []))
        rows = [
            policy
            for group, policies in sorted(self._policies.items())
            if _is_asked(group, call, group_name)
            for policy in policies.values()
            if (not names or policy["PolicyName"] in names or policy["PolicyARN"] in names)
            and (not kinds or policy["PolicyType"] in kinds)
        ]
        page, token = page_of(
            rows,
            token=parameters.get("NextToken"),
            size=parameters.get("MaxRecords"),
            default_size=DEFAULT_PAGE,
            max_size=MAX_PAGE,
        )
        return {"ScalingPolicies": page, "NextToken": token}

    def delete(self, call: AwsCall) -> Mapping[str, Any]:
        """DeletePolicy, by name and group or by ARN."""
        wanted, group_name = str(call.parameters.get("PolicyName", "")), call.parameters.get("AutoScalingGroupName")
        for group, policies in self._policies.items():
            for name, policy in policies.items():
                if _is_asked(group, call, group_name) and wanted in (name, policy["PolicyARN"]):
                    del policies[name]
                    return {}
        raise AwsError("ValidationError", f"No scaling policy found: {wanted}")


def _is_asked(group: GroupKey, call: AwsCall, name: str | None) -> bool:
    return group.place == call.place and name in (None, group.name)
