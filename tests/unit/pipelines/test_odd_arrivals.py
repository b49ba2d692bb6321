"""Files of mart_action__arrival that somebody or something spoilt: set aside by name, never learnt from, made anew."""

import io
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.actuation.planning import at
from tests.unit.actuation.played_day import Day, play
from tests.unit.pipelines.test_arrivals import TODAY, TOMORROW, settled

from headroom.lake.errors import FrameError, LakeError
from headroom.lake.layout import settled_path
from headroom.lake.tables import TABLES
from headroom.pipelines.arrivals import settle_arrivals
from headroom.pipelines.lead_times import LearntLead, learnt_lead, read_arrivals
from headroom.pipelines.sound_arrivals import ARRIVAL_TABLE
from headroom.pipelines.utilization import replace_fleets
from headroom.pipelines.workspace import Workspace

PATH = settled_path(ARRIVAL_TABLE, TODAY.day)
TABLE = TABLES[ARRIVAL_TABLE]


@pytest.fixture(scope="module")
def played() -> Day:
    return play(9)


@pytest.fixture
def workspace(tmp_path: Path, played: Day) -> Workspace:
    return settled(tmp_path, played, TODAY)


def sound(workspace: Workspace) -> pa.Table:
    return pq.read_table(io.BytesIO(workspace.lake.storage.read_bytes(PATH)))


def spoil(workspace: Workspace, frame: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(frame, sink)
    workspace.lake.storage.write_bytes(PATH, sink.getvalue())


def with_column(frame: pa.Table, name: str, value: object, kind: pa.DataType | None = None) -> pa.Table:
    """Put `value` into the first row of a column, the others staying; of another dtype into all."""
    position = frame.schema.get_field_index(name)
    values = [value, *frame[name].to_pylist()[1:]] if kind is None else [value] * frame.num_rows
    return frame.set_column(position, name, pa.array(values, kind or TABLE.schema.field(name).type))


def learnt(workspace: Workspace) -> LearntLead:
    (fleet,) = workspace.fleets
    return learnt_lead(fleet, read_arrivals(workspace, [fleet], at(24)).get(fleet.id, ()), at(24))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("seconds_to_stand", math.nan, "column 'seconds_to_stand': expected 0 to 21,600, found nan of headroom-test-"),
        ("seconds_to_stand", math.inf, "expected 0 to 21,600, found inf"),
        ("seconds_to_stand", -1e9, "expected 0 to 21,600, found -1e+09"),
        ("seconds_to_stand", 1e300, "expected 0 to 21,600, found 1e+300"),
        ("most_instances", math.nan, "column 'most_instances': expected 0 to 1,000,000, found nan"),
        ("most_instances", -1.0, "column 'most_instances': expected 0 to 1,000,000, found -1"),
        ("instances_at_start", 1e300, "column 'instances_at_start': expected 0 to 1,000,000, found 1e+300"),
        ("instances_after", 2**31, "column 'instances_after': expected 0 to 100,000, found 2.14748e+09"),
        ("instances_after", None, "column 'instances_after': expected a value in every row, found null of headroom"),
        ("starts_at_utc", None, "column 'starts_at_utc': expected a value in every row, found null"),
        ("need_at_utc", None, "column 'need_at_utc': expected a value in every row, found null"),
        ("fleet_id", None, "column 'fleet_id': expected a value in every row, found null"),
        ("action_name", None, "column 'action_name': expected a value in every row, found null"),
    ],
)
def test_a_row_that_cannot_be_sets_its_day_aside_and_nothing_is_learnt_from_it(
    workspace: Workspace, column: str, value: object, told: str
) -> None:
    assert learnt(workspace).lead.source == "learnt"
    spoil(workspace, with_column(sound(workspace), column, value))
    assert (learnt(workspace).lead.seconds, learnt(workspace).lead.source) == (300.0, "configured")
    (damaged,) = workspace.lake.damaged
    assert damaged.path == PATH
    assert told in damaged.reason
    assert not workspace.lake.storage.exists(PATH)


def test_rows_that_stand_twice_count_once_or_not_at_all(workspace: Workspace) -> None:
    rows = sound(workspace)
    spoil(workspace, pa.concat_tables([rows, rows]))
    assert learnt(workspace).lead.source == "configured"
    (damaged,) = workspace.lake.damaged
    assert "stand more than once" in damaged.reason


def test_a_day_that_holds_another_days_rows_is_not_taken_for_two_days(workspace: Workspace) -> None:
    other = settled_path(ARRIVAL_TABLE, TOMORROW.day)
    workspace.lake.storage.write_bytes(other, workspace.lake.storage.read_bytes(PATH))
    (fleet,) = workspace.fleets
    with pytest.raises(LakeError, match="mart_action__arrival, 2026-10-22 to 2026-11-20: column 'action_name'"):
        read_arrivals(workspace, [fleet], at(30))


@pytest.mark.parametrize("column", ["starts_at_utc", "fleet_id", "action_name"])
def test_a_column_that_is_missing_is_named(workspace: Workspace, column: str) -> None:
    spoil(workspace, sound(workspace).drop_columns([column]))
    assert learnt(workspace).lead.source == "configured"
    (damaged,) = workspace.lake.damaged
    assert damaged.reason.startswith(f"column '{column}' is missing; expected ")


def test_rows_of_fleets_that_nobody_has_teach_nobody(workspace: Workspace) -> None:
    spoil(workspace, with_column(sound(workspace), "fleet_id", "../../nobody", pa.string()))
    assert learnt(workspace).lead.source == "configured"
    assert workspace.lake.damaged == []


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda rows: rows.drop_columns(["fleet_id"]), "column 'fleet_id' is missing; expected string"),
        (
            lambda rows: with_column(rows, "seconds_to_stand", "soon", pa.string()),
            "column 'seconds_to_stand' has dtype string, expected double",
        ),
        (lambda rows: with_column(rows, "fleet_id", "nobody", pa.string()), "8 keys stand more than once"),
    ],
)
def test_settling_again_makes_a_file_anew_that_is_no_part_of_its_table(
    workspace: Workspace, edit: Any, told: str
) -> None:
    before = workspace.lake.storage.read_bytes(PATH)
    spoil(workspace, edit(sound(workspace)))
    assert settle_arrivals(workspace, TODAY) == []
    assert workspace.lake.storage.read_bytes(PATH) == before
    assert told in workspace.lake.damaged[0].reason
    workspace.lake.damaged.clear()
    assert settle_arrivals(workspace, TODAY) == []
    assert (workspace.lake.storage.read_bytes(PATH), workspace.lake.damaged) == (before, [])


def test_rows_that_do_not_fit_are_refused_and_what_is_there_stays(workspace: Workspace) -> None:
    before = workspace.lake.storage.read_bytes(PATH)
    twice = pa.concat_tables([sound(workspace).replace_schema_metadata(None)] * 2)
    with pytest.raises(FrameError, match="8 keys stand more than once"):
        replace_fleets(workspace, PATH, TABLE, twice)
    assert (workspace.lake.storage.read_bytes(PATH), workspace.lake.damaged) == (before, [])
