"""The same chain and next hour, undisturbed on one machine and on a team that loses its workers in mid-task."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from tests.integration.end_to_end.demo_under_test import Demo, wait_until

from headroom.config import load_fleets
from headroom.domain.window import Window
from headroom.lake.layout import chunk_name, chunk_of
from headroom.lake.storage import Storage
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import DagRun, TaskRun
from headroom.sandbox.demo_display import Display
from headroom.sandbox.demo_run import bring_up, read_summary, run_chain
from headroom.sandbox.local_stack import LocalStack
from headroom.sandbox.team_stack import TeamStack

EDITED_FLEET = "vision-batch"
"""An action of its is deleted before the next hour, so that there is something to push whatever the plan says."""
HOLD_SECONDS = 120.0
"""As long as the sandbox can hold a call."""
HOLDS = 1000
"""More calls than are made until the worker is killed."""
STEPS = (
    "scale_chunk.forecast.forecast_chunk",
    "scale_chunk.schedule.schedule_chunk",
    "scale_chunk.push.push_chunk",
    "scale_chunk.refit_chunk",
)
"""What scale_ahead does for each chunk, in this order."""

REQUEST_ID = re.compile(rb'"request_id": *"[^"]*"')

Lake = dict[str, str]


@dataclass
class PlayedHours:
    """What one set-up left behind: its lake by sha256 after the chain and after the next hour, and what then stood."""

    demo: Demo
    first_lake: Lake
    first_actions: dict[str, list[dict[str, Any]]]
    next_window: Window | None = None
    next_lake: Lake = field(default_factory=dict)
    next_actions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    next_writes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def window(self) -> Window:
        """The hour after the chain's."""
        assert self.next_window is not None
        return self.next_window


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One lost worker, and how many tries the task that it ran took in the end."""

    worker: int
    tries: int


def lake_of(files: Storage) -> Lake:
    """Return every file of a lake by the sha256 of its bytes, but for what is another with every call by its nature.

    That is AWS's id of each request in the ledger, and the locks, which say who had them when.
    """
    paths = [path for path in files.list("") if not path.startswith("locks/")]
    contents = {path: files.read_bytes(path) for path in paths}
    return {
        path: hashlib.sha256(REQUEST_ID.sub(b"", content) if path.startswith("ledger/") else content).hexdigest()
        for path, content in contents.items()
    }


def differences(one: Lake, other: Lake) -> list[str]:
    """Return the files that only one of two lakes has, or that differ."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def play_chain(stack: LocalStack, *, history_days: int, backfilled_days: int) -> PlayedHours:
    """Bring everything up, run the demo's chain, and note what it left."""
    display = Display(Console())
    calendar = bring_up(stack, display, history_days=history_days, backfilled_days=backfilled_days)
    run_chain(stack, display, calendar)
    fleets = {fleet.id: fleet for fleet in load_fleets(stack.config_folder / "fleets.yaml")}
    demo = Demo(stack, calendar, read_summary(stack, calendar), fleets)
    actions = {fleet.id: described(demo.actions_at(fleet)) for fleet in fleets.values()}
    return PlayedHours(demo, lake_of(stack.lake_files), actions)


def begin_next_hour(demo: Demo) -> Window:
    """Delete one action of ours by hand, let an hour pass and forget the calls so far."""
    name = max(action["ScheduledActionName"] for action in demo.actions_at(demo.fleets[EDITED_FLEET]))
    demo.stack.cloud.client("autoscaling").delete_scheduled_action(
        AutoScalingGroupName=EDITED_FLEET, ScheduledActionName=name
    )
    window = demo.next_hour()
    demo.stack.cloud.clear_calls()
    return window


def keep_next_hour(played: PlayedHours, window: Window) -> None:
    """Note what the hour left in lake and cloud."""
    demo = played.demo
    played.next_window = window
    played.next_lake = lake_of(demo.stack.lake_files)
    played.next_actions = {fleet.id: described(demo.actions_at(fleet)) for fleet in demo.fleets.values()}
    played.next_writes = demo.write_calls()


def described(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what actions say, without when they were made."""
    kept = [{key: value for key, value in action.items() if key != "CreationTime"} for action in actions]
    return sorted(kept, key=lambda action: str(action["ScheduledActionName"]))


def ledger_events(files: Storage, fleet_id: str, window: Window) -> list[dict[str, Any]]:
    """Return the events of a fleet's push of an hour, in order."""
    moment = f"{window.end_utc:%Y%m%dT%H%MZ}"
    paths = files.list(f"ledger/fleet={fleet_id}", name_prefix=f"push={fleet_id}-{moment}")
    return [json.loads(files.read_bytes(path)) for path in paths]


@dataclass
class LosingHour:
    """The next hour on a team: three tasks are held in mid-call, each loses its worker, and the other one goes on."""

    demo: Demo
    stack: TeamStack
    window: Window
    kills: dict[str, Kill] = field(default_factory=dict)
    _held_at: int = 0

    def play(self) -> DagRun:
        """Lose a worker in the middle of extract, of forecast and of push; return the finished run of scale_ahead."""
        hour, chunk = window_key(self.window)[:13], chunk_name(chunk_of(EDITED_FLEET))
        self._hold("cloudwatch", "GetMetricData", EDITED_FLEET, status=503)
        before = self.demo.request_hour(self.window)
        self._kill_worker_of("extract_utilization", "extract_hour", beside=["extract_hour"])
        # The next call to hold is named before the task's second try can have led to it.
        self._hold("s3", "PutObject", f"mart_forecast__hourly_by_fleet/hour={hour}/{chunk}", status=503)
        self._see_finished("extract_utilization", "extract_hour")
        self._kill_worker_of("scale_ahead", STEPS[0], beside=STEPS)
        # What was asked for is done, but nobody is left to hear the answer.
        self._hold("autoscaling", "BatchPutScheduledUpdateGroupAction", EDITED_FLEET, count=1, is_applied=True)
        self._see_finished("scale_ahead", STEPS[0])
        self._kill_worker_of("scale_ahead", STEPS[2], beside=STEPS)
        self._see_finished("scale_ahead", STEPS[2])
        return self.demo.wait_for_hour(self.window, before)

    def _hold(self, service: str, operation: str, match: str, *, count: int = HOLDS, **how: Any) -> None:
        """Let calls hang, and their repetitions too: a client that gives one up asks again."""
        self.stack.cloud.add_fault(
            service=service, operation=operation, match=match, delay_seconds=HOLD_SECONDS, count=count, **how
        )
        self._held_at = count

    def _is_held(self) -> bool:
        return sum(fault["count"] for fault in self.stack.cloud.faults()) < self._held_at

    def _kill_worker_of(self, dag_id: str, task_id: str, *, beside: Sequence[str]) -> None:
        """Kill the worker of the one task that hangs in a call, when `beside` it no other chunk has work left."""
        index = self._index
        wait_until(self._is_held, f"the call of {task_id} that is to hang")
        others = {(name, other) for name in beside for other in range(len(self._chunks)) if other != index}
        wait_until(lambda: others <= self._done(dag_id), f"the other chunks of {dag_id}")
        held = self._task(dag_id, task_id)
        assert (held.state, held.tries) == ("running", 1)
        assert held.process_id is not None
        worker = self.stack.airflow.worker_of(held.process_id)
        assert worker is not None
        self.stack.airflow.kill_worker(worker)
        self.stack.cloud.clear_faults()
        self.kills[task_id] = Kill(worker=worker, tries=held.tries)

    def _see_finished(self, dag_id: str, task_id: str) -> None:
        """Wait until the worker that is left has done the task, then start the killed one again."""
        wait_until(lambda: (task_id, self._index) in self._done(dag_id), f"{task_id} on the worker that is left")
        worker = self.kills[task_id].worker
        self.kills[task_id] = Kill(worker=worker, tries=self._task(dag_id, task_id).tries)
        self.stack.airflow.start_worker(worker)

    @property
    def _chunks(self) -> list[int]:
        return sorted({chunk_of(fleet_id) for fleet_id in self.demo.fleets})

    @property
    def _index(self) -> int:
        return self._chunks.index(chunk_of(EDITED_FLEET))

    def _done(self, dag_id: str) -> set[tuple[str, int]]:
        return {(task.task_id, task.map_index) for task in self._tasks(dag_id) if task.state == "success"}

    def _task(self, dag_id: str, task_id: str) -> TaskRun:
        (found,) = [task for task in self._tasks(dag_id) if (task.task_id, task.map_index) == (task_id, self._index)]
        return found

    def _tasks(self, dag_id: str) -> list[TaskRun]:
        return [task for run in self.demo.runs(dag_id, self.window) for task in self.demo.tasks(run)]
