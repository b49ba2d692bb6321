"""Spot prices -> raw.spot_price, an hour at a time; others read them as of a moment and never wait for them."""

from datetime import timedelta

from airflow.sdk import dag, task

from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.run_window import hour_of_run, hour_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_hour


@dag(
    schedule=every_hour(delay=timedelta(minutes=3)),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=2,
    tags=["headroom", "extract", "hourly"],
    default_args=task_defaults(),
    params={"window": hour_param()},
    doc_md="""
    ### Extract spot prices
    Reads the spot price history of every instance type that a fleet runs on or may run on, for the hour that
    just closed, and writes `raw.spot_price` behind a gate. AWS keeps 90 days; a run about an older hour brings
    what is still there.
    """,
)
def extract_spot_prices() -> None:
    """Wire the hourly extraction of spot prices."""

    @task(retries=3)
    def extract_hour() -> dict[str, object]:
        from headroom.pipelines import market

        return market.extract_spot_prices(hour_of_run())

    extract_hour() >> check_outcomes(hour_of_run)


extract_spot_prices()
