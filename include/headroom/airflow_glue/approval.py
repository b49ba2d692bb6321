"""Asking a person: the push of a fleet in mode `approve` waits here, holding neither worker nor pool slot.

Airflow cannot skip inside a mapped task group (apache/airflow#67265): what follows would run after a Reject as well.
So this operator skips nothing and hands the answer on; the push reads it and refuses what was not approved.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param

ANSWER_WITHIN = timedelta(minutes=50)
"""Under an hour, so that an unanswered request is rejected before the next hour's plan asks again."""
MOST_NOTE_CHARACTERS = 500


class AskForApproval(ApprovalOperator):
    """Shows one fleet's diff, cost and risk in the Airflow UI, and returns who answered what.

    `request` is one entry of `pipelines.scale.pending_approvals`: `fleet_id`, `subject`, and `body` in Markdown.
    """

    template_fields: Sequence[str] = ("request",)

    def __init__(self, *, request: Mapping[str, Any], **options: Any) -> None:  # noqa: ANN401, Airflow's own options
        super().__init__(
            subject="Push of scheduled-scaling actions",
            response_timeout=ANSWER_WITHIN,
            defaults=self.REJECT,
            **{**options, "params": {"note": _note()}},  # instead of the DAG's own, which Airflow puts there
        )
        self.request = request

    def execute(self, context: Context) -> Any:  # noqa: ANN401, as in Airflow
        """Put the request before the approvers and wait."""
        self.subject = self.request["subject"]
        self.body = self.request["body"]
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return `fleet_id`, `plan_id`, `is_approved`, `by` (None where nobody answered in time), `note`, `at_utc`."""
        # Past ApprovalOperator, whose own version would skip what follows.
        answer = super(ApprovalOperator, self).execute_complete(context, event)
        user = answer["responded_by_user"]
        return {
            "fleet_id": self.request["fleet_id"],
            "plan_id": self.request["plan_id"],
            "is_approved": answer["chosen_options"] == [self.APPROVE],
            "by": user["name"] if user else None,
            "note": answer["params_input"].get("note") or "",
            "at_utc": answer["responded_at"].isoformat(),
        }


def _note() -> Param:
    """Return the form's field for the reason, which the ledger keeps beside the name."""
    return Param(
        "",
        type=["null", "string"],
        maxLength=MOST_NOTE_CHARACTERS,
        title="Why",
        description="Kept in the ledger with your name. No secrets.",
        source="task",  # what comes from the DAG is no field of the form
    )
