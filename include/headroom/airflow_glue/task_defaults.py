"""What all tasks have in common: owner, retries where one can help, who is told of a failure, no secrets in the log."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

from headroom.airflow_glue.aws_connection import use_aws_connection
from headroom.airflow_glue.kill_switch import use_kill_switch
from headroom.airflow_glue.known_params import refuse_unknown_params
from headroom.airflow_glue.notifications import FailureNotifier
from headroom.airflow_glue.secret_masking import mask_secrets
from headroom.airflow_glue.task_caller import name_caller

OWNER = "headroom"

SAME_AGAIN = RetryRule(
    exception=[ValueError, TypeError, LookupError, AttributeError, ArithmeticError, ImportError],
    action=RetryAction.FAIL,
    reason="bad configuration, bad input or a defect: the same would happen again",
)
"""ConfigError and WindowError are ValueErrors. What remains to be retried: sources, storage, network, a lost worker."""


def task_defaults(
    *,
    retries: int = 2,
    first_retry_delay: timedelta = timedelta(seconds=15),
    execution_timeout: timedelta = timedelta(minutes=20),
) -> Mapping[str, Any]:
    """Return default_args: `retries` with delays that double from `first_retry_delay` up to ten minutes.

    Every task is idempotent, so even those that only compute are retried once their worker was lost.
    """
    notifier: BaseNotifier = FailureNotifier()
    return {
        "owner": OWNER,
        "retries": retries,
        "retry_delay": first_retry_delay,
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=10),
        "retry_policy": ExceptionRetryPolicy(rules=[SAME_AGAIN]),
        "execution_timeout": execution_timeout,
        "on_execute_callback": [mask_secrets],
        "on_failure_callback": [notifier],
        "pre_execute": prepare_task,
    }


def prepare_task(context: Mapping[str, Any] | None = None) -> None:
    """Give a task, before it begins, its name at AWS, its credentials and what stops it, where its run makes sense."""
    refuse_unknown_params(context)
    name_caller(context)
    use_aws_connection(context)
    use_kill_switch(context)
