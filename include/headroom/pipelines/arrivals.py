"""Whether the capacity of each pushed action stood before its need, and how late: ledger and samples -> a mart.

A row stands in the file of the day that its action starts in. What an evening's action brought shows after midnight, so
settling a day makes the day before anew; both read up to a day past their own end, whatever of it is there by then, and
so the lake is the same in the end in whichever order days are settled.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from headroom.actuation.held import Held, Source
from headroom.actuation.in_force import minimum_over_time
from headroom.actuation.ledger import Ledger
from headroom.domain.fleet import Fleet
from headroom.domain.ledger import LedgerEvent, LedgerState
from headroom.domain.scaling import ActionPurpose
from headroom.domain.window import DAY, HOUR, Window
from headroom.lake.errors import LakeError
from headroom.lake.layout import settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.model_runs import run_model
from headroom.pipelines.one_fleet import at_each
from headroom.pipelines.outcomes import Outcome
from headroom.pipelines.schedules import plan_path
from headroom.pipelines.sound_arrivals import ARRIVAL_TABLE
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace
from headroom.scheduling import parse_action_name
from headroom.scheduling.arrival import InstanceSamples, RaisedFloor, judge_arrival
from headroom.scheduling.fleet_schedule import PUSHED_HOURS

_LOOK_BACK: Final = (PUSHED_HOURS + 1) * HOUR
"""An action stands at its target for no longer before its start, so what put it lies in these hours."""
_TELL_NOTHING: Final = frozenset(
    {
        LedgerState.PLANNED,
        LedgerState.RECOMMENDED,
        LedgerState.REFUSED,
        LedgerState.APPROVED,
        LedgerState.REJECTED,
    }
)
"""Events of what stood nowhere; a fleet in recommend has hundreds of them, and none is read."""


def settle_arrivals(workspace: Workspace, window: Window) -> list[Outcome]:
    """Write what came of the actions that started in the day `window` and the day before.

    Return how it failed of the fleets it failed of; their rows stay as they are.

    The day after, settled at the same time, writes the file of `window` as well. Whoever writes it last looks once more
    whether the samples under it are still the same, so what stands in the end was judged by all of them.
    """
    day_before = Window(window.start_utc - DAY, window.start_utc)
    span = Window(day_before.start_utc - _LOOK_BACK, window.end_utc + DAY)
    ledger = Ledger(workspace.lake).keeping_listings()
    events, unread = at_each(
        lambda fleet: list(ledger.events_in(fleet.id, span, but=_TELL_NOTHING)), workspace.fleets, step="arrivals"
    )
    fleets = [fleet for fleet in workspace.fleets if events.get(fleet.id)]
    watched = Window(day_before.start_utc - HOUR, span.end_utc)
    samples = instance_samples(workspace, fleets, watched)
    while True:
        judged, broken = _judged(workspace, fleets, (day_before, window), events, samples)
        failed = [*unread, *broken]
        known = [fleet for fleet in workspace.fleets if fleet.id not in {outcome.subject for outcome in failed}]
        for day in (day_before, window):
            rows = [row for of_fleet in judged.values() for row in of_fleet[day]]
            _write_day(workspace, day, rows, known, is_settled=day == window)
        read_before, samples = samples, instance_samples(workspace, fleets, watched)
        if _are_same(samples, read_before):
            return failed


def _judged(
    workspace: Workspace,
    fleets: Sequence[Fleet],
    days: Sequence[Window],
    events: Mapping[str, Sequence[LedgerEvent]],
    samples: Mapping[str, InstanceSamples],
) -> tuple[dict[str, dict[Window, list[dict[str, Any]]]], list[Outcome]]:
    """Return each fleet's rows by day, and how it failed of those whose events cannot be judged."""
    return at_each(
        lambda fleet: {
            day: list(_rows(workspace, fleet, day, events[fleet.id], samples.get(fleet.id))) for day in days
        },
        fleets,
        step="arrivals",
    )


def _write_day(
    workspace: Workspace,
    day: Window,
    rows: list[dict[str, Any]],
    fleets: Sequence[Fleet],
    *,
    is_settled: bool,
) -> None:
    """Write the day's `rows`, which are all of `fleets`; a day not settled yet gets no file of no rows."""
    path, table = settled_path(ARRIVAL_TABLE, day.day), TABLES[ARRIVAL_TABLE]
    if rows or is_settled or workspace.lake.storage.exists(path):
        frame = pa.Table.from_pylist(rows, schema=table.schema)
        replace_fleets(workspace, path, table, frame, fleets=fleets)


def _are_same(first: Mapping[str, InstanceSamples], second: Mapping[str, InstanceSamples]) -> bool:
    return first.keys() == second.keys() and all(seen.is_same_as(second[fleet_id]) for fleet_id, seen in first.items())


def instance_samples(workspace: Workspace, fleets: Sequence[Fleet], window: Window) -> dict[str, InstanceSamples]:
    """Return, by fleet, the instances in service over a window; fleets of which none was seen are absent."""
    if not fleets:
        return {}
    rows = run_model(workspace, "int_utilization__in_service", fleets, window=window)
    rows = rows.sort_by([("fleet_id", "ascending"), ("timestamp_utc", "ascending")])
    ids = rows["fleet_id"].to_numpy()
    start = rows["timestamp_utc"].cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()).to_numpy()
    period = rows["period_seconds"].cast(pa.int64()).to_numpy()
    instances = rows["instances_in_service"].to_numpy()
    names, first = np.unique(ids, return_index=True)
    bounds = [*first.tolist(), len(ids)]
    return {
        str(name): InstanceSamples(
            start=start[begin:stop], period_seconds=period[begin:stop], instances=instances[begin:stop]
        )
        for name, begin, stop in zip(names, bounds[:-1], bounds[1:], strict=True)
    }


def _rows(
    workspace: Workspace, fleet: Fleet, day: Window, events: Iterable[LedgerEvent], samples: InstanceSamples | None
) -> Iterator[dict[str, Any]]:
    """Yield a row for each action that raised the floor in the day, by what is known a day after its end."""
    known = Window(day.start_utc - _LOOK_BACK, day.end_utc + DAY)
    told = [event for event in events if known.start_utc <= event.at_utc < known.end_utc]
    held = minimum_over_time(
        told,
        known.end_utc,
        is_ours=lambda name: parse_action_name(name, deployment=workspace.deployment, fleet_id=fleet.id) is not None,
    )
    types: dict[datetime, str | None] = {}
    for raised, by in _raised(held):
        if not day.start_utc <= raised.starts_at_utc < day.end_utc:
            continue
        end = datetime.fromisoformat(by.detail["window_end_utc"])
        if end not in types:
            types[end] = _type_of(workspace, fleet, end)
        yield {
            "fleet_id": fleet.id,
            "action_name": raised.action_name,
            "push_id": by.push_id,
            "plan_id": by.detail["plan_id"],
            "instance_type": types[end],
            "starts_at_utc": raised.starts_at_utc,
            "need_at_utc": raised.need_at_utc,
            "instances_before": raised.instances_before,
            "instances_after": raised.instances_after,
            **asdict(judge_arrival(raised, samples or _NOTHING_SEEN)),
        }


def _raised(held: Sequence[Held]) -> Iterator[tuple[RaisedFloor, LedgerEvent]]:
    """Yield the raises that plans of ours asked for and that surely ran, each with the newest intent that wanted it."""
    for position, (before, now) in enumerate(pairwise(held), start=1):
        asked = now.asked
        if now.source is not Source.OURS or now.action is None or now.unless is not None or asked is None:
            continue
        if asked.planned_by is None or asked.purpose is not ActionPurpose.RAISE:
            continue
        if before.value is None or now.value is None or now.value <= before.value:
            continue
        lowered = (later.since_utc for later in held[position + 1 :] if (later.value or 0) < now.value)
        starts_at_utc = now.action.starts_at_utc or now.since_utc
        raised = RaisedFloor(
            action_name=now.action.name,
            starts_at_utc=starts_at_utc,
            need_at_utc=asked.need_at_utc,
            instances_before=before.value,
            instances_after=now.value,
            holds_until_utc=next(lowered, starts_at_utc + DAY),
        )
        yield raised, asked.planned_by


def _type_of(workspace: Workspace, fleet: Fleet, window_end_utc: datetime) -> str | None:
    """Return the instance type of the plan made at a window's end; None where the lake no longer has it."""
    try:
        record: Mapping[str, Any] | None = workspace.lake.read_json(
            plan_path(fleet.id, Window(window_end_utc - HOUR, window_end_utc))
        )
    except LakeError:
        return None
    return None if record is None else record.get("instance_type")


_NOTHING_SEEN: Final = InstanceSamples(
    start=np.empty(0, dtype=np.int64), period_seconds=np.empty(0, dtype=np.int64), instances=np.empty(0)
)
