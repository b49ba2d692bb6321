"""An hour of utilization has landed: marts -> forecast -> schedule -> push, ledger, for every chunk of fleets."""

from datetime import timedelta
from typing import Any

from airflow.sdk import TriggerRule, chain, dag, task, task_group

from headroom.airflow_glue.approval import AskForApproval
from headroom.airflow_glue.assets import UTILIZATION_HOUR
from headroom.airflow_glue.leaf import check_outcomes
from headroom.airflow_glue.metrics import emit_push_delay
from headroom.airflow_glue.notifications import must_finish_within
from headroom.airflow_glue.push_notifications import PushNotifier
from headroom.airflow_glue.run_window import hour_of_run, hour_param, is_second_try
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.airflow_glue.timetables import after


@dag(
    schedule=after(UTILIZATION_HOUR),
    catchup=False,
    max_active_runs=3,
    tags=["headroom", "push", "hourly"],
    default_args=task_defaults(first_retry_delay=timedelta(seconds=5)),
    deadline=must_finish_within(timedelta(minutes=70)),
    params={"window": hour_param()},
    doc_md="""
    ### Scale ahead
    Each chunk on its own: **forecast** 72 hours, **schedule** capacity, **push** what differs, **refit** what is due.
    * A fleet in mode `approve` waits under *Required actions*; no answer in 50 minutes is a no, what moved asks anew.
    * What is past by the cloud's clock is recorded, never pushed: safe to rerun, backfill and run late.
    """,
)
def scale_ahead() -> None:  # noqa: C901, it holds its tasks
    """Wire forecast, schedule and push over chunks of fleets."""

    @task
    def list_chunks() -> list[int]:
        from headroom.pipelines import utilization

        return utilization.list_chunks()

    @task
    def forecast_chunk(chunk: int) -> dict[str, Any]:
        from headroom.pipelines import scale

        return scale.forecast_chunk(hour_of_run(), chunk)

    @task
    def schedule_chunk(chunk: int) -> dict[str, Any]:
        from headroom.pipelines import scale

        return scale.schedule_chunk(hour_of_run(), chunk)

    @task
    def push_chunk(chunk: int) -> dict[str, Any]:
        from headroom.pipelines import scale

        return emit_push_delay(scale.push_chunk(hour_of_run(), chunk, approvals={}, is_second_try=is_second_try()))

    @task
    def refit_chunk(chunk: int) -> dict[str, Any]:
        from headroom.pipelines import scale

        return scale.refit_chunk(hour_of_run(), chunk)

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def list_requests(chunks: list[int]) -> list[dict[str, Any]]:
        from headroom.pipelines import scale

        return [request for chunk in chunks for request in scale.pending_approvals(hour_of_run(), chunk)]

    @task(max_active_tis_per_dagrun=1, on_success_callback=[PushNotifier()])
    def push_approved(request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        from headroom.pipelines import scale

        return scale.push_answered(hour_of_run(), request, answer, is_second_try=is_second_try())

    @task(trigger_rule=TriggerRule.ALL_DONE, on_success_callback=[PushNotifier()])
    def report_run() -> dict[str, Any]:
        from headroom.pipelines import report

        return report.report_run(hour_of_run())

    @task_group
    def scale_chunk(chunk: int) -> None:
        steps = [("forecast", forecast_chunk), ("schedule", schedule_chunk), ("push", push_chunk)]
        chain(*(task_group(group_id=name)(step)(chunk) for name, step in steps), refit_chunk(chunk))

    @task_group
    def approve_fleet(request: dict[str, Any]) -> None:
        again = push_approved(request, AskForApproval(task_id="ask", request=request).output)["ask_again"]
        push_approved.override(task_id="push_again")(again, AskForApproval(task_id="ask_again", request=again).output)

    approved = approve_fleet.expand(request=(requests := list_requests(chunks := list_chunks())))
    scale_chunk.expand(chunk=chunks) >> [requests, report := report_run()]
    [approved, report] >> check_outcomes(hour_of_run, also_told=[PushNotifier()])


scale_ahead()
