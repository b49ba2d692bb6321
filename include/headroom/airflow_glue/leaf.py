"""The last task of a run: red where a task, a fleet or a source failed, although the others were served."""

from collections.abc import Callable, Sequence
from typing import Any

from airflow.sdk import BaseNotifier, TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from headroom.airflow_glue.notifications import FailureNotifier, RecoveryNotifier
from headroom.domain.window import Window

FAILED_STATES = frozenset({"failed", "upstream_failed"})


def check_outcomes(window_of_run: Callable[[], Window], *, also_told: Sequence[BaseNotifier] = ()) -> Any:  # noqa: ANN401, Airflow's task argument
    """Add the task that fails its run, at once and for good, where a task failed or recorded a bad outcome.

    Airflow judges a run by its last tasks, and this one runs whatever became of those before it, so it must look at
    them too. `also_told` tell of the run at its end, good or bad.
    """
    well_again: list[BaseNotifier] = [RecoveryNotifier(), *also_told]
    failed_again: list[BaseNotifier] = [FailureNotifier(), *also_told]

    @task(
        trigger_rule=TriggerRule.ALL_DONE,
        task_id="check_outcomes",
        on_success_callback=well_again,
        on_failure_callback=failed_again,
    )
    def check() -> dict[str, int]:
        from headroom.pipelines import outcomes  # noqa: PLC0415, too slow for the parse of a DAG

        context = get_current_context()
        dag_id, run_id = context["dag"].dag_id, context["run_id"]
        states = context["task_instance"].get_task_states(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
        failed = sorted(name for name, state in states.items() if state in FAILED_STATES)
        try:
            served = outcomes.check_outcomes(dag_id=dag_id, window=window_of_run())
        except outcomes.RunHasFailures as error:
            raise AirflowFailException(str(error)) from error
        if failed:
            raise AirflowFailException(f"tasks failed, see their logs: {', '.join(failed)}")
        return served

    return check()
