"""One team set-up for all tests of this folder; the last of them ends it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from rich.console import Console
from tests.integration.end_to_end.demo_under_test import Demo

from headroom.config import load_fleets
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_run import bring_up, read_summary, run_chain
from headroom.sandbox.local_stack import DEMO_CONFIG
from headroom.sandbox.prerequisites import missing_servers
from headroom.sandbox.team_stack import TeamStack

HISTORY_DAYS, BACKFILLED_DAYS = 15, 1


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, TeamStack]]:
    missing = missing_servers()
    if missing and not os.environ.get("CI"):
        pytest.skip("; ".join(missing))
    assert missing == []
    folder = tmp_path_factory.mktemp("a team")
    config = folder / "config"
    shutil.copytree(DEMO_CONFIG, config)
    stack = TeamStack(folder / "stack", config_folder=config)
    try:
        calendar = bring_up(stack, Display(Console()), history_days=HISTORY_DAYS, backfilled_days=BACKFILLED_DAYS)
        run_chain(stack, Display(Console()), calendar)
        fleets = {fleet.id: fleet for fleet in load_fleets(config / "fleets.yaml")}
        yield Demo(stack, calendar, read_summary(stack, calendar), fleets), stack
    finally:
        stack.stop()
