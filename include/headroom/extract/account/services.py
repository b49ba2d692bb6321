"""ECS services of a place and what they run on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from headroom.domain.account import FoundTarget, LoadBalancerLink, Place
from headroom.domain.fleet import Target, TargetKind
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.machines import read_accelerators
from headroom.extract.account.registrations import Registration, Registrations

SERVICES_PER_CALL = 10
"""DescribeServices takes this many (ECS API reference, 2026-11)."""
INSTANCES_PER_CALL = 100
"""DescribeContainerInstances takes this many; the first hundred tell the types."""


def read_services(
    attempts: Attempts,
    place: Place,
    *,
    links: Mapping[str, tuple[LoadBalancerLink, ...]],
    registrations: Registrations,
    groups: Iterable[FoundTarget],
) -> list[FoundTarget]:
    """Return every service of the place; `groups` are the Auto Scaling groups that may lie under them."""
    found: list[FoundTarget] = []
    by_name = {group.target.name: group for group in groups}
    clusters = attempts.rows(place, "ecs", "list_clusters", "clusterArns", lost="every ECS service")
    for cluster_arn in sorted(clusters):
        cluster = cluster_arn.rpartition("/")[2]
        arns = sorted(
            attempts.rows(
                place, "ecs", "list_services", "serviceArns", lost=f"the services of {cluster}", cluster=cluster
            )
        )
        machines = _container_instances(attempts, place, cluster) if arns else None
        for start in range(0, len(arns), SERVICES_PER_CALL):
            services = attempts.rows(
                place,
                "ecs",
                "describe_services",
                "services",
                lost=f"services of {cluster}",
                cluster=cluster,
                services=arns[start : start + SERVICES_PER_CALL],
                include=["TAGS"],
            )
            found += [
                _service(
                    place,
                    cluster,
                    service,
                    links=links,
                    registration=registrations.of(f"service/{cluster}/{service['serviceName']}"),
                    nodes=_nodes(attempts, place, cluster, service, by_name) or machines,
                )
                for service in services
            ]
    return found


def _service(
    place: Place,
    cluster: str,
    service: Mapping[str, Any],
    *,
    links: Mapping[str, tuple[LoadBalancerLink, ...]],
    registration: Registration | None,
    nodes: FoundTarget | None,
) -> FoundTarget:
    balancers = [item.get("targetGroupArn", "") for item in service.get("loadBalancers", ())]
    return FoundTarget(
        place=place,
        target=Target(kind=TargetKind.ECS_SERVICE, name=f"{cluster}/{service['serviceName']}"),
        instance_types=nodes.instance_types if nodes else (),
        accelerator=nodes.accelerator if nodes else None,
        min_instances=registration.min_capacity if registration else None,
        max_instances=registration.max_capacity if registration else None,
        desired_instances=service["desiredCount"],
        is_registered=registration is not None,
        tags={tag["key"]: tag.get("value", "") for tag in service.get("tags", ())},
        load_balancers=tuple(link for arn in balancers for link in links.get(arn, ())),
        policies=registration.policies if registration else (),
        scheduled_actions=registration.scheduled_actions if registration else (),
        is_scheduled_scaling_suspended=registration.is_scheduled_scaling_suspended if registration else False,
        nodes_group=nodes.target.name if nodes and nodes.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP else None,
        warmup_seconds=service.get("healthCheckGracePeriodSeconds"),
        skip_reason="runs on Fargate, which has no GPUs" if _is_on_fargate(service) else None,
    )


def _is_on_fargate(service: Mapping[str, Any]) -> bool:
    providers = [str(item["capacityProvider"]) for item in service.get("capacityProviderStrategy", ())]
    return service.get("launchType") == "FARGATE" or any(name.startswith("FARGATE") for name in providers)


def _container_instances(attempts: Attempts, place: Place, cluster: str) -> FoundTarget | None:
    """Return what the cluster's registered instances are, as a target that stands for them; None without any."""
    lost = f"the instances of {cluster}"
    arns = attempts.rows(place, "ecs", "list_container_instances", "containerInstanceArns", lost=lost, cluster=cluster)
    described = (
        attempts.rows(
            place,
            "ecs",
            "describe_container_instances",
            "containerInstances",
            lost=lost,
            cluster=cluster,
            containerInstances=arns[:INSTANCES_PER_CALL],
        )
        if arns
        else []
    )
    counted = Counter(
        item["value"]
        for instance in described
        for item in instance.get("attributes", ())
        if item["name"] == "ecs.instance-type" and item.get("value")
    )
    types = tuple(name for name, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    if not types:
        return None
    accelerators = read_accelerators(attempts, place, types)
    return FoundTarget(
        place=place,
        target=Target(kind=TargetKind.ECS_SERVICE, name=f"{cluster}/instances"),
        instance_types=types,
        accelerator=next((accelerators[name] for name in types if name in accelerators), None),
    )


def _nodes(
    attempts: Attempts, place: Place, cluster: str, service: Mapping[str, Any], groups: Mapping[str, FoundTarget]
) -> FoundTarget | None:
    """Return the Auto Scaling group of the service's first capacity provider that has one."""
    strategy = service.get("capacityProviderStrategy") or _cluster_strategy(attempts, place, cluster)
    names = [item["capacityProvider"] for item in strategy if not item["capacityProvider"].startswith("FARGATE")]
    if not names:
        return None
    providers = attempts.rows(
        place,
        "ecs",
        "describe_capacity_providers",
        "capacityProviders",
        lost=f"what {cluster}/{service['serviceName']} runs on",
        capacityProviders=names,
    )
    for provider in providers:
        arn = provider.get("autoScalingGroupProvider", {}).get("autoScalingGroupArn", "")
        # The ARN ends in autoScalingGroupName/NAME; some callers give the name alone.
        group = groups.get(arn.rpartition("autoScalingGroupName/")[2])
        if group is not None:
            return group
    return None


def _cluster_strategy(attempts: Attempts, place: Place, cluster: str) -> list[Mapping[str, Any]]:
    """Return the cluster's default strategy, else its providers."""
    clusters = attempts.rows(
        place,
        "ecs",
        "describe_clusters",
        "clusters",
        lost=f"the capacity providers of {cluster}",
        clusters=[cluster],
    )
    for item in clusters:
        strategy: list[Mapping[str, Any]] = item.get("defaultCapacityProviderStrategy") or [
            {"capacityProvider": name} for name in item.get("capacityProviders", ())
        ]
        return strategy
    return []
