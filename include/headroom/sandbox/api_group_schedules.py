"""Scheduled actions of EC2 Auto Scaling groups: kept per group, refused as AWS refuses them.

Rules from the API reference and the user guide's page on scheduled scaling:
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScheduledUpdateGroupAction.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from headroom.domain.account import Place
from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.schedule_expressions import Cron, parse_unix_cron

MAX_ACTIONS_PER_GROUP = 125
MAX_BATCH = 50
MAX_NAME_LENGTH = 255
DEFAULT_PAGE, MAX_PAGE = 50, 100
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """An Auto Scaling group."""

    account: str
    region: str
    name: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(account=self.account, region=self.region)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAction:
    """A scheduled action of a group; None is what its owner did not set."""

    name: str
    starts_at_utc: datetime | None = None
    ends_at_utc: datetime | None = None
    recurrence: str | None = None
    time_zone: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    desired_capacity: int | None = None

    @property
    def cron(self) -> Cron | None:
        """The recurrence, parsed."""
        return None if self.recurrence is None else parse_unix_cron(self.recurrence, self.time_zone)

    def occurrences(self, after_utc: datetime, until_utc: datetime) -> list[datetime]:
        """Return the times in (after_utc, until_utc] at which it runs."""
        times = set()
        if self.starts_at_utc is not None and after_utc < self.starts_at_utc <= until_utc:
            times.add(self.starts_at_utc)
        if self.cron is not None:
            earliest = max(after_utc, self.starts_at_utc or after_utc)
            latest = min(until_utc, self.ends_at_utc or until_utc)
            times.update(self.cron.between(earliest, latest))
        return sorted(times)

    def is_over(self, now_utc: datetime) -> bool:
        """Tell whether it will never run again, so that AWS no longer lists it."""
        if self.recurrence is None:
            return self.starts_at_utc is None or self.starts_at_utc <= now_utc
        return self.ends_at_utc is not None and self.ends_at_utc <= now_utc


class GroupSchedules:
    """Every group's scheduled actions and the operations on them; the caller holds the sandbox's lock.

    `clock` gives the sandbox's now, `has_group` tells whether a group is there.
    """

    def __init__(self, *, clock: Callable[[], datetime], has_group: Callable[[GroupKey], bool]) -> None:
        self._clock = clock
        self._has_group = has_group
        self._actions: dict[GroupKey, dict[str, GroupAction]] = {}

    def actions(self, group: GroupKey) -> tuple[GroupAction, ...]:
        """Return a group's actions in the order of their names."""
        return tuple(sorted(self._actions.get(group, {}).values(), key=lambda action: action.name))

    def groups(self) -> tuple[GroupKey, ...]:
        """Return the groups that have actions."""
        return tuple(sorted(key for key, actions in self._actions.items() if actions))

    def forget_over(self, now_utc: datetime) -> None:
        """Drop the actions that will never run again."""
        for actions in self._actions.values():
            for name in [name for name, action in actions.items() if action.is_over(now_utc)]:
                del actions[name]

    def forget_group(self, group: GroupKey) -> None:
        """Drop a deleted group's actions."""
        self._actions.pop(group, None)

    def put(self, call: AwsCall) -> Mapping[str, Any]:
        """PutScheduledUpdateGroupAction."""
        self._put_one(self._group(call), call.parameters)
        return {}

    def put_batch(self, call: AwsCall) -> Mapping[str, Any]:
        """BatchPutScheduledUpdateGroupAction: what is refused is listed, the rest is kept."""
        group = self._group(call)
        requests = call.parameters.get("ScheduledUpdateGroupActions", [])
        _check_batch(len(requests))
        return {
            "FailedScheduledUpdateGroupActions": _failures(
                call,
                [(str(request.get("ScheduledActionName", "")), request) for request in requests],
                lambda request: self._put_one(group, request),
            )
        }

    def delete(self, call: AwsCall) -> Mapping[str, Any]:
        """DeleteScheduledAction."""
        self._delete_one(self._group(call), str(call.parameters.get("ScheduledActionName", "")))
        return {}

    def delete_batch(self, call: AwsCall) -> Mapping[str, Any]:
        """BatchDeleteScheduledAction: names that are not there are listed as failed."""
        group = self._group(call)
        names = [str(name) for name in call.parameters.get("ScheduledActionNames", [])]
        _check_batch(len(names))
        return {
            "FailedScheduledActions": _failures(
                call, [(name, name) for name in names], lambda name: self._delete_one(group, name)
            )
        }

    def describe(self, call: AwsCall) -> Mapping[str, Any]:
        """DescribeScheduledActions: of one group or of all, by names or by start times, page by page."""
        parameters = call.parameters
        wanted = parameters.get("AutoScalingGroupName")
        groups = (
            [self._group(call)] if wanted is not None else [key for key in self.groups() if key.place == call.place]
        )
        names = set(parameters.get("ScheduledActionNames", []))
        rows = []
        for group in groups:
            for action in self.actions(group):
                starts_at = self._next_start(action)
                if (names and action.name in names) or (not names and _is_within(starts_at, parameters)):
                    rows.append(self._row(group, action, starts_at))
        rows.sort(
            key=lambda row: (row["AutoScalingGroupName"], row["StartTime"].isoformat(), row["ScheduledActionName"])
        )
        page, token = page_of(
            rows,
            token=parameters.get("NextToken"),
            size=parameters.get("MaxRecords"),
            default_size=DEFAULT_PAGE,
            max_size=MAX_PAGE,
        )
        return {"ScheduledUpdateGroupActions": page, "NextToken": token}

    def _group(self, call: AwsCall) -> GroupKey:
        name = str(call.parameters.get("AutoScalingGroupName", ""))
        group = GroupKey(call.account, call.region, name)
        if not self._has_group(group):
            raise AwsError("ValidationError", f"Group {name} not found")
        return group

    def _put_one(self, group: GroupKey, request: Mapping[str, Any]) -> None:
        actions = self._actions.setdefault(group, {})
        name = str(request.get("ScheduledActionName", ""))
        if not 1 <= len(name) <= MAX_NAME_LENGTH:
            raise AwsError("ValidationError", f"ScheduledActionName must have 1 to {MAX_NAME_LENGTH} characters")
        action = _merged(actions.get(name) or GroupAction(name=name), request)
        _check_sizes(action)
        self._check_times(action, is_start_given=_start_of(request) is not None)
        for other in actions.values():
            if other.name != name and action.starts_at_utc is not None and other.starts_at_utc == action.starts_at_utc:
                raise AwsError(
                    "AlreadyExists", f"A scheduled action with this scheduled start time already exists: {other.name}"
                )
        if name not in actions and len(actions) >= MAX_ACTIONS_PER_GROUP:
            raise AwsError(
                "LimitExceeded", f"The group {group.name} already has {MAX_ACTIONS_PER_GROUP} scheduled actions"
            )
        actions[name] = action

    def _check_times(self, action: GroupAction, *, is_start_given: bool) -> None:
        now = self._clock()
        if action.starts_at_utc is None and action.recurrence is None:
            raise AwsError("ValidationError", "Either a start time or a recurrence must be specified")
        if is_start_given and action.starts_at_utc is not None and action.starts_at_utc <= now:
            raise AwsError("ValidationError", "Given start time is in the past")
        if action.ends_at_utc is not None and action.ends_at_utc <= max(now, action.starts_at_utc or now):
            raise AwsError("ValidationError", "Given end time is in the past or not after the start time")
        try:
            action.cron  # noqa: B018, parsing is the check
        except ValueError as error:
            raise AwsError("ValidationError", f"Given recurrence is not valid: {error}") from error

    def _delete_one(self, group: GroupKey, name: str) -> None:
        if self._actions.get(group, {}).pop(name, None) is None:
            raise AwsError("ValidationError", f"Scheduled action name not found: {name}")

    def _next_start(self, action: GroupAction) -> datetime | None:
        now = self._clock()
        if action.cron is not None and (action.starts_at_utc is None or action.starts_at_utc <= now):
            return action.cron.next_after(now) or now
        return action.starts_at_utc

    def _row(self, group: GroupKey, action: GroupAction, starts_at: datetime | None) -> dict[str, Any]:
        arn = (
            f"arn:aws:autoscaling:{group.region}:{group.account}:scheduledUpdateGroupAction:"
            f"autoScalingGroupName/{group.name}:scheduledActionName/{action.name}"
        )
        return {
            "AutoScalingGroupName": group.name,
            "ScheduledActionName": action.name,
            "ScheduledActionARN": arn,
            "Time": starts_at,
            "StartTime": starts_at,
            "EndTime": action.ends_at_utc,
            "Recurrence": action.recurrence,
            "TimeZone": action.time_zone,
            "MinSize": action.min_size,
            "MaxSize": action.max_size,
            "DesiredCapacity": action.desired_capacity,
        }


def _start_of(request: Mapping[str, Any]) -> datetime | None:
    start: datetime | None = request.get("StartTime", request.get("Time"))
    return start


def _merged(action: GroupAction, request: Mapping[str, Any]) -> GroupAction:
    """Return the action with what the request gives; what it leaves out stays."""
    given: dict[str, Any] = {
        "starts_at_utc": _start_of(request),
        "ends_at_utc": request.get("EndTime"),
        "recurrence": request.get("Recurrence"),
        "time_zone": request.get("TimeZone"),
        "min_size": request.get("MinSize"),
        "max_size": request.get("MaxSize"),
        "desired_capacity": request.get("DesiredCapacity"),
    }
    return replace(action, **{key: value for key, value in given.items() if value is not None})


def _check_sizes(action: GroupAction) -> None:
    smallest, largest, desired = action.min_size, action.max_size, action.desired_capacity
    if smallest is None and largest is None and desired is None:
        raise AwsError("ValidationError", "At least one of MinSize, MaxSize and DesiredCapacity must be specified")
    if any(size is not None and size < 0 for size in (smallest, largest, desired)):
        raise AwsError("ValidationError", "Sizes must be greater than or equal to zero")
    if smallest is not None and largest is not None and smallest > largest:
        raise AwsError("ValidationError", "Max size must be greater than or equal to min size")
    if desired is not None and smallest is not None and desired < smallest:
        raise AwsError("ValidationError", "Desired capacity must be greater than or equal to min size")
    if desired is not None and largest is not None and desired > largest:
        raise AwsError("ValidationError", "Desired capacity must be less than or equal to max size")


def _check_batch(count: int) -> None:
    if not 1 <= count <= MAX_BATCH:
        raise AwsError("ValidationError", f"A batch takes 1 to {MAX_BATCH} scheduled actions, found {count}")


def _failures(call: AwsCall, items: list[tuple[str, Item]], apply: Callable[[Item], None]) -> list[dict[str, str]]:
    injected = {
        "ErrorCode": call.failing_code,
        "ErrorMessage": "a fault that was asked for at /_sandbox/faults",
    }
    failed = [{"ScheduledActionName": name, **injected} for name, _ in items[: call.failing_items]]
    for name, item in items[call.failing_items :]:
        try:
            apply(item)
        except AwsError as error:
            failed.append({"ScheduledActionName": name, "ErrorCode": error.code, "ErrorMessage": error.message})
    return failed


def _is_within(starts_at: datetime | None, parameters: Mapping[str, Any]) -> bool:
    earliest, latest = parameters.get("StartTime"), parameters.get("EndTime")
    if starts_at is None:
        return earliest is None and latest is None
    return (earliest is None or starts_at >= earliest) and (latest is None or starts_at <= latest)
