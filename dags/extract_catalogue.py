"""Instance types and on-demand prices -> raw, dated by the day on which they were seen."""

from datetime import timedelta

from airflow.sdk import dag, task

from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.run_window import day_of_run, day_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_day


@dag(
    schedule=every_day(delay=timedelta(minutes=10), is_about_today=True),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=1,
    tags=["headroom", "extract", "daily"],
    default_args=task_defaults(),
    params={"window": day_param()},
    doc_md="""
    ### Extract the catalogue
    Reads instance types and price lists of every region that has fleets, and writes `raw.instance_type` and
    `raw.on_demand_price` behind gates. Price lists only know today's price, so each row carries the day it was
    seen, and the run's key is the day that has just begun.
    """,
)
def extract_catalogue() -> None:
    """Wire the daily extraction of types and prices."""

    @task(retries=3)
    def extract_day() -> dict[str, object]:
        from headroom.pipelines import market

        return market.extract_catalogue(day_of_run())

    extract_day() >> check_outcomes(day_of_run)


extract_catalogue()
