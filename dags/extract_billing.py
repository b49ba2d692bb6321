"""Billing export -> raw.billing_line -> cost marts; a changed manifest replaces its whole billing period."""

from datetime import timedelta

from airflow.sdk import dag, task

from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.run_window import day_of_run, day_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_day


@dag(
    schedule=every_day(delay=timedelta(hours=4)),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=1,
    tags=["headroom", "extract", "daily"],
    default_args=task_defaults(execution_timeout=timedelta(hours=2)),
    params={"window": day_param()},
    doc_md="""
    ### Extract billing
    Looks at the manifests of the CUR 2.0 or FOCUS export. Bills are restated for weeks: a period whose manifest
    names a new assembly is read again and replaces `raw.billing_line` and the cost marts of that period; an
    unchanged one costs one listing. Bills give price and reconciliation; nothing that must be quick waits for
    them.
    """,
)
def extract_billing() -> None:
    """Wire the daily extraction of bills."""

    @task(retries=3)
    def extract_day() -> dict[str, object]:
        from headroom.pipelines import billing

        return billing.extract_billing(day_of_run())

    extract_day() >> check_outcomes(day_of_run)


extract_billing()
