"""A scaling target with a clock, and boto3-like clients over it that refuse what AWS refuses.

The fakes keep state as AWS does: one-time actions run when the clock passes them and are gone then; batches may fail in
part; a call may be made to fail before or after it took effect.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

SIZES = ("MinSize", "MaxSize", "DesiredCapacity")


class Killed(BaseException):
    """The process dies here: nothing may catch it."""


def client_error(operation: str, code: str, message: str = "", *, request_id: str = "refused-1") -> ClientError:
    answer = {"Error": {"Code": code, "Message": message or code}, "ResponseMetadata": {"RequestId": request_id}}
    return ClientError(answer, operation)


def answered(number: int, **content: Any) -> dict[str, Any]:
    """Return the answer to the n-th call, with the id that AWS gives every request."""
    return {**content, "ResponseMetadata": {"RequestId": f"request-{number}"}}


@dataclass
class FakeTarget:
    """One group or scalable target: sizes under EC2's names, actions by name as {start, sizes, recurrence}."""

    now: datetime
    sizes: dict[str, int]
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: list[dict[str, Any]] = field(default_factory=list)
    suspended: set[str] = field(default_factory=set)
    max_actions: int = 125
    is_there: bool = True
    calls: list[str] = field(default_factory=list)
    on_call: Callable[[int, str], None] = lambda _number, _operation: None
    """Called before the n-th call (from 1) takes effect; may raise."""
    after_call: Callable[[int, str], None] = lambda _number, _operation: None
    """Called after the n-th call took effect and before it answers; may raise."""
    refuse_names: set[str] = field(default_factory=set)
    """Names that a batch put fails for, in part."""

    @property
    def write_calls(self) -> list[str]:
        return [name for name in self.calls if not name.startswith("describe")]

    def begin(self, operation: str) -> int:
        self.calls.append(operation)
        self.on_call(len(self.calls), operation)
        return len(self.calls)

    def end(self, number: int, operation: str) -> None:
        self.after_call(number, operation)

    def advance_to(self, moment: datetime) -> None:
        """Run what is due, in order; desired follows the bounds, as AWS keeps it inside them."""
        due = sorted(
            (action["start"], name)
            for name, action in self.actions.items()
            if action["start"] is not None and action["start"] <= moment and not action.get("recurrence")
        )
        for _start, name in due:
            action = self.actions.pop(name)
            if "ScheduledActions" in self.suspended:
                continue
            self.sizes |= {key: action["sizes"][key] for key in SIZES if action["sizes"].get(key) is not None}
            self.sizes["DesiredCapacity"] = min(
                max(self.sizes["DesiredCapacity"], self.sizes["MinSize"]),
                self.sizes["MaxSize"],
            )
        self.now = moment

    def refusal(self, name: str, start: datetime, sizes: dict[str, Any], *, is_start_unique: bool) -> str | None:
        """Return why AWS refuses the action, or None."""
        starts_of_others = {other["start"] for other_name, other in self.actions.items() if other_name != name}
        low, high, desired = (sizes.get(key) for key in SIZES)
        least, most = low or 0, 10_000 if high is None else high
        refusals = {
            "ValidationError: refused for the test": name in self.refuse_names,
            "ValidationError: the start time is past": start <= self.now,
            "AlreadyExists: another action starts then": is_start_unique and start in starts_of_others,
            "LimitExceeded: too many actions": name not in self.actions and len(self.actions) >= self.max_actions,
            "ValidationError: minimum above maximum": least > most,
            "ValidationError: desired outside the bounds": desired is not None and not least <= desired <= most,
        }
        return next((reason for reason, is_met in refusals.items() if is_met), None)


class FakeAutoScaling:
    """boto3 `autoscaling` for one group."""

    def __init__(self, target: FakeTarget, *, group: str = "chat-large", page_size: int = 20) -> None:
        self.target = target
        self.group = group
        self.page_size = page_size

    def describe_auto_scaling_groups(self, AutoScalingGroupNames: list[str]) -> dict[str, Any]:  # noqa: N803, AWS's name
        number = self.target.begin("describe_auto_scaling_groups")
        found = self.target.is_there and self.group in AutoScalingGroupNames
        self.target.end(number, "describe_auto_scaling_groups")
        suspended = [{"ProcessName": name} for name in sorted(self.target.suspended)]
        return {"AutoScalingGroups": [{**self.target.sizes, "SuspendedProcesses": suspended}] if found else []}

    def describe_policies(self, AutoScalingGroupName: str) -> dict[str, Any]:  # noqa: N803
        self._check("describe_policies", AutoScalingGroupName)
        return {"ScalingPolicies": self.target.policies}

    def describe_scheduled_actions(self, AutoScalingGroupName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
        self._check("describe_scheduled_actions", AutoScalingGroupName)
        names = sorted(self.target.actions)
        start = int(NextToken)
        items = []
        for name in names[start : start + self.page_size]:
            action = self.target.actions[name]
            item = {"ScheduledActionName": name, "StartTime": action["start"], "Recurrence": action.get("recurrence")}
            items.append(item | {key: size for key, size in action["sizes"].items() if size is not None})
        is_more = start + self.page_size < len(names)
        more = {"NextToken": str(start + self.page_size)} if is_more else {}
        return {"ScheduledUpdateGroupActions": items, **more}

    def batch_put_scheduled_update_group_action(
        self,
        AutoScalingGroupName: str,  # noqa: N803
        ScheduledUpdateGroupActions: list[dict[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        operation = "batch_put_scheduled_update_group_action"
        number = self._check(operation, AutoScalingGroupName, count=len(ScheduledUpdateGroupActions))
        failed = []
        for entry in ScheduledUpdateGroupActions:
            name, start = entry["ScheduledActionName"], entry["StartTime"]
            # An update keeps what it leaves out (API reference, PutScheduledUpdateGroupAction).
            kept = self.target.actions.get(name, {}).get("sizes", {})
            sizes = {key: entry.get(key, kept.get(key)) for key in SIZES}
            refusal = self.target.refusal(name, start, sizes, is_start_unique=True)
            if refusal is None:
                self.target.actions[name] = {"start": start, "sizes": sizes}
            else:
                code, message = refusal.split(": ", 1)
                failed.append({"ScheduledActionName": name, "ErrorCode": code, "ErrorMessage": message})
        self.target.end(number, operation)
        return answered(number, FailedScheduledUpdateGroupActions=failed)

    def batch_delete_scheduled_action(
        self,
        AutoScalingGroupName: str,  # noqa: N803
        ScheduledActionNames: list[str],  # noqa: N803
    ) -> dict[str, Any]:
        operation = "batch_delete_scheduled_action"
        number = self._check(operation, AutoScalingGroupName, count=len(ScheduledActionNames))
        failed = [
            {"ScheduledActionName": name, "ErrorCode": "ValidationError", "ErrorMessage": "not found"}
            for name in ScheduledActionNames
            if self.target.actions.pop(name, None) is None
        ]
        self.target.end(number, operation)
        return answered(number, FailedScheduledActions=failed)

    def _check(self, operation: str, group: str, *, count: int = 1) -> int:
        number = self.target.begin(operation)
        if not self.target.is_there or group != self.group:
            raise client_error(operation, "ValidationError", f"AutoScalingGroup name not found - {group}")
        if count > 50:
            raise client_error(operation, "ValidationError", "a batch takes at most 50")
        return number


class FakeApplicationAutoScaling:
    """boto3 `application-autoscaling` for one scalable target; sizes are MinCapacity and MaxCapacity only."""

    def __init__(self, target: FakeTarget, *, resource_id: str) -> None:
        self.target = target
        self.resource_id = resource_id

    def describe_scalable_targets(self, ResourceIds: list[str], **_key: str) -> dict[str, Any]:  # noqa: N803
        self.target.begin("describe_scalable_targets")
        if not self.target.is_there or ResourceIds != [self.resource_id]:
            return {"ScalableTargets": []}
        suspended = dict.fromkeys(self.target.suspended, True)
        sizes = {"MinCapacity": self.target.sizes["MinSize"], "MaxCapacity": self.target.sizes["MaxSize"]}
        return {"ScalableTargets": [{**sizes, "SuspendedState": suspended}]}

    def describe_scaling_policies(self, **key: str) -> dict[str, Any]:
        self._check("describe_scaling_policies", key)
        return {"ScalingPolicies": self.target.policies}

    def describe_scheduled_actions(self, **key: str) -> dict[str, Any]:
        self._check("describe_scheduled_actions", key)
        items = []
        for name, action in sorted(self.target.actions.items()):
            sizes = {"MinCapacity": action["sizes"].get("MinSize"), "MaxCapacity": action["sizes"].get("MaxSize")}
            start = action["start"]
            items.append(
                {
                    "ScheduledActionName": name,
                    "Schedule": action.get("recurrence") or f"at({start:%Y-%m-%dT%H:%M:%S})",
                    "Timezone": action.get("zone", "UTC"),
                    "ScalableTargetAction": {key: size for key, size in sizes.items() if size is not None},
                },
            )
        return {"ScheduledActions": items}

    def put_scheduled_action(
        self,
        ScheduledActionName: str,  # noqa: N803
        Schedule: str,  # noqa: N803
        Timezone: str,  # noqa: N803
        ScalableTargetAction: dict[str, int],  # noqa: N803
        **key: str,
    ) -> dict[str, Any]:
        number = self._check("put_scheduled_action", key)
        assert Timezone == "UTC"
        if set(":/|") & set(ScheduledActionName):
            raise client_error("put_scheduled_action", "ValidationException", "name has a character it must not have")
        start = datetime.fromisoformat(Schedule.removeprefix("at(").removesuffix(")")).replace(tzinfo=UTC)
        sizes = {
            "MinSize": ScalableTargetAction.get("MinCapacity"),
            "MaxSize": ScalableTargetAction.get("MaxCapacity"),
        }
        refusal = self.target.refusal(ScheduledActionName, start, sizes, is_start_unique=False)
        if refusal is not None:
            code = "LimitExceededException" if refusal.startswith("Limit") else "ValidationException"
            raise client_error("put_scheduled_action", code, refusal)
        self.target.actions[ScheduledActionName] = {"start": start, "sizes": sizes}
        self.target.end(number, "put_scheduled_action")
        return answered(number)

    def delete_scheduled_action(self, ScheduledActionName: str, **key: str) -> dict[str, Any]:  # noqa: N803
        number = self._check("delete_scheduled_action", key)
        if self.target.actions.pop(ScheduledActionName, None) is None:
            raise client_error("delete_scheduled_action", "ObjectNotFoundException")
        self.target.end(number, "delete_scheduled_action")
        return answered(number)

    def _check(self, operation: str, key: dict[str, str]) -> int:
        number = self.target.begin(operation)
        assert set(key) == {"ServiceNamespace", "ResourceId", "ScalableDimension"}
        if not self.target.is_there or key["ResourceId"] != self.resource_id:
            raise client_error(operation, "ObjectNotFoundException", "no scalable target registered")
        return number


class FakeClients:
    """Hands out the clients it was given, by service."""

    def __init__(self, **clients: Any) -> None:
        self.clients = clients
        self.asked: list[tuple[str, str, str | None]] = []

    def client(self, service: str, *, region: str, account: str | None = None) -> Any:
        self.asked.append((service, region, account))
        return self.clients[service.replace("-", "_")]


class MemoryStore:
    """The lake's JSON documents, in memory; counts what was written."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}
        self.reads = 0
        self.is_dead = False
        """Whether the process that writes is dead: then nothing more is written, whatever its code has still to say."""

    @property
    def storage(self) -> "MemoryStore":
        return self

    def write_json_once(self, path: str, obj: object) -> bool:
        self._check_alive()
        text = json.dumps(obj)
        return self.files.setdefault(path, text) is text

    def read_json(self, path: str) -> Any:
        self.reads += 1
        return json.loads(self.files[path])

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        return sorted(path for path in list(self.files) if path.startswith(f"{folder}/{name_prefix}"))

    def delete(self, path: str) -> None:
        self._check_alive()
        self.files.pop(path, None)

    def _check_alive(self) -> None:
        if self.is_dead:
            raise Killed


def allowed() -> None:
    """No lock is in the way of a write call."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
