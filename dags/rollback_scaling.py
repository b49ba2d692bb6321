"""By hand: take one push back, using the ledger -> the state before it."""

from typing import Any

from airflow.sdk import Param, dag, task

from headroom.airflow_glue.push_notifications import RollbackNotifier
from headroom.airflow_glue.run_window import is_second_try
from headroom.airflow_glue.task_defaults import task_defaults


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["headroom", "push", "by hand"],
    default_args=task_defaults(),
    params={
        "push_id": Param(
            type="string",
            pattern="^[a-z0-9-]{1,100}-[0-9]{8}T[0-9]{4}Z-[0-9a-f]{8}$",
            title="Push",
            description="Id of the push to take back, as the report and the ledger show it.",
        ),
        "dry_run": Param(
            default=True,
            type="boolean",
            title="Dry run",
            description="Only print what would be changed. Untick it to change it.",
        ),
        "reason": Param(
            default="",
            type="string",
            maxLength=500,
            title="Why",
            description="Kept in the ledger with your name. No secrets.",
        ),
    },
    doc_md="""
    ### Roll a push back
    Removes the actions of one push that are still to come and gives the fleet back the bounds it had, as the
    ledger has them. What others put there is not touched. With **dry_run**, the default, the diff is printed
    and nothing is changed. The page **Pushes** lists what can be taken back, and starts this.
    """,
)
def rollback_scaling() -> None:
    """Wire the rollback of one push."""

    @task(retries=1, on_success_callback=[RollbackNotifier()])
    def roll_back(params: dict[str, object] | None = None, dag_run: Any = None) -> dict[str, object]:  # noqa: ANN401, Airflow's
        from headroom.pipelines import rollback

        return rollback.rollback(
            params or {},
            requested_by=dag_run.triggering_user_name or "",
            run_id=dag_run.run_id,
            is_second_try=is_second_try(),
        )

    roll_back()


rollback_scaling()
