"""One sandbox cloud and one real Airflow for all tests of this folder; the tests take its hours one after the other."""

import os
import shutil
from collections.abc import Iterator

import pytest
from rich.console import Console
from tests.integration.end_to_end.demo_under_test import Demo
from tests.unit.airflow_glue.alert_inbox import Inbox

from headroom.config import load_fleets
from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_run import bring_up, read_summary, run_chain
from headroom.sandbox.local_stack import DEMAND_VARIABLE, DEMO_CONFIG, LocalStack


class ToldStack(LocalStack):
    """A stack whose messages come to an inbox."""

    inbox: Inbox

    def _task_environment(self) -> dict[str, str]:
        return {**super()._task_environment(), "HEADROOM_ALERT_URL": self.inbox.url, "NO_PROXY": "127.0.0.1"}


REAL_DEMAND = PROJECT_ROOT.parent / "shared" / "data" / "demand" / "llm_demand_hourly.parquet"


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("a folder with spaces")
    config = folder / "config"
    shutil.copytree(DEMO_CONFIG, config)
    environment = {**os.environ, **({DEMAND_VARIABLE: str(REAL_DEMAND)} if REAL_DEMAND.exists() else {})}
    ToldStack.inbox = Inbox()
    stack = ToldStack(folder / "stack", environment=environment, config_folder=config)
    display = Display(Console())
    try:
        calendar = bring_up(stack, display)
        run_chain(stack, display, calendar)
        fleets = {fleet.id: fleet for fleet in load_fleets(config / "fleets.yaml")}
        yield Demo(stack, calendar, read_summary(stack, calendar), fleets, stack.inbox.texts)
    finally:
        stack.stop()
        stack.inbox.close()
