"""The answer to "why is this minimum 14 now": the chain from the bound to the inputs, as lines and as JSON. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from headroom.actuation.in_force import Held, InForce
from headroom.actuation.records import present_record
from headroom.domain.demand import DemandForecast, bought_level
from headroom.domain.ledger import LedgerEvent, LedgerState
from headroom.domain.window import floor_hour
from headroom.reporting.run_report import HistorySpan
from headroom.reporting.why_minimum import Why, event_text, moment_text

_SAME: Final = 1e-9
"""Relative rounding between a stored demand and the same quantile read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTold:
    """The push behind the action in force, as the ledger has it: the newest that wanted it so.

    `put_by` is an earlier one that had written it already, None where the push itself did. `ended`: its last state.
    """

    push_id: str
    plan_id: str | None
    inputs_hash: str | None
    at_utc: datetime
    mode: str | None
    approved_by: str | None
    approval_note: str | None
    ended: str
    request_ids: tuple[str, ...]
    put_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTold:
    """What the plan asks of the hour that decides, and of the hour asked about (None where it does not reach)."""

    plan_id: str
    made_at_utc: datetime
    instance_type: str
    hour_start_utc: datetime
    required_instances: int
    planned_instances: int
    demand_per_second: float
    required_in_hour_asked: int | None
    sizing_method: str
    rate_not_measured: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastTold:
    """The forecast of the hour that decides, and the quantile of its minutes that is bought."""

    made_at_utc: datetime
    critical_ratio: float
    bought_level: float
    bought_per_second: float
    median_per_second: float
    members: Mapping[str, float]
    explanation: str
    note: str
    inputs_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsTold:
    """What the forecast was made from: `inputs_hash` as pushed, `inputs_hash_now` what the lake gives today."""

    inputs_hash: str | None
    inputs_hash_now: str | None
    history: HistorySpan | None
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a fleet's bounds are, were or will be what they are; a part is None where `missing` says why by its name.

    `in_force` is None where Headroom never adopted the fleet; `seen` are then the bounds that the newest plan found.
    """

    fleet_id: str
    at_utc: datetime
    is_ahead: bool
    why: Why
    in_force: InForce | None = None
    why_maximum: Why | None = None
    seen: Mapping[str, Any] | None = None
    push: PushTold | None = None
    newest: LedgerEvent | None = None
    plan: PlanTold | None = None
    forecast: ForecastTold | None = None
    inputs: InputsTold | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield label and sentence, in order of the chain."""
        yield "in force", self._bounds()
        yield "why", self.why.text
        if self.why_maximum is not None and self.why_maximum.text != self.why.text:
            yield "maximum", self.why_maximum.text
        if self.in_force is not None and self.in_force.memory.paused_reason:
            yield "paused", self.in_force.memory.paused_reason
        if self.push is not None:
            yield "push", _push_line(self.push)
        if self.newest is not None:
            yield "newest", event_text(self.newest)
        for name, lines in (("plan", self._plan()), ("forecast", self._forecast()), ("inputs", self._inputs())):
            yield from lines
            if name in self.missing:
                yield name, self.missing[name]

    def record(self) -> dict[str, Any]:
        """Return it all as JSON-ready values; times are ISO 8601."""
        found = self.in_force
        return {
            "fleet_id": self.fleet_id,
            "at_utc": self.at_utc,
            "is_ahead": self.is_ahead,
            "min_instances": found.minimum.value if found else (self.seen or {}).get("min_instances"),
            "max_instances": found.maximum.value if found else (self.seen or {}).get("max_instances"),
            "also_possible": list(found.also_possible) if found else [],
            "seen_at_utc": found.memory.at_utc if found else None,
            "paused_reason": found.memory.paused_reason if found else None,
            "why": {"code": self.why.code, "text": self.why.text},
            "why_maximum": self.why_maximum and {"code": self.why_maximum.code, "text": self.why_maximum.text},
            "action": _action_record(found.minimum) if found else None,
            "push": self.push and asdict(self.push),
            "newest": self.newest and _event_record(self.newest),
            "plan": self.plan and asdict(self.plan),
            "forecast": self.forecast and asdict(self.forecast),
            "inputs": self.inputs and asdict(self.inputs),
            "missing": dict(self.missing),
        }

    def _bounds(self) -> str:
        moment = moment_text(self.at_utc)
        if self.in_force is None:
            seen = self.seen
            bounds = (
                f"minimum {seen['min_instances']}, maximum {seen['max_instances']}" if seen else "the owner's bounds"
            )
            return f"{self.fleet_id} at {moment}: {bounds}" + (" as the newest plan found them" if seen else "")
        found = self.in_force
        when = f"{'scheduled for' if self.is_ahead else 'in force at'} {moment}"
        other = "".join(f" (or {value}: the ledger cannot tell)" for value in found.also_possible)
        return (
            f"{self.fleet_id}: minimum {found.minimum.value}{other}, maximum {found.maximum.value} {when}; "
            f"Headroom looked at the target at {moment_text(found.memory.at_utc)}"
        )

    def _plan(self) -> Iterator[tuple[str, str]]:
        plan = self.plan
        if plan is None:
            return
        asked = ""
        if floor_hour(self.at_utc) != plan.hour_start_utc and plan.required_in_hour_asked is not None:
            asked = f" (the hour asked about needs {plan.required_in_hour_asked})"
        needs = f"the hour {moment_text(plan.hour_start_utc)} needs {plan.required_instances} of {plan.instance_type}"
        yield "plan", f"{plan.plan_id}: {needs}{asked}, and the plan holds {plan.planned_instances}"
        if self.forecast is not None:
            yield "quantile", _quantile_line(self.forecast, plan)
        not_measured = f"; not measured: {plan.rate_not_measured}" if plan.rate_not_measured else ""
        yield "rate", f"sized by {plan.sizing_method}{not_measured}"

    def _forecast(self) -> Iterator[tuple[str, str]]:
        forecast = self.forecast
        if forecast is None:
            return
        weights = sorted(forecast.members.items(), key=lambda item: (-item[1], item[0]))
        members = ", ".join(f"{name} {weight:.0%}" for name, weight in weights)
        yield "forecast", f"made at {moment_text(forecast.made_at_utc)} by {members or 'no member'}"
        if forecast.explanation:
            yield "", forecast.explanation
        if forecast.note:
            yield "", forecast.note

    def _inputs(self) -> Iterator[tuple[str, str]]:
        inputs = self.inputs
        if inputs is None:
            return
        told = [*inputs.checks]
        if inputs.history is not None:
            first = inputs.history.first_hour_utc
            told.insert(0, f"{inputs.history} since {moment_text(first)}")
        if inputs.inputs_hash:
            told.append(f"hash {inputs.inputs_hash[:12]}{_compared(inputs)}")
        yield "inputs", "; ".join(told) or "nothing is kept of them"


def plan_told(
    rows: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
    *,
    need_at_utc: datetime,
    until_utc: datetime,
    at_utc: datetime,
) -> PlanTold | None:
    """Return what a plan's `rows` say of the hour that needs most of those an action serves; None without such an hour.

    The action serves from the hour of `need_at_utc` on, and holds until `until_utc`.
    """
    first = floor_hour(need_at_utc)
    served = [row for row in rows if first <= row["hour_start_utc"] < max(until_utc, first + timedelta(hours=1))]
    if not served:
        return None
    decides = max(served, key=lambda row: row["required_instances"])
    asked = [row["required_instances"] for row in rows if row["hour_start_utc"] == floor_hour(at_utc)]
    return PlanTold(
        plan_id=decides["plan_id"],
        made_at_utc=decides["made_at_utc"],
        instance_type=decides["instance_type"],
        hour_start_utc=decides["hour_start_utc"],
        required_instances=decides["required_instances"],
        planned_instances=decides["planned_instances"],
        demand_per_second=decides["sized_for_demand_per_second"],
        required_in_hour_asked=asked[0] if asked else None,
        sizing_method=decides["sizing_method"],
        rate_not_measured=record.get("rate_not_measured"),
    )


def forecast_told(
    forecast: DemandForecast, *, hour_start_utc: datetime, critical_ratio: float, inputs_hash: str
) -> ForecastTold | None:
    """Return what a forecast says of an hour; None where it does not reach so far."""
    found = np.flatnonzero(forecast.hours == np.datetime64(hour_start_utc.replace(tzinfo=None), "s"))
    if not len(found):
        return None
    position = int(found[0])
    return ForecastTold(
        made_at_utc=forecast.made_at_utc,
        critical_ratio=critical_ratio,
        bought_level=bought_level(critical_ratio),
        bought_per_second=float(forecast.minute_at_level(critical_ratio)[position]),
        median_per_second=float(forecast.mean_at_level(0.5)[position]),
        members=forecast.members,
        explanation=forecast.explanation,
        note=forecast.note,
        inputs_hash=inputs_hash,
    )


def _push_line(push: PushTold) -> str:
    told = [f"{push.push_id} at {moment_text(push.at_utc)}, {push.ended}"]
    if push.mode:
        told.append(f"mode {push.mode}")
    if push.approved_by:
        told.append(f"approved by {push.approved_by}" + (f" ({push.approval_note})" if push.approval_note else ""))
    if push.plan_id and push.plan_id != push.push_id:
        told.append(f"plan {push.plan_id}")
    if push.inputs_hash:
        told.append(f"inputs {push.inputs_hash[:12]}")
    if push.request_ids:
        told.append(f"request id {', '.join(push.request_ids)}")
    if push.put_by:
        told.append(f"written already by {push.put_by}")
    return "; ".join(told)


def _quantile_line(forecast: ForecastTold, plan: PlanTold) -> str:
    level = f"q{math.floor(forecast.bought_level * 1000) / 10:g}"
    told = (
        f"{level} of demand in the hour's minutes, {plan.demand_per_second:,.4g} per second, where the median hour has "
        f"{forecast.median_per_second:,.4g}; critical ratio {forecast.critical_ratio:.4g}"
    )
    if abs(forecast.bought_per_second - plan.demand_per_second) > _SAME * max(plan.demand_per_second, 1.0):
        told += f". Today's configuration would buy {forecast.bought_per_second:,.4g}: the plan was made by another"
    return told


def _compared(inputs: InputsTold) -> str:
    if inputs.inputs_hash_now is None:
        return ""
    if inputs.inputs_hash_now == inputs.inputs_hash:
        return ", and the lake still gives the same"
    return f"; the lake has read that time again since and gives {inputs.inputs_hash_now[:12]} now"


def _action_record(held: Held) -> dict[str, Any] | None:
    if held.action is None:
        return None
    asked = held.asked
    more = {"purpose": asked.purpose.value, "need_at_utc": asked.need_at_utc} if asked else {}
    return {**present_record(held.action), **more}


def _event_record(event: LedgerEvent) -> dict[str, Any]:
    return {
        "push_id": event.push_id,
        "state": event.state.value,
        "at_utc": event.at_utc,
        "reasons": list(event.detail.get("reasons", ())),
    }


def push_told(intent: LedgerEvent, events: Sequence[LedgerEvent], *, action_name: str, put_by: LedgerEvent) -> PushTold:
    """Return what the events say of the push that `intent` began; request ids are those of the action's own calls.

    `put_by` is the intent that wrote the action.
    """
    writing = [event for event in events if event.push_id == put_by.push_id]
    of_push = [event for event in events if event.push_id == intent.push_id]
    approved = [event for event in of_push if event.state is LedgerState.APPROVED and event.sequence < intent.sequence]
    detail = intent.detail
    ids = [
        str(call["request_id"])
        for event in writing
        for call in event.detail.get("requests", ())
        if action_name in call["actions"] and call.get("request_id")
    ]
    return PushTold(
        push_id=intent.push_id,
        plan_id=detail.get("plan_id") or None,
        inputs_hash=detail.get("inputs_hash") or None,
        at_utc=intent.at_utc,
        mode=detail.get("mode"),
        approved_by=approved[-1].detail.get("approved_by") if approved else detail.get("requested_by") or None,
        approval_note=(approved[-1].detail.get("note") if approved else detail.get("reason")) or None,
        ended=of_push[-1].state.value.replace("_", " "),
        request_ids=tuple(dict.fromkeys(ids)),
        put_by=put_by.push_id if put_by.push_id != intent.push_id else None,
    )
