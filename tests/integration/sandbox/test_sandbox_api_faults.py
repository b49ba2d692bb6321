"""Injected faults, the call log, and changes of capacity by hand. Through boto3 over HTTP."""

import json
import threading
import time
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

from headroom.sandbox.control_client import SandboxControlError
from headroom.sandbox.faults import Fault

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Exception.AwsError:UserWarning"),  # moto's serializer knows no common errors
]

LAKE = "headroom-lake"
HOUR = timedelta(hours=1)


@pytest.fixture
def scaling(sandbox: Any) -> Any:
    return sandbox.control.client("autoscaling")


def test_a_fault_spoils_as_many_calls_as_asked_and_no_more(sandbox: Any, scaling: Any) -> None:
    sandbox.control.add_fault(
        service="autoscaling", operation="DescribeScheduledActions", status=503, error_code="Throttling", count=2
    )

    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            scaling.describe_scheduled_actions()
        assert caught.value.response["Error"]["Code"] == "Throttling"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert scaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"] == []
    assert sandbox.control.faults() == []


def test_a_fault_meets_only_calls_that_speak_of_its_match(sandbox: Any, scaling: Any) -> None:
    sandbox.control.add_fault(service="autoscaling", match="vision-batch", status=500, count=None)

    scaling.describe_scheduled_actions(AutoScalingGroupName="chat-large")
    for _ in range(2):
        with pytest.raises(ClientError, match="InternalFailure"):
            scaling.describe_scheduled_actions(AutoScalingGroupName="vision-batch")
    assert len(sandbox.control.faults()) == 1
    sandbox.control.clear_faults()
    scaling.describe_scheduled_actions(AutoScalingGroupName="vision-batch")


@pytest.mark.parametrize("service", ["autoscaling", "application-autoscaling", "cloudwatch", "s3", "ec2", "sts"])
def test_every_service_can_be_made_to_fail_in_its_own_shape(sandbox: Any, service: str) -> None:
    calls = {
        "autoscaling": lambda client: client.describe_auto_scaling_groups(),
        "application-autoscaling": lambda client: client.describe_scalable_targets(ServiceNamespace="ecs"),
        "cloudwatch": lambda client: client.list_metrics(),
        "s3": lambda client: client.list_buckets(),
        "ec2": lambda client: client.describe_instance_types(),
        "sts": lambda client: client.get_caller_identity(),
    }
    sandbox.control.add_fault(service=service, status=503, error_code="ServiceUnavailable")

    with pytest.raises(ClientError) as caught:
        calls[service](sandbox.control.client(service))
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert "asked for" in caught.value.response["Error"]["Message"]


def test_a_connection_can_be_cut_before_or_after_the_call_was_applied(sandbox: Any) -> None:
    client = sandbox.control.client("s3")
    for is_applied in (False, True):
        sandbox.control.add_fault(
            service="s3", operation="PutObject", is_connection_dropped=True, is_applied=is_applied
        )
        with pytest.raises((ConnectionClosedError, BotoCoreError)):
            client.put_object(Bucket=LAKE, Key=f"applied-{is_applied}", Body=b"x")

    keys = [item["Key"] for item in client.list_objects_v2(Bucket=LAKE)["Contents"]]
    assert keys == ["applied-True"]
    cut = sandbox.control.calls(service="s3", operation="PutObject")
    assert [(call["status"], call["detail"]) for call in cut] == [
        (None, "fault: connection dropped"),
        (None, "fault: connection dropped after applying"),
    ]
    client.delete_object(Bucket=LAKE, Key="applied-True")


def test_an_error_may_hide_that_the_call_was_applied(sandbox: Any, scaling: Any) -> None:
    sandbox.control.add_fault(operation="SetDesiredCapacity", status=500, is_applied=True)
    with pytest.raises(ClientError):
        scaling.set_desired_capacity(AutoScalingGroupName="chat-large", DesiredCapacity=51)
    assert sandbox.world.capacity("chat-large").desired_instances == 51
    scaling.set_desired_capacity(AutoScalingGroupName="chat-large", DesiredCapacity=50)


def test_a_retrying_client_gets_over_a_passing_fault(sandbox: Any) -> None:
    sandbox.control.add_fault(service="autoscaling", status=500, count=1)
    retrying = sandbox.control.client("autoscaling", max_attempts=3)
    assert len(retrying.describe_auto_scaling_groups()["AutoScalingGroups"]) == 2


def test_a_hanging_call_holds_up_no_other(sandbox: Any, scaling: Any) -> None:
    sandbox.control.add_fault(operation="DescribeScheduledActions", delay_seconds=1.5)
    answered: list[float] = []

    def hang() -> None:
        scaling.describe_scheduled_actions()
        answered.append(time.monotonic())

    thread = threading.Thread(target=hang)
    began = time.monotonic()
    thread.start()
    deadline = began + 1.0
    while sandbox.control.faults():  # the hanging call has taken it
        assert time.monotonic() < deadline
    scaling.describe_auto_scaling_groups()
    other = time.monotonic()
    thread.join()

    assert other < answered[0]
    assert answered[0] - began >= 1.5


def test_a_call_that_was_carried_out_is_in_the_log_while_its_answer_hangs(sandbox: Any, scaling: Any) -> None:
    sandbox.control.clear_calls()
    sandbox.control.add_fault(operation="SetDesiredCapacity", delay_seconds=1.5, is_applied=True)
    resize = {"AutoScalingGroupName": "chat-large", "DesiredCapacity": 52}
    thread = threading.Thread(target=lambda: scaling.set_desired_capacity(**resize))
    thread.start()
    deadline = time.monotonic() + 1.0
    while not sandbox.control.calls(operation="SetDesiredCapacity"):
        assert time.monotonic() < deadline
    assert thread.is_alive()
    assert sandbox.world.capacity("chat-large").desired_instances == 52
    thread.join()
    assert len(sandbox.control.calls(operation="SetDesiredCapacity")) == 1
    scaling.set_desired_capacity(AutoScalingGroupName="chat-large", DesiredCapacity=50)


def test_some_items_of_a_batch_can_be_made_to_fail(sandbox: Any, scaling: Any) -> None:
    sandbox.control.add_fault(
        operation="BatchPutScheduledUpdateGroupAction", failing_items=2, error_code="ResourceContention"
    )
    answer = scaling.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="chat-large",
        ScheduledUpdateGroupActions=[
            {"ScheduledActionName": f"a{number}", "StartTime": sandbox.now + number * HOUR, "MinSize": 3}
            for number in (1, 2, 3)
        ],
    )

    failed = answer["FailedScheduledUpdateGroupActions"]
    assert [(item["ScheduledActionName"], item["ErrorCode"]) for item in failed] == [
        ("a1", "ResourceContention"),
        ("a2", "ResourceContention"),
    ]
    scaling.delete_scheduled_action(AutoScalingGroupName="chat-large", ScheduledActionName="a3")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"operatoin": "x"}, "operatoin"),
        ({"delay_seconds": 121}, "delay_seconds"),
        ({"status": 200}, "status"),
        ({"count": 0}, "count"),
        ({"count": "many"}, "'<' not supported"),
    ],
)
def test_an_impossible_fault_is_refused(sandbox: Any, fault: dict[str, Any], words: str) -> None:
    with pytest.raises(SandboxControlError, match=words):
        sandbox.control.add_fault(**fault)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationError"),
        (403, "AccessDenied"),
        (404, "ResourceNotFound"),
        (429, "Throttling"),
        (500, "InternalFailure"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_status_has_an_error_code_that_goes_with_it(status: int, code: str) -> None:
    assert Fault(status=status).code == code


def test_each_call_is_logged_with_what_it_was(sandbox: Any, scaling: Any) -> None:
    s3 = sandbox.control.client("s3")
    scaling.describe_auto_scaling_groups()
    s3.put_object(Bucket=LAKE, Key="a/b.parquet", Body=b"x")
    s3.get_object(Bucket=LAKE, Key="a/b.parquet")
    s3.delete_object(Bucket=LAKE, Key="a/b.parquet")
    scaling.set_desired_capacity(AutoScalingGroupName="chat-large", DesiredCapacity=50)

    calls = sandbox.control.calls()
    assert [(call["service"], call["operation"], call["is_write"]) for call in calls] == [
        ("autoscaling", "DescribeAutoScalingGroups", False),
        ("s3", "PutObject", True),
        ("s3", "GetObject", False),
        ("s3", "DeleteObject", True),
        ("autoscaling", "SetDesiredCapacity", True),
    ]
    assert {call["at"] for call in calls} == {sandbox.now.isoformat()}
    assert [call["detail"] for call in calls][1] == f"{LAKE}/a/b.parquet"
    assert len(sandbox.control.calls(is_write=True)) == 3


def test_several_clients_at_once_are_all_answered(sandbox: Any) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        client = sandbox.control.client("autoscaling")
        try:
            for round_number in range(5):
                client.batch_put_scheduled_update_group_action(
                    AutoScalingGroupName="vision-batch",
                    ScheduledUpdateGroupActions=[
                        {
                            "ScheduledActionName": f"a{number}",
                            "StartTime": sandbox.now + (1 + number) * HOUR,
                            "MinSize": round_number,
                        }
                    ],
                )
        except (ClientError, BotoCoreError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    scaling = sandbox.control.client("autoscaling")
    found = scaling.describe_scheduled_actions(AutoScalingGroupName="vision-batch")["ScheduledUpdateGroupActions"]
    assert failures == []
    assert [item["MinSize"] for item in found] == [4] * 8
    scaling.batch_delete_scheduled_action(
        AutoScalingGroupName="vision-batch", ScheduledActionNames=[item["ScheduledActionName"] for item in found]
    )


def test_an_owner_may_change_a_group_by_hand(sandbox: Any, scaling: Any) -> None:
    scaling.update_auto_scaling_group(AutoScalingGroupName="chat-large", MinSize=52)
    assert sandbox.world.capacity("chat-large").desired_instances == 52  # pulled up with the minimum
    scaling.update_auto_scaling_group(AutoScalingGroupName="chat-large", MinSize=40, MaxSize=61, DesiredCapacity=50)

    (group,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["chat-large"])["AutoScalingGroups"]
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (40, 61, 50)
    for sizes in ({"MinSize": 62}, {"DesiredCapacity": 62}):
        with pytest.raises(ClientError) as caught:
            scaling.update_auto_scaling_group(AutoScalingGroupName="chat-large", **sizes)
        assert caught.value.response["Error"]["Code"] == "ValidationError"
    for desired, words in ((62, "above max value 61"), (39, "below min value 40")):
        with pytest.raises(ClientError, match=words):
            scaling.set_desired_capacity(AutoScalingGroupName="chat-large", DesiredCapacity=desired)
    with pytest.raises(ClientError, match="ResourceInUse"):
        scaling.delete_auto_scaling_group(AutoScalingGroupName="chat-large", ForceDelete=True)


def test_a_mixed_instances_policy_survives_a_change_of_sizes(scaling: Any) -> None:
    template = {"LaunchTemplateName": "vision-batch", "Version": "$Latest"}
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": template,
            "Overrides": [{"InstanceType": "g5.xlarge"}, {"InstanceType": "g6.xlarge"}],
        },
        "InstancesDistribution": {"OnDemandBaseCapacity": 2, "SpotAllocationStrategy": "price-capacity-optimized"},
    }
    scaling.update_auto_scaling_group(AutoScalingGroupName="vision-batch", MixedInstancesPolicy=policy, MinSize=3)
    scaling.update_auto_scaling_group(AutoScalingGroupName="vision-batch", HealthCheckGracePeriod=60, MaxSize=17)
    scaling.update_auto_scaling_group(AutoScalingGroupName="vision-batch", MaxSize=16)

    (group,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["vision-batch"])["AutoScalingGroups"]
    assert group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"] == policy["LaunchTemplate"]["Overrides"]
    assert (group["MinSize"], group["MaxSize"], group["HealthCheckGracePeriod"]) == (3, 16, 60)


def test_services_and_endpoints_can_be_resized_by_hand(sandbox: Any) -> None:
    ecs, sagemaker = sandbox.control.client("ecs"), sandbox.control.client("sagemaker")
    ecs.update_service(cluster="search", service="embed", desiredCount=9)
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="rerank-prod",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 7}],
    )

    (service,) = ecs.describe_services(cluster="search", services=["embed"])["services"]
    (variant,) = sagemaker.describe_endpoint(EndpointName="rerank-prod")["ProductionVariants"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName="rerank-prod")
    assert (service["desiredCount"], variant["DesiredInstanceCount"]) == (9, 7)
    assert service["deployments"][0]["desiredCount"] == 9
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.g5.2xlarge"
    with pytest.raises(ClientError, match="InvalidParameterException"):
        ecs.update_service(cluster="search", service="embed", desiredCount=999)
    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="rerank-prod",
            DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 999}],
        )


def test_what_moto_lacks_fails_as_a_cloud_does_and_the_sandbox_lives_on(sandbox: Any) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.control.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName="chat-large")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert len(sandbox.control.fleets()) >= 4


def test_the_control_endpoints_refuse_what_they_do_not_know(sandbox: Any) -> None:
    for method, name, words in (("GET", "weather", "has no GET"), ("PUT", "clock", "has no PUT")):
        with pytest.raises(SandboxControlError, match=words):
            sandbox.control._request(method, name)  # noqa: SLF001, what no method of it would send


def test_an_assumed_role_sees_the_same_account(sandbox: Any) -> None:
    sts = sandbox.control.client("sts")
    role = "arn:aws:iam::123456789012:role/headroom"
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}],
    }
    reading = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "autoscaling:Describe*", "Resource": "*"}],
    }
    iam = sandbox.control.client("iam")
    iam.create_role(RoleName="headroom", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="headroom", PolicyName="read", PolicyDocument=json.dumps(reading))
    sandbox.control.clear_calls()
    given = sts.assume_role(RoleArn=role, RoleSessionName="headroom")["Credentials"]
    client = boto3.client(
        "autoscaling",
        region_name="us-east-1",
        endpoint_url=sandbox.control.url,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    assert len(client.describe_auto_scaling_groups()["AutoScalingGroups"]) == 2
    assert sandbox.control.calls(is_write=True) == []


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b"{}", {}, "StartTime and EndTime must be given"),
        (b'{"MetricDataQueries": [], "StartTime": "never"}', {}, "cannot be read"),
        (b"{}", {"X-Amz-Target": "GraniteServiceVersion20100801.NoSuchCall"}, "InternalFailure"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(
    sandbox: Any, body: bytes, headers: dict[str, str], words: str
) -> None:
    scope = "Credential=sandbox/20261118/us-east-1/monitoring/aws4_request"
    answer = requests.post(
        sandbox.control.url,
        data=body,
        headers={
            "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
            **headers,
        },
        timeout=30,
    )
    assert answer.status_code >= 400
    assert words in answer.text


def test_a_control_body_must_be_a_json_object(sandbox: Any) -> None:
    for body, words in ((b"{", "not JSON"), (b"[]", "must be a JSON object")):
        answer = requests.post(f"{sandbox.control.url}/_sandbox/clock", data=body, timeout=30)
        assert answer.status_code == 400
        assert words in answer.json()["error"]


def test_fleets_are_listed_with_baseline_and_present_capacity(sandbox: Any) -> None:
    fleets = {fleet["id"]: fleet for fleet in sandbox.control.fleets()}
    assert fleets["chat-large"]["baseline_min"] == 50
    assert fleets["chat-large"]["capacity"]["desired_instances"] == 50
    assert fleets["embed-search"]["reactive"]["target_value"] == 60.0
