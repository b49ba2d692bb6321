"""The control endpoints `/_sandbox/...`: clock, calls, faults, fleets, shortages, executed actions; never signed."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from headroom.domain.window import as_utc
from headroom.sandbox.cloud import SandboxCloud
from headroom.sandbox.control_client import SandboxControlError

PREFIX = "/_sandbox/"


def answer_control(cloud: SandboxCloud, method: str, path: str, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
    """Answer a control request; refusals are `{"error": ...}` with status 400, 404 or 409."""
    endpoint = _ENDPOINTS.get((method, path.removeprefix(PREFIX).strip("/")))
    if endpoint is None:
        return HTTPStatus.NOT_FOUND, {"error": f"the sandbox has no {method} {path}"}
    try:
        given = _read_body(body)
        with cloud.lock:
            return endpoint(cloud, given)
    except SandboxControlError as error:
        return HTTPStatus.BAD_REQUEST, {"error": str(error)}


def _read_body(body: bytes) -> Mapping[str, Any]:
    try:
        given = json.loads(body) if body else {}
    except ValueError as error:
        raise SandboxControlError(f"the body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise SandboxControlError("the body must be a JSON object")
    return given


def _move_clock(cloud: SandboxCloud, given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    if len(given) != 1 or not set(given) <= {"now_utc", "advance_seconds"}:
        raise SandboxControlError("expected either now_utc or advance_seconds")
    try:
        if "now_utc" in given:
            moment = as_utc(datetime.fromisoformat(str(given["now_utc"])))
        else:
            moment = cloud.now() + timedelta(seconds=float(given["advance_seconds"]))
    except (ValueError, TypeError, OverflowError) as error:
        raise SandboxControlError(f"no time to go to: {error}") from error
    if moment < cloud.now():
        message = f"time does not go back: it is {cloud.now().isoformat()}, asked for {moment.isoformat()}"
        return HTTPStatus.CONFLICT, {"error": message}
    passed = cloud.advance_to(moment)
    return HTTPStatus.OK, {
        "now_utc": cloud.now().isoformat(),
        "executed": [_jsonable(asdict(action)) for action in passed],
    }


def _read_clock(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    return HTTPStatus.OK, {"now_utc": cloud.now().isoformat()}


def _read_calls(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    return HTTPStatus.OK, {"calls": [_jsonable(asdict(call)) for call in cloud.calls.calls()]}


def _clear_calls(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    cloud.calls.clear()
    return HTTPStatus.OK, {}


def _add_fault(cloud: SandboxCloud, given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    return HTTPStatus.CREATED, {"fault": asdict(cloud.faults.add(dict(given)))}


def _read_faults(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    return HTTPStatus.OK, {"faults": [asdict(fault) for fault in cloud.faults.waiting()]}


def _clear_faults(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    cloud.faults.clear()
    return HTTPStatus.OK, {}


def _limit_launches(cloud: SandboxCloud, given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    fleet_id, most = given.get("fleet_id"), given.get("most_instances")
    known = [fleet.id for fleet in cloud.world.fleets]
    is_count = most is None or (isinstance(most, int) and not isinstance(most, bool) and most >= 0)
    if set(given) != {"fleet_id", "most_instances"} or fleet_id not in known or not is_count:
        raise SandboxControlError(f"expected fleet_id, one of {known}, and most_instances, a count or null")
    cloud.world.limit_launches(str(fleet_id), most)
    return HTTPStatus.OK, {"fleet_id": fleet_id, "most_instances": most}


def _read_executed(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    return HTTPStatus.OK, {"executed": [_jsonable(asdict(action)) for action in cloud.passed]}


def _read_fleets(cloud: SandboxCloud, _given: Mapping[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
    fleets = [
        {**_jsonable({**asdict(fleet), "tags": dict(fleet.tags)}), "capacity": asdict(cloud.world.capacity(fleet.id))}
        for fleet in cloud.world.fleets
    ]
    return HTTPStatus.OK, {"fleets": fleets}


def _jsonable(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}


_ENDPOINTS = {
    ("GET", "clock"): _read_clock,
    ("POST", "clock"): _move_clock,
    ("GET", "calls"): _read_calls,
    ("DELETE", "calls"): _clear_calls,
    ("GET", "faults"): _read_faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "fleets"): _read_fleets,
    ("POST", "shortages"): _limit_launches,
    ("GET", "executed"): _read_executed,
}
