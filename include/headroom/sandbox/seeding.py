"""Sets the sandbox's accounts up as the fleets' owners left them: groups, services, endpoints, policies, buckets.

Everything goes through boto3 and the endpoint itself, as an owner would have done it.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from headroom.domain.fleet import TargetKind
from headroom.sandbox.cloud import SandboxCloud
from headroom.sandbox.control_client import SandboxControl
from headroom.sandbox.moto_bridge import target_key
from headroom.sandbox.world_interface import SandboxFleet, SandboxWorld

LAKE_BUCKET = "headroom-lake"
"""An empty bucket for whoever wants the lake in S3."""
IMAGE_ID = "ami-12c6146b"
"""One of the images that moto has from the start; nothing boots from it."""
FOREIGN_ACTION_NAME = "owners-own-change"
FOREIGN_ACTION_DELAY = timedelta(hours=30)
ClientOf = Callable[[str, str], Any]


def seed_cloud(cloud: SandboxCloud, url: str) -> None:
    """Create what the scenario has at `url`, the endpoint of `cloud`; then clear the call log."""
    control = SandboxControl(url)

    @cache
    def client_of(service: str, region: str) -> Any:  # noqa: ANN401, boto3 ships no types
        return control.client(service, region=region)

    scenario = cloud.world.scenario
    for bucket in sorted({LAKE_BUCKET, *(export.bucket for export in scenario.exports)}):
        client_of("s3", "us-east-1").create_bucket(Bucket=bucket)
    seeders = {
        TargetKind.EC2_AUTO_SCALING_GROUP: _seed_group,
        TargetKind.ECS_SERVICE: _seed_service,
        TargetKind.SAGEMAKER_VARIANT: _seed_variant,
    }
    for fleet in cloud.world.fleets:
        seeders[fleet.kind](client_of, fleet)
        _seed_scalable_target(client_of, fleet)
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


def _seed_group(client_of: ClientOf, fleet: SandboxFleet) -> None:
    """Create launch template and group without instances: the world has them, and the mirror shows them."""
    tags = [{"Key": key, "Value": value} for key, value in fleet.tags.items()]
    client_of("ec2", fleet.region).create_launch_template(
        LaunchTemplateName=fleet.target_name,
        LaunchTemplateData={"ImageId": IMAGE_ID, "InstanceType": fleet.instance_type},
    )
    autoscaling = client_of("autoscaling", fleet.region)
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


def _seed_service(client_of: ClientOf, fleet: SandboxFleet) -> None:
    cluster, _, service = fleet.target_name.partition("/")
    ecs = client_of("ecs", fleet.region)
    ecs.create_cluster(clusterName=cluster)
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
        launchType="EC2",
        tags=[{"key": key, "value": value} for key, value in fleet.tags.items()],
    )


def _seed_variant(client_of: ClientOf, fleet: SandboxFleet) -> None:
    endpoint, _, variant = fleet.target_name.partition("/")
    tags = [{"Key": key, "Value": value} for key, value in fleet.tags.items()]
    sagemaker = client_of("sagemaker", fleet.region)
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
    scaling = client_of("application-autoscaling", fleet.region)
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
