from itertools import pairwise
from pathlib import Path

import pytest
from airflow.sdk import DAG, CronPartitionTimetable, PartitionedAssetTimetable

DAGS_FOLDER = Path(__file__).resolve().parents[2] / "dags"

# DESIGN section 5: by the clock, or when an asset arrives (then which), or by hand.
SCHEDULES = {
    "extract_billing": "daily clock",
    "extract_catalogue": "daily clock",
    "extract_spot_prices": "hourly clock",
    "extract_utilization": "hourly clock",
    "plan_fleets": "settled_day",
    "report_savings": "settled_day",
    "replay_policies": "by hand",
    "rollback_scaling": "by hand",
    "scale_ahead": "utilization_hour",
    "settle_days": "daily clock",
    "tend_lake": "daily clock",
    "watch_fleets": "hourly clock",
}
CRONS = {"hourly clock": "0 * * * *", "daily clock": "0 0 * * *"}
OUTLETS = {("extract_utilization", "land_hour"): "utilization_hour", ("settle_days", "settle_day"): "settled_day"}
EVERY_DAG = sorted(SCHEDULES)
PARAMS_BY_HAND = {
    "replay_policies": {"fleet", "start", "end", "policies", "sweep"},
    "rollback_scaling": {"push_id", "dry_run", "reason"},
}


def test_the_dags_of_the_design_are_there_one_file_each(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == EVERY_DAG
    assert sorted(path.stem for path in DAGS_FOLDER.glob("*.py")) == EVERY_DAG


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_a_dag_is_started_as_the_design_says(dags: dict[str, DAG], dag_id: str) -> None:
    timetable, wanted = dags[dag_id].timetable, SCHEDULES[dag_id]
    if wanted in CRONS:
        assert isinstance(timetable, CronPartitionTimetable)
        assert timetable.expression == CRONS[wanted]
    elif wanted == "by hand":
        assert dags[dag_id].schedule is None
    else:
        assert isinstance(timetable, PartitionedAssetTimetable)
        assert timetable.asset_condition.name == wanted


def test_an_upgrade_pauses_every_dag_that_has_a_clock() -> None:
    page = (DAGS_FOLDER.parent / "docs" / "upgrading.md").read_text()
    paused = page.partition("for dag in ")[2].partition(";")[0].split()
    assert sorted(paused) == sorted(dag_id for dag_id, when in SCHEDULES.items() if when.endswith("clock"))


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_a_dag_file_is_wiring_of_at_most_a_hundred_lines(dag_id: str) -> None:
    text = (DAGS_FOLDER / f"{dag_id}.py").read_text()
    assert len(text.splitlines()) <= 100
    assert "select " not in text.lower().replace("select the", "")
    assert "boto3" not in text
    assert "now(" not in text


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_a_dag_says_whose_it_is_and_what_it_does(dags: dict[str, DAG], dag_id: str) -> None:
    dag = dags[dag_id]
    assert "headroom" in dag.tags
    assert len(dag.tags) >= 2
    assert dag.doc_md is not None
    assert dag.doc_md.lstrip().startswith("### ")
    assert {task.owner for task in dag.tasks} == {"headroom"}


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_every_param_has_a_type_and_tells_a_person_what_to_enter(dags: dict[str, DAG], dag_id: str) -> None:
    parameters = dags[dag_id].params
    assert set(parameters) == PARAMS_BY_HAND.get(dag_id, {"window"})
    for name in parameters:
        parameter = parameters.get_param(name)
        assert parameter.schema["type"]
        assert parameter.description


def test_a_rollback_changes_nothing_unless_a_person_says_so(dags: dict[str, DAG]) -> None:
    assert dags["rollback_scaling"].params["dry_run"] is True


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_a_lost_worker_or_source_is_retried_with_growing_delays_and_a_failure_is_told(
    dags: dict[str, DAG], dag_id: str
) -> None:
    for task in dags[dag_id].tasks:
        assert 1 <= task.retries <= 3
        assert task.retry_exponential_backoff > 1
        assert task.retry_policy is not None
        assert task.on_failure_callback
        assert task.execution_timeout is not None


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_missed_clock_ticks_are_not_made_up_for_and_concurrency_is_bounded(dags: dict[str, DAG], dag_id: str) -> None:
    assert dags[dag_id].catchup is False
    assert dags[dag_id].max_active_runs <= 4


def test_scaling_goes_on_while_an_approval_of_the_hour_before_is_open(dags: dict[str, DAG]) -> None:
    assert dags["scale_ahead"].max_active_runs >= 2


@pytest.mark.parametrize("dag_id", ["extract_utilization", "scale_ahead", "settle_days"])
def test_a_run_that_takes_too_long_is_reported(dags: dict[str, DAG], dag_id: str) -> None:
    assert dags[dag_id].deadline


def test_only_the_tasks_that_land_data_announce_it(dags: dict[str, DAG]) -> None:
    outlets = {
        (dag.dag_id, task.task_id): task.outlets[0].name for dag in dags.values() for task in dag.tasks if task.outlets
    }
    assert outlets == OUTLETS


def test_the_last_task_of_every_run_looks_at_all_that_went_before(dags: dict[str, DAG]) -> None:
    for dag_id in set(EVERY_DAG) - set(PARAMS_BY_HAND):
        leaves = [task.task_id for task in dags[dag_id].tasks if not task.downstream_task_ids]
        assert leaves == ["check_outcomes"], dag_id
        assert dags[dag_id].get_task("check_outcomes").trigger_rule == "all_done"


def test_an_hour_lands_although_a_chunk_of_fleets_failed(dags: dict[str, DAG]) -> None:
    assert dags["extract_utilization"].get_task("land_hour").trigger_rule == "all_done_min_one_success"


def test_every_chunk_is_scaled_on_its_own_in_three_groups(dags: dict[str, DAG]) -> None:
    dag = dags["scale_ahead"]
    order = [
        "scale_chunk.forecast.forecast_chunk",
        "scale_chunk.schedule.schedule_chunk",
        "scale_chunk.push.push_chunk",
        "scale_chunk.refit_chunk",
    ]
    for earlier, later in pairwise(order):
        assert dag.get_task(earlier).downstream_task_ids == {later}
        assert dag.get_task(earlier).trigger_rule == "all_success"
