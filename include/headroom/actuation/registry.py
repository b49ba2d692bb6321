"""Which module speaks for which kind of scaling target."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from headroom.actuation.application_auto_scaling import ecs_service, sagemaker_inference_component, sagemaker_variant
from headroom.actuation.ec2_auto_scaling import Ec2AutoScalingGroup
from headroom.actuation.errors import ActuationError
from headroom.actuation.target import Clients, ScalingTarget
from headroom.domain.fleet import Fleet, TargetKind


def _ec2_auto_scaling_group(fleet: Fleet, clients: Clients) -> ScalingTarget:
    client = clients.client("autoscaling", region=fleet.region, account=fleet.account)
    return Ec2AutoScalingGroup(fleet.id, fleet.target.name, client)


TARGETS: Final[Mapping[TargetKind, Callable[[Fleet, Clients], ScalingTarget]]] = MappingProxyType(
    {
        TargetKind.EC2_AUTO_SCALING_GROUP: _ec2_auto_scaling_group,
        TargetKind.ECS_SERVICE: ecs_service,
        TargetKind.SAGEMAKER_VARIANT: sagemaker_variant,
        TargetKind.SAGEMAKER_INFERENCE_COMPONENT: sagemaker_inference_component,
    },
)


def target_for(fleet: Fleet, clients: Clients) -> ScalingTarget:
    """Return the fleet's scaling target; raise ActuationError for a kind that cannot be pushed to."""
    make = TARGETS.get(fleet.target.kind)
    if make is None:
        known = ", ".join(sorted(TARGETS))
        raise ActuationError(f"fleet {fleet.id}: cannot push to a {fleet.target.kind}; known kinds are {known}")
    return make(fleet, clients)
