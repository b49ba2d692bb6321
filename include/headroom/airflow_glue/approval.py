"""Asking a person: the push of a fleet in mode `approve` waits here, holding neither worker nor pool slot.

Airflow cannot skip inside a mapped task group (apache/airflow#67265): what follows would run after a Reject as well.
So this operator skips nothing and hands the answer on; the push reads it and refuses what was not approved.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context

ANSWER_WITHIN = timedelta(minutes=50)
"""Under an hour, so that an unanswered request is rejected before the next hour's plan asks again."""


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
            **options,
        )
        self.request = request

    def execute(self, context: Context) -> Any:  # noqa: ANN401, as in Airflow
        """Put the request before the approvers and wait."""
        self.subject = self.request["subject"]
        self.body = self.request["body"]
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return `fleet_id`, `plan_id`, `is_approved`, `by` (None where nobody answered in time) and `at_utc`."""
        # Past ApprovalOperator, whose own version would skip what follows.
        answer = super(ApprovalOperator, self).execute_complete(context, event)
        user = answer["responded_by_user"]
        return {
            "fleet_id": self.request["fleet_id"],
            "plan_id": self.request["plan_id"],
            "is_approved": answer["chosen_options"] == [self.APPROVE],
            "by": user["name"] if user else None,
            "at_utc": answer["responded_at"].isoformat(),
        }
