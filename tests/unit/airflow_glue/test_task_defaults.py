from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from headroom.actuation.errors import ActuationError, NoSuchPushError
from headroom.airflow_glue.task_defaults import task_defaults
from headroom.config.errors import ConfigError
from headroom.pipelines.windows import WindowError


@pytest.mark.parametrize(
    "error",
    [ConfigError("no such key"), WindowError("no window"), KeyError("fleet"), NoSuchPushError("the ledger has none")],
)
def test_what_would_fail_again_is_not_retried(error: Exception) -> None:
    decision = task_defaults()["retry_policy"].evaluate(error, 1, 3)
    assert decision.action is RetryAction.FAIL


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("the source did not answer"),
        ConnectionError("reset"),
        OSError("full"),
        ActuationError("throttled"),
    ],
)
def test_what_may_pass_is_retried(error: Exception) -> None:
    decision = task_defaults()["retry_policy"].evaluate(error, 1, 3)
    assert decision.action is RetryAction.DEFAULT


def test_delays_grow_to_ten_minutes() -> None:
    defaults = task_defaults(first_retry_delay=timedelta(seconds=5))
    assert defaults["retry_delay"] == timedelta(seconds=5)
    assert defaults["retry_exponential_backoff"] == 2.0
    assert defaults["max_retry_delay"] == timedelta(minutes=10)
