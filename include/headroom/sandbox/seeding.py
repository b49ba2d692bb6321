"""Sets the sandbox's accounts up as the fleets' owners left them: groups, services, endpoints, policies, buckets.

Everything goes through boto3 and the endpoint itself, as an owner would have done it.
"""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from headroom.domain.fleet import Fleet, TargetKind
from headroom.sandbox.api_access import ADMIN_KEY
from headroom.sandbox.api_group_schedules import GroupKey
from headroom.sandbox.api_inventory import target_group_arn
from headroom.sandbox.cloud import SandboxCloud
from headroom.sandbox.control_client import SandboxControl
from headroom.sandbox.moto_bridge import target_key
from headroom.sandbox.scenarios.scenario import OwnersGroup, OwnersWork, Role, availability_zones
from headroom.sandbox.world_interface import SandboxFleet, SandboxWorld

LAKE_BUCKET = "headroom-lake"
"""An empty bucket for whoever wants the lake in S3."""
IMAGE_ID = "ami-12c6146b"
"""One of the images that moto has from the start; nothing boots from it."""
FOREIGN_ACTION_NAME = "owners-own-change"
FOREIGN_ACTION_DELAY = timedelta(hours=30)
ClientOf = Callable[[str, str, str], Any]


def seed_cloud(cloud: SandboxCloud, url: str) -> None:
    """Create what the scenario has at `url`, the endpoint of `cloud`; then clear the call log."""
    control, scenario = SandboxControl(url), cloud.world.scenario

    @cache
    def client_of(service: str, account: str, region: str) -> Any:  # noqa: ANN401, boto3 ships no types
        return control.client(service, region=region, access_key=f"{ADMIN_KEY}-{account}")

    for role in scenario.roles:
        _seed_role(client_of, role)
    buckets = {LAKE_BUCKET: scenario.home_region, **{export.bucket: export.region for export in scenario.exports}}
    for bucket, region in sorted(buckets.items()):
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client_of("s3", scenario.account, region).create_bucket(Bucket=bucket, **place)
    for group in scenario.groups:
        _seed_owners_group(client_of, group, account=scenario.account)
    seeders = {
        TargetKind.EC2_AUTO_SCALING_GROUP: _seed_group,
        TargetKind.ECS_SERVICE: _seed_service,
        TargetKind.SAGEMAKER_VARIANT: _seed_variant,
    }
    described = {fleet.id: fleet for fleet in scenario.fleets}
    for fleet in cloud.world.fleets:
        work = scenario.work.get(fleet.id, OwnersWork())
        seeders[fleet.kind](client_of, fleet, work)
        _seed_scalable_target(client_of, fleet)
        _link(cloud, fleet, described[fleet.id])
    with cloud.lock:
        cloud.moto.mirror(cloud.world)
        cloud.calls.clear()


def find_group(world: SandboxWorld, fleet_id: str) -> SandboxFleet:
    """Return a fleet that is an Auto Scaling group; ValueError where there is none of that id."""
    groups = {fleet.id: fleet for fleet in world.fleets if fleet.kind is TargetKind.EC2_AUTO_SCALING_GROUP}
    if fleet_id not in groups:
        raise ValueError(f"--foreign-action: expected one of {', '.join(groups)}, found {fleet_id!r}")
    return groups[fleet_id]


def add_foreign_action(cloud: SandboxCloud, url: str, fleet: SandboxFleet) -> None:
    """Put a scheduled action of the owner's own on a group, 30 hours ahead, that asks for what it has anyway."""
    SandboxControl(url).client("autoscaling", region=fleet.region).put_scheduled_update_group_action(
        AutoScalingGroupName=fleet.target_name,
        ScheduledActionName=FOREIGN_ACTION_NAME,
        StartTime=cloud.now() + FOREIGN_ACTION_DELAY,
        MinSize=fleet.baseline_min,
        MaxSize=fleet.baseline_max,
    )
    with cloud.lock:
        cloud.calls.clear()


def _seed_group(client_of: ClientOf, fleet: SandboxFleet, work: OwnersWork) -> None:
    """Create launch template and group without instances: the world has them, and the mirror shows them."""
    tags = [{"Key": key, "Value": value} for key, value in {**work.tags, **fleet.tags}.items()]
    client_of("ec2", fleet.account, fleet.region).create_launch_template(
        LaunchTemplateName=fleet.target_name,
        LaunchTemplateData={"ImageId": IMAGE_ID, "InstanceType": fleet.instance_type},
    )
    autoscaling = client_of("autoscaling", fleet.account, fleet.region)
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=fleet.target_name,
        LaunchTemplate={"LaunchTemplateName": fleet.target_name, "Version": "$Latest"},
        MinSize=0,
        MaxSize=fleet.baseline_max,
        DesiredCapacity=0,
        AvailabilityZones=list(fleet.availability_zones),
        HealthCheckGracePeriod=fleet.lead_time_seconds,
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in tags],
    )
    if fleet.reactive is not None:
        autoscaling.put_scaling_policy(
            AutoScalingGroupName=fleet.target_name,
            PolicyName=fleet.reactive.policy_name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": fleet.reactive.predefined_metric},
                "TargetValue": fleet.reactive.target_value,
            },
        )

    for schedule in work.schedules:
        sizes = {"MinSize": schedule.min_instances, "MaxSize": schedule.max_instances}
        autoscaling.put_scheduled_update_group_action(
            AutoScalingGroupName=fleet.target_name,
            ScheduledActionName=schedule.name,
            Recurrence=schedule.recurrence,
            **{name: size for name, size in sizes.items() if size is not None},
        )
    if work.predictive_policy is not None:
        autoscaling.put_scaling_policy(
            AutoScalingGroupName=fleet.target_name,
            PolicyName=work.predictive_policy,
            PolicyType="PredictiveScaling",
            PredictiveScalingConfiguration={
                "MetricSpecifications": [
                    {
                        "TargetValue": 60.0,
                        "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"},
                    }
                ],
                "Mode": "ForecastAndScale",
            },
        )


def _seed_owners_group(client_of: ClientOf, group: OwnersGroup, *, account: str) -> None:
    """Create a group that is no fleet, with instances of moto's."""
    client_of("ec2", account, group.region).create_launch_template(
        LaunchTemplateName=group.name,
        LaunchTemplateData={"ImageId": IMAGE_ID, "InstanceType": group.instance_type},
    )
    client_of("autoscaling", account, group.region).create_auto_scaling_group(
        AutoScalingGroupName=group.name,
        LaunchTemplate={"LaunchTemplateName": group.name, "Version": "$Latest"},
        MinSize=1,
        MaxSize=2 * group.instances,
        DesiredCapacity=group.instances,
        AvailabilityZones=list(availability_zones(group.region)[:2]),
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in group.tags.items()],
    )


def _seed_role(client_of: ClientOf, role: Role) -> None:
    iam = client_of("iam", role.account, "us-east-1")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": list(role.trusted)}, "Action": "sts:AssumeRole"}],
    }
    iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=json.dumps(trust))
    for name, document in role.policies.items():
        iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=json.dumps(document))


def _link(cloud: SandboxCloud, fleet: SandboxFleet, described: Fleet) -> None:
    """Put a fleet behind the load balancer that its demand is measured at."""
    arn = target_group_arn(described, account=fleet.account)
    if arn is None:
        return
    with cloud.lock:
        if fleet.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
            cloud.moto.link_group(GroupKey(fleet.account, fleet.region, fleet.target_name), [arn])
        elif fleet.kind is TargetKind.ECS_SERVICE:
            cloud.moto.link_service(fleet, arn)


def _seed_capacity_provider(ecs: Any, fleet: SandboxFleet, group: str) -> None:  # noqa: ANN401, boto3 ships no types
    arn = f"arn:aws:autoscaling:{fleet.region}:{fleet.account}:autoScalingGroup:{uuid.uuid5(uuid.NAMESPACE_URL, group)}"
    ecs.create_capacity_provider(
        name=group, autoScalingGroupProvider={"autoScalingGroupArn": f"{arn}:autoScalingGroupName/{group}"}
    )


def _seed_service(client_of: ClientOf, fleet: SandboxFleet, work: OwnersWork) -> None:
    cluster, _, service = fleet.target_name.partition("/")
    ecs = client_of("ecs", fleet.account, fleet.region)
    hosts: dict[str, Any] = {"launchType": "EC2"}
    providers: dict[str, Any] = {}
    if work.hosts_group is not None:
        _seed_capacity_provider(ecs, fleet, work.hosts_group)
        # moto keeps a cluster's strategy and forgets a service's.
        strategy = [{"capacityProvider": work.hosts_group, "weight": 1}]
        hosts, providers = {}, {"capacityProviders": [work.hosts_group], "defaultCapacityProviderStrategy": strategy}
    ecs.create_cluster(clusterName=cluster, **providers)
    ecs.register_task_definition(
        family=service,
        containerDefinitions=[
            {
                "name": "model-server",
                "image": "model-server:1",
                "memory": 8192,
                "resourceRequirements": [{"type": "GPU", "value": "1"}],
            }
        ],
    )
    ecs.create_service(
        cluster=cluster,
        serviceName=service,
        taskDefinition=service,
        desiredCount=fleet.baseline_desired,
        tags=[{"key": key, "value": value} for key, value in {**work.tags, **fleet.tags}.items()],
        **hosts,
    )


def _seed_variant(client_of: ClientOf, fleet: SandboxFleet, work: OwnersWork) -> None:
    endpoint, _, variant = fleet.target_name.partition("/")
    tags = [{"Key": key, "Value": value} for key, value in {**work.tags, **fleet.tags}.items()]
    sagemaker = client_of("sagemaker", fleet.account, fleet.region)
    sagemaker.create_model(
        ModelName=endpoint,
        ExecutionRoleArn=f"arn:aws:iam::{fleet.account}:role/model-execution",
        PrimaryContainer={"Image": f"{fleet.account}.dkr.ecr.{fleet.region}.amazonaws.com/model-server:1"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=endpoint,
        ProductionVariants=[
            {
                "VariantName": variant,
                "ModelName": endpoint,
                "InitialInstanceCount": fleet.baseline_desired,
                "InstanceType": fleet.instance_type,
            }
        ],
        Tags=tags,
    )
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint, Tags=tags)


def _seed_scalable_target(client_of: ClientOf, fleet: SandboxFleet) -> None:
    key = target_key(fleet)
    if key is None:
        return
    scaling = client_of("application-autoscaling", fleet.account, fleet.region)
    name = {"ServiceNamespace": key.namespace, "ResourceId": key.resource_id, "ScalableDimension": key.dimension}
    scaling.register_scalable_target(**name, MinCapacity=fleet.baseline_min, MaxCapacity=fleet.baseline_max)
    if fleet.reactive is not None:
        scaling.put_scaling_policy(
            **name,
            PolicyName=fleet.reactive.policy_name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "PredefinedMetricSpecification": {"PredefinedMetricType": fleet.reactive.predefined_metric},
                "TargetValue": fleet.reactive.target_value,
                "ScaleOutCooldown": fleet.reactive.scale_out_cooldown_seconds,
                "ScaleInCooldown": fleet.reactive.scale_in_cooldown_seconds,
            },
        )
