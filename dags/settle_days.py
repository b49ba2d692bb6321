"""Every source but bills, a whole day again -> settled files, marts, scores, KPIs, warehouse; the DAG to backfill."""

from datetime import timedelta

from airflow.sdk import TriggerRule, dag, task

from headroom.airflow_glue.assets import SETTLED_DAY, announce
from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.notifications import must_finish_within
from headroom.airflow_glue.other_runs import count_still_to_come
from headroom.airflow_glue.run_window import day_of_run, day_param
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import clock_end_utc, every_day


@dag(
    schedule=every_day(delay=timedelta(minutes=30)),
    end_date=clock_end_utc(),
    catchup=False,
    max_active_runs=4,
    tags=["headroom", "settle", "daily", "backfill"],
    default_args=task_defaults(execution_timeout=timedelta(hours=1)),
    deadline=must_finish_within(timedelta(hours=6), window=timedelta(days=1)),
    params={"window": day_param()},
    doc_md="""
    ### Settle days
    Reads the whole day again from every source but bills, once late samples are in, and writes the day's
    settled files, marts, forecast scores and KPIs. From then on views ignore that day's hour files. Then the
    warehouse is built anew, once after the last of the days that are under way.

    **This is the DAG to backfill**, one short run a day, both dates included:

        airflow backfill create --dag-id settle_days --from-date 2026-11-11 --to-date 2026-11-17 --max-active-runs 2

    Safe in any order and as often as you like: equal input gives equal bytes. `plan_fleets` and
    `report_savings` follow.
    """,
)
def settle_days() -> None:
    """Wire the settling of a day."""

    @task(outlets=[SETTLED_DAY], retries=3)
    def settle_day() -> dict[str, object]:
        from headroom.pipelines import settle

        window = day_of_run()
        counts = settle.settle_day(window)
        announce(SETTLED_DAY, window)
        return counts

    @task(max_active_tis_per_dag=1, trigger_rule=TriggerRule.ALL_DONE)
    def build_warehouse() -> dict[str, object]:
        from headroom.pipelines import settle

        if waiting := count_still_to_come("build_warehouse"):
            return {"left_to_later_runs": waiting}
        return settle.build_warehouse(day_of_run())

    settle_day() >> build_warehouse() >> check_outcomes(day_of_run)


settle_days()
