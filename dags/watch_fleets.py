"""Ten minutes after each hour closed: has it reached verified actions at every fleet? Measures it, names the late."""

from datetime import timedelta

from airflow.sdk import dag, task

from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.metrics import emit_measurements
from headroom.airflow_glue.run_window import hour_of_run, hour_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_hour


@dag(
    schedule=every_hour(delay=timedelta(minutes=10)),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=1,
    tags=["headroom", "watch", "hourly"],
    default_args=task_defaults(),
    params={"window": hour_param()},
    doc_md="""
    ### Watch fleets
    Looks at the hour that closed ten minutes ago, whatever became of its runs: is there a verified push for every
    fleet, did scheduled actions run at their time, did the capacity come? Red, and one message, where not; the fleet
    and the cause are named. A guardrail's refusal is no failure; it is counted by its rule.

    The measurements go to StatsD or OpenTelemetry where Airflow's section `[metrics]` says so (docs/on-call.md). For a
    past hour nothing is measured.
    """,
)
def watch_fleets() -> None:
    """Wire the hourly measurement."""

    @task
    def measure() -> dict[str, object]:
        from headroom.pipelines import on_call

        return on_call.measure_fleets(hour_of_run())

    @task
    def emit() -> int:
        from headroom.pipelines import on_call

        return emit_measurements(on_call.newest_measurements(hour_of_run()))

    measure() >> emit() >> check_outcomes(hour_of_run)


watch_fleets()
