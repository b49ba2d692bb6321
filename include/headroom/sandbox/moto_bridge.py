"""moto's in-process cloud: hands requests on to it, and keeps what it shows in step with the world.

moto's backends are reached directly where no AWS call would do: to set a group's instances without launching any, to
date objects by the sandbox's clock. moto keeps one state per process, so there is one bridge per process.
"""

import io
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from headroom.domain.account import Place
from headroom.domain.fleet import TargetKind
from headroom.sandbox.api_group_schedules import GroupKey
from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError, copy_environ, render_error
from headroom.sandbox.api_target_schedules import TargetKey
from headroom.sandbox.world_interface import Capacity, Instance, SandboxFleet, SandboxWorld
from headroom.units import MIB_PER_GIB

log = logging.getLogger(__name__)

NOTHING_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
SERVER_HEADERS = frozenset({"date", "server", "connection"})


@dataclass(slots=True, kw_only=True)
class MirroredInstance:
    """An instance of the world as moto's DescribeAutoScalingGroups reads one."""

    instance_id: str
    instance_type: str
    availability_zone: str
    lifecycle_state: str
    auto_scaling_group_name: str
    launch_template: dict[str, Any] | None
    health_status: str = "Healthy"
    protected_from_scale_in: bool = False
    launch_configuration_name: str | None = None


def target_key(fleet: SandboxFleet) -> TargetKey | None:
    """Return the fleet's scalable target of Application Auto Scaling, None for an Auto Scaling group."""
    first, _, second = fleet.target_name.partition("/")
    if fleet.kind is TargetKind.ECS_SERVICE:
        return TargetKey(fleet.account, fleet.region, "ecs", f"service/{first}/{second}", "ecs:service:DesiredCount")
    if fleet.kind is TargetKind.SAGEMAKER_VARIANT:
        resource_id = f"endpoint/{first}/variant/{second}"
        return TargetKey(
            fleet.account, fleet.region, "sagemaker", resource_id, "sagemaker:variant:DesiredInstanceCount"
        )
    return None


class MotoBridge:
    """moto's WSGI application and backends; every bucket is `home_account`'s. The caller holds the sandbox's lock."""

    def __init__(self, *, home_account: str) -> None:
        moto_api_backend.reset()
        self._home_account = home_account
        self._application = DomainDispatcherApplication(create_backend_app)

    def forward(self, call: AwsCall, body: bytes | None = None) -> Answer:
        """Let moto answer the call, with another body where one is given."""
        started: dict[str, Any] = {}

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], int]:
            started.update(status=int(status[:3]), headers=headers)
            return io.BytesIO().write

        try:
            environ = {**copy_environ(call, body), "HTTP_X_MOTO_ACCOUNT_ID": call.account}
            chunks: Iterable[bytes] = self._application(environ, start_response)
            content = b"".join(chunks)
        except Exception as error:  # whatever moto lacks must answer as a failing cloud does, not end the request
            log.warning("moto failed at %s %s", call.service, call.operation, exc_info=True)
            failure = AwsError("InternalFailure", f"the sandbox cannot do {call.operation}: {error!r}")
            return render_error(call, failure, status=HTTPStatus.INTERNAL_SERVER_ERROR)
        headers = [(name, value) for name, value in started["headers"] if name.lower() not in SERVER_HEADERS]
        return Answer(started["status"], headers, content)

    def has_group(self, group: GroupKey) -> bool:
        """Tell whether there is such an Auto Scaling group."""
        return self._group(group) is not None

    def has_target(self, target: TargetKey) -> bool:
        """Tell whether such a scalable target is registered."""
        return self._target(target) is not None

    def is_suspended(self, group: GroupKey, process: str = "ScheduledActions") -> bool:
        """Tell whether a process of a group is suspended."""
        found = self._group(group)
        return found is not None and any(item["ProcessName"] == process for item in found.suspended_processes)

    def is_scheduled_scaling_suspended(self, target: TargetKey) -> bool:
        """Tell whether a scalable target's scheduled scaling is suspended."""
        found = self._target(target)
        return found is not None and bool((found.suspended_state or {}).get("ScheduledScalingSuspended"))

    def is_dynamic_scaling_suspended(self, target: TargetKey) -> bool:
        """Tell whether a scalable target's owner has suspended scaling by policies, in both directions."""
        found = self._target(target)
        state = (found.suspended_state or {}) if found is not None else {}
        return bool(state.get("DynamicScalingInSuspended") and state.get("DynamicScalingOutSuspended"))

    def iam_role(self, account: str, name: str) -> Any:  # noqa: ANN401, moto's role
        """Return a role with its inline `policies` and `assume_role_policy_document`, None where there is none."""
        roles = self._backend("iam", account, "aws").roles.values()
        return next((role for role in roles if role.name == name), None)

    def group_tags(self, place: Place, name: str) -> dict[str, str]:
        """Return a group's tags; none where there is no such group."""
        found = self._group(GroupKey(place.account, place.region, name))
        return {} if found is None else {tag["Key"]: tag.get("Value", "") for tag in found.tags}

    def link_group(self, group: GroupKey, target_group_arns: Sequence[str]) -> None:
        """Put a group behind load balancers that moto does not know."""
        self._group(group).target_group_arns = list(target_group_arns)
        # moto would register the group's instances there; they are the world's.
        self._backend("autoscaling", group.account, group.region).update_attached_target_groups = lambda _name: None

    def link_service(self, fleet: SandboxFleet, target_group_arn: str) -> None:
        """Put an ECS service behind a load balancer that moto does not know."""
        cluster, _, name = fleet.target_name.partition("/")
        service = self._backend("ecs", fleet.account, fleet.region).services[f"{cluster}:{name}"]
        service.load_balancers = [
            {"targetGroupArn": target_group_arn, "containerName": "model-server", "containerPort": 8080}
        ]

    def target_of_arn(self, place: Place, arn: str) -> TargetKey | None:
        """Return the scalable target with this ARN."""
        for dimension, targets in self._backend("applicationautoscaling", place.account, place.region).targets.items():
            for resource_id, target in targets.items():
                if target.arn == arn:
                    return TargetKey(place.account, place.region, target.service_namespace, resource_id, dimension)
        return None

    def launch_settings(self, group: GroupKey) -> Mapping[str, Any]:
        """Return what moto's UpdateAutoScalingGroup would forget where the request leaves it out."""
        found = self._group(group)
        return {} if found is None else {"mixed_instances_policy": found.mixed_instances_policy}

    def restore_launch_settings(self, group: GroupKey, settings: Mapping[str, Any]) -> None:
        """Put back what `launch_settings` returned."""
        found = self._group(group)
        for name, value in settings.items():
            setattr(found, name, value)

    def resize_group(self, group: GroupKey, sizes: Mapping[str, int | None]) -> None:
        """Resize a group that is no fleet of the world: min_size, max_size, desired_capacity; None is left as is."""
        found = self._group(group)
        if found is None:
            return
        for name in ("min_size", "max_size"):
            if sizes[name] is not None:
                setattr(found, name, sizes[name])
        desired = found.desired_capacity if sizes["desired_capacity"] is None else sizes["desired_capacity"]
        found.set_desired_capacity(min(max(desired, found.min_size), found.max_size))

    def restore_variant_types(self, call: AwsCall, config_name: str, types: Mapping[str, str | None]) -> None:
        """Give the variants of a SageMaker endpoint configuration the instance types that its owner asked for."""
        for variant in (
            self._backend("sagemaker", call.account, call.region).endpoint_configs[config_name].production_variants
        ):
            if "InstanceType" in variant:
                variant["InstanceType"] = types[variant["VariantName"]]

    def put_object(self, bucket: str, key: str, content: bytes, *, at_utc: datetime) -> Any:  # noqa: ANN401, moto's own
        """Write an S3 object whose LastModified is the sandbox's clock; return it as moto keeps it."""
        stored = self._objects.put_object(bucket, key, content)
        stored.last_modified = at_utc.replace(tzinfo=None)
        return stored

    def has_bucket(self, bucket: str) -> bool:
        """Tell whether there is such a bucket, without versions."""
        found = self._objects.buckets.get(bucket)
        return found is not None and not found.is_versioned

    def stored_object(self, bucket: str, key: str) -> Any:  # noqa: ANN401, moto's own
        """Return an object of a bucket without versions as moto keeps it, None where there is none."""
        return self._objects.get_object(bucket, key) if self.has_bucket(bucket) else None

    def object_keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket."""
        return list(self._objects.buckets[bucket].keys)

    def delete_object(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        self._objects.delete_object(bucket, key)

    @property
    def _objects(self) -> Any:  # noqa: ANN401, moto's own
        return self._backend("s3", self._home_account, "aws")

    def instance_types(
        self, account: str, region: str, names: Sequence[str], filters: Mapping[str, Sequence[str]]
    ) -> list[dict[str, Any]]:
        """Return the catalogue of instance types as EC2 describes them; AwsError for an unknown name."""
        try:
            return list(self._backend("ec2", account, region).describe_instance_types(list(names), dict(filters)))
        except ServiceException as error:
            raise AwsError(error.code, error.message) from error

    def instance_specifications(self, account: str, region: str) -> dict[str, dict[str, str]]:
        """Return vcpu, memory and GPU count by EC2 instance type, as the price list words them."""
        specifications = {}
        for item in self.instance_types(account, region, [], {}):
            memory_gib = item["MemoryInfo"]["SizeInMiB"] / MIB_PER_GIB
            gpus = item.get("GpuInfo", {}).get("Gpus", [])
            specifications[item["InstanceType"]] = {
                "vcpu": str(item["VCpuInfo"]["DefaultVCpus"]),
                "memory": f"{memory_gib:g} GiB",
                **({"gpu": str(sum(gpu["Count"] for gpu in gpus))} if gpus else {}),
            }
        return specifications

    def mirror(self, world: SandboxWorld) -> None:
        """Show the world's capacity in groups, services, endpoints and scalable targets."""
        for fleet in world.fleets:
            self.mirror_fleet(world, fleet)

    def mirror_fleet(self, world: SandboxWorld, fleet: SandboxFleet) -> None:
        """Show one fleet's capacity."""
        capacity = world.capacity(fleet.id)
        if fleet.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
            self._mirror_group(fleet, capacity, world.instances(fleet.id))
        elif fleet.kind is TargetKind.ECS_SERVICE:
            self._mirror_service(fleet, capacity)
        elif fleet.kind is TargetKind.SAGEMAKER_VARIANT:
            self._mirror_variant(fleet, capacity)
        key = target_key(fleet)
        target = None if key is None else self._target(key)
        if target is not None:
            target.min_capacity, target.max_capacity = capacity.min_instances, capacity.max_instances
            target.suspended_state = {**NOTHING_SUSPENDED, **(target.suspended_state or {})}

    def _mirror_group(self, fleet: SandboxFleet, capacity: Capacity, instances: tuple[Instance, ...]) -> None:
        group = self._group(GroupKey(fleet.account, fleet.region, fleet.target_name))
        if group is None:
            return
        group.min_size, group.max_size = capacity.min_instances, capacity.max_instances
        group.desired_capacity = capacity.desired_instances
        group.instance_states = [
            MirroredInstance(
                instance_id=instance.instance_id,
                instance_type=instance.instance_type,
                availability_zone=instance.availability_zone,
                lifecycle_state="InService" if instance.is_in_service else "Pending",
                auto_scaling_group_name=fleet.target_name,
                launch_template=group.launch_template,
            )
            for instance in instances
        ]

    def _mirror_service(self, fleet: SandboxFleet, capacity: Capacity) -> None:
        cluster, _, name = fleet.target_name.partition("/")
        service = self._backend("ecs", fleet.account, fleet.region).services.get(f"{cluster}:{name}")
        if service is None:
            return
        service.desired_count = capacity.desired_instances
        service.running_count = capacity.in_service_instances
        service.pending_count = max(0, capacity.desired_instances - capacity.in_service_instances)
        for deployment in service.deployments[:1]:
            deployment["desiredCount"] = service.desired_count
            deployment["runningCount"] = service.running_count
            deployment["pendingCount"] = service.pending_count

    def _mirror_variant(self, fleet: SandboxFleet, capacity: Capacity) -> None:
        endpoint_name, _, variant_name = fleet.target_name.partition("/")
        endpoint = self._backend("sagemaker", fleet.account, fleet.region).endpoints.get(endpoint_name)
        for variant in [] if endpoint is None else endpoint.production_variants:
            if variant["VariantName"] == variant_name:
                variant["CurrentInstanceCount"] = capacity.in_service_instances
                variant["DesiredInstanceCount"] = capacity.desired_instances

    @staticmethod
    def _backend(service: str, account: str, region: str) -> Any:  # noqa: ANN401, moto's backends share no type
        return get_backend(cast("Any", service))[account][region]

    def _group(self, group: GroupKey) -> Any:  # noqa: ANN401, as above
        return self._backend("autoscaling", group.account, group.region).autoscaling_groups.get(group.name)

    def _target(self, target: TargetKey) -> Any:  # noqa: ANN401, as above
        targets = self._backend("applicationautoscaling", target.account, target.region).targets
        return targets.get(target.dimension, {}).get(target.resource_id)
