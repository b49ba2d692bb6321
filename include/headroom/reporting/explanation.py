"""The answer to "why is this minimum 14 now": the chain from the bound to the inputs, as lines and as JSON. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from headroom.actuation.held import Held
from headroom.actuation.in_force import InForce
from headroom.actuation.records import present_record
from headroom.domain.ledger import LedgerEvent
from headroom.domain.window import floor_hour
from headroom.reporting.explanation_parts import ForecastTold, InputsTold, PlanTold, PushTold
from headroom.reporting.why_minimum import Why, event_text, moment_text

_SAME: Final = 1e-9
"""Relative rounding between a stored demand and the same quantile read again."""


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
        if plan.lead_time is not None:
            yield "lead time", plan.lead_time

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
