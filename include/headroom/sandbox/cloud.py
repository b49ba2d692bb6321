"""The sandbox's cloud: world, moto and our own strict APIs behind one lock, and the clock that moves them together."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from headroom.sandbox.api_absent import (
    describe_container_instances,
    describe_inference_component,
    list_inference_components,
    list_sagemaker_tags,
)
from headroom.sandbox.api_access import Access, AccessRefusedError
from headroom.sandbox.api_capacity import CapacityApi
from headroom.sandbox.api_group_policies import GroupPolicies
from headroom.sandbox.api_group_schedules import GroupKey, GroupSchedules
from headroom.sandbox.api_instance_types import describe_instance_types
from headroom.sandbox.api_inventory import Inventory
from headroom.sandbox.api_metrics import get_metric_data, list_metrics
from headroom.sandbox.api_objects import ObjectsApi
from headroom.sandbox.api_prices import describe_spot_price_history, get_products
from headroom.sandbox.api_protocol import Answer, AwsCall, AwsError, render_error, render_result
from headroom.sandbox.api_target_policies import TargetPolicies
from headroom.sandbox.api_target_schedules import TargetSchedules
from headroom.sandbox.api_target_tags import TargetTags
from headroom.sandbox.calls import CallLog
from headroom.sandbox.faults import Faults
from headroom.sandbox.moto_bridge import MotoBridge
from headroom.sandbox.owners_policies import policies_in_force
from headroom.sandbox.world_interface import DueAction, SandboxWorld

Handler = Callable[[AwsCall], Mapping[str, Any] | Answer]


class BillDelivery(Protocol):
    """What writes the bill exports (headroom.sandbox.exports.BillingExporter)."""

    def deliver(self) -> object:
        """Write the billing periods that changed since the last call."""
        ...


PutObject = Callable[[str, str, bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedAction:
    """A scheduled action whose time came: executed, failed (`failure` says why) or missed because it was suspended."""

    target: str
    name: str
    at_utc: datetime
    fleet_id: str | None
    min_instances: int | None
    max_instances: int | None
    desired_instances: int | None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Occurrence:
    """A scheduled action's time to run, with where its target is."""

    passed: PassedAction
    group: GroupKey | None
    is_suspended: bool


class SandboxCloud:
    """Everything behind the endpoint. `lock` guards all of it; `answer` and `advance_to` take it themselves."""

    def __init__(self, world: SandboxWorld) -> None:
        self.lock = threading.RLock()
        self.world = world
        self.moto = MotoBridge(home_account=world.scenario.account)
        self.objects = ObjectsApi(self.moto)
        self.calls = CallLog()
        self.faults = Faults()
        self.groups = GroupSchedules(clock=self.now, has_group=self.moto.has_group)
        self.target_tags = TargetTags(self.moto)
        self.access = Access(world=world, moto=self.moto, target_tags=self.target_tags)
        self.targets = TargetSchedules(clock=self.now, has_target=self.moto.has_target)
        self.policies = GroupPolicies(has_group=self.moto.has_group)
        self.target_policies = TargetPolicies(clock=self.now, has_target=self.moto.has_target)
        self.capacity = CapacityApi(
            world=world,
            moto=self.moto,
            groups=self.groups,
            policies=self.policies,
            targets=self.targets,
            target_policies=self.target_policies,
        )
        self.passed: list[PassedAction] = []
        self._bills: BillDelivery | None = None

    def now(self) -> datetime:
        """Return the sandbox's clock."""
        return self.world.now_utc

    def deliver_bills_with(self, make_delivery: Callable[[PutObject], BillDelivery]) -> None:
        """Set what writes the bills, given a put-object callback, and let it write what there is so far."""
        with self.lock:
            self._bills = make_delivery(self._put_object)
            self._bills.deliver()

    def answer(self, call: AwsCall) -> Answer:
        """Answer an AWS call: ours where we know the operation, moto's else."""
        with self.lock:
            handler = self._handlers.get((call.service, call.operation))
            try:
                self.access.admit(call)
                result = self.moto.forward(call) if handler is None else handler(call)
            except AccessRefusedError as error:
                return render_error(call, error, status=error.status)
            except AwsError as error:
                return render_error(call, error)
            return result if isinstance(result, Answer) else render_result(call, result)

    def advance_to(self, moment_utc: datetime) -> tuple[PassedAction, ...]:
        """Let time pass; return the scheduled actions whose time came, in order. ValueError for a time before now."""
        with self.lock:
            now = self.now()
            if moment_utc < now:
                raise ValueError(f"time does not go back: it is {now.isoformat()}, asked for {moment_utc.isoformat()}")
            occurrences = sorted(
                self._occurrences(now, moment_utc), key=lambda item: (item.passed.at_utc, item.passed.name)
            )
            for fleet in self.world.fleets:
                policies = policies_in_force(fleet, groups=self.policies, targets=self.target_policies, moto=self.moto)
                self.world.set_policies(fleet.id, policies)
            failures = self._execute(moment_utc, [item for item in occurrences if not item.is_suspended])
            passed = tuple(self._with_outcome(item, failures) for item in occurrences)
            self.passed.extend(passed)
            self.groups.forget_over(moment_utc)
            self.targets.forget_over(moment_utc)
            self.moto.mirror(self.world)
            if self._bills is not None:
                self._bills.deliver()
            return passed

    def _execute(
        self, moment_utc: datetime, occurrences: list[_Occurrence]
    ) -> dict[tuple[str | None, str, datetime], str | None]:
        """Advance the world with its fleets' actions, resize moto's groups; return failures by fleet, name and time."""
        due = [
            DueAction(
                fleet_id=item.passed.fleet_id,
                name=item.passed.name,
                at_utc=item.passed.at_utc,
                min_instances=item.passed.min_instances,
                max_instances=item.passed.max_instances,
                desired_instances=item.passed.desired_instances,
            )
            for item in occurrences
            if item.passed.fleet_id is not None
        ]
        executed = self.world.advance_to(moment_utc, due)
        for item in occurrences:
            if item.passed.fleet_id is None and item.group is not None:
                sizes = {
                    "min_size": item.passed.min_instances,
                    "max_size": item.passed.max_instances,
                    "desired_capacity": item.passed.desired_instances,
                }
                self.moto.resize_group(item.group, sizes)
        return {(done.action.fleet_id, done.action.name, done.action.at_utc): done.failure for done in executed}

    @staticmethod
    def _with_outcome(
        item: _Occurrence, failures: Mapping[tuple[str | None, str, datetime], str | None]
    ) -> PassedAction:
        passed = item.passed
        if item.is_suspended:
            failure: str | None = "missed: scheduled scaling was suspended"
        else:
            failure = failures.get((passed.fleet_id, passed.name, passed.at_utc))
        return PassedAction(
            target=passed.target,
            name=passed.name,
            at_utc=passed.at_utc,
            fleet_id=passed.fleet_id,
            min_instances=passed.min_instances,
            max_instances=passed.max_instances,
            desired_instances=passed.desired_instances,
            failure=failure,
        )

    def _occurrences(self, after_utc: datetime, until_utc: datetime) -> Iterator[_Occurrence]:
        for group in self.groups.groups():
            fleet = self.capacity.fleet_of_group(group)
            for action in self.groups.actions(group):
                for moment in action.occurrences(after_utc, until_utc):
                    yield _Occurrence(
                        passed=PassedAction(
                            target=group.name,
                            name=action.name,
                            at_utc=moment,
                            fleet_id=None if fleet is None else fleet.id,
                            min_instances=action.min_size,
                            max_instances=action.max_size,
                            desired_instances=action.desired_capacity,
                        ),
                        group=group,
                        is_suspended=self.moto.is_suspended(group),
                    )
        for target in self.targets.targets():
            fleet = self.capacity.fleet_of_target(target)
            for target_action in self.targets.actions(target):
                for moment in target_action.occurrences(after_utc, until_utc):
                    yield _Occurrence(
                        passed=PassedAction(
                            target=target.resource_id,
                            name=target_action.name,
                            at_utc=moment,
                            fleet_id=None if fleet is None else fleet.id,
                            min_instances=target_action.min_capacity,
                            max_instances=target_action.max_capacity,
                            desired_instances=None,
                        ),
                        group=None,
                        is_suspended=self.moto.is_scheduled_scaling_suspended(target),
                    )

    def _put_role_policy(self, call: AwsCall) -> Answer:
        self.access.check_policy(call)
        return self.moto.forward(call)

    def _put_object(self, bucket: str, key: str, content: bytes) -> None:
        self.moto.put_object(bucket, key, content, at_utc=self.now())

    @cached_property
    def _specifications(self) -> Mapping[str, Mapping[str, str]]:
        return self.moto.instance_specifications(self.world.scenario.account, self.world.scenario.home_region)

    @cached_property
    def _handlers(self) -> Mapping[tuple[str, str], Handler]:
        world, capacity, inventory = self.world, self.capacity, Inventory(self.world)
        return {
            ("cloudwatch", "GetMetricData"): lambda call: get_metric_data(world, call),
            ("cloudwatch", "ListMetrics"): lambda call: list_metrics(world, call),
            ("s3", "GetObject"): self.objects.get_object,
            ("s3", "HeadObject"): self.objects.get_object,
            ("s3", "PutObject"): lambda call: self.objects.put_object(call, at_utc=self.now()),
            ("s3", "DeleteObject"): self.objects.delete_object,
            ("s3", "ListObjectsV2"): self.objects.list_objects,
            ("ec2", "DescribeInstanceTypes"): lambda call: describe_instance_types(self.moto, call),
            ("ec2", "DescribeSpotPriceHistory"): lambda call: describe_spot_price_history(world, call),
            ("pricing", "GetProducts"): lambda call: get_products(world, call, specifications=self._specifications),
            ("autoscaling", "PutScheduledUpdateGroupAction"): self.groups.put,
            ("autoscaling", "BatchPutScheduledUpdateGroupAction"): self.groups.put_batch,
            ("autoscaling", "DescribeScheduledActions"): self.groups.describe,
            ("autoscaling", "DeleteScheduledAction"): self.groups.delete,
            ("autoscaling", "BatchDeleteScheduledAction"): self.groups.delete_batch,
            ("autoscaling", "UpdateAutoScalingGroup"): capacity.update_group,
            ("autoscaling", "SetDesiredCapacity"): capacity.set_desired_capacity,
            ("autoscaling", "DeleteAutoScalingGroup"): capacity.delete_group,
            ("autoscaling", "PutScalingPolicy"): self.policies.put,
            ("autoscaling", "DescribePolicies"): self.policies.describe,
            ("autoscaling", "DeletePolicy"): self.policies.delete,
            ("application-autoscaling", "PutScalingPolicy"): self.target_policies.put,
            ("application-autoscaling", "DescribeScalingPolicies"): self.target_policies.describe,
            ("application-autoscaling", "DeleteScalingPolicy"): self.target_policies.delete,
            ("application-autoscaling", "PutScheduledAction"): self.targets.put,
            ("application-autoscaling", "DescribeScheduledActions"): self.targets.describe,
            ("application-autoscaling", "DeleteScheduledAction"): self.targets.delete,
            ("application-autoscaling", "RegisterScalableTarget"): capacity.register_target,
            ("application-autoscaling", "DeregisterScalableTarget"): capacity.deregister_target,
            ("ecs", "UpdateService"): capacity.update_service,
            ("application-autoscaling", "TagResource"): self.target_tags.tag,
            ("application-autoscaling", "UntagResource"): self.target_tags.untag,
            ("application-autoscaling", "ListTagsForResource"): self.target_tags.list,
            ("autoscaling", "DescribeScalingActivities"): inventory.describe_scaling_activities,
            ("elbv2", "DescribeTargetGroups"): inventory.describe_target_groups,
            ("bcm-data-exports", "ListExports"): inventory.list_exports,
            ("bcm-data-exports", "GetExport"): inventory.get_export,
            ("service-quotas", "GetServiceQuota"): inventory.get_service_quota,
            ("sts", "GetCallerIdentity"): self.access.get_caller_identity,
            ("sts", "AssumeRole"): self.access.assume_role,
            ("iam", "PutRolePolicy"): self._put_role_policy,
            ("iam", "SimulatePrincipalPolicy"): self.access.simulate_principal_policy,
            ("ecs", "DescribeContainerInstances"): describe_container_instances,
            ("sagemaker", "DescribeInferenceComponent"): describe_inference_component,
            ("sagemaker", "ListInferenceComponents"): list_inference_components,
            ("sagemaker", "ListTags"): lambda call: list_sagemaker_tags(self.moto, call),
            ("sagemaker", "CreateEndpointConfig"): capacity.create_endpoint_config,
            ("sagemaker", "UpdateEndpointWeightsAndCapacities"): capacity.update_endpoint,
        }
