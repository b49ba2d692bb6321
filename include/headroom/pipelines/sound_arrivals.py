"""The rows of mart_action__arrival, as what was learnt rests on them: a file with others is set aside and named.

A query does not see that a delay is no number, or that a row stands twice; both would move lead times unnoticed.
"""

import io
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headroom.domain.limits import INSTANCES, Limits
from headroom.domain.window import Window
from headroom.lake.damage import file_fault
from headroom.lake.errors import LakeError
from headroom.lake.tables import TABLES
from headroom.pipelines.model_runs import read_rows
from headroom.pipelines.workspace import Workspace
from headroom.scheduling.arrival import JUDGED_FOR

ARRIVAL_TABLE: Final = "mart_action__arrival"
_KNOWN: Final = ("fleet_id", "action_name", "starts_at_utc", "need_at_utc", "instances_before", "instances_after")
_SEEN_INSTANCES: Final[Limits] = (0, 10 * INSTANCES[1])
"""Of a group, whose owner may run more than Headroom would plan."""
_RANGES: Final[dict[str, Limits]] = {
    "instances_before": INSTANCES,
    "instances_after": INSTANCES,
    "instances_at_start": _SEEN_INSTANCES,
    "most_instances": _SEEN_INSTANCES,
    "seconds_to_stand": (0, JUDGED_FOR.total_seconds()),
}


def sound_arrivals(workspace: Workspace, window: Window) -> pa.Table:
    """Return the rows of `window`; files whose rows cannot be are set aside, and stand in the lake's `damaged`.

    LakeError where what is left still cannot be: the same action in the files of two days.
    """
    rows = read_rows(workspace, ARRIVAL_TABLE, window)
    if fault_of(rows) is None:
        return rows
    lake = workspace.lake
    for path in lake.table_files(ARRIVAL_TABLE, window=window):
        try:
            data = lake.storage.read_bytes(path)
        except FileNotFoundError:
            continue  # another task has set it aside, or settles its day
        fault = file_fault(TABLES[ARRIVAL_TABLE], workspace.models, data) or _fault_of_file(data)
        if fault is not None:
            lake.set_aside(path, data, fault)
    rows = read_rows(workspace, ARRIVAL_TABLE, window)
    fault = fault_of(rows)
    if fault is not None:
        raise LakeError(f"{ARRIVAL_TABLE}, {window.start_utc:%Y-%m-%d} to {window.end_utc:%Y-%m-%d}: {fault}")
    return rows


def fault_of(rows: pa.Table) -> str | None:
    """Return which column holds what cannot be, of which action, and what was expected; None where all can be."""
    for name in _KNOWN:
        if rows[name].null_count:
            return (
                f"column {name!r}: expected a value in every row, found null{_of_first(rows, pc.is_null(rows[name]))}"
            )
    for name, (least, most) in _RANGES.items():
        is_right = pc.and_(pc.greater_equal(rows[name], least), pc.less_equal(rows[name], most))
        if pc.all(is_right, min_count=0).as_py() is False:
            where = pc.fill_null(pc.invert(is_right), fill_value=False)
            found = rows[name].filter(where)[0].as_py()
            return f"column {name!r}: expected {least:g} to {most:,.12g}, found {found:g}{_of_first(rows, where)}"
    twice = pc.value_counts(rows["action_name"].combine_chunks())
    names = twice.field("values").filter(pc.greater(twice.field("counts"), 1))
    return (
        f"column 'action_name': expected each once, found {names[0].as_py()!r} more than once" if len(names) else None
    )


def _fault_of_file(data: bytes) -> str | None:
    table = TABLES[ARRIVAL_TABLE]
    frame = pq.read_table(io.BytesIO(data))
    lacking = [name for name in table.columns if name not in frame.column_names]
    needed = [name for name in _KNOWN if name in lacking]
    if needed:
        return f"column {needed[0]!r} is missing; expected {table.schema.field(needed[0]).type}"
    for name in lacking:
        frame = frame.append_column(name, pa.nulls(frame.num_rows, table.schema.field(name).type))
    return fault_of(frame)


def _of_first(rows: pa.Table, where: pa.ChunkedArray) -> str:
    """Return, in words, which action the first row is about in which `where` holds."""
    name = rows["action_name"].filter(where)[0].as_py()
    return f" of {name}" if name else ""
