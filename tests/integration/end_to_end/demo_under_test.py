"""What the tests of the whole chain ask of cloud, lake and Airflow."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from headroom.domain.fleet import Fleet, Mode, TargetKind
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import DagRun, TaskRun
from headroom.sandbox.demo_chain import DemoCalendar
from headroom.sandbox.demo_run import read_summary
from headroom.sandbox.local_stack import LocalStack

RUN_SECONDS = 300.0
POLL_SECONDS = 0.5
SERVICES = {TargetKind.ECS_SERVICE: "ecs", TargetKind.SAGEMAKER_VARIANT: "sagemaker"}


@dataclass
class Demo:
    """The stack after the demo's chain, and what tests ask of it."""

    stack: LocalStack
    calendar: DemoCalendar
    first_summary: dict[str, Any]
    fleets: dict[str, Fleet] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    """What people were told, each a message, oldest first."""

    def first_of(self, fleet_id: str) -> dict[str, Any]:
        """Return what the report of the demo's live hour said of a fleet."""
        (found,) = [fleet for fleet in self.first_summary["fleets"] if fleet["fleet_id"] == fleet_id]
        return dict(found)

    def actions_at(self, fleet: Fleet) -> list[dict[str, Any]]:
        """Return the scheduled actions that stand in the cloud for one fleet, as its API describes them."""
        if fleet.target.kind is TargetKind.EC2_AUTO_SCALING_GROUP:
            answer = self.stack.cloud.client("autoscaling").describe_scheduled_actions(
                AutoScalingGroupName=fleet.target.name
            )
            return list(answer["ScheduledUpdateGroupActions"])
        service = SERVICES[fleet.target.kind]
        parent, name = fleet.target.name.split("/")
        resource = f"service/{parent}/{name}" if service == "ecs" else f"endpoint/{parent}/variant/{name}"
        answer = self.stack.cloud.client("application-autoscaling").describe_scheduled_actions(
            ServiceNamespace=service, ResourceId=resource
        )
        return list(answer["ScheduledActions"])

    def write_calls(self) -> list[dict[str, Any]]:
        """Return the calls that changed scaling since the log was cleared."""
        services = ("autoscaling", "application-autoscaling")
        return [call for name in services for call in self.stack.cloud.calls(service=name, is_write=True)]

    def runs(self, dag_id: str, window: Window) -> list[DagRun]:
        """Return the runs of a DAG about one window, oldest first."""
        return [run for run in self.stack.airflow.api.runs(dag_id) if run.key == window_key(window)]

    def request_hour(self, window: Window) -> int:
        """Ask for an hour's utilization; return how many runs of scale_ahead there were about it before."""
        before = len(self.runs("scale_ahead", window))
        self.stack.airflow.api.trigger("extract_utilization", key=window_key(window))
        return before

    def wait_for_hour(self, window: Window, before: int) -> DagRun:
        """Wait for the run of scale_ahead that follows, and return it, finished."""

        def finished() -> bool:
            runs = self.runs("scale_ahead", window)
            return len(runs) > before and runs[-1].is_finished

        wait_until(finished, f"scale_ahead of {window_key(window)}")
        return self.runs("scale_ahead", window)[-1]

    def next_hour(self) -> Window:
        """Let the cloud's clock pass an hour, and return the hour that has closed."""
        self.stack.cloud.advance(HOUR)
        return Window.hour_of(floor_hour(self.stack.cloud.clock()) - HOUR)

    def summary_of(self, window: Window) -> dict[str, dict[str, Any]]:
        """Return, by fleet, what the report of an hour says."""
        calendar = DemoCalendar(window.end_utc + timedelta(minutes=5))
        return {fleet["fleet_id"]: fleet for fleet in read_summary(self.stack, calendar)["fleets"]}

    def summary_exists(self, window: Window) -> bool:
        """Whether the report of an hour has been written."""
        return self.stack.lake_files.exists(f"reports/run/{window_key(window)[:13]}.json")

    def ledger_events(self, fleet_id: str) -> list[dict[str, Any]]:
        """Return every event of a fleet's pushes, oldest first."""
        files = sorted((self.stack.lake_folder / "ledger").rglob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        events = [json.loads(path.read_text()) for path in files]
        return [event for event in events if event.get("fleet_id") == fleet_id]

    def tasks(self, run: DagRun) -> list[TaskRun]:
        """Return the task instances of a run."""
        return self.stack.airflow.api.tasks(run)

    def set_mode(self, fleet_id: str, mode: Mode) -> None:
        """Change a fleet's mode in the configuration, as its owner would."""
        path = self.stack.config_folder / "fleets.yaml"
        head, name, tail = path.read_text().partition(f"- id: {fleet_id}\n")
        before, _, after = tail.partition("mode: ")
        path.write_text(f"{head}{name}{before}mode: {mode}\n{after.split(chr(10), 1)[1]}")


def wait_until(condition: Callable[[], bool], wanted: str, *, seconds: float = RUN_SECONDS) -> None:
    """Poll until `condition` holds; fail naming what was wanted when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {wanted}"
        time.sleep(POLL_SECONDS)


def starts_at(action: dict[str, Any]) -> datetime:
    """Return when an action starts, in either API's words."""
    if "StartTime" in action:
        moment: datetime = action["StartTime"]
        return moment
    return datetime.fromisoformat(action["Schedule"].removeprefix("at(").removesuffix(")") + "+00:00")
