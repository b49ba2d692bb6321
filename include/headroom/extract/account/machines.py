"""What runs under a target: instance types, whether they have accelerators, load balancers in front."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headroom.domain.account import Accelerator, LoadBalancerLink, Place
from headroom.extract.account.attempts import Attempts

SAGEMAKER_PREFIX = "ml."
NAMES_PER_CALL = 100
"""DescribeInstanceTypes takes this many names (EC2 API reference, 2026-11)."""


def read_accelerators(attempts: Attempts, place: Place, names: Iterable[str]) -> dict[str, Accelerator]:
    """Return, by instance type with or without SageMaker's "ml.", its GPUs or chips; types without one are left out."""
    wanted = sorted(set(names))
    plain = sorted({name.removeprefix(SAGEMAKER_PREFIX) for name in wanted})
    rows: list[Any] = []
    for start in range(0, len(plain), NAMES_PER_CALL):
        rows += attempts.rows(
            place,
            "ec2",
            "describe_instance_types",
            "InstanceTypes",
            lost="which instance types have GPUs",
            # A filter, not InstanceTypes: one unknown name there refuses the whole call.
            Filters=[{"Name": "instance-type", "Values": plain[start : start + NAMES_PER_CALL]}],
        )
    known = {row["InstanceType"]: accelerator for row in rows if (accelerator := _accelerator(row))}
    return {name: known[short] for name in wanted if (short := name.removeprefix(SAGEMAKER_PREFIX)) in known}


def _accelerator(row: Mapping[str, Any]) -> Accelerator | None:
    for group, key in (
        ("GpuInfo", "Gpus"),
        ("InferenceAcceleratorInfo", "Accelerators"),
        ("NeuronInfo", "NeuronDevices"),
    ):
        for device in row.get(group, {}).get(key, ()):
            return Accelerator(name=str(device.get("Name", "accelerator")), count=int(device.get("Count", 1)))
    return None


def types_of_group(group: Mapping[str, Any], template_types: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """Return a group's instance types: those that run, most first, then what its overrides and template allow."""
    running = Counter(instance["InstanceType"] for instance in group.get("Instances", ()) if "InstanceType" in instance)
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    allowed = [item["InstanceType"] for item in mixed.get("Overrides", ()) if "InstanceType" in item]
    template = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    own = template_types.get(template_key(template)) if template else None
    ordered = [name for name, _ in sorted(running.items(), key=lambda item: (-item[1], item[0]))]
    return tuple(dict.fromkeys([*ordered, *allowed, *([own] if own else [])]))


def template_key(specification: Mapping[str, Any]) -> tuple[str, str]:
    """Return what names a launch template and its version."""
    name = specification.get("LaunchTemplateId") or specification.get("LaunchTemplateName") or ""
    return str(name), str(specification.get("Version") or "$Default")


def read_template_types(
    attempts: Attempts, place: Place, groups: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], str]:
    """Return the instance type of each launch template that a group without running instances uses."""
    wanted: dict[tuple[str, str], Mapping[str, Any]] = {}
    for group in groups:
        mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
        template = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
        if template and not group.get("Instances"):
            wanted[template_key(template)] = template
    types = {}
    for key, template in sorted(wanted.items()):
        by = "LaunchTemplateId" if "LaunchTemplateId" in template else "LaunchTemplateName"
        versions = attempts.rows(
            place,
            "ec2",
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            lost=f"the instance type of launch template {key[0]}",
            Versions=[key[1]],
            **{by: template[by]},
        )
        for version in versions:
            name = version.get("LaunchTemplateData", {}).get("InstanceType")
            if name:
                types[key] = str(name)
    return types


def read_target_groups(attempts: Attempts, place: Place) -> dict[str, tuple[LoadBalancerLink, ...]]:
    """Return, by target group ARN, the Application Load Balancers in front as CloudWatch's dimensions name them."""
    rows = attempts.rows(
        place, "elbv2", "describe_target_groups", "TargetGroups", lost="load balancers in front of groups and services"
    )
    return {
        row["TargetGroupArn"]: tuple(
            LoadBalancerLink(
                load_balancer=arn.partition(":loadbalancer/")[2],
                target_group=row["TargetGroupArn"].rpartition(":")[2],
            )
            for arn in row.get("LoadBalancerArns", ())
            if ":loadbalancer/app/" in arn
        )
        for row in rows
    }
