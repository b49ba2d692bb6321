"""Stacks of the sandbox's `many:N` account for the long runs, and what their processes hold and use."""

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from headroom.sandbox.local_stack import LocalStack
from headroom.sandbox.process import ENDPOINT_FILE
from headroom.sandbox.process_group import session_members
from headroom.sandbox.stop_signals import holding_stop_signals
from headroom.sandbox.team_stack import TeamStack

MEBIBYTE = 1 << 20
PARTS = {"sandbox cloud": "cloud", "history": "history", "postgres": "database", "redis-server": "queue"}
"""Started processes by what they are for; all others are Airflow's own, of which the workers count for themselves."""
CLOUD_TIMEOUT_SECONDS = 900.0
REQUEST_TIMEOUT_SECONDS = 300.0
"""A machine that is measured is busy."""


class ManyFleets(LocalStack):
    """A stack whose cloud has `fleet_count` fleets with `history_days` of past, configured as the cloud says."""

    fleet_count = 4
    history_days = 15

    def start_cloud(self) -> None:
        state = self.folder / "cloud"
        command = [sys.executable, "-m", "headroom.sandbox", "--state", str(state), "--port", str(self._cloud_port)]
        command += ["--scenario", f"many:{self.fleet_count}", "--history-days", str(self.history_days)]
        with holding_stop_signals():
            self._cloud_process = self._start("sandbox cloud", command)
            self._remember()
        deadline = time.monotonic() + CLOUD_TIMEOUT_SECONDS  # a thousand fleets take longer than the demo's four
        while not (state / ENDPOINT_FILE).exists() and time.monotonic() < deadline:
            self._cloud_process.check_running()
            time.sleep(1.0)


class ManyFleetsTeam(ManyFleets, TeamStack):
    """The same in the parts a team would run."""


def stack_of(folder: Path, *, fleet_count: int, history_days: int, is_team: bool) -> ManyFleets:
    stack = (ManyFleetsTeam if is_team else ManyFleets)(folder, config_folder=folder / "cloud" / "config")
    stack.fleet_count, stack.history_days = fleet_count, history_days
    stack.airflow.api.timeout_seconds = REQUEST_TIMEOUT_SECONDS
    return stack


def parts_of(stack: LocalStack) -> dict[str, list[int]]:
    """Return the leaders of a stack's sessions by what they are for."""
    parts: dict[str, list[int]] = {}
    for name, leader in stack.sessions().items():
        part = "workers" if name.startswith("worker-") else PARTS.get(name, "airflow")
        parts.setdefault(part, []).append(leader)
    return parts


def processor_seconds(leaders: Iterable[int]) -> float:
    """Return what sessions have used so far: their living processes, and those that these have seen end."""
    used = 0.0
    for leader in leaders:
        for process in session_members(leader):
            with suppress(psutil.Error):
                used += sum(process.cpu_times()[:4])
    return used


def memory_mib(leaders: Iterable[int]) -> float:
    """Return what sessions hold, pages that processes share counted once (PSS)."""
    held = 0
    for leader in leaders:
        for process in session_members(leader):
            with suppress(psutil.Error):
                held += process.memory_full_info().pss
    return held / MEBIBYTE
