from datetime import UTC, datetime
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from headroom.airflow_glue.timetables import BEFORE_ANY_RUN, clock_end_utc
from headroom.config.errors import ConfigError
from headroom.pipelines.windows import day_window, hour_window


def as_scheduler_sees(dag: DAG) -> Any:
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


def first_tick(dag: DAG, *, after: datetime) -> tuple[datetime, str]:
    restriction = TimeRestriction(earliest=pendulum.instance(after), latest=None, catchup=True)
    info = as_scheduler_sees(dag).timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    return info.run_after, info.partition_key


@pytest.mark.parametrize(
    ("dag_id", "runs_at", "key"),
    [
        # 06:00 has just struck: the hour 05 has closed, and its run starts a minute later.
        ("extract_utilization", datetime(2026, 11, 18, 6, 1, tzinfo=UTC), "2026-11-18T05:00:00"),
        ("extract_spot_prices", datetime(2026, 11, 18, 6, 3, tzinfo=UTC), "2026-11-18T05:00:00"),
        # Ten minutes after the close every fleet should have been pushed.
        ("watch_fleets", datetime(2026, 11, 18, 6, 10, tzinfo=UTC), "2026-11-18T05:00:00"),
        # The next midnight ends the 18th; its day is settled half an hour later, its bill read after four hours.
        ("settle_days", datetime(2026, 11, 19, 0, 30, tzinfo=UTC), "2026-11-18T00:00:00"),
        ("extract_billing", datetime(2026, 11, 18, 4, 0, tzinfo=UTC), "2026-11-17T00:00:00"),
        # Prices are those of the day that has just begun.
        ("extract_catalogue", datetime(2026, 11, 19, 0, 10, tzinfo=UTC), "2026-11-19T00:00:00"),
    ],
)
def test_a_clock_run_starts_after_its_window_closed_and_carries_the_windows_start(
    dags: dict[str, DAG], dag_id: str, runs_at: datetime, key: str
) -> None:
    after = datetime(2026, 11, 18, 3 if dag_id == "extract_billing" else 6, 0, tzinfo=UTC)
    assert first_tick(dags[dag_id], after=after) == (runs_at, key)


@pytest.mark.parametrize("dag_id", ["settle_days", "extract_billing", "extract_catalogue"])
def test_a_backfill_of_days_includes_both_dates_given(dags: dict[str, DAG], dag_id: str) -> None:
    first, last = datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    keys = [info.partition_key for info in as_scheduler_sees(dags[dag_id]).iter_dagrun_infos_between(first, last)]
    assert keys == [f"2026-11-{day}T00:00:00" for day in range(11, 18)]
    assert [day_window(key).day.day for key in keys] == list(range(11, 18))


@pytest.mark.parametrize("dag_id", ["extract_utilization", "extract_spot_prices"])
def test_a_backfill_of_hours_includes_both_hours_given(dags: dict[str, DAG], dag_id: str) -> None:
    first, last = datetime(2026, 11, 18, 3, tzinfo=UTC), datetime(2026, 11, 18, 5, tzinfo=UTC)
    keys = [info.partition_key for info in as_scheduler_sees(dags[dag_id]).iter_dagrun_infos_between(first, last)]
    assert keys == [f"2026-11-18T{hour:02}:00:00" for hour in range(3, 6)]
    assert [hour_window(key).start_utc.hour for key in keys] == [3, 4, 5]


def test_a_key_given_through_the_api_is_accepted_and_a_malformed_one_is_not(dags: dict[str, DAG]) -> None:
    timetable = as_scheduler_sees(dags["settle_days"]).timetable
    assert timetable.resolve_partition_date("2026-11-17T00:00:00") == datetime(2026, 11, 17, 0, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="does not match"):
        timetable.resolve_partition_date("17 November")


def test_the_clock_of_root_dags_is_the_walls_unless_it_is_said_to_be_manual() -> None:
    assert clock_end_utc({}) is None
    assert clock_end_utc({"HEADROOM_CLOCK": "wall"}) is None
    assert clock_end_utc({"HEADROOM_CLOCK": "manual"}) == BEFORE_ANY_RUN
    with pytest.raises(ConfigError, match="HEADROOM_CLOCK: expected one of wall, manual, found 'moon'"):
        clock_end_utc({"HEADROOM_CLOCK": "moon"})


def test_with_a_manual_clock_no_run_is_planned_but_backfills_are_as_before(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADROOM_CLOCK", "manual")
    bag = DagBag(dag_folder=str(dags["settle_days"].fileloc).rsplit("/", 1)[0])
    for dag_id, dag in bag.dags.items():
        scheduled = as_scheduler_sees(dag)
        assert scheduled.next_dagrun_info(last_automated_run_info=None) is None, dag_id
    days = as_scheduler_sees(bag.dags["settle_days"]).iter_dagrun_infos_between(
        datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)
    )
    assert [info.partition_key for info in days] == ["2026-11-16T00:00:00", "2026-11-17T00:00:00"]
