"""The parts of an explanation, and how each is read out of ledger events, plan rows and a forecast. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from headroom.domain.demand import DemandForecast, bought_level
from headroom.domain.ledger import LedgerEvent, LedgerState
from headroom.domain.window import floor_hour
from headroom.reporting.run_report import HistorySpan


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
    lead_time: str | None = None
    """How long before a need its raise starts, and why; None in plans of older versions."""


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
        lead_time=(record.get("lead_time") or {}).get("reason"),
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
