"""Whether a push would be permitted, as IAM's simulator sees it; nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from headroom.domain.account import Place, SimulatedAction
from headroom.domain.fleet import Fleet, TargetKind
from headroom.extract.account.registrations import CAPACITY_DIMENSIONS
from headroom.extract.clients import Clients
from headroom.extract.errors import answering

GROUP_ACTIONS: Final = ("autoscaling:BatchPutScheduledUpdateGroupAction", "autoscaling:BatchDeleteScheduledAction")
TARGET_ACTIONS: Final = (
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:DeleteScheduledAction",
)
"""What pushing calls, for Auto Scaling groups and for scalable targets (docs/iam/push.json)."""
_RESOURCE: Final = {
    TargetKind.ECS_SERVICE: ("ecs", "service/{first}/{second}"),
    TargetKind.SAGEMAKER_VARIANT: ("sagemaker", "endpoint/{first}/variant/{second}"),
    TargetKind.SAGEMAKER_INFERENCE_COMPONENT: ("sagemaker", "inference-component/{first}"),
}
PUSHABLE: Final = frozenset({TargetKind.EC2_AUTO_SCALING_GROUP, *_RESOURCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResource:
    """What pushing to a fleet writes to: its ARN, and all that a condition of docs/iam/push.json looks at."""

    arn: str
    actions: tuple[str, ...]
    tags: Mapping[str, str]
    conditions: Mapping[str, str]


def read_push_resource(clients: Clients, fleet: Fleet, place: Place) -> PushResource | None:
    """Return the resource that a fleet's scheduled actions are put on; None where it is not there.

    SourceError where it cannot be read.
    """
    with answering(f"{fleet.target.kind} {fleet.target.name} in {place}"):
        if fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
            return _group_resource(clients, fleet, place)
        return _scalable_resource(clients, fleet, place)


def _group_resource(clients: Clients, fleet: Fleet, place: Place) -> PushResource | None:
    client = clients.client("autoscaling", region=place.region, account=place.account)
    for group in client.describe_auto_scaling_groups(AutoScalingGroupNames=[fleet.target.name])["AutoScalingGroups"]:
        tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", ())}
        return PushResource(arn=group["AutoScalingGroupARN"], actions=GROUP_ACTIONS, tags=tags, conditions={})
    return None


def _scalable_resource(clients: Clients, fleet: Fleet, place: Place) -> PushResource | None:
    namespace, pattern = _RESOURCE[fleet.target.kind]
    first, _, second = fleet.target.name.partition("/")
    wanted = pattern.format(first=first, second=second)
    client = clients.client("application-autoscaling", region=place.region, account=place.account)
    for target in client.describe_scalable_targets(ServiceNamespace=namespace, ResourceIds=[wanted])["ScalableTargets"]:
        arn = target.get("ScalableTargetARN")
        if arn and target["ScalableDimension"] in CAPACITY_DIMENSIONS:
            return PushResource(
                arn=arn,
                actions=TARGET_ACTIONS,
                tags=dict(client.list_tags_for_resource(ResourceARN=arn).get("Tags", {})),
                conditions={
                    "application-autoscaling:service-namespace": namespace,
                    "application-autoscaling:scalable-dimension": target["ScalableDimension"],
                },
            )
    return None


def simulate_push(
    clients: Clients, place: Place, *, principal_arn: str, resource: PushResource
) -> list[SimulatedAction]:
    """Return what IAM's simulator says of the calls that a push makes on `resource`; SourceError where it refuses."""
    known = {**{f"aws:ResourceTag/{key}": value for key, value in resource.tags.items()}, **resource.conditions}
    context = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in sorted(known.items())
    ]
    with answering(f"IAM SimulatePrincipalPolicy of {principal_arn}"):
        answer: Mapping[str, Any] = clients.client(
            "iam", region=place.region, account=place.account
        ).simulate_principal_policy(
            PolicySourceArn=principal_arn,
            ActionNames=list(resource.actions),
            ResourceArns=[resource.arn],
            ContextEntries=context,
        )
    return [
        SimulatedAction(action=item["EvalActionName"], resource=resource.arn, decision=item["EvalDecision"])
        for item in answer.get("EvaluationResults", ())
    ]
