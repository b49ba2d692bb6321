"""EC2 Auto Scaling group as a scaling target."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from headroom.actuation.errors import ActuationError, cloud_call, request_id_of
from headroom.actuation.target import ActionFailure, ApplyResult, BeforeCall, WriteCall, not_tried, read_pages
from headroom.domain.scaling import Action, CapacitySetting, PresentAction, ScalingApi, TargetState

BATCH_SIZE = 50
"""BatchPutScheduledUpdateGroupAction and BatchDeleteScheduledAction take this many (AWS API reference, 2026-11)."""
MAX_ACTIONS = 125
"""Scheduled actions per Auto Scaling group, not adjustable (Amazon EC2 Auto Scaling quotas, 2026-11)."""


@dataclass(frozen=True, slots=True)
class Ec2AutoScalingGroup:
    """The Auto Scaling group called `group_name`, through `client` (boto3 `autoscaling`)."""

    api: ClassVar[ScalingApi] = ScalingApi.EC2_AUTO_SCALING
    max_actions: ClassVar[int] = MAX_ACTIONS

    fleet_id: str
    group_name: str
    client: Any

    def read(self, *, now_utc: datetime) -> TargetState:
        """Return the group's bounds, policies and scheduled actions; raise ActuationError when it is not there."""
        group = self._read_group()
        suspended = {process["ProcessName"] for process in group.get("SuspendedProcesses", [])}
        policies = self._describe("describe_policies", "ScalingPolicies")
        return TargetState(
            fleet_id=self.fleet_id,
            api=self.api,
            read_at_utc=now_utc,
            setting=CapacitySetting(
                min_instances=group["MinSize"],
                max_instances=group["MaxSize"],
                desired_instances=group["DesiredCapacity"],
            ),
            current_instances=group["DesiredCapacity"],
            actions=tuple(_present_action(item) for item in self._describe_actions()),
            has_reactive_policy="AlarmNotification" not in suspended and any(map(_is_reactive, policies)),
            has_predictive_policy=any(map(_is_predictive, policies)),
            is_scheduled_scaling_suspended="ScheduledActions" in suspended,
        )

    def put_actions(self, actions: Sequence[Action], *, before_call: BeforeCall) -> ApplyResult:
        """Create or replace `actions` in batches; after a call that failed as a whole, the rest is not tried."""
        return self._write_in_batches(
            [action.name for action in actions],
            {action.name: _put_entry(action) for action in actions},
            before_call,
            operation="batch_put_scheduled_update_group_action",
            argument="ScheduledUpdateGroupActions",
            failures_key="FailedScheduledUpdateGroupActions",
        )

    def delete_actions(self, names: Sequence[str], *, before_call: BeforeCall) -> ApplyResult:
        """Delete the actions named in batches; one that is already gone counts as deleted."""
        result = self._write_in_batches(
            names,
            {name: name for name in names},
            before_call,
            operation="batch_delete_scheduled_action",
            argument="ScheduledActionNames",
            failures_key="FailedScheduledActions",
        )
        if not result.failures:
            return result
        # A delete fails for a name that is gone just as for one that stays: what the group holds now tells which.
        try:
            left = {item["ScheduledActionName"] for item in self._describe_actions()}
        except ActuationError:
            return result
        gone = tuple(failure.name for failure in result.failures if failure.name not in left)
        return ApplyResult(
            applied=result.applied + gone,
            failures=tuple(failure for failure in result.failures if failure.name in left),
            calls=result.calls,
        )

    def _write_in_batches(
        self,
        names: Sequence[str],
        entries: dict[str, Any],
        before_call: BeforeCall,
        *,
        operation: str,
        argument: str,
        failures_key: str,
    ) -> ApplyResult:
        result = ApplyResult()
        for start in range(0, len(names), BATCH_SIZE):
            batch = tuple(names[start : start + BATCH_SIZE])
            try:
                before_call()
            except ActuationError as error:
                return result + not_tried(names[start:], str(error))
            try:
                with cloud_call(operation, self._subject):
                    call = getattr(self.client, operation)
                    answer = call(
                        AutoScalingGroupName=self.group_name,
                        **{argument: [entries[name] for name in batch]},
                    )
            except ActuationError as error:
                failures = tuple(ActionFailure(name=name, reason=str(error)) for name in batch)
                call_made = WriteCall(operation=operation, names=batch, request_id=error.request_id)
                result += ApplyResult(failures=failures, calls=(call_made,))
                return result + not_tried(names[start + BATCH_SIZE :], "not tried after an earlier batch failed")
            failures = tuple(_failure(item) for item in answer.get(failures_key) or [])
            failed = {failure.name for failure in failures}
            applied = tuple(name for name in batch if name not in failed)
            call_made = WriteCall(operation=operation, names=batch, request_id=request_id_of(answer))
            result += ApplyResult(applied=applied, failures=failures, calls=(call_made,))
        return result

    @property
    def _subject(self) -> str:
        return f"Auto Scaling group {self.group_name!r}"

    def _read_group(self) -> dict[str, Any]:
        with cloud_call("describe_auto_scaling_groups", self._subject):
            groups = read_pages(
                self.client.describe_auto_scaling_groups,
                "AutoScalingGroups",
                AutoScalingGroupNames=[self.group_name],
            )
        if not groups:
            raise ActuationError(f"{self._subject} is not there", code="NotFound")
        return groups[0]

    def _describe_actions(self) -> list[dict[str, Any]]:
        return self._describe("describe_scheduled_actions", "ScheduledUpdateGroupActions")

    def _describe(self, operation: str, key: str) -> list[dict[str, Any]]:
        with cloud_call(operation, self._subject):
            return read_pages(getattr(self.client, operation), key, AutoScalingGroupName=self.group_name)


def _put_entry(action: Action) -> dict[str, Any]:
    sizes = {
        "MinSize": action.setting.min_instances,
        "MaxSize": action.setting.max_instances,
        "DesiredCapacity": action.setting.desired_instances,
    }
    return {
        "ScheduledActionName": action.name,
        "StartTime": action.starts_at_utc,
        **{key: size for key, size in sizes.items() if size is not None},
    }


def _present_action(item: dict[str, Any]) -> PresentAction:
    starts_at = item.get("StartTime")
    return PresentAction(
        name=item["ScheduledActionName"],
        starts_at_utc=starts_at.astimezone(UTC) if starts_at else None,
        setting=CapacitySetting(
            min_instances=item.get("MinSize"),
            max_instances=item.get("MaxSize"),
            desired_instances=item.get("DesiredCapacity"),
        ),
        recurrence=item.get("Recurrence") or None,
    )


def _failure(item: dict[str, Any]) -> ActionFailure:
    reason = f"{item.get('ErrorCode', 'unknown')}: {item.get('ErrorMessage', '')}"
    return ActionFailure(name=item["ScheduledActionName"], reason=reason)


def _is_reactive(policy: dict[str, Any]) -> bool:
    return policy.get("PolicyType") != "PredictiveScaling" and policy.get("Enabled", True)


def _is_predictive(policy: dict[str, Any]) -> bool:
    """Whether the policy acts on its forecast; AWS's default mode, ForecastOnly, only shows one."""
    mode = policy.get("PredictiveScalingConfiguration", {}).get("Mode", "ForecastOnly")
    return policy.get("PolicyType") == "PredictiveScaling" and mode == "ForecastAndScale"
