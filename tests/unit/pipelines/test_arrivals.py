"""What came of pushed actions: a played day's ledger, and instances that follow the floor ten minutes later."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tests.unit.actuation.fake_cloud import minutes
from tests.unit.actuation.planning import at, fleet
from tests.unit.actuation.played_day import Day, play
from tests.unit.extract.fake_aws import FakeClients

from headroom.domain.fleet import InstanceOption
from headroom.domain.window import DAY, Window
from headroom.lake.lake import Lake, WriteResult
from headroom.lake.layout import settled_path
from headroom.lake.sql_runner import SqlModels
from headroom.lake.storage import LocalStorage
from headroom.lake.tables import TABLES, Table
from headroom.pipelines.arrivals import settle_arrivals
from headroom.pipelines.lead_times import learnt_lead, read_arrivals
from headroom.pipelines.schedules import plan_path
from headroom.pipelines.sound_arrivals import ARRIVAL_TABLE
from headroom.pipelines.workspace import SQL_FOLDER, Workspace

RUNBOOK = Path(__file__).resolve().parents[3] / "docs" / "runbook.md"
MODELS = SqlModels.load(SQL_FOLDER)
TODAY = Window.day_of(at(6))
TOMORROW = Window(TODAY.end_utc, TODAY.end_utc + DAY)
SAMPLES = TABLES["metric_sample"]
DELAY = minutes(10)


def workspace_of(folder: Path, day: Day) -> Workspace:
    storage = LocalStorage(folder / "lake")
    for path, text in day.store.files.items():
        storage.write_bytes(path, text.encode())
    workspace = Workspace(
        fleets=(fleet(),),
        config_folder=folder,
        lake=Lake(storage),
        models=MODELS,
        clients=FakeClients({}),
        deployment="test",
        warehouse_path=folder / "warehouse.duckdb",
    )
    for hour in range(40):  # a plan of every hour, as far as an action's type goes
        window = Window(at(hour - 1), at(hour))
        workspace.lake.write_json(plan_path("chat-large", window), {"instance_type": "g5.12xlarge"})
    return workspace


def save_instances(workspace: Workspace, by_minute: Mapping[datetime, float], *, days: Iterable[Window]) -> None:
    """Write five-minute means of what is in service; minutes that are not there leave a period out."""
    for day in days:
        rows = []
        for start in (day.start_utc + minutes(5 * number) for number in range(288)):
            seen = [by_minute[start + minutes(one)] for one in range(5) if start + minutes(one) in by_minute]
            if len(seen) == 5:
                row = {"fleet_id": "chat-large", "metric": "instances_in_service", "timestamp_utc": start}
                rows.append({**row, "period_seconds": 300, "value": float(np.mean(seen))})
        frame = pa.Table.from_pylist(rows, schema=SAMPLES.schema)
        workspace.lake.write_table(settled_path(SAMPLES.name, day.day), SAMPLES, frame, fingerprint="")


def following(day: Day, *, delay: timedelta = DELAY) -> dict[datetime, float]:
    """Return what is in service where each instance stands `delay` after the floor asked for it."""
    floor = {moment: low for moment, (low, _) in day.stood.items()}
    first = min(floor)
    return {moment: float(min(floor.get(moment - delay, floor[first]), floor[moment])) for moment in floor}


def settled(folder: Path, day: Day, *days: Window) -> Workspace:
    """Return the day's workspace where instances followed the floor, `days` settled in their order."""
    made = workspace_of(folder, day)
    save_instances(made, following(day), days=(TODAY, TOMORROW))
    for window in days:
        settle_arrivals(made, window)
    return made


def rows_of(workspace: Workspace, day: Window = TODAY) -> list[dict[str, Any]]:
    table = workspace.lake.read_table(settled_path(ARRIVAL_TABLE, day.day))
    assert table is not None
    return sorted(table.to_pylist(), key=lambda row: row["starts_at_utc"])


@pytest.fixture(scope="module")
def played() -> Day:
    return play(9)


@pytest.fixture
def workspace(tmp_path: Path, played: Day) -> Workspace:
    return settled(tmp_path, played, TODAY, TOMORROW)


def test_every_raise_of_a_plan_that_ran_has_a_row_with_the_floor_before_and_after(
    workspace: Workspace, played: Day
) -> None:
    found = [
        (f"{row['starts_at_utc']:%H%M}", row["instances_before"], row["instances_after"]) for row in rows_of(workspace)
    ]
    raised = [
        (f"{moment:%H%M}", played.stood[moment - minutes(1)][0], low)
        for moment, (low, _) in played.stood.items()
        if moment - minutes(1) in played.stood and low > played.stood[moment - minutes(1)][0]
    ]
    ours = {name.rpartition("T")[2][:4] for name in (row["action_name"] for row in rows_of(workspace))}
    # every one of ours is what really happened; what the owner, a foreign action and a restore raised is not ours
    assert [item for item in raised if item[0] in ours and item in found] == found
    assert found[:2] == [("0655", 2, 8), ("0755", 8, 9)]
    assert "1620" not in ours


def test_each_stood_ten_minutes_after_its_start(workspace: Workspace) -> None:
    first = rows_of(workspace)[0]
    assert (first["starts_at_utc"], first["stood_at_utc"]) == (at(6) + minutes(55), at(7) + minutes(5))
    assert (first["seconds_to_stand"], first["seconds_late"], first["is_short"]) == (600.0, 600.0, True)
    assert (first["has_come"], first["instances_at_start"], first["instance_type"]) == (True, 2.0, "g5.12xlarge")
    launched = [row for row in rows_of(workspace) if row["instances_at_start"] < row["instances_after"]]
    assert {row["seconds_to_stand"] for row in launched if row["has_come"]} == {600.0}


def test_settled_again_and_in_the_other_order_it_is_the_same(workspace: Workspace, played: Day, tmp_path: Path) -> None:
    path = settled_path(ARRIVAL_TABLE, TODAY.day)
    kept = workspace.lake.storage.read_bytes(path)
    settle_arrivals(workspace, TODAY)
    assert workspace.lake.storage.read_bytes(path) == kept
    other = workspace_of(tmp_path / "other", played)
    save_instances(other, following(played), days=(TODAY, TOMORROW))
    settle_arrivals(other, TOMORROW)
    settle_arrivals(other, TODAY)
    assert other.lake.storage.read_bytes(path) == kept


def test_an_evening_is_judged_once_the_next_day_is_settled(tmp_path: Path) -> None:
    day = Day()
    day.go_to(at(23) + minutes(5))
    day.push(8, 8, 8)  # at 23:55, for itself; in service at 00:05
    day.go_to(at(27))
    made = workspace_of(tmp_path, day)
    save_instances(made, following(day), days=(TODAY,))
    settle_arrivals(made, TODAY)
    assert [(row["stood_at_utc"], row["has_come"]) for row in rows_of(made)] == [(None, None)]
    save_instances(made, following(day), days=(TOMORROW,))
    settle_arrivals(made, TOMORROW)
    assert [(row["stood_at_utc"], row["has_come"]) for row in rows_of(made)] == [(at(24) + minutes(5), True)]


class LakeOvertaken(Lake):
    """A lake in which something else happens once, just before the file at `path` is written."""

    def __init__(self, storage: LocalStorage, path: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(storage)
        self.path, self.meanwhile = path, [meanwhile]

    def write_table(self, path: str, table: Table, frame: pa.Table, *, fingerprint: str) -> WriteResult:
        if path == self.path and self.meanwhile:
            self.meanwhile.pop()()
        return super().write_table(path, table, frame, fingerprint=fingerprint)


def test_an_evening_is_judged_by_both_days_where_they_are_settled_at_the_same_time(tmp_path: Path) -> None:
    day = Day()
    day.go_to(at(23) + minutes(5))
    day.push(8, 8, 8)  # at 23:55, for itself; in service at 00:05
    day.go_to(at(27))
    made = workspace_of(tmp_path, day)
    save_instances(made, following(day), days=(TODAY,))
    path = settled_path(ARRIVAL_TABLE, TODAY.day)

    def settle_tomorrow() -> None:
        save_instances(made, following(day), days=(TOMORROW,))
        settle_arrivals(made, TOMORROW)

    storage = LocalStorage(tmp_path / "lake")
    settle_arrivals(replace(made, lake=LakeOvertaken(storage, path, settle_tomorrow)), TODAY)
    at_the_same_time = made.lake.storage.read_bytes(path)
    settle_arrivals(made, TOMORROW)
    assert made.lake.storage.read_bytes(path) == at_the_same_time
    assert [(row["stood_at_utc"], row["has_come"]) for row in rows_of(made)] == [(at(24) + minutes(5), True)]


def test_a_row_goes_that_a_fleets_ledger_gives_no_more(tmp_path: Path) -> None:
    made = workspace_of(tmp_path, Day())
    path, table = settled_path(ARRIVAL_TABLE, TODAY.day), TABLES[ARRIVAL_TABLE]
    rows = [
        {"fleet_id": fleet_id, "action_name": f"headroom-test-{fleet_id}-20261118T2355Z", "starts_at_utc": at(23)}
        for fleet_id in ("chat-large", "no-longer-configured")
    ]
    made.lake.write_table(path, table, pa.Table.from_pylist(rows, schema=table.schema), fingerprint="")
    settle_arrivals(made, TOMORROW)
    assert [row["fleet_id"] for row in rows_of(made)] == ["no-longer-configured"]


def test_without_samples_a_row_says_that_nothing_was_seen(tmp_path: Path, played: Day) -> None:
    made = workspace_of(tmp_path, played)
    settle_arrivals(made, TODAY)
    nothing = ("instances_at_start", "most_instances", "stood_at_utc", "seconds_to_stand", "seconds_late", "is_short")
    assert {row[column] for row in rows_of(made) for column in (*nothing, "has_come")} == {None}
    assert {row["samples_seen"] for row in rows_of(made)} == {0}
    assert read_arrivals(made, made.fleets, TOMORROW.end_utc) == {}


def test_the_next_plan_starts_earlier_by_what_was_seen(workspace: Workspace) -> None:
    (found,) = workspace.fleets
    learnt = learnt_lead(found, read_arrivals(workspace, [found], at(30))["chat-large"], at(30))
    # ten minutes from the start, two of which the schedule allows for a late action anyway
    assert (learnt.lead.seconds, learnt.lead.source, learnt.not_come) == (480.0, "learnt", None)
    # of another type nothing is known
    other = replace(found, instance_types=(InstanceOption(name="p5.48xlarge", lead_time_seconds=900.0),))
    assert read_arrivals(workspace, [other], at(30)) == {}
    assert learnt_lead(other, [], at(30)).lead.seconds == 900.0


def test_capacity_that_did_not_come_is_named(tmp_path: Path) -> None:
    day = Day()
    day.push(8, 8, 8)
    day.go_to(at(12))
    made = workspace_of(tmp_path, day)
    short = {moment: min(count, 5.0) for moment, count in following(day).items()}
    save_instances(made, short, days=(TODAY,))
    settle_arrivals(made, TODAY)
    (row,) = rows_of(made)
    assert (row["is_short"], row["has_come"], row["most_instances"], row["stood_at_utc"]) == (True, False, 5.0, None)
    (found,) = made.fleets
    learnt = learnt_lead(found, read_arrivals(made, [found], at(24))["chat-large"], at(24))
    assert (learnt.lead.seconds, learnt.lead.source) == (600.0, "capacity_did_not_come")
    assert learnt.not_come_text(None) == (
        "capacity did not come: 8 instances were asked for at 2026-11-18 06:55Z, for 06:55Z, and 5 were in service "
        "at most"
    )


def test_the_runbooks_query_tells_the_days_raises(workspace: Workspace) -> None:
    (query,) = re.findall(r"```sql\n(select fleet_id, starts_at_utc.*?)```", RUNBOOK.read_text(), re.DOTALL)
    with duckdb.connect() as session:
        session.register(ARRIVAL_TABLE, workspace.lake.read_table(settled_path(ARRIVAL_TABLE, TODAY.day)))
        told = session.execute(query).fetchall()
    assert [row[3:5] for row in told] == [
        (row["instances_before"], row["instances_after"]) for row in rows_of(workspace)
    ]


def test_a_fleet_that_only_recommends_has_no_row(tmp_path: Path) -> None:
    made = workspace_of(tmp_path, Day())
    assert settle_arrivals(made, TODAY) == []
    assert rows_of(made) == []
