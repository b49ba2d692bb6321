"""Metrics of every fleet -> raw.metric_sample -> hourly marts, an hour at a time; its landing starts scale_ahead."""

from datetime import timedelta

from airflow.sdk import TriggerRule, dag, task

from headroom.airflow_glue.assets import UTILIZATION_HOUR, announce
from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.notifications import must_finish_within
from headroom.airflow_glue.run_window import hour_of_run, hour_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_hour


@dag(
    schedule=every_hour(delay=timedelta(minutes=1)),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=2,
    tags=["headroom", "extract", "hourly"],
    default_args=task_defaults(),
    deadline=must_finish_within(timedelta(minutes=10)),
    params={"window": hour_param()},
    doc_md="""
    ### Extract utilization
    Reads the metrics of the hour that just closed, and of the hours before it that may have been late, for
    every fleet; gates them with Great Expectations; writes `raw.metric_sample` and the hourly marts. A settled
    day is not written again.

    * **One mapped task a chunk of fleets.** A fleet whose source fails is recorded and reported; the others go
      on.
    * **land_hour** emits the asset `utilization_hour` as soon as at least one chunk landed: that starts
      `scale_ahead`.
    * **check_outcomes** turns the run red if any fleet failed.
    * Safe to rerun and to backfill: an hour's files are replaced whole. For whole days, backfill `settle_days`
      instead.
    """,
)
def extract_utilization() -> None:
    """Wire the hourly extraction of metrics."""

    @task
    def list_chunks() -> list[int]:
        from headroom.pipelines import utilization

        return utilization.list_chunks()

    @task(retries=3)
    def extract_hour(chunk: int) -> dict[str, object]:
        from headroom.pipelines import utilization

        return utilization.extract_hour(hour_of_run(), chunk)

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, outlets=[UTILIZATION_HOUR])
    def land_hour() -> str:
        return announce(UTILIZATION_HOUR, hour_of_run())

    extract_hour.expand(chunk=list_chunks()) >> land_hour() >> check_outcomes(hour_of_run)


extract_utilization()
