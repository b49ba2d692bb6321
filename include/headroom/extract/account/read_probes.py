"""Every read call that docs/iam/read.json grants, as cheap as it can be, to be tried for real.

What a call asks for need not be there: AWS looks at permission first, so "no such cluster" is as good as an answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from headroom.domain.account import Identity, Place, TriedCall, TriedResult
from headroom.domain.fleet import Fleet, TargetKind
from headroom.extract.account.exports import BILLING_REGION
from headroom.extract.account.machines import SAGEMAKER_PREFIX
from headroom.extract.clients import Clients
from headroom.extract.errors import SourceError, describe_failure

PRICING_REGION: Final = "us-east-1"
"""Price list and Data Exports are asked there, whatever the fleet's region."""
FORBIDDEN: Final = 403
NO_PERMISSION_ASKED: Final = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired", "SignatureDoesNotMatch"),
        *("OptInRequired", "SubscriptionRequiredException", "UnrecognizedClientException"),
    }
)
"""Refusals with 403 that are about credentials or the account, not about a permission."""
_ABOUT_WHAT_WAS_ASKED: Final = re.compile(
    r"NotFound|NoSuch|DoesNotExist|Validation|InvalidParameter|InvalidInput|Malformed|ClusterNotFound|ClientException"
)
_SOME_NAME: Final = "headroom-doctor"
"""Asked for where no fleet gives a name."""
_SOME_TYPE: Final = "g5.xlarge"
_SOME_ID: Final = "00000000-0000-0000-0000-000000000000"
_NAMESPACE: Final = {
    TargetKind.ECS_SERVICE: "ecs",
    TargetKind.SAGEMAKER_VARIANT: "sagemaker",
    TargetKind.SAGEMAKER_INFERENCE_COMPONENT: "sagemaker",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A read call and the IAM action that it needs; `region` where it is not made in the place's own."""

    action: str
    service: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_for_tasks: bool = False
    region: str | None = None


def try_reading(clients: Clients, place: Place, probes: Sequence[Probe]) -> list[TriedCall]:
    """Try each call in a place; return what became of them, in order."""
    return [_try(clients, place, probe) for probe in probes]


def _try(clients: Clients, place: Place, probe: Probe) -> TriedCall:
    def tried(result: TriedResult, cause: str = "") -> TriedCall:
        return TriedCall(action=probe.action, is_for_tasks=probe.is_for_tasks, result=result, cause=cause)

    try:
        client = clients.client(probe.service, region=probe.region or place.region, account=place.account)
        getattr(client, probe.operation)(**probe.arguments)
    except ClientError as error:
        result = _result_of(error)
        return tried(result, "" if result is TriedResult.ANSWERED else describe_failure(error))
    except BotoCoreError as error:
        return tried(TriedResult.FAILED, describe_failure(error))
    except SourceError as error:
        return tried(TriedResult.FAILED, str(error))
    return tried(TriedResult.ANSWERED)


def _result_of(error: ClientError) -> TriedResult:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in NO_PERMISSION_ASKED:
        return TriedResult.FAILED
    if status == FORBIDDEN or code.startswith(("AccessDenied", "Unauthorized", "AuthorizationError")):
        return TriedResult.DENIED
    return TriedResult.ANSWERED if _ABOUT_WHAT_WAS_ASKED.search(code) else TriedResult.FAILED


def probes_of_place(place: Place, fleets: Sequence[Fleet], *, identity: Identity, now_utc: datetime) -> list[Probe]:
    """Return a probe for each action of read.json that is asked by region; `fleets` are the place's own."""
    return [
        *_group_probes(fleets),
        *_scalable_target_probes(fleets),
        *_tag_probes(place, identity),
        *_metric_probes(fleets, now_utc),
        *_machine_probes(fleets, now_utc),
        *_ecs_probes(fleets),
        *_sagemaker_probes(place, fleets, identity),
        Probe(
            action="elasticloadbalancing:DescribeTargetGroups",
            service="elbv2",
            operation="describe_target_groups",
            arguments={"PageSize": 1},
        ),
        Probe(
            action="servicequotas:GetServiceQuota",
            service="service-quotas",
            operation="get_service_quota",
            arguments={"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"},
        ),
    ]


def probes_of_account(identity: Identity) -> list[Probe]:
    """Return a probe for each action that is asked once in an account: its billing exports."""
    arn = (
        f"arn:{identity.partition}:bcm-data-exports:{BILLING_REGION}:{identity.account}:export/{_SOME_NAME}-{_SOME_ID}"
    )
    return [
        Probe(
            action="bcm-data-exports:ListExports",
            service="bcm-data-exports",
            operation="list_exports",
            arguments={"MaxResults": 1},
            region=BILLING_REGION,
        ),
        Probe(
            action="bcm-data-exports:GetExport",
            service="bcm-data-exports",
            operation="get_export",
            arguments={"ExportArn": arn},
            region=BILLING_REGION,
        ),
    ]


def _group_probes(fleets: Sequence[Fleet]) -> Iterator[Probe]:
    names = [fleet.target.name for fleet in fleets if fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP]
    for operation, is_for_tasks in (
        ("DescribePolicies", True),
        ("DescribeScheduledActions", True),
        ("DescribeScalingActivities", False),
    ):
        yield Probe(
            action=f"autoscaling:{operation}",
            service="autoscaling",
            operation=_snake(operation),
            arguments={"AutoScalingGroupName": names[0]} if names else {"MaxRecords": 1},
            is_for_tasks=is_for_tasks and bool(names),
        )
    yield Probe(
        action="autoscaling:DescribeAutoScalingGroups",
        service="autoscaling",
        operation="describe_auto_scaling_groups",
        arguments={"AutoScalingGroupNames": [names[0] if names else _SOME_NAME]},
        is_for_tasks=bool(names),
    )


def _scalable_target_probes(fleets: Sequence[Fleet]) -> Iterator[Probe]:
    namespaces = sorted({_NAMESPACE[fleet.target.kind] for fleet in fleets if fleet.target.kind in _NAMESPACE})
    for operation in ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"):
        yield Probe(
            action=f"application-autoscaling:{operation}",
            service="application-autoscaling",
            operation=_snake(operation),
            arguments={"ServiceNamespace": namespaces[0] if namespaces else "ecs", "MaxResults": 1},
            is_for_tasks=bool(namespaces),
        )


def _tag_probes(place: Place, identity: Identity) -> Iterator[Probe]:
    service = f"{identity.partition}:application-autoscaling:{place.region}:{identity.account}"
    yield Probe(
        action="application-autoscaling:ListTagsForResource",
        service="application-autoscaling",
        operation="list_tags_for_resource",
        arguments={"ResourceARN": f"arn:{service}:scalable-target/{_SOME_ID}"},
    )


def _metric_probes(fleets: Sequence[Fleet], now_utc: datetime) -> Iterator[Probe]:
    metric: dict[str, Any] = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": []}
    if fleets:
        demand = fleets[0].demand.metric
        dimensions = [{"Name": name, "Value": value} for name, value in sorted(demand.dimensions.items())]
        metric = {"Namespace": demand.namespace, "MetricName": demand.name, "Dimensions": dimensions}
    query = {"Id": "q0", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}}
    yield Probe(
        action="cloudwatch:GetMetricData",
        service="cloudwatch",
        operation="get_metric_data",
        arguments={"MetricDataQueries": [query], "StartTime": now_utc - timedelta(hours=1), "EndTime": now_utc},
        is_for_tasks=True,
    )
    yield Probe(action="cloudwatch:ListMetrics", service="cloudwatch", operation="list_metrics", arguments=metric)


def _machine_probes(fleets: Sequence[Fleet], now_utc: datetime) -> Iterator[Probe]:
    name = fleets[0].current_type.name.removeprefix(SAGEMAKER_PREFIX) if fleets else _SOME_TYPE
    yield Probe(
        action="ec2:DescribeInstanceTypes",
        service="ec2",
        operation="describe_instance_types",
        arguments={"Filters": [{"Name": "instance-type", "Values": [name]}]},
        is_for_tasks=True,
    )
    yield Probe(
        action="ec2:DescribeSpotPriceHistory",
        service="ec2",
        operation="describe_spot_price_history",
        arguments={"InstanceTypes": [name], "StartTime": now_utc, "MaxResults": 5},
        is_for_tasks=True,
    )
    yield Probe(
        action="ec2:DescribeLaunchTemplateVersions",
        service="ec2",
        operation="describe_launch_template_versions",
        arguments={"LaunchTemplateName": _SOME_NAME},
    )
    yield Probe(
        action="pricing:GetProducts",
        service="pricing",
        operation="get_products",
        arguments={
            "ServiceCode": "AmazonEC2",
            "Filters": [{"Type": "TERM_MATCH", "Field": "instanceType", "Value": name}],
            "MaxResults": 1,
        },
        is_for_tasks=True,
        region=PRICING_REGION,
    )


def _ecs_probes(fleets: Sequence[Fleet]) -> Iterator[Probe]:
    names = [fleet.target.name for fleet in fleets if fleet.target.kind is TargetKind.ECS_SERVICE]
    cluster, _, service = (names[0] if names else f"{_SOME_NAME}/{_SOME_NAME}").partition("/")
    arguments: dict[str, Mapping[str, Any]] = {
        "ListClusters": {"maxResults": 1},
        "ListServices": {"cluster": cluster, "maxResults": 1},
        "ListContainerInstances": {"cluster": cluster, "maxResults": 1},
        "DescribeClusters": {"clusters": [cluster]},
        "DescribeServices": {"cluster": cluster, "services": [service]},
        "DescribeContainerInstances": {"cluster": cluster, "containerInstances": [_SOME_ID.replace("-", "")]},
        "DescribeCapacityProviders": {"capacityProviders": [_SOME_NAME]},
    }
    for operation, given in arguments.items():
        yield Probe(
            action=f"ecs:{operation}",
            service="ecs",
            operation=_snake(operation),
            arguments=given,
            is_for_tasks=operation == "DescribeServices" and bool(names),
        )


def _sagemaker_probes(place: Place, fleets: Sequence[Fleet], identity: Identity) -> Iterator[Probe]:
    def first(kind: TargetKind) -> str | None:
        return next((fleet.target.name for fleet in fleets if fleet.target.kind is kind), None)

    variant, component = first(TargetKind.SAGEMAKER_VARIANT), first(TargetKind.SAGEMAKER_INFERENCE_COMPONENT)
    endpoint = (variant or _SOME_NAME).partition("/")[0]
    arn = f"arn:{identity.partition}:sagemaker:{place.region}:{identity.account}:endpoint/{endpoint.lower()}"
    arguments: dict[str, Mapping[str, Any]] = {
        "ListEndpoints": {"MaxResults": 1},
        "ListInferenceComponents": {"MaxResults": 1},
        "DescribeEndpoint": {"EndpointName": endpoint},
        "DescribeEndpointConfig": {"EndpointConfigName": endpoint},
        "DescribeInferenceComponent": {"InferenceComponentName": component or _SOME_NAME},
        "ListTags": {"ResourceArn": arn},
    }
    needed = {"DescribeEndpoint": variant, "DescribeInferenceComponent": component}
    for operation, given in arguments.items():
        yield Probe(
            action=f"sagemaker:{operation}",
            service="sagemaker",
            operation=_snake(operation),
            arguments=given,
            is_for_tasks=needed.get(operation) is not None,
        )


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
