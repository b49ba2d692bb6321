"""Reading and writing each kind of target: what AWS answers becomes our words, what it refuses becomes a reason."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from tests.unit.actuation.fake_cloud import (
    FakeApplicationAutoScaling,
    FakeAutoScaling,
    FakeClients,
    FakeTarget,
    allowed,
    client_error,
)
from tests.unit.actuation.planning import NOW, action, add_foreign, at, ec2, ecs, fleet, group, name_of, ours_at, plan

from headroom.actuation.application_auto_scaling import ScalableTarget
from headroom.actuation.errors import ActuationError
from headroom.actuation.registry import TARGETS, target_for
from headroom.actuation.target import ScalingTarget
from headroom.domain.fleet import TargetKind
from headroom.domain.scaling import CapacitySetting, ScalingApi


class FakeEcs:
    def __init__(self, desired: int | None = 3) -> None:
        self.desired = desired

    def describe_services(self, cluster: str, services: list[str]) -> dict[str, Any]:
        assert (cluster, services) == ("search", ["embed"])
        return {"services": [] if self.desired is None else [{"desiredCount": self.desired}]}


class FakeSageMaker:
    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803, AWS's name
        assert EndpointName == "rerank-prod"
        return {"ProductionVariants": [{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}]}

    def describe_inference_component(self, InferenceComponentName: str) -> dict[str, Any]:  # noqa: N803
        assert InferenceComponentName == "chat-component"
        return {"RuntimeConfig": {"DesiredCopyCount": 5}}


def application_target(cloud: FakeTarget, kind: TargetKind, name: str, resource_id: str, **extra: Any) -> ScalingTarget:
    clients = FakeClients(
        application_autoscaling=FakeApplicationAutoScaling(cloud, resource_id=resource_id),
        ecs=extra.get("ecs", FakeEcs()),
        sagemaker=FakeSageMaker(),
    )
    target = target_for(fleet(kind=kind, name=name), clients)
    assert {(region, account) for _service, region, account in clients.asked} == {("us-east-1", "123456789012")}
    return target


def ecs_target(cloud: FakeTarget, **extra: Any) -> ScalingTarget:
    return application_target(cloud, TargetKind.ECS_SERVICE, "search/embed", "service/search/embed", **extra)


class TestEc2AutoScalingGroup:
    def test_every_page_of_actions_is_read(self) -> None:
        cloud = group()
        names = [add_foreign(cloud, at(20 + hour), low=1) for hour in range(45)]
        state = ec2(cloud).read(now_utc=NOW)
        assert {item.name for item in state.actions} == set(names)
        assert state.actions[0].setting == CapacitySetting(min_instances=1, max_instances=None)
        # 45 actions at 20 a page are three pages.
        assert cloud.calls.count("describe_scheduled_actions") == 3

    def test_the_group_is_read_in_our_words(self) -> None:
        state = ec2(group(low=3, high=9, desired=5)).read(now_utc=NOW)
        assert state.setting == CapacitySetting(min_instances=3, max_instances=9, desired_instances=5)
        assert (state.current_instances, state.api, state.read_at_utc) == (5, ScalingApi.EC2_AUTO_SCALING, NOW)
        assert not state.has_reactive_policy
        assert not state.has_predictive_policy
        assert not state.is_scheduled_scaling_suspended

    @pytest.mark.parametrize(
        ("policy", "suspended", "is_reactive", "is_predictive"),
        [
            ({"PolicyType": "TargetTrackingScaling", "Enabled": True}, set(), True, False),
            ({"PolicyType": "StepScaling"}, set(), True, False),
            ({"PolicyType": "SimpleScaling", "Enabled": False}, set(), False, False),
            ({"PolicyType": "TargetTrackingScaling"}, {"AlarmNotification"}, False, False),
            ({"PolicyType": "PredictiveScaling"}, set(), False, False),
            (
                {"PolicyType": "PredictiveScaling", "PredictiveScalingConfiguration": {"Mode": "ForecastOnly"}},
                set(),
                False,
                False,
            ),
            (
                {"PolicyType": "PredictiveScaling", "PredictiveScalingConfiguration": {"Mode": "ForecastAndScale"}},
                set(),
                False,
                True,
            ),
        ],
    )
    def test_a_policy_counts_when_it_acts(
        self,
        policy: dict[str, Any],
        suspended: set[str],
        is_reactive: bool,  # noqa: FBT001, a table's column
        is_predictive: bool,  # noqa: FBT001
    ) -> None:
        cloud = group()
        cloud.policies, cloud.suspended = [policy], suspended
        state = ec2(cloud).read(now_utc=NOW)
        assert (state.has_reactive_policy, state.has_predictive_policy) == (is_reactive, is_predictive)

    def test_suspended_scheduled_scaling_is_seen(self) -> None:
        cloud = group()
        cloud.suspended = {"ScheduledActions"}
        assert ec2(cloud).read(now_utc=NOW).is_scheduled_scaling_suspended

    def test_a_recurring_action_is_read_as_one(self) -> None:
        cloud = group()
        cloud.actions["nightly"] = {"start": at(22), "sizes": {"MinSize": 1}, "recurrence": "0 22 * * *"}
        (found,) = ec2(cloud).read(now_utc=NOW).actions
        assert (found.recurrence, found.starts_at_utc) == ("0 22 * * *", at(22))

    def test_refusals_of_single_actions_are_told_apart_from_what_went_through(self) -> None:
        cloud = group()
        add_foreign(cloud, at(10), low=1)
        result = ec2(cloud).put_actions([action(at(9), 3), action(at(10), 4), action(at(5), 5)], before_call=allowed)
        assert result.applied == (name_of(at(9)),)
        assert {failure.name: failure.reason.split(":")[0] for failure in result.failures} == {
            name_of(at(10)): "AlreadyExists",
            name_of(at(5)): "ValidationError",
        }

    def test_after_a_failed_batch_the_rest_is_not_tried(self) -> None:
        cloud = group()

        def fail(_number: int, operation: str) -> None:
            raise client_error(operation, "Throttling")

        cloud.on_call = fail
        result = ec2(cloud).put_actions([action(at(9 + index / 4), 3) for index in range(60)], before_call=allowed)
        assert (result.write_calls, len(result.failures), result.applied) == (1, 60, ())
        assert "Throttling" in result.failures[0].reason
        assert result.failures[59].reason == "not tried after an earlier batch failed"

    def test_deleting_what_is_gone_already_is_no_failure(self) -> None:
        cloud = group()
        ec2(cloud).put_actions([action(at(9), 3)], before_call=allowed)
        result = ec2(cloud).delete_actions([name_of(at(9)), name_of(at(10))], before_call=allowed)
        assert set(result.applied) == {name_of(at(9)), name_of(at(10))}
        assert result.failures == ()

    def test_a_missing_answer_is_named(self) -> None:
        cloud = group()

        def hang(_number: int, _operation: str) -> None:
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

        cloud.on_call = hang
        with pytest.raises(ActuationError, match="describe_auto_scaling_groups of Auto Scaling group 'chat-large': no"):
            ec2(cloud).read(now_utc=NOW)


class TestApplicationAutoScaling:
    @pytest.mark.parametrize(
        ("kind", "name", "resource_id", "desired"),
        [
            (TargetKind.ECS_SERVICE, "search/embed", "service/search/embed", 3),
            (TargetKind.SAGEMAKER_VARIANT, "rerank-prod/AllTraffic", "endpoint/rerank-prod/variant/AllTraffic", 4),
            (
                TargetKind.SAGEMAKER_INFERENCE_COMPONENT,
                "chat-component",
                "inference-component/chat-component",
                5,
            ),
        ],
    )
    def test_each_kind_is_read_written_and_cleared(
        self,
        kind: TargetKind,
        name: str,
        resource_id: str,
        desired: int,
    ) -> None:
        cloud = group(low=1, high=12)
        target = application_target(cloud, kind, name, resource_id)
        state = target.read(now_utc=NOW)
        assert state.setting == CapacitySetting(min_instances=1, max_instances=12, desired_instances=None)
        assert (state.current_instances, state.api) == (desired, ScalingApi.APPLICATION_AUTO_SCALING)

        wanted = plan((9, 3), restore_hour=30)
        assert len(target.put_actions(wanted, before_call=allowed).applied) == 2
        assert ours_at(cloud) == {"T0900": 3, "T0600": 2}
        read = {item.name: item for item in target.read(now_utc=NOW).actions}
        assert read[name_of(at(9))].starts_at_utc == at(9)
        assert read[name_of(at(9))].setting == wanted[0].setting
        assert target.delete_actions(list(read), before_call=allowed).failures == ()
        assert cloud.actions == {}

    def test_a_desired_capacity_is_never_sent(self) -> None:
        cloud = group()
        assert ecs_target(cloud).put_actions([action(at(9), 3, None, desired=7)], before_call=allowed).failures == ()
        assert cloud.actions[name_of(at(9))]["sizes"] == {"MinSize": 3, "MaxSize": None}

    def test_another_zone_is_turned_into_utc(self) -> None:
        cloud = group()
        # 09:00 in Berlin in November is 08:00 UTC.
        cloud.actions["owner"] = {"start": at(9), "sizes": {"MinSize": 1}, "zone": "Europe/Berlin"}
        cloud.actions["nightly"] = {"start": None, "sizes": {"MinSize": 1}, "recurrence": "cron(0 22 * * ? *)"}
        nightly, owner = ecs_target(cloud).read(now_utc=NOW).actions
        assert owner.starts_at_utc == datetime(2026, 11, 18, 8, tzinfo=UTC)
        assert (nightly.starts_at_utc, nightly.recurrence) == (None, "cron(0 22 * * ? *)")

    def test_policies_and_suspension_are_seen(self) -> None:
        cloud = group()
        predictive = {"Mode": "ForecastAndScale"}
        cloud.policies = [
            {"PolicyType": "TargetTrackingScaling"},
            {"PolicyType": "PredictiveScaling", "PredictiveScalingPolicyConfiguration": predictive},
        ]
        state = ecs_target(cloud).read(now_utc=NOW)
        assert (state.has_reactive_policy, state.has_predictive_policy) == (True, True)
        cloud.suspended = {"DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"}
        state = ecs_target(cloud).read(now_utc=NOW)
        assert (state.has_reactive_policy, state.is_scheduled_scaling_suspended) == (False, True)

    def test_a_refused_action_does_not_stop_the_others_but_throttling_does(self) -> None:
        cloud = group()
        result = ecs_target(cloud).put_actions([action(at(5), 3), action(at(9), 3)], before_call=allowed)
        assert result.applied == (name_of(at(9)),)
        assert "ValidationException" in result.failures[0].reason

        def throttle(_number: int, operation: str) -> None:
            raise client_error(operation, "ThrottlingException")

        cloud.on_call = throttle
        result = ecs_target(cloud).put_actions([action(at(10), 3), action(at(11), 3)], before_call=allowed)
        assert (result.write_calls, result.applied) == (1, ())
        assert [failure.reason.split(":")[0] for failure in result.failures] == [
            "put_scheduled_action of scalable target 'service/search/embed'",
            "not tried after an earlier action failed",
        ]

    def test_the_two_hundredth_and_first_action_is_refused(self) -> None:
        cloud = group()
        cloud.max_actions = 200
        target = ecs_target(cloud)
        assert target.max_actions == 200
        result = target.put_actions([action(at(9 + index / 4), 3) for index in range(201)], before_call=allowed)
        assert len(result.applied) == 200
        assert "LimitExceeded" in result.failures[0].reason

    def test_deleting_what_is_gone_already_is_no_failure(self) -> None:
        result = ecs_target(group()).delete_actions([name_of(at(9))], before_call=allowed)
        assert (result.applied, result.failures) == ((name_of(at(9)),), ())

    def test_an_unregistered_target_or_missing_service_is_named(self) -> None:
        cloud = group()
        with pytest.raises(ActuationError, match="ECS service 'search/embed' is not there"):
            ecs_target(cloud, ecs=FakeEcs(None)).read(now_utc=NOW)
        cloud.is_there = False
        with pytest.raises(ActuationError, match="'service/search/embed' is not registered with Application Auto"):
            ecs_target(cloud).read(now_utc=NOW)
        variant = "endpoint/rerank-prod/variant/Blue"
        other = application_target(group(), TargetKind.SAGEMAKER_VARIANT, "rerank-prod/Blue", variant)
        with pytest.raises(ActuationError, match="endpoint 'rerank-prod' has no variant 'Blue'"):
            other.read(now_utc=NOW)


def test_every_kind_has_a_module() -> None:
    assert set(TARGETS) == set(TargetKind)


def test_an_auto_scaling_group_is_reached_in_its_own_account_and_region() -> None:
    clients = FakeClients(autoscaling=FakeAutoScaling(group()))
    target = target_for(fleet(), clients)
    assert target.read(now_utc=NOW).fleet_id == "chat-large"
    assert clients.asked == [("autoscaling", "us-east-1", "123456789012")]
    assert not isinstance(target, ScalableTarget)


BOTH = pytest.mark.parametrize("target_of", [ec2, ecs], ids=["ec2", "application"])


@BOTH
def test_every_write_call_is_asked_for_first_and_nothing_is_written_after_a_no(target_of: Any) -> None:
    cloud = group()
    asked: list[int] = []

    def only_once() -> None:
        asked.append(len(cloud.write_calls))
        if len(asked) > 1:
            raise ActuationError("the lock is another's")

    target = target_of(cloud)
    wanted = [action(at(9 + index / 4), 3) for index in range(60)]
    put = target.put_actions(wanted, before_call=only_once)
    deleted = target.delete_actions([wanted[0].name], before_call=only_once)
    # A batch takes 50 for a group, a call takes one for a scalable target.
    taken = 50 if target_of is ec2 else 1
    assert (len(put.applied), len(put.failures), put.write_calls) == (taken, 60 - taken, 1)
    assert {failure.reason for failure in (*put.failures, *deleted.failures)} == {"the lock is another's"}
    assert (deleted.applied, deleted.write_calls) == ((), 0)
    assert asked == [0, 1, 1]
    assert len(cloud.write_calls) == 1


@BOTH
def test_the_id_of_every_request_is_kept_a_refused_ones_too(target_of: Any) -> None:
    cloud = group()
    target = target_of(cloud)
    put = target.put_actions([action(at(9), 3)], before_call=allowed)
    assert [(call.names, call.request_id) for call in put.calls] == [((name_of(at(9)),), "request-1")]

    def throttle(_number: int, operation: str) -> None:
        raise client_error(operation, "Throttling", request_id="throttled-2")

    cloud.on_call = throttle
    deleted = target.delete_actions([name_of(at(9))], before_call=allowed)
    assert [call.request_id for call in deleted.calls] == ["throttled-2"]

    def hang(_number: int, _operation: str) -> None:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    cloud.on_call = hang
    unanswered = target.put_actions([action(at(10), 3)], before_call=allowed)
    assert [call.request_id for call in unanswered.calls] == [""]
