"""What an engineer on call watches, as numbers: what each metric is made of. Pure; a value not known is left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from headroom.actuation.outcome import PushState
from headroom.domain.scaling import Action, ActionPurpose
from headroom.insight.metrics import METRICS, Measurement
from headroom.units import SECONDS_PER_HOUR

REACHED: Final = frozenset(
    {
        PushState.VERIFIED,
        PushState.UNCHANGED,
        PushState.RECOMMENDED,
        PushState.AWAITING_APPROVAL,
        PushState.REJECTED,
        PushState.OBSERVED,
    },
)
"""An hour has reached verified actions when the target holds its plan, or all was done that the fleet's mode allows."""
LATE: Final = frozenset({None, PushState.FAILED, PushState.VERIFICATION_FAILED})
"""No push yet, or one that failed. A refusal is not late: a guardrail did its work, and is counted by its rule."""
REFUSING_RULES: Final = (
    *("actions_available", "baseline", "bounds", "budget", "change_freeze", "data_complete", "data_fresh"),
    *("foreign_actions", "forecast_current", "forecast_in_band", "kill_switch", "lock", "month_budget"),
    *("other_policies", "owner_edit", "quota", "restore", "step_size", "target_active", "throughput", "window"),
)
"""Every rule that can refuse a push, guardrails and the push's own; each is counted, at 0 as well."""
LOOK_BACK: Final = timedelta(hours=24)
"""How far back the newest hour of a fleet is looked for; one that has none in that time counts as this far behind."""
COMES_WITHIN: Final = timedelta(minutes=10)
"""Capacity is late when no sample of this long after the need shows it: two 5-minute samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRecord:
    """What the lake says of one fleet: its newest hour's push (`state` is None where there is none) and before.

    `newest_reached_utc` is the end of its newest hour that reached verified actions, None where there is none in
    LOOK_BACK. `hours_judged` of the last day were compared with the forecast, `hours_inside` lay inside its band.
    `has_failed` is of this hour's push.
    """

    fleet_id: str
    state: PushState | None
    newest_reached_utc: datetime | None
    refused_by: tuple[str, ...] = ()
    hours_judged: int = 0
    hours_inside: int = 0
    actions_late: int = 0
    capacity_late: int | None = None
    has_failed: bool = False
    is_stopped: bool = False

    @property
    def is_late(self) -> bool:
        """Whether the hour has neither verified actions nor a reason of ours to withhold them."""
        return self.state in LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallRecord:
    """What a measurement is made of; `lake_bytes` and `lake_files` are by folder, None where nobody has looked."""

    measured_at_utc: datetime
    fleets: Sequence[FleetRecord]
    failed_sources: int = 0
    quarantined_sources: int = 0
    lake_bytes: Mapping[str, int] | None = None
    lake_files: Mapping[str, int] | None = None


def measure(record: OnCallRecord) -> tuple[Measurement, ...]:
    """Return every measurement, in the order of METRICS and of labels."""
    found = [*_of_deployment(record), *_of_hours(record), *_of_fleets(record), *_of_lake(record)]
    order = list(METRICS)
    return tuple(sorted(found, key=lambda item: (order.index(item.name), item.label or "")))


def _of_deployment(record: OnCallRecord) -> Iterator[Measurement]:
    fleets = record.fleets
    yield Measurement(name="headroom.measured_timestamp_seconds", value=record.measured_at_utc.timestamp())
    counts = {
        "headroom.late_pushes": sum(fleet.is_late for fleet in fleets),
        "headroom.failed_pushes": sum(fleet.has_failed for fleet in fleets),
        "headroom.failed_sources": record.failed_sources,
        "headroom.quarantined_sources": record.quarantined_sources,
        "headroom.kill_switch_fleets": sum(fleet.is_stopped for fleet in fleets),
    }
    for name, count in counts.items():
        yield Measurement(name=name, value=count)
    for rule in REFUSING_RULES:
        refused = sum(rule in fleet.refused_by for fleet in fleets)
        yield Measurement(name="headroom.refused_pushes", value=refused, label=rule)


def _of_hours(record: OnCallRecord) -> Iterator[Measurement]:
    if not record.fleets:
        return
    oldest = record.measured_at_utc - LOOK_BACK
    ends = {fleet.fleet_id: max(fleet.newest_reached_utc or oldest, oldest) for fleet in record.fleets}
    for kind, end in (("newest", max(ends.values())), ("worst_fleet", min(ends.values()))):
        yield Measurement(name=f"headroom.{kind}_hour_timestamp_seconds", value=end.timestamp())
    yield Measurement(name="headroom.hours_behind", value=_hours_since(max(ends.values()), record))
    yield Measurement(name="headroom.worst_fleet_hours_behind", value=_hours_since(min(ends.values()), record))
    for fleet_id, end in ends.items():
        yield Measurement(name="headroom.fleet_hours_behind", value=_hours_since(end, record), label=fleet_id)


def _hours_since(moment: datetime, record: OnCallRecord) -> float:
    return (record.measured_at_utc - moment).total_seconds() / SECONDS_PER_HOUR


def _of_fleets(record: OnCallRecord) -> Iterator[Measurement]:
    for fleet in record.fleets:
        values = {
            "headroom.fleet_actions_late": fleet.actions_late,
            "headroom.fleet_capacity_late": fleet.capacity_late,
            "headroom.fleet_outside_band_fraction": (
                1 - fleet.hours_inside / fleet.hours_judged if fleet.hours_judged else None
            ),
        }
        for name, value in values.items():
            if value is not None:
                yield Measurement(name=name, value=value, label=fleet.fleet_id)


def _of_lake(record: OnCallRecord) -> Iterator[Measurement]:
    for name, counts in (("headroom.lake_bytes", record.lake_bytes), ("headroom.lake_files", record.lake_files)):
        for folder, count in (counts or {}).items():
            yield Measurement(name=name, value=count, label=folder)


def late_capacity(
    actions: Sequence[Action],
    instances_in_service: Sequence[tuple[datetime, float]],
    *,
    needed_from_utc: datetime,
    needed_before_utc: datetime,
) -> int | None:
    """Count the raises needed in a span of time whose instances no sample of COMES_WITHIN after the need shows.

    `instances_in_service` are samples by their time. None where a raise was needed and no sample tells what came of it.
    """
    due = [
        action
        for action in actions
        if action.purpose is ActionPurpose.RAISE and needed_from_utc <= action.need_at_utc < needed_before_utc
    ]
    late = 0
    for action in due:
        seen = [count for at, count in instances_in_service if timedelta() <= at - action.need_at_utc < COMES_WITHIN]
        if not seen:
            return None
        late += max(seen) < (action.setting.min_instances or 0)
    return late
