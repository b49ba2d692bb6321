"""SageMaker endpoints of a place: their variants and inference components."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headroom.domain.account import Accelerator, FoundTarget, Place
from headroom.domain.fleet import Target, TargetKind
from headroom.extract.account.attempts import Attempts
from headroom.extract.account.machines import read_accelerators
from headroom.extract.account.registrations import Registration, Registrations


def read_endpoints(attempts: Attempts, place: Place, registrations: Registrations) -> list[FoundTarget]:
    """Return every variant with instances of every endpoint in service, and every inference component."""
    endpoints = attempts.rows(place, "sagemaker", "list_endpoints", "Endpoints", lost="every SageMaker endpoint")
    variants: list[FoundTarget] = []
    for row in sorted(endpoints, key=lambda item: str(item["EndpointName"])):
        variants += _variants(attempts, place, row["EndpointName"], registrations)
    accelerators = read_accelerators(attempts, place, (name for found in variants for name in found.instance_types))
    with_accelerators = [_with_accelerator(found, accelerators) for found in variants]
    return with_accelerators + (_components(attempts, place, registrations, with_accelerators) if endpoints else [])


def _with_accelerator(found: FoundTarget, accelerators: Mapping[str, Accelerator]) -> FoundTarget:
    name = next((accelerators[one] for one in found.instance_types if one in accelerators), None)
    return replace(found, accelerator=name)


def _variants(attempts: Attempts, place: Place, endpoint: str, registrations: Registrations) -> list[FoundTarget]:
    def read() -> tuple[Mapping[str, Any], Mapping[str, Any], list[Mapping[str, Any]]]:
        client = attempts.client("sagemaker", place)
        described = client.describe_endpoint(EndpointName=endpoint)
        config = client.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        return described, config, client.list_tags(ResourceArn=described["EndpointArn"]).get("Tags", [])

    nothing: tuple[Mapping[str, Any], Mapping[str, Any], list[Mapping[str, Any]]] = ({}, {}, [])
    described, config, tags = attempts.value(
        place, "sagemaker describe_endpoint", read, lost=f"endpoint {endpoint}", otherwise=nothing
    )
    counts = {item["VariantName"]: item for item in described.get("ProductionVariants", ())}
    return [
        _variant(
            place,
            endpoint,
            item,
            count=counts.get(item["VariantName"], {}).get("DesiredInstanceCount", item.get("InitialInstanceCount")),
            tags={tag["Key"]: tag.get("Value", "") for tag in tags},
            registration=registrations.of(f"endpoint/{endpoint}/variant/{item['VariantName']}"),
        )
        for item in config.get("ProductionVariants", ())
    ]


def _variant(
    place: Place,
    endpoint: str,
    item: Mapping[str, Any],
    *,
    count: int | None,
    tags: Mapping[str, str],
    registration: Registration | None,
) -> FoundTarget:
    skip = None
    if "ServerlessConfig" in item:
        skip = "a serverless variant has no instances to schedule"
    elif "ModelName" not in item:
        skip = "hosts inference components: they are the fleets, its instances follow them"
    return FoundTarget(
        place=place,
        target=Target(kind=TargetKind.SAGEMAKER_VARIANT, name=f"{endpoint}/{item['VariantName']}"),
        instance_types=(item["InstanceType"],) if "InstanceType" in item else (),
        min_instances=registration.min_capacity if registration else None,
        max_instances=registration.max_capacity if registration else None,
        desired_instances=count,
        is_registered=registration is not None,
        tags=tags,
        policies=registration.policies if registration else (),
        scheduled_actions=registration.scheduled_actions if registration else (),
        is_scheduled_scaling_suspended=registration.is_scheduled_scaling_suspended if registration else False,
        skip_reason=skip,
    )


def _components(
    attempts: Attempts, place: Place, registrations: Registrations, variants: list[FoundTarget]
) -> list[FoundTarget]:
    # Only variants without a model of their own host components.
    hosts = {found.target.name: found for found in variants if found.skip_reason and found.instance_types}
    if not hosts:
        return []
    rows = attempts.rows(
        place, "sagemaker", "list_inference_components", "InferenceComponents", lost="every inference component"
    )
    found = []
    for row in sorted(rows, key=lambda item: str(item["InferenceComponentName"])):
        host = hosts.get(f"{row.get('EndpointName')}/{row.get('VariantName')}")
        registration = registrations.of(f"inference-component/{row['InferenceComponentName']}")
        found.append(
            FoundTarget(
                place=place,
                target=Target(kind=TargetKind.SAGEMAKER_INFERENCE_COMPONENT, name=row["InferenceComponentName"]),
                instance_types=host.instance_types if host else (),
                accelerator=host.accelerator if host else None,
                min_instances=registration.min_capacity if registration else None,
                max_instances=registration.max_capacity if registration else None,
                is_registered=registration is not None,
                tags=host.tags if host else {},
                policies=registration.policies if registration else (),
                scheduled_actions=registration.scheduled_actions if registration else (),
                is_scheduled_scaling_suspended=registration.is_scheduled_scaling_suspended if registration else False,
            )
        )
    return found
