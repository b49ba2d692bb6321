"""When a day is settled: its report, marts and ledger -> one self-contained HTML page."""

from airflow.sdk import dag, task

from headroom.airflow_glue.assets import SETTLED_DAY
from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.run_window import day_of_run, day_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import after


@dag(
    schedule=after(SETTLED_DAY),
    catchup=False,
    max_active_runs=1,
    tags=["headroom", "report", "daily"],
    default_args=task_defaults(),
    params={"window": day_param()},
    doc_md="""
    ### Report savings
    Writes the report of the day that was settled: what the fleets cost, what was pushed and refused, and why.
    Read the newest one under *Headroom* in the navigation. Beside it, how good the forecasts of four weeks have been,
    with examples chosen by rule: `reports/forecasts/latest.html` in the lake.
    """,
)
def report_savings() -> None:
    """Wire the daily report."""

    @task
    def write_report() -> dict[str, object]:
        from headroom.pipelines import report

        return report.report_day(day_of_run())

    write_report() >> check_outcomes(day_of_run)


report_savings()
