"""What the runs of a DAG beside the running one are up to, asked of Airflow by a task."""

from typing import Final

from airflow.sdk import get_current_context

_ACTIVE_RUNS: Final = ["queued", "running"]
_STILL_TO_COME: Final = ["null", "scheduled", "queued", "up_for_retry", "up_for_reschedule"]


def count_still_to_come(task_id: str) -> int:
    """Return how many other runs of the running task's DAG are under way and have `task_id` still before them.

    For a task that does the same whichever run asks, at the end of a backfill of many: with `max_active_tis_per_dag=1`
    the last one finds nobody after it.
    """
    context = get_current_context()
    dag_id, instance = context["dag"].dag_id, context["task_instance"]
    if instance.get_dr_count(dag_id=dag_id, states=_ACTIVE_RUNS) <= 1:
        return 0  # what an ended run never came to would otherwise be waited for
    return int(instance.get_ti_count(dag_id=dag_id, task_ids=[task_id], states=_STILL_TO_COME))
