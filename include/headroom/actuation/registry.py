"""Which module speaks for which kind of scaling target."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from headroom.actuation.application_auto_scaling import ecs_service, sagemaker_inference_component, sagemaker_variant
from headroom.actuation.ec2_auto_scaling import Ec2AutoScalingGroup
from headroom.actuation.errors import ActuationError
from headroom.actuation.kubernetes_deployment import kubernetes_deployment
from headroom.actuation.target import Clients, ScalingTarget
from headroom.domain.fleet import Fleet, TargetKind
from headroom.lake.storage import Storage

Make = Callable[[Fleet, Clients, Storage | None], ScalingTarget]


def _ec2_auto_scaling_group(fleet: Fleet, clients: Clients) -> ScalingTarget:
    client = clients.client("autoscaling", region=fleet.region, account=fleet.account)
    return Ec2AutoScalingGroup(fleet.id, fleet.target.name, client)


def _of_aws(make: Callable[[Fleet, Clients], ScalingTarget]) -> Make:
    return lambda fleet, clients, _storage: make(fleet, clients)


TARGETS: Final[Mapping[TargetKind, Make]] = MappingProxyType(
    {
        TargetKind.EC2_AUTO_SCALING_GROUP: _of_aws(_ec2_auto_scaling_group),
        TargetKind.ECS_SERVICE: _of_aws(ecs_service),
        TargetKind.SAGEMAKER_VARIANT: _of_aws(sagemaker_variant),
        TargetKind.SAGEMAKER_INFERENCE_COMPONENT: _of_aws(sagemaker_inference_component),
        TargetKind.KUBERNETES_DEPLOYMENT: lambda fleet, _clients, storage: kubernetes_deployment(fleet, storage),
    },
)


def target_for(fleet: Fleet, clients: Clients, storage: Storage | None = None) -> ScalingTarget:
    """Return the fleet's scaling target; raise ActuationError for a kind that cannot be pushed to.

    `storage` is the lake's, where the manifests stand that Headroom keeps itself.
    """
    make = TARGETS.get(fleet.target.kind)
    if make is None:
        known = ", ".join(sorted(TARGETS))
        raise ActuationError(f"fleet {fleet.id}: cannot push to a {fleet.target.kind}; known kinds are {known}")
    return make(fleet, clients, storage)
