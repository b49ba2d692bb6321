"""A settled day's marts and the market -> rightsizing and spot-mix plans per fleet, with cost and reason."""

from datetime import timedelta

from airflow.sdk import dag, task

from headroom.airflow_glue.assets import SETTLED_DAY
from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.run_window import day_of_run, day_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import after


@dag(
    schedule=after(SETTLED_DAY),
    catchup=False,
    max_active_runs=2,
    tags=["headroom", "plan", "daily"],
    default_args=task_defaults(execution_timeout=timedelta(hours=1)),
    params={"window": day_param()},
    doc_md="""
    ### Plan fleets
    When a day is settled: which instance types, how bought, on which spot pools, for every fleet. Plans are
    data; nothing is changed at the cloud. Only the newest day is planned: prices of today say nothing about
    what should have been bought weeks ago, so the runs that follow a backfill of older days end at once, with
    nothing to map over.
    """,
)
def plan_fleets() -> None:
    """Wire the daily plans."""

    @task
    def list_chunks() -> list[int]:
        from headroom.pipelines import plan

        return plan.list_chunks_to_plan(day_of_run())

    @task(retries=3)
    def plan_day(chunk: int) -> dict[str, object]:
        from headroom.pipelines import plan

        return plan.plan_day(day_of_run(), chunk)

    plan_day.expand(chunk=list_chunks()) >> check_outcomes(day_of_run)


plan_fleets()
