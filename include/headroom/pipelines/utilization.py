"""Utilization: metrics -> gate -> raw samples -> hourly marts, an hour and a chunk of fleets at a time.

What is in the lake is only ever replaced by what a source brought for the same fleet: a fleet whose source failed,
whose rows were rejected, of which no sample came, or that is no longer configured, keeps the rows it has.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.fleet import Fleet
from headroom.domain.window import HOUR, Window
from headroom.extract.cloudwatch import read_metrics
from headroom.lake.errors import FrameError
from headroom.lake.frames import fit_frame, schema_faults, with_columns_of
from headroom.lake.layout import chunk_name, hourly_path, settled_path
from headroom.lake.tables import TABLES, Table
from headroom.pipelines.at_once import at_once
from headroom.pipelines.clock import closed_at_utc
from headroom.pipelines.gates import pass_gate_by_fleet
from headroom.pipelines.marts import HOURLY_MARTS, run_marts_by_fleet
from headroom.pipelines.model_runs import read_rows
from headroom.pipelines.outcomes import Outcome, OutcomeStatus, read_outcomes, run_step
from headroom.pipelines.workspace import Workspace, open_workspace

DAG_ID = "extract_utilization"
RAW_TABLE = "metric_sample"
TRAILING_HOURS = 2
"""Hours before the newest that are read again: agents that were offline deliver late."""
CATCH_UP_HOURS = 48
"""An hour this recent that has no file, or in which a fleet failed, is read again until its day is settled, so an
outage leaves no hole."""


def list_chunks() -> list[int]:
    """Return the chunks that have fleets, for mapping tasks over them."""
    return list(open_workspace().chunks())


def extract_hour(window: Window, chunk: int) -> dict[str, Any]:
    """Extract one hour of one chunk's metrics, with trailing and missed hours; return counts for XCom."""
    return run_step(
        dag_id=DAG_ID,
        window=window,
        part=_part(chunk),
        step=lambda workspace: extract_utilization(workspace, window, chunk),
    )


def _part(chunk: int) -> str:
    return f"extract-{chunk_name(chunk)}"


def extract_utilization(workspace: Workspace, window: Window, chunk: int) -> list[Outcome]:
    """Read the chunk's metrics of `window` and of the hours due again, write raw and mart files hour by hour."""
    fleets = workspace.fleets_in(chunk)
    hours = _hours_to_read(workspace, window, chunk)
    if window not in hours:
        return [_outcome(fleet, OutcomeStatus.NOTHING_TO_DO, "the day is settled") for fleet in fleets]
    closed_at_utc(workspace, window)
    span = Window(hours[0].start_utc, window.end_utc)
    frame, failures = read_metrics(workspace.clients, fleets, span)
    part = chunk_name(chunk)
    path = hourly_path(RAW_TABLE, window.start_utc, part)
    gated = pass_gate_by_fleet(workspace, TABLES[RAW_TABLE], frame, path=path, window=span)
    written = [hour for hour in hours if _write_raw_hour(workspace, hour, part, gated.accepted)]
    marts, broken = run_marts_by_fleet(workspace, fleets, span, marts=HOURLY_MARTS)
    for name, mart in marts.items():
        for hour in written:
            rows = _within(mart, hour, column="hour_start_utc")
            replace_fleets(workspace, hourly_path(name, hour.start_utc, part), TABLES[name], rows)
    return _outcomes_of(fleets, {**gated.rejections, **broken}, failures, _within(gated.accepted, window))


def settle_utilization(workspace: Workspace, window: Window) -> list[Outcome]:
    """Read a whole day of every fleet's metrics again and write the day's settled raw and mart files."""
    frame, failures = read_metrics(workspace.clients, workspace.fleets, window)
    path = settled_path(RAW_TABLE, window.day)
    gated = pass_gate_by_fleet(workspace, TABLES[RAW_TABLE], frame, path=path, window=window)
    served = _fleet_ids(gated.accepted)
    others = read_rows(workspace, RAW_TABLE, window)
    rows = pa.concat_tables([gated.accepted, _of_others(others, served).select(gated.accepted.column_names)])
    workspace.lake.write_table(path, TABLES[RAW_TABLE], rows, fingerprint="")
    marts, broken = run_marts_by_fleet(workspace, workspace.fleets, window, marts=HOURLY_MARTS)
    for name, mart in marts.items():
        # Read before the settled file hides the day's hour files.
        others = _of_others(read_rows(workspace, name, window), _fleet_ids(mart))
        frame = pa.concat_tables([mart, others.select(mart.column_names)])
        workspace.lake.write_table(settled_path(name, window.day), TABLES[name], frame, fingerprint="")
    return _outcomes_of(workspace.fleets, {**gated.rejections, **broken}, failures, gated.accepted)


def replace_fleets(
    workspace: Workspace,
    path: str,
    table: Table,
    rows: pa.Table,
    *,
    fingerprint: str = "",
    fleets: Sequence[Fleet] = (),
) -> bool:
    """Write `rows` over those of the same fleets in the file at `path`; others' rows stay; return if it changed.

    Of `fleets` no row stays that is not in `rows`: they have what is given here, be it nothing. A file that is no part
    of the table, or of which others' rows have the keys of `rows`, is set aside.
    """
    lake = workspace.lake
    present = lake.read_table(path)
    if present is not None:
        replaced = _fleet_ids(rows) | {fleet.id for fleet in fleets}
        try:
            others = with_columns_of(table, _of_others(present, replaced))
            whole = pa.concat_tables([rows, others.select(rows.column_names)])
            return lake.write_table(path, table, whole, fingerprint=fingerprint).is_changed
        except (pa.ArrowException, LookupError, FrameError) as error:
            fit_frame(table, rows)  # raises where the fault is theirs
            # else what is there is no part of the table, and would keep the file from ever being made anew
            held = with_columns_of(table, present) if "fleet_id" in present.column_names else present
            why = schema_faults(table, held) or [("", " ".join(str(error).split()))]
            with suppress(FileNotFoundError):  # another task was quicker
                lake.set_aside(path, lake.storage.read_bytes(path), why[0][1])
    return workspace.lake.write_table(path, table, rows, fingerprint=fingerprint).is_changed


def _write_raw_hour(workspace: Workspace, hour: Window, part: str, accepted: pa.Table) -> bool:
    """Write an hour's samples; without any, write no file, so that the hour counts as missed and is read again."""
    path = hourly_path(RAW_TABLE, hour.start_utc, part)
    rows = _within(accepted, hour)
    if not rows.num_rows and not workspace.lake.storage.exists(path):
        return False
    replace_fleets(workspace, path, TABLES[RAW_TABLE], rows)
    return True


def _fleet_ids(rows: pa.Table) -> set[str]:
    return set(rows["fleet_id"].unique().to_pylist())


def _of_others(rows: pa.Table, fleet_ids: set[str]) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["fleet_id"], pa.array(sorted(fleet_ids), pa.string()))))


def _hours_to_read(workspace: Workspace, window: Window, chunk: int) -> list[Window]:
    trailing_start = window.start_utc - TRAILING_HOURS * HOUR
    recent = Window(window.start_utc - CATCH_UP_HOURS * HOUR, window.end_utc)
    settled = {day.day for day in recent.days() if workspace.lake.has_settled(RAW_TABLE, day.day)}
    hours = [hour for hour in recent.hours() if hour.day not in settled]
    older = [hour for hour in hours if hour.start_utc < trailing_start]
    is_missed = at_once(lambda hour: _is_missed(workspace, hour, chunk), older)
    return [hour for hour, missed in zip(older, is_missed, strict=True) if missed] + hours[len(older) :]


def _is_missed(workspace: Workspace, hour: Window, chunk: int) -> bool:
    """Whether the hour has no file, or a fleet of the chunk failed in its own run."""
    if not workspace.lake.storage.exists(hourly_path(RAW_TABLE, hour.start_utc, chunk_name(chunk))):
        return True
    return any(item.is_bad for item in read_outcomes(workspace, dag_id=DAG_ID, window=hour, part=_part(chunk)))


def _within(frame: pa.Table, hour: Window, *, column: str = "timestamp_utc") -> pa.Table:
    moments = frame[column]
    start = pa.scalar(hour.start_utc, moments.type)
    end = pa.scalar(hour.end_utc, moments.type)
    return frame.filter(pc.and_(pc.greater_equal(moments, start), pc.less(moments, end)))


def _outcome(fleet: Fleet, status: OutcomeStatus, cause: str = "") -> Outcome:
    return Outcome(step="extract", subject=fleet.id, status=status, cause=cause)


def _outcomes_of(
    fleets: Sequence[Fleet],
    rejections: dict[str, str],
    failures: dict[str, str],
    rows: pa.Table,
) -> list[Outcome]:
    seen = _fleet_ids(rows)
    outcomes = []
    for fleet in fleets:
        if fleet.id in failures:
            outcomes.append(_outcome(fleet, OutcomeStatus.FAILED, failures[fleet.id]))
        elif fleet.id in rejections:
            outcomes.append(_outcome(fleet, OutcomeStatus.QUARANTINED, rejections[fleet.id]))
        elif fleet.id not in seen:
            cause = "the source has no sample of any of its metrics in the window"
            outcomes.append(_outcome(fleet, OutcomeStatus.FAILED, cause))
        else:
            outcomes.append(_outcome(fleet, OutcomeStatus.OK))
    return outcomes
