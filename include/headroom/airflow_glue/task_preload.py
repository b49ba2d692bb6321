"""Imports and reads, in the process that Airflow's workers are forked from, what would take each task seconds."""

import os
from contextlib import suppress
from importlib import import_module

from headroom.config import Settings, load_fleets
from headroom.scheduling.load import load_compiled_schedule

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
with suppress(Exception):
    load_fleets(Settings.from_environment(os.environ).config_folder / "fleets.yaml")
with suppress(Exception):
    load_compiled_schedule()
