"""Gating a frame on its way from a source into the lake, and keeping what was rejected."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headroom.domain.window import Window
from headroom.lake.tables import Table
from headroom.pipelines.workspace import Workspace
from headroom.quality import gate, quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What a gate let through; `rejections` says per rejected subject why, and where its rows are kept."""

    accepted: pa.Table
    rejections: dict[str, str]


def pass_gate(workspace: Workspace, table: Table, frame: pa.Table, *, path: str, window: Window) -> str:
    """Gate `frame` as a whole; return "" when it passed, else the reason, its rows being kept in quarantine."""
    result = gate(table, frame, window=window)
    if result.is_passed:
        return ""
    kept = quarantine(workspace.lake, path, frame, result)
    return f"{result.reason}; kept as {kept}"


def pass_gate_by_fleet(workspace: Workspace, table: Table, frame: pa.Table, *, path: str, window: Window) -> Gated:
    """Gate `frame`; when it fails, gate each fleet's rows alone, so that one fleet's bad data stops no other's."""
    if frame.num_rows and gate(table, frame, window=window).is_passed:
        return Gated(accepted=frame, rejections={})
    accepted = [frame.slice(0, 0)]
    rejections: dict[str, str] = {}
    for fleet_id in sorted(set(frame["fleet_id"].to_pylist()), key=str):
        rows = frame.filter(
            pc.equal(frame["fleet_id"], fleet_id) if fleet_id is not None else pc.is_null(frame["fleet_id"])
        )
        rejection = pass_gate(workspace, table, rows, path=f"{path}.{fleet_id}", window=window)
        if rejection:
            rejections[str(fleet_id)] = rejection
        else:
            accepted.append(rows)
    return Gated(accepted=pa.concat_tables(accepted), rejections=rejections)
