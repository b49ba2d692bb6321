"""Asking a person: the push of a fleet in mode `approve` waits here, holding neither worker nor pool slot.

Airflow cannot skip inside a mapped task group (apache/airflow#67265): what follows would run after a Reject as well.
So this operator skips nothing that follows and hands the answer on; the push reads it, and refuses what was not
approved.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

ANSWER_WITHIN: Final = timedelta(minutes=50)
"""Under an hour, so that an unanswered request is rejected before the next hour's plan asks again."""
LEAST_TO_ANSWER_AGAIN: Final = timedelta(minutes=5)
"""What is left to answer a second request at the least; with ANSWER_WITHIN still under an hour."""
ANSWER_VARIABLE: Final = "headroom_answer_within_minutes"
"""The Airflow Variable that shortens ANSWER_WITHIN, read when a request is made."""
MOST_NOTE_CHARACTERS = 500


class AskForApproval(ApprovalOperator):
    """Shows one fleet's diff, cost, risk and replay in the Airflow UI, and returns who answered what.

    `request` is one entry of `pipelines.scale.pending_approvals`, or what `pipelines.scale.push_answered` wants asked
    again, which may be nothing: then the task is skipped.
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
        if not self.request:
            raise AirflowSkipException("nothing to ask again: the answer held, and was pushed as given")
        self.subject = self.request["subject"]
        self.body = self.request["body"]
        self.response_timeout = time_to_answer(self.request, asked_at=_asked_at(context), within=answer_within())
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return `fleet_id`, `plan_id`, `shown`, `is_approved`, `by` (None: nobody in time), `note` and times.

        Over its API Airflow takes any words with an answer, and would then fail the task for them: the answer holds.
        """
        # Past ApprovalOperator, whose own version would skip what follows.
        answer = super(ApprovalOperator, self).execute_complete(context, {**event, "params_input": {}})
        user = answer["responded_by_user"]
        return {
            "fleet_id": self.request["fleet_id"],
            "plan_id": self.request["plan_id"],
            "shown": self.request.get("shown"),
            "is_approved": answer["chosen_options"] == [self.APPROVE],
            "by": user["name"] if user else None,
            "note": note_of(event["params_input"] or {}),
            "asked_at_utc": _asked_at(context).isoformat(),
            "at_utc": answer["responded_at"].isoformat(),
        }


def note_of(given: Mapping[str, Any]) -> str:
    """Return the words that came with an answer, cut to MOST_NOTE_CHARACTERS; those of no field of the form by name.

    >>> note_of({"note": "seen", "ticket": 4711})
    'seen; ticket: 4711'
    """
    others = (f"{key}: {_words(value)}" for key, value in given.items() if key != "note")
    text = "; ".join(part for part in (_words(given.get("note")), *others) if part)
    return text if len(text) <= MOST_NOTE_CHARACTERS else f"{text[: MOST_NOTE_CHARACTERS - 1]}…"


def _words(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def time_to_answer(request: Mapping[str, Any], *, asked_at: datetime, within: timedelta) -> timedelta:
    """Return how long a request is open: `within` from the moment a person was first asked in this run."""
    first = request.get("asked_first_at_utc")
    if first is None:
        return within
    return max(within - (asked_at - datetime.fromisoformat(first)), min(LEAST_TO_ANSWER_AGAIN, within))


def answer_within() -> timedelta:
    """Return ANSWER_WITHIN, or what ANSWER_VARIABLE says; a value that cannot be used fails the task for good."""
    from airflow.sdk import Variable  # noqa: PLC0415, DAG files import this module

    text = Variable.get(ANSWER_VARIABLE, default=None)
    if text is None:
        return ANSWER_WITHIN
    most = ANSWER_WITHIN / timedelta(minutes=1)
    try:
        minutes = float(text)
    except (TypeError, ValueError):
        minutes = 0.0
    if not 0.0 < minutes <= most:
        raise AirflowFailException(
            f"Airflow Variable {ANSWER_VARIABLE}: expected minutes above 0 and at most {most:g}, found {text!r}"
        )
    return timedelta(minutes=minutes)


def _asked_at(context: Context) -> datetime:
    """Return when the task began to ask: waiting does not move it."""
    moment: datetime = context["ti"].start_date
    return moment


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
