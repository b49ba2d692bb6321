"""Scaling policies that an owner puts: kept, refused as AWS refuses them, and acted on once time passes."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.integration.sandbox.conftest import ServedSandbox

pytestmark = pytest.mark.integration

SERVICE = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/inference/embed-search",
    "ScalableDimension": "ecs:service:DesiredCount",
}
GROUP = {"AutoScalingGroupName": "chat-large"}
PAIR = {"PredefinedMetricPairSpecification": {"PredefinedMetricType": "ECSServiceCPUUtilization"}}


@pytest.fixture
def service(sandbox: ServedSandbox) -> dict[str, str]:
    name = next(fleet.target_name for fleet in sandbox.world.fleets if fleet.id == "embed-search")
    return {**SERVICE, "ResourceId": f"service/{name}"}


def predictive(mode: str = "ForecastAndScale") -> dict[str, Any]:
    return {
        "PolicyType": "PredictiveScaling",
        "PredictiveScalingPolicyConfiguration": {
            "Mode": mode,
            "MetricSpecifications": [{"TargetValue": 60.0, **PAIR}],
        },
    }


def test_a_services_policies_are_given_back_as_they_were_put(sandbox: ServedSandbox, service: dict[str, str]) -> None:
    client = sandbox.control.client("application-autoscaling")
    arn = client.put_scaling_policy(**service, PolicyName="foresees", **predictive())["PolicyARN"]
    found = {item["PolicyName"]: item for item in client.describe_scaling_policies(**service)["ScalingPolicies"]}
    assert found["foresees"]["PolicyARN"] == arn
    assert found["foresees"]["PredictiveScalingPolicyConfiguration"]["Mode"] == "ForecastAndScale"
    assert found["embed-cpu-60"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.0
    client.delete_scaling_policy(**service, PolicyName="foresees")
    left = client.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert [item["PolicyName"] for item in left] == ["embed-cpu-60"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ResourceId": "service/nowhere/none"}, "ObjectNotFoundException"),
        ({"PolicyType": "StepScaling"}, "ValidationException"),
    ],
)
def test_what_does_not_fit_is_refused(
    sandbox: ServedSandbox, service: dict[str, str], change: dict[str, str], code: str
) -> None:
    client = sandbox.control.client("application-autoscaling")
    with pytest.raises(ClientError) as refused:
        client.put_scaling_policy(**{**service, "PolicyName": "strange", **predictive(), **change})
    assert refused.value.response["Error"]["Code"] == code


def test_a_sagemaker_variant_takes_no_predictive_policy(sandbox: ServedSandbox) -> None:
    client = sandbox.control.client("application-autoscaling")
    name = next(fleet.target_name for fleet in sandbox.world.fleets if fleet.id == "rerank")
    endpoint, variant = name.split("/")
    with pytest.raises(ClientError, match="not supported for sagemaker"):
        client.put_scaling_policy(
            ServiceNamespace="sagemaker",
            ResourceId=f"endpoint/{endpoint}/variant/{variant}",
            ScalableDimension="sagemaker:variant:DesiredInstanceCount",
            PolicyName="foresees",
            **predictive(),
        )


def test_a_policy_that_is_gone_cannot_be_deleted(sandbox: ServedSandbox, service: dict[str, str]) -> None:
    client = sandbox.control.client("application-autoscaling")
    with pytest.raises(ClientError, match="No scaling policy never found"):
        client.delete_scaling_policy(**service, PolicyName="never")


def test_a_groups_policies_act_while_its_owner_lets_them(sandbox: ServedSandbox) -> None:
    client = sandbox.control.client("autoscaling")
    client.update_auto_scaling_group(**GROUP, MinSize=2)
    tracking = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 24.0,
    }
    put = {**GROUP, "PolicyName": "reacts", "PolicyType": "TargetTrackingScaling"}

    def desired_an_hour_later() -> int:
        sandbox.control.advance(timedelta(hours=1))
        return sandbox.world.capacity("chat-large").desired_instances

    assert desired_an_hour_later() == 50
    client.put_scaling_policy(**put, TargetTrackingConfiguration=tracking, Enabled=False)
    assert desired_an_hour_later() == 50
    client.put_scaling_policy(**put, TargetTrackingConfiguration=tracking, Enabled=True)
    client.suspend_processes(**GROUP, ScalingProcesses=["AlarmNotification"])
    assert desired_an_hour_later() == 50
    client.resume_processes(**GROUP, ScalingProcesses=["AlarmNotification"])
    assert desired_an_hour_later() < 45
    client.delete_policy(**GROUP, PolicyName="reacts")


def test_a_policy_that_only_forecasts_changes_nothing(sandbox: ServedSandbox) -> None:
    client = sandbox.control.client("autoscaling")
    pair = {"PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"}}
    name = {**GROUP, "PolicyName": "foresees", "PolicyType": "PredictiveScaling"}
    configuration = {"MetricSpecifications": [{"TargetValue": 24.0, **pair}]}
    client.set_desired_capacity(**GROUP, DesiredCapacity=2)
    client.put_scaling_policy(**name, PredictiveScalingConfiguration={**configuration, "Mode": "ForecastOnly"})
    sandbox.control.advance(timedelta(hours=2))
    assert sandbox.world.capacity("chat-large").desired_instances == 2
    client.put_scaling_policy(**name, PredictiveScalingConfiguration={**configuration, "Mode": "ForecastAndScale"})
    sandbox.control.advance(timedelta(hours=2))
    assert sandbox.world.capacity("chat-large").desired_instances > 10
    client.delete_policy(**GROUP, PolicyName="foresees")
