"""Masks in a task's log what headroom.domain.secrets calls secret: tracebacks hold the words of whatever failed.

Airflow masks its own options and Connections. It does not know AWS's variables, HEADROOM_ALERT_URL, or a password in an
address in somebody's error.
"""

import logging
import os
import re
from collections.abc import Mapping
from typing import Any

import structlog
import structlog.stdlib
from airflow.sdk.log import mask_logs, mask_secret

from headroom.domain.secrets import LOOKS_SECRET, secrets_of


def mask_secrets(_context: Mapping[str, Any] | None = None, *, environment: Mapping[str, str] = os.environ) -> None:
    """Tell Airflow's masker before a task begins; `on_execute_callback` of every task."""
    # Patterns can be given only to the masker itself, whose next add_mask compiles them all.
    from airflow.sdk._shared.secrets_masker import _secrets_masker  # noqa: PLC0415, no public way

    masker = _secrets_masker()
    if not masker.patterns.issuperset(LOOKS_SECRET):
        masker.patterns.update(LOOKS_SECRET)
        masker.replacer = re.compile("|".join(masker.patterns))
    for secret in sorted(secrets_of(environment)):
        mask_secret(secret)
    _mask_before_sending()


def _mask_before_sending() -> None:
    """Mask in the task's process: the one that writes its log is told of secrets, and knows nothing of patterns."""
    # The very list that the task's loggers go through: they are bound before the task begins.
    processors = structlog.get_config()["processors"]
    if mask_logs not in processors:
        processors.insert(len(processors) - 1, mask_logs)  # the last one makes bytes of the event
    for handler in logging.getLogger().handlers:  # loggers of the standard library: those of the packages used
        formatter = handler.formatter
        if isinstance(formatter, structlog.stdlib.ProcessorFormatter) and mask_logs not in formatter.processors:
            formatter.processors = (*formatter.processors[:-1], mask_logs, formatter.processors[-1])
