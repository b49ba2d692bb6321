"""Utilization: metrics -> gate -> raw samples -> hourly marts, an hour and a chunk of fleets at a time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.extract.cloudwatch import read_metrics
from headroom.lake.layout import chunk_name, hourly_path, settled_path
from headroom.lake.session import open_session, register_tables
from headroom.lake.tables import TABLES
from headroom.pipelines.gates import pass_gate_by_fleet
from headroom.pipelines.marts import HOURLY_MARTS, run_marts
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, record_outcomes
from headroom.pipelines.workspace import Workspace, open_workspace

TRAILING_HOURS = 2
"""Hours before the newest that are read again: CloudWatch metrics of busy fleets are complete within minutes, agents
that were offline deliver up to two hours late (CloudWatch documentation, "metrics retention", 2026)."""
CATCH_UP_HOURS = 48
"""An hour this recent that has no file and is not settled is read as well, so an outage of ours leaves no hole."""


def list_chunks() -> list[int]:
    """Return the chunks that have fleets, for mapping tasks over them."""
    return list(open_workspace().chunks())


def extract_hour(window: Window, chunk: int) -> dict[str, Any]:
    """Extract one hour of one chunk's metrics, with trailing and missed hours; return counts and paths for XCom."""
    workspace = open_workspace()
    outcomes = extract_utilization(workspace, window, chunk)
    return record_outcomes(
        workspace,
        dag_id="extract_utilization",
        window=window,
        part=f"extract-{chunk_name(chunk)}",
        outcomes=outcomes,
    )


def extract_utilization(workspace: Workspace, window: Window, chunk: int) -> list[Outcome]:
    """Read the chunk's metrics of `window` and of the hours due again, write raw and mart files hour by hour."""
    fleets = workspace.fleets_in(chunk)
    hours = _hours_to_read(workspace, window, chunk)
    if window not in hours:
        cause = "the day is settled; its hours are not written again"
        return [
            Outcome(step="extract", subject=fleet.id, status=OutcomeStatus.NOTHING_TO_DO, cause=cause)
            for fleet in fleets
        ]
    span = Window(hours[0].start_utc, window.end_utc)
    frame, failures = read_metrics(workspace.clients, fleets, span)
    part = chunk_name(chunk)
    gated = pass_gate_by_fleet(
        workspace,
        TABLES["metric_sample"],
        frame,
        path=hourly_path("metric_sample", window.start_utc, part),
        window=span,
    )
    unserved = {*failures, *gated.rejections}
    for hour in hours:
        path = hourly_path("metric_sample", hour.start_utc, part)
        rows = _within(gated.accepted, hour)
        earlier = workspace.lake.read_table(path)
        if earlier is not None and unserved:
            keep = pc.is_in(earlier["fleet_id"], pa.array(sorted(unserved), pa.string()))
            rows = pa.concat_tables([rows, earlier.filter(keep).select(rows.column_names)])
        workspace.lake.write_table(path, TABLES["metric_sample"], rows, fingerprint="")
    for name, mart in run_marts(workspace, fleets, span, marts=HOURLY_MARTS).items():
        for hour in hours:
            workspace.lake.write_table(
                hourly_path(name, hour.start_utc, part),
                TABLES[name],
                _within(mart, hour, column="hour_start_utc"),
                fingerprint="",
            )
    return _outcomes_of(fleets, failures, gated.rejections, _within(gated.accepted, window))


def settle_utilization(workspace: Workspace, window: Window) -> list[Outcome]:
    """Read a whole day of every fleet's metrics again and write the day's settled raw and mart files.

    A fleet that fails keeps the samples already in the lake, so that settling never loses what an hour had brought.
    """
    frame, failures = read_metrics(workspace.clients, workspace.fleets, window)
    path = settled_path("metric_sample", window.day)
    gated = pass_gate_by_fleet(workspace, TABLES["metric_sample"], frame, path=path, window=window)
    unserved = {*failures, *gated.rejections}
    rows = gated.accepted
    if unserved:
        rows = pa.concat_tables([rows, _present_rows(workspace, window, unserved).select(rows.column_names)])
    workspace.lake.write_table(path, TABLES["metric_sample"], rows, fingerprint="")
    for name, mart in run_marts(workspace, workspace.fleets, window, marts=HOURLY_MARTS).items():
        workspace.lake.write_table(settled_path(name, window.day), TABLES[name], mart, fingerprint="")
    return _outcomes_of(workspace.fleets, failures, gated.rejections, rows)


def _present_rows(workspace: Workspace, window: Window, fleet_ids: set[str]) -> pa.Table:
    with open_session(workspace.lake) as session:
        register_tables(session, workspace.lake, ["metric_sample"], window=window)
        return session.sql(
            "select * from metric_sample where list_contains($fleet_ids, fleet_id)",
            params={"fleet_ids": sorted(fleet_ids)},
        ).to_arrow_table()


def _hours_to_read(workspace: Workspace, window: Window, chunk: int) -> list[Window]:
    def is_open(hour: Window) -> bool:
        return not workspace.lake.has_settled("metric_sample", hour.day)

    trailing_start = window.start_utc - TRAILING_HOURS * HOUR
    catch_up_start = floor_hour(window.start_utc - timedelta(hours=CATCH_UP_HOURS))
    due = [hour for hour in Window(trailing_start, window.end_utc).hours() if is_open(hour)]
    missed = [
        hour
        for hour in Window(catch_up_start, trailing_start).hours()
        if is_open(hour)
        and not workspace.lake.storage.exists(hourly_path("metric_sample", hour.start_utc, chunk_name(chunk)))
    ]
    return [*missed, *due]


def _within(frame: pa.Table, hour: Window, *, column: str = "timestamp_utc") -> pa.Table:
    moments = frame[column]
    start = pa.scalar(hour.start_utc, moments.type)
    end = pa.scalar(hour.end_utc, moments.type)
    return frame.filter(pc.and_(pc.greater_equal(moments, start), pc.less(moments, end)))


def _outcomes_of(
    fleets: Sequence[Fleet],
    failures: dict[str, str],
    rejections: dict[str, str],
    rows: pa.Table,
) -> list[Outcome]:
    seen = set(rows["fleet_id"].to_pylist())
    outcomes = []
    for fleet in fleets:
        if fleet.id in failures:
            status, cause = OutcomeStatus.FAILED, failures[fleet.id]
        elif fleet.id in rejections:
            status, cause = OutcomeStatus.QUARANTINED, rejections[fleet.id]
        elif fleet.id not in seen:
            status, cause = OutcomeStatus.FAILED, "the source has no sample of any of its metrics in the window"
        else:
            status, cause = OutcomeStatus.OK, ""
        outcomes.append(Outcome(step="extract", subject=fleet.id, status=status, cause=cause))
    return outcomes
