"""One team set-up for all tests of this folder, which the last one ends, and one machine on a cloud like its own."""

import shutil
from collections.abc import Iterator

import pytest
from tests.integration.end_to_end.demo_under_test import Demo
from tests.integration.needed_servers import require_servers
from tests.integration.team.runs_under_test import (
    LosingHour,
    PlayedHours,
    begin_next_hour,
    keep_next_hour,
    play_chain,
)

from headroom.sandbox.local_stack import DEMO_CONFIG, LocalStack
from headroom.sandbox.team_stack import TeamStack

HISTORY_DAYS, BACKFILLED_DAYS = 15, 2
OPTIONS = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}
"""A lost worker's tasks are missed sooner than a test wants to wait for."""


@pytest.fixture(scope="session")
def played_team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PlayedHours, TeamStack]]:
    """The chain on two Celery workers with the lake in S3, left running, and what it left."""
    require_servers()
    folder = tmp_path_factory.mktemp("a team")
    shutil.copytree(DEMO_CONFIG, folder / "config")
    stack = TeamStack(folder / "stack", config_folder=folder / "config", options=OPTIONS)
    try:
        yield play_chain(stack, history_days=HISTORY_DAYS, backfilled_days=BACKFILLED_DAYS), stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def team(played_team: tuple[PlayedHours, TeamStack]) -> tuple[Demo, TeamStack]:
    """The same, for tests that only ask what is there."""
    played, stack = played_team
    return played.demo, stack


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> PlayedHours:
    """The chain and the next hour on LocalExecutor with a local lake; nothing of it runs any more."""
    folder = tmp_path_factory.mktemp("one machine")
    shutil.copytree(DEMO_CONFIG, folder / "config")
    stack = LocalStack(folder / "stack", config_folder=folder / "config")
    try:
        played = play_chain(stack, history_days=HISTORY_DAYS, backfilled_days=BACKFILLED_DAYS)
        window = begin_next_hour(played.demo)
        run = played.demo.wait_for_hour(window, played.demo.request_hour(window))
        assert run.state == "success"
        keep_next_hour(played, window)
    finally:
        stack.stop()
    return played


@pytest.fixture(scope="session")
def losing_hour(played_team: tuple[PlayedHours, TeamStack]) -> LosingHour:
    """The hour after the chain's on the team, in which it loses a worker three times."""
    played, stack = played_team
    hour = LosingHour(played.demo, stack, begin_next_hour(played.demo))
    run = hour.play()
    assert run.state == "success"
    keep_next_hour(played, hour.window)
    return hour
