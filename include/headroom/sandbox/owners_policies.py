"""The scaling policies that are in force at a fleet's target, from what the APIs keep of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from headroom.sandbox.api_group_policies import GroupPolicies
from headroom.sandbox.api_group_schedules import GroupKey
from headroom.sandbox.api_target_policies import TargetPolicies
from headroom.sandbox.moto_bridge import MotoBridge, target_key
from headroom.sandbox.world_interface import OwnersPolicy, SandboxFleet

REACTIVE_PROCESS = "AlarmNotification"
"""A group whose owner has suspended it is not scaled by its dynamic policies."""


def policies_in_force(
    fleet: SandboxFleet, *, groups: GroupPolicies, targets: TargetPolicies, moto: MotoBridge
) -> tuple[OwnersPolicy, ...]:
    """Return what scales the fleet: target tracking, and predictive policies whose mode is ForecastAndScale.

    Step and simple scaling are left out: they go by alarms, which the sandbox has none of.
    """
    key = target_key(fleet)
    if key is None:
        group = GroupKey(fleet.account, fleet.region, fleet.target_name)
        kept = [policy for policy in groups.policies(group) if policy["Enabled"]]
        is_reacting = not moto.is_suspended(group, REACTIVE_PROCESS)
        names = ("TargetTrackingConfiguration", "PredictiveScalingConfiguration")
    else:
        kept, is_reacting = list(targets.policies(key)), not moto.is_dynamic_scaling_suspended(key)
        names = ("TargetTrackingScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration")
    tracking = _tracking_policies(kept, names[0]) if is_reacting else ()
    return (*tracking, *_predictive_policies(kept, names[1]))


def _tracking_policies(kept: list[Mapping[str, Any]], configuration_name: str) -> Iterator[OwnersPolicy]:
    for policy in kept:
        configuration = policy.get(configuration_name)
        if configuration is not None:
            metric = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
            yield OwnersPolicy(
                name=policy["PolicyName"],
                is_predictive=False,
                predefined_metric=metric,
                target_value=float(configuration["TargetValue"]),
                scale_out_cooldown_seconds=int(configuration.get("ScaleOutCooldown", 60)),
                scale_in_cooldown_seconds=int(configuration.get("ScaleInCooldown", 300)),
            )


def _predictive_policies(kept: list[Mapping[str, Any]], configuration_name: str) -> Iterator[OwnersPolicy]:
    for policy in kept:
        configuration = policy.get(configuration_name, {})
        if configuration.get("Mode", "ForecastOnly") != "ForecastAndScale":
            continue
        for specification in configuration.get("MetricSpecifications", []):
            yield OwnersPolicy(
                name=policy["PolicyName"],
                is_predictive=True,
                predefined_metric=_scaling_metric(specification),
                target_value=float(specification["TargetValue"]),
                raises_maximum=configuration.get("MaxCapacityBreachBehavior") == "IncreaseMaxCapacity",
                scheduling_buffer_seconds=int(configuration.get("SchedulingBufferTime", 300)),
                maximum_buffer_percent=int(configuration.get("MaxCapacityBuffer", 0)),
            )


def _scaling_metric(specification: Mapping[str, Any]) -> str:
    for name in ("PredefinedMetricPairSpecification", "PredefinedScalingMetricSpecification"):
        if name in specification:
            return str(specification[name].get("PredefinedMetricType", ""))
    return ""
