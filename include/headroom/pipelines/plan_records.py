"""Plans as the schedule step left them in the lake, checked before anything is made of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from headroom.actuation.push_ids import plan_push_id
from headroom.domain.fleet import Fleet
from headroom.domain.window import Window, as_utc
from headroom.lake.errors import LakeError
from headroom.pipelines.one_fleet import OF_ONE_FLEET
from headroom.pipelines.schedules import plan_path, wanted_actions
from headroom.pipelines.workspace import Workspace

_RATES: Final = ("sustainable_rate_per_second", "most_rate_per_second")
_TEXTS: Final = ("inputs_hash", "instance_type", "sizing_method")
_CURE: Final = "clear the hour's schedule task, which makes it anew"


class PlanFileError(ValueError):
    """A plan that is not as the schedule step writes it; the message names the key, and what was expected."""


def stored_plan(workspace: Workspace, fleet: Fleet, window: Window) -> dict[str, Any] | str:
    """Return the plan that the schedule step left for a fleet, or in a sentence why there is none to go by."""
    path = plan_path(fleet.id, window)
    try:
        record = workspace.lake.read_json(path)
    except LakeError as error:
        return f"its plan cannot be read: {error}; {_CURE}"
    if record is None:
        return "it has no plan in this run"
    try:
        return _checked(record, fleet, window)
    except PlanFileError as error:
        return f"its plan cannot be used: {path}: {error}; {_CURE}"


def told_plan(workspace: Workspace, fleet_id: str, window: Window) -> dict[str, Any]:
    """Return what there is of a fleet's plan to tell from, unchecked; empty where it cannot be read, or is none."""
    try:
        record = workspace.lake.read_json(plan_path(fleet_id, window))
    except LakeError:
        return {}
    return record if isinstance(record, dict) else {}


def _checked(record: object, fleet: Fleet, window: Window) -> dict[str, Any]:
    """Return a plan in which all that a push reads is there; PlanFileError where it is another's, or was changed."""
    if not isinstance(record, dict):
        raise PlanFileError(f"expected a plan, found {type(record).__name__}")
    made_at = window.end_utc.isoformat()
    for key, wanted in (("fleet_id", fleet.id), ("made_at_utc", made_at)):
        _expect(record, key, is_met=record.get(key) == wanted, wanted=repr(wanted))
    try:
        actions = wanted_actions(record)
        plan_id = plan_push_id(fleet.id, window_end_utc=window.end_utc, wanted=actions)
    except OF_ONE_FLEET as error:
        found = f"{type(error).__name__}: {error}"
        raise PlanFileError(f"wanted: expected a list of actions as Headroom wrote them, found {found}") from error
    # the id is a hash of the actions, so it tells whether they are the ones that were planned
    _expect(record, "plan_id", is_met=record.get("plan_id") == plan_id, wanted=f"{plan_id}, by its actions")
    for key in _TEXTS:
        _expect(record, key, is_met=isinstance(record.get(key), str), wanted="a text")
    estimate = record.get("estimate")
    _expect(record, "estimate", is_met=isinstance(estimate, dict), wanted="an estimate of costs")
    _expect_number(record, "on_demand_usd_per_hour")
    _expect_number(estimate or {}, "planned_usd_per_day")
    for key in _RATES:  # a plan of an earlier version does not say these, nor the hours below
        _expect_number({key: None, **record}, key)
    hours = record.get("short_hours_utc", [])
    _expect(record, "short_hours_utc", is_met=_are_moments(hours), wanted="a list of times in UTC")
    return record


def _expect_number(record: Mapping[str, Any], key: str) -> None:
    number = record.get(key)
    is_number = isinstance(number, int | float) and not isinstance(number, bool) and number >= 0
    _expect(record, key, is_met=key in record and (number is None or is_number), wanted="a number, or null")


def _expect(record: Mapping[str, Any], key: str, *, is_met: bool, wanted: str) -> None:
    if not is_met:
        found = f"found {record[key]!r}"[:200] if key in record else "it is missing"
        raise PlanFileError(f"{key}: expected {wanted}, {found}")


def _are_moments(items: object) -> bool:
    try:
        return isinstance(items, list) and all(as_utc(datetime.fromisoformat(item)) for item in items)
    except (TypeError, ValueError):
        return False
