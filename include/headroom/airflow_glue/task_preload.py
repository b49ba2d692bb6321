"""Imports what tasks import, some of it for seconds, in the process that Airflow's workers are forked from."""

from contextlib import suppress
from importlib import import_module

SLOW_MODULES = (
    "great_expectations",
    "headroom.pipelines.plan",
    "headroom.pipelines.report",
    "headroom.pipelines.scale",
    "headroom.pipelines.settle",
    "prophet",
)

for name in SLOW_MODULES:
    # Whatever is wrong with a module, the task that needs it shall say so; here it would end the scheduler.
    with suppress(Exception):
        import_module(name)
