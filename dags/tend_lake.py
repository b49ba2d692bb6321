"""Once a day: what the lake's policy no longer keeps is deleted, and what is left is measured."""

from datetime import timedelta

from airflow.sdk import dag, task

from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.run_window import day_of_run, day_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_day


@dag(
    schedule=every_day(delay=timedelta(hours=6)),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=1,
    tags=["headroom", "lake", "daily"],
    default_args=task_defaults(execution_timeout=timedelta(hours=1)),
    params={"window": day_param()},
    doc_md="""
    ### Tend the lake
    Deletes what `headroom.lake.retention` no longer keeps, by the cloud's clock: raw samples after 120 days, plans and
    outcomes after 90, bills after 800; never the ledger, scores, KPIs or savings. `headroom tend` shows what would go.
    """,
)
def tend_lake() -> None:
    """Wire the daily tending."""

    @task
    def delete_expired() -> dict[str, object]:
        from headroom.pipelines import tend

        return tend.tend_lake(day_of_run())

    delete_expired() >> check_outcomes(day_of_run)


tend_lake()
