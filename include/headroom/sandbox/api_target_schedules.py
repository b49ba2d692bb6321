"""Scheduled actions of Application Auto Scaling's scalable targets: kept per target, refused as AWS refuses them.

Rules from the API reference and the user guide's quotas:
https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html
https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-limits.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from headroom.sandbox.api_paging import page_of
from headroom.sandbox.api_protocol import AwsCall, AwsError
from headroom.sandbox.schedule_expressions import Schedule, parse_schedule

MAX_ACTIONS_PER_TARGET = 200
MAX_NAME_LENGTH = 1600
DEFAULT_PAGE = MAX_PAGE = 50
FORBIDDEN_IN_NAMES = ":/|"


@dataclass(frozen=True, slots=True, order=True)
class TargetKey:
    """A scalable target."""

    account: str
    region: str
    namespace: str
    resource_id: str
    dimension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAction:
    """A scheduled action of a scalable target; None is what its owner did not set."""

    name: str
    expression: str
    created_at_utc: datetime
    time_zone: str | None = None
    starts_at_utc: datetime | None = None
    ends_at_utc: datetime | None = None
    min_capacity: int | None = None
    max_capacity: int | None = None

    @property
    def schedule(self) -> Schedule:
        """The expression, parsed."""
        return parse_schedule(self.expression, self.time_zone)

    def occurrences(self, after_utc: datetime, until_utc: datetime) -> list[datetime]:
        """Return the times in (after_utc, until_utc] at which it runs."""
        schedule = self.schedule
        if schedule.at_utc is not None:
            return [schedule.at_utc] if after_utc < schedule.at_utc <= until_utc else []
        earliest = max(after_utc, self.starts_at_utc or after_utc)
        latest = min(until_utc, self.ends_at_utc or until_utc)
        if schedule.cron is not None:
            return list(schedule.cron.between(earliest, latest))
        times, moment = [], self.starts_at_utc or self.created_at_utc
        while schedule.interval is not None and moment <= latest:
            if moment > earliest:
                times.append(moment)
            moment += schedule.interval
        return times

    def is_over(self, now_utc: datetime) -> bool:
        """Tell whether it will never run again, so that AWS no longer lists it."""
        at_utc = self.schedule.at_utc
        return (at_utc is not None and at_utc <= now_utc) or (
            self.ends_at_utc is not None and self.ends_at_utc <= now_utc
        )


class TargetSchedules:
    """Every target's scheduled actions and the operations on them; the caller holds the sandbox's lock."""

    def __init__(self, *, clock: Callable[[], datetime], has_target: Callable[[TargetKey], bool]) -> None:
        self._clock = clock
        self._has_target = has_target
        self._actions: dict[TargetKey, dict[str, TargetAction]] = {}

    def actions(self, target: TargetKey) -> tuple[TargetAction, ...]:
        """Return a target's actions in the order of their names."""
        return tuple(sorted(self._actions.get(target, {}).values(), key=lambda action: action.name))

    def targets(self) -> tuple[TargetKey, ...]:
        """Return the targets that have actions."""
        return tuple(sorted(key for key, actions in self._actions.items() if actions))

    def forget_over(self, now_utc: datetime) -> None:
        """Drop the actions that will never run again."""
        for actions in self._actions.values():
            for name in [name for name, action in actions.items() if action.is_over(now_utc)]:
                del actions[name]

    def forget_target(self, target: TargetKey) -> None:
        """Drop a deregistered target's actions, as AWS does."""
        self._actions.pop(target, None)

    def put(self, call: AwsCall) -> Mapping[str, Any]:
        """PutScheduledAction: start and end times that an update leaves out are deleted, everything else stays."""
        target, parameters = target_of(call), call.parameters
        if not self._has_target(target):
            raise AwsError(
                "ObjectNotFoundException",
                f"No scalable target found for service namespace: {target.namespace}, resource ID: "
                f"{target.resource_id}, scalable dimension: {target.dimension}",
            )
        name = str(parameters.get("ScheduledActionName", ""))
        if not 1 <= len(name) <= MAX_NAME_LENGTH or any(character in name for character in FORBIDDEN_IN_NAMES):
            raise AwsError(
                "ValidationException", f"ScheduledActionName {name!r} is empty, too long or has one of : / | in it"
            )
        actions = self._actions.setdefault(target, {})
        action = self._merged(actions.get(name), name, parameters)
        _check_capacities(action)
        self._check_times(action)
        if name not in actions and len(actions) >= MAX_ACTIONS_PER_TARGET:
            raise AwsError("LimitExceededException", f"A target takes {MAX_ACTIONS_PER_TARGET} scheduled actions")
        actions[name] = action
        return {}

    def delete(self, call: AwsCall) -> Mapping[str, Any]:
        """DeleteScheduledAction."""
        target, name = target_of(call), str(call.parameters.get("ScheduledActionName", ""))
        if self._actions.get(target, {}).pop(name, None) is None:
            raise AwsError(
                "ObjectNotFoundException",
                f"No scheduled action {name} found for service namespace: {target.namespace}, resource ID: "
                f"{target.resource_id}, scalable dimension: {target.dimension}",
            )
        return {}

    def describe(self, call: AwsCall) -> Mapping[str, Any]:
        """DescribeScheduledActions: of a service namespace, narrowed by resource, dimension and names, page by page."""
        parameters = call.parameters
        names = set(parameters.get("ScheduledActionNames", []))
        rows = [
            self._row(target, action)
            for target in self.targets()
            if (target.account, target.region) == (call.account, call.region)
            and target.namespace == parameters.get("ServiceNamespace")
            and parameters.get("ResourceId") in (None, target.resource_id)
            and parameters.get("ScalableDimension") in (None, target.dimension)
            for action in self.actions(target)
            if not names or action.name in names
        ]
        page, token = page_of(
            rows,
            token=parameters.get("NextToken"),
            size=parameters.get("MaxResults"),
            default_size=DEFAULT_PAGE,
            max_size=MAX_PAGE,
            token_error="InvalidNextTokenException",  # noqa: S106, an error code
            size_error="ValidationException",
        )
        return {"ScheduledActions": page, "NextToken": token}

    def _merged(self, action: TargetAction | None, name: str, parameters: Mapping[str, Any]) -> TargetAction:
        expression = parameters.get("Schedule")
        if action is None and expression is None:
            raise AwsError("ValidationException", "Schedule must be given for a new scheduled action")
        before = action or TargetAction(name=name, expression=str(expression), created_at_utc=self._clock())
        after = replace(
            before,
            expression=before.expression if expression is None else str(expression),
            time_zone=parameters.get("Timezone", before.time_zone),
            starts_at_utc=parameters.get("StartTime"),
            ends_at_utc=parameters.get("EndTime"),
        )
        capacities = parameters.get("ScalableTargetAction")
        if capacities is None:
            return after
        return replace(after, min_capacity=capacities.get("MinCapacity"), max_capacity=capacities.get("MaxCapacity"))

    def _check_times(self, action: TargetAction) -> None:
        now = self._clock()
        try:
            schedule = action.schedule
        except ValueError as error:
            raise AwsError("ValidationException", f"Schedule expression is not valid: {error}") from error
        if schedule.at_utc is not None and schedule.at_utc <= now:
            raise AwsError("ValidationException", f"Schedule {action.expression} is in the past")
        for name, moment in (("Start", action.starts_at_utc), ("End", action.ends_at_utc)):
            if moment is not None and moment <= now:
                raise AwsError("ValidationException", f"{name} time is in the past")
        if action.starts_at_utc and action.ends_at_utc and action.ends_at_utc <= action.starts_at_utc:
            raise AwsError("ValidationException", "End time must be after start time")

    def _row(self, target: TargetKey, action: TargetAction) -> dict[str, Any]:
        arn = (
            f"arn:aws:autoscaling:{target.region}:{target.account}:scheduledAction:resource/{target.namespace}/"
            f"{target.resource_id}:scheduledActionName/{action.name}"
        )
        return {
            "ScheduledActionName": action.name,
            "ScheduledActionARN": arn,
            "ServiceNamespace": target.namespace,
            "ResourceId": target.resource_id,
            "ScalableDimension": target.dimension,
            "Schedule": action.expression,
            "Timezone": action.time_zone,
            "StartTime": action.starts_at_utc,
            "EndTime": action.ends_at_utc,
            "ScalableTargetAction": {"MinCapacity": action.min_capacity, "MaxCapacity": action.max_capacity},
            "CreationTime": action.created_at_utc,
        }


def target_of(call: AwsCall) -> TargetKey:
    """Return the scalable target that a request names."""
    parameters = call.parameters
    return TargetKey(
        call.account,
        call.region,
        str(parameters.get("ServiceNamespace", "")),
        str(parameters.get("ResourceId", "")),
        str(parameters.get("ScalableDimension", "")),
    )


def _check_capacities(action: TargetAction) -> None:
    smallest, largest = action.min_capacity, action.max_capacity
    if smallest is None and largest is None:
        raise AwsError(
            "ValidationException", "At least one of minimum capacity and maximum capacity should be provided"
        )
    if any(capacity is not None and capacity < 0 for capacity in (smallest, largest)):
        raise AwsError("ValidationException", "Capacity must be greater than or equal to zero")
    if smallest is not None and largest is not None and smallest > largest:
        raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
