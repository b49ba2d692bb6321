"""Calls that change a fleet's capacity at once: the world carries them out, moto keeps the rest.

Groups, services and endpoints that are no fleet of the world are moto's alone.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from headroom.domain.fleet import TargetKind
from headroom.sandbox.api_group_policies import GroupPolicies
from headroom.sandbox.api_group_schedules import GroupKey, GroupSchedules
from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError, render_result
from headroom.sandbox.api_target_policies import TargetPolicies
from headroom.sandbox.api_target_schedules import TargetKey, TargetSchedules, target_of
from headroom.sandbox.moto_bridge import MotoBridge, target_key
from headroom.sandbox.world_interface import SandboxFleet, SandboxWorld

SIZE_KEYS = ("MinSize", "MaxSize", "DesiredCapacity")
TYPE_KNOWN_TO_MOTO = "ml.g4dn.xlarge"
LAUNCH_KEYS = ("MixedInstancesPolicy", "LaunchTemplate", "LaunchConfigurationName")


class CapacityApi:
    """The operations; the caller holds the sandbox's lock."""

    def __init__(
        self,
        *,
        world: SandboxWorld,
        moto: MotoBridge,
        groups: GroupSchedules,
        policies: GroupPolicies,
        targets: TargetSchedules,
        target_policies: TargetPolicies,
    ) -> None:
        self._world = world
        self._moto = moto
        self._groups = groups
        self._policies = policies
        self._targets = targets
        self._target_policies = target_policies
        self._by_name = {(fleet.kind, fleet.account, fleet.region, fleet.target_name): fleet for fleet in world.fleets}
        self._by_target = {key: fleet for fleet in world.fleets if (key := target_key(fleet)) is not None}

    def fleet_of_group(self, group: GroupKey) -> SandboxFleet | None:
        """Return the fleet behind a group."""
        return self._by_name.get((TargetKind.EC2_AUTO_SCALING_GROUP, group.account, group.region, group.name))

    def fleet_of_target(self, target: TargetKey) -> SandboxFleet | None:
        """Return the fleet behind a scalable target."""
        return self._by_target.get(target)

    def update_group(self, call: AwsCall) -> Answer:
        """UpdateAutoScalingGroup: sizes to the world, everything else to moto."""
        group, fleet, parameters = self._named_group(call)
        if fleet is None:
            return self._moto.forward(call)
        sizes = {key: parameters.get(key) for key in SIZE_KEYS}
        if any(size is not None for size in sizes.values()):
            self._set(fleet, sizes["MinSize"], sizes["MaxSize"], sizes["DesiredCapacity"])
        if set(parameters) <= {"AutoScalingGroupName", *SIZE_KEYS}:
            return render_result(call, {})
        settings = self._moto.launch_settings(group)
        answer = self._moto.forward(call, _without(call.body, SIZE_KEYS))
        if not any(key in parameters for key in LAUNCH_KEYS):
            self._moto.restore_launch_settings(group, settings)
        self._moto.mirror_fleet(self._world, fleet)
        return answer

    def set_desired_capacity(self, call: AwsCall) -> Answer:
        """SetDesiredCapacity."""
        _, fleet, parameters = self._named_group(call)
        if fleet is None:
            return self._moto.forward(call)
        desired = int(parameters["DesiredCapacity"])
        capacity = self._world.capacity(fleet.id)
        if desired > capacity.max_instances:
            bound = f"above max value {capacity.max_instances}"
        elif desired < capacity.min_instances:
            bound = f"below min value {capacity.min_instances}"
        else:
            self._set(fleet, None, None, desired)
            return render_result(call, {})
        raise AwsError(
            "ValidationError", f"New SetDesiredCapacity value {desired} is {bound} for the AutoScalingGroup."
        )

    def delete_group(self, call: AwsCall) -> Answer:
        """DeleteAutoScalingGroup: a fleet's group has instances and stays."""
        group, fleet, _ = self._named_group(call)
        if fleet is not None:
            raise AwsError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
                "still in the group.",
            )
        self._groups.forget_group(group)
        self._policies.forget_group(group)
        return self._moto.forward(call)

    def register_target(self, call: AwsCall) -> Answer:
        """RegisterScalableTarget: bounds to the world, the suspended state to moto."""
        parameters, fleet = call.parameters, self.fleet_of_target(target_of(call))
        smallest, largest = parameters.get("MinCapacity"), parameters.get("MaxCapacity")
        if smallest is not None and largest is not None and smallest > largest:
            raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        answer = self._moto.forward(call)
        if fleet is not None and answer.status < 300 and (smallest is not None or largest is not None):
            self._set(fleet, smallest, largest, None, code="ValidationException")
        return answer

    def deregister_target(self, call: AwsCall) -> Answer:
        """DeregisterScalableTarget: its scheduled actions and policies go with it."""
        answer = self._moto.forward(call)
        if answer.status < 300:
            self._targets.forget_target(target_of(call))
            self._target_policies.forget_target(target_of(call))
        return answer

    def update_service(self, call: AwsCall) -> Answer:
        """UpdateService of ECS: the desired count goes to the world."""
        parameters = call.parameters
        cluster = str(parameters.get("cluster", "default")).rpartition("/")[2]
        service = str(parameters.get("service", "")).rpartition("/")[2]
        fleet = self._by_name.get((TargetKind.ECS_SERVICE, call.account, call.region, f"{cluster}/{service}"))
        desired = parameters.get("desiredCount")
        if fleet is not None and desired is not None:
            self._set(fleet, None, None, int(desired), code="InvalidParameterException")
        answer = self._moto.forward(call)
        if fleet is not None:
            self._moto.mirror_fleet(self._world, fleet)
        return answer

    def create_endpoint_config(self, call: AwsCall) -> Answer:
        """CreateEndpointConfig of SageMaker: moto's, which knows no instance type younger than ml.g4dn."""
        document = json.loads(call.body)
        variants = document.get("ProductionVariants", [])
        types = {variant.get("VariantName"): variant.get("InstanceType") for variant in variants}
        for variant in variants:
            if "InstanceType" in variant:
                variant["InstanceType"] = TYPE_KNOWN_TO_MOTO
        answer = self._moto.forward(call, json.dumps(document).encode())
        if answer.status < 300:
            self._moto.restore_variant_types(call, str(document.get("EndpointConfigName")), types)
        return answer

    def update_endpoint(self, call: AwsCall) -> Answer:
        """UpdateEndpointWeightsAndCapacities of SageMaker: the desired count goes to the world."""
        endpoint, fleets = call.parameters.get("EndpointName", ""), []
        for variant in call.parameters.get("DesiredWeightsAndCapacities", []):
            name = (TargetKind.SAGEMAKER_VARIANT, call.account, call.region, f"{endpoint}/{variant.get('VariantName')}")
            fleet, desired = self._by_name.get(name), variant.get("DesiredInstanceCount")
            if fleet is not None and desired is not None:
                self._set(fleet, None, None, int(desired), code="ValidationException")
                fleets.append(fleet)
        answer = self._moto.forward(call)
        for fleet in fleets:
            self._moto.mirror_fleet(self._world, fleet)
        return answer

    def _named_group(self, call: AwsCall) -> tuple[GroupKey, SandboxFleet | None, Mapping[str, Any]]:
        group = GroupKey(call.account, call.region, str(call.parameters.get("AutoScalingGroupName", "")))
        return group, self.fleet_of_group(group), call.parameters

    def _set(
        self,
        fleet: SandboxFleet,
        smallest: int | None,
        largest: int | None,
        desired: int | None,
        *,
        code: str = "ValidationError",
    ) -> None:
        try:
            self._world.set_capacity(fleet.id, min_instances=smallest, max_instances=largest, desired_instances=desired)
        except ValueError as error:
            raise AwsError(code, str(error)) from error
        self._moto.mirror_fleet(self._world, fleet)


def _without(body: bytes, keys: tuple[str, ...]) -> bytes:
    """Return a Query request's body without some parameters."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if name not in keys]).encode()
