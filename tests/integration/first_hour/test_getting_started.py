"""Every command of docs/getting-started.md, in its order, in one shell, on an account that differs from the demo."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.end_to_end.demo_under_test import wait_until
from tests.integration.first_hour.shell_session import Done, ShellSession, blocks_of

from headroom.config.fleets import load_fleets
from headroom.config.settings import PROJECT_ROOT
from headroom.domain.window import HOUR, Window, floor_hour
from headroom.pipelines.windows import window_key
from headroom.sandbox.airflow_api import DagRun, TaskRun
from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.demo_chain import DAG_IDS, describe_failure
from headroom.sandbox.process import SandboxProcess
from headroom.scheduling.names import parse_action_name

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

PAGE = PROJECT_ROOT / "docs" / "getting-started.md"
HERE = Path(__file__).parent
SUBSTITUTIONS = {
    # What the test runs in is the checkout, with what is being tested.
    "git clone <this repository> headroom && cd headroom": "true",
    # tests/integration/end_to_end runs that chain; here only that there is such a verb.
    "make demo": "make --dry-run demo",
    # It listens on every address and on fixed ports; this one is started as the demo starts it.
    "airflow standalone &": '. "$STARTED_AIRFLOW"',
}
"""The lines that are run as something else, and why."""
BLOCK_SECONDS = 600.0


class FirstHour:
    """The account, the Airflow and the shell, and what a reader does with them between the commands."""

    def __init__(self, folder: Path, cloud: SandboxProcess) -> None:
        self.cloud = cloud
        self.home = folder / "home"
        self.home.mkdir()
        self._airflow_script = folder / "airflow.sh"
        stand_ins = folder / "stand_ins"
        stand_ins.mkdir()
        for name, script in (("aws", "aws.py"), ("date", "cloud_date.py")):
            (stand_ins / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / script}" "$@"\n')
            (stand_ins / name).chmod(0o755)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "HEADROOM_", "AIRFLOW_")) and name != "PYTHONPATH"
        }
        self._environment = {
            **inherited,
            **cloud.environment(),
            "HEADROOM_CLOCK": "manual",  # the sandbox keeps its own time
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(stand_ins), inherited["PATH"]]),
            "STARTED_AIRFLOW": str(self._airflow_script),
        }
        self.shell = ShellSession(folder / "shell", environment=self._environment, start_in=PROJECT_ROOT)
        self.airflow = LocalAirflow(
            home=self.home / "airflow",
            environment={
                **self._environment,
                "PYTHONPATH": str(PROJECT_ROOT / "include"),
                "HEADROOM_CONFIG": str(self.config),
                "HEADROOM_LAKE": str(self.lake),
                "HEADROOM_WAREHOUSE": str(self.home / "headroom" / "warehouse.duckdb"),
                "HEADROOM_DEPLOYMENT": "prod",
            },
            preloaded_modules=("headroom.airflow_glue.task_preload",),
        )

    @property
    def config(self) -> Path:
        return self.home / "headroom" / "config"

    @property
    def lake(self) -> Path:
        return self.home / "headroom" / "lake"

    def start_airflow(self) -> None:
        """Start it, and leave its settings where the page's shell finds them."""
        self.airflow.prepare()
        self.airflow.start()
        self._airflow_script.write_text(self.airflow.settings_script())

    def close_an_hour(self, *, is_approved: bool = False) -> DagRun:
        """Let an hour pass in the cloud; wait for its run, with the approval that it asks for given."""
        api = self.airflow.api
        self.cloud.advance(HOUR)
        hour = Window.hour_of(floor_hour(self.cloud.clock()) - HOUR)
        api.trigger("extract_utilization", key=window_key(hour))
        if is_approved:
            wait_until(lambda: bool(api.open_approvals()), "an approval that waits", seconds=BLOCK_SECONDS)

        def finished() -> bool:
            # An answer within a second of the question can be lost by Airflow 3.3: the task then asks anew.
            for asked in api.open_approvals() if is_approved else ():
                place = asked["task_instance"]
                task = TaskRun(task_id=place["task_id"], map_index=place["map_index"], state=None)
                api.answer_approval(self._run_of(hour), task, choice="Approve")
            return self._has_finished(hour)

        wait_until(finished, f"scale_ahead of {window_key(hour)}", seconds=BLOCK_SECONDS)
        run = self._run_of(hour)
        assert run.state == "success", describe_failure(api, run)
        return run

    def _run_of(self, hour: Window) -> DagRun:
        (run,) = [run for run in self.airflow.api.runs("scale_ahead") if run.key == window_key(hour)]
        return run

    def _has_finished(self, hour: Window) -> bool:
        return any(run.is_finished and run.key == window_key(hour) for run in self.airflow.api.runs("scale_ahead"))

    def group_actions(self, name: str, *, region: str = "us-west-2") -> list[dict[str, Any]]:
        client = self.cloud.client("autoscaling", region=region)
        answer = client.get_paginator("describe_scheduled_actions").paginate(AutoScalingGroupName=name)
        return [action for page in answer for action in page["ScheduledUpdateGroupActions"]]

    def service_actions(self) -> list[dict[str, Any]]:
        client = self.cloud.client("application-autoscaling", region="us-west-2")
        answer = client.describe_scheduled_actions(ServiceNamespace="ecs", ResourceId="service/rag/embedder")
        return list(answer["ScheduledActions"])

    def scaling_writes(self) -> list[dict[str, Any]]:
        services = ("autoscaling", "application-autoscaling", "ecs", "sagemaker")
        return [call for call in self.cloud.calls(is_write=True) if call["service"] in services]

    def close(self) -> None:
        self.shell.close()
        self.airflow.stop()


@pytest.fixture
def first_hour(tmp_path: Path) -> Iterator[FirstHour]:
    options = ("--history-days", "21")
    with SandboxProcess(
        tmp_path / "cloud", scenario="company", extra_arguments=options, start_timeout_seconds=300.0
    ) as cloud:
        hour = FirstHour(tmp_path, cloud)
        try:
            yield hour
        finally:
            hour.close()


def names(actions: list[dict[str, Any]]) -> set[str]:
    return {action["ScheduledActionName"] for action in actions}


def test_every_command_of_the_page_does_what_the_page_says(first_hour: FirstHour) -> None:
    first_hour.start_airflow()
    blocks = blocks_of(PAGE)
    checks = PageChecks(first_hour).in_order()
    assert [found for found, _ in checks] == [_first_words(block) for block in blocks], "a block without its check"
    unused = set(SUBSTITUTIONS)
    for block, (_, check) in zip(blocks, checks, strict=True):
        code = block
        for line, other in SUBSTITUTIONS.items():
            if line in code.splitlines():
                code = code.replace(f"{line}\n", f"{other}\n")
                unused.discard(line)
        check(first_hour.shell.run(code, timeout_seconds=BLOCK_SECONDS))
    assert unused == set()


def _first_words(block: str) -> str:
    return " ".join(block.split()[:2])


class PageChecks:
    """What must hold after each block of the page."""

    def __init__(self, hour: FirstHour) -> None:
        self.hour = hour
        self.owners_actions = hour.group_actions("assist-llm-prod")
        self.policies = self._policies()

    def in_order(self) -> list[tuple[str, Callable[[Done], None]]]:
        """Return, for each block by its first two words, what must hold after it."""
        return [
            ("git clone", self.nothing_failed),
            ("make env", self.nothing_failed),
            ("sed 's/YOUR-BILLING-BUCKET/acme-billing-exports/'", self.nothing_failed),
            ("headroom discover", self.discovered),
            ("headroom discover", self.entered),
            ("cat >", self.nothing_failed),
            ("headroom doctor", self.examined),
            ("from=$(date -u", self.settled),
            ("headroom plan", self.observed),
            ("sed -i", self.recommended),
            ("export AIRFLOW_HOME=~/headroom/airflow", self.unpaused),
            ("aws iam", self.approved),
            ("aws autoscaling", self.is_auto),
            ("aws autoscaling", self.stand),
            ("mkdir -p", self.undone),
        ]

    def _policies(self) -> list[dict[str, Any]]:
        found = self.hour.cloud.client("autoscaling").describe_policies()["ScalingPolicies"]
        assert any(policy["PolicyType"] == "PredictiveScaling" for policy in found)
        return list(found)

    def nothing_failed(self, done: Done) -> None:
        assert done.failed == (), done.output

    def discovered(self, done: Done) -> None:
        self.nothing_failed(done)
        assert len(load_fleets(self.hour.config / "fleets.yaml")) == 5
        assert "wrote" in done.output

    def entered(self, done: Done) -> None:
        self.nothing_failed(done)
        (fleet,) = load_fleets(self.hour.home / "headroom" / "research.yaml")
        assert fleet.account == "530981726245"
        self.hour.cloud.clear_calls()

    def examined(self, done: Done) -> None:
        self.nothing_failed(done)
        assert "PROBLEM" not in done.output
        for fleet in ("assist-llm-prod", "speech-asr-prod", "moderation-gpu-workers"):
            assert any(fleet in line for line in done.output.splitlines() if "WARNING" in line), done.output
        assert self.hour.scaling_writes() == []

    def settled(self, done: Done) -> None:
        self.nothing_failed(done)
        assert (self.hour.home / "headroom" / "warehouse.duckdb").exists()
        days = list(self.hour.lake.glob("raw/metric_sample/day=*/settled.parquet"))
        assert len(days) == 14

    def observed(self, done: Done) -> None:
        assert [code for code, _ in done.failed] == [3], done.output
        for fleet in load_fleets(self.hour.config / "fleets.yaml"):
            assert fleet.id in done.output
        assert "refused by foreign_actions: assist-weekday-open" in done.output
        assert "headroom-prod-embedder-" in done.output
        assert self.hour.scaling_writes() == []

    def recommended(self, done: Done) -> None:
        assert {code for code, _ in done.failed} == {3}, done.output
        assert any("--apply" in command for _, command in done.failed)
        assert "recommend" in done.output
        assert self.hour.scaling_writes() == []

    def unpaused(self, done: Done) -> None:
        self.nothing_failed(done)
        self.hour.airflow.wait_until_ready(set(DAG_IDS), timeout_seconds=BLOCK_SECONDS)

    def approved(self, done: Done) -> None:
        self.nothing_failed(done)
        assert self.hour.service_actions() == []
        self.hour.close_an_hour(is_approved=True)
        assert self.hour.service_actions() != []
        assert all(
            parse_action_name(name, deployment="prod", fleet_id="embedder")
            for name in names(self.hour.service_actions())
        )
        assert self.hour.group_actions("speech-asr-prod") == []

    def is_auto(self, done: Done) -> None:
        self.nothing_failed(done)
        self.hour.close_an_hour()
        assert self.hour.airflow.api.open_approvals() == []

    def stand(self, done: Done) -> None:
        self.nothing_failed(done)
        speech = names(self.hour.group_actions("speech-asr-prod"))
        assert speech
        assert all(name.startswith("headroom-prod-speech-asr-prod-") and name in done.output for name in speech)
        assert self.hour.group_actions("assist-llm-prod") == self.owners_actions
        assert self.hour.group_actions("moderation-gpu-workers", region="eu-central-1") == []
        assert self._policies() == self.policies

    def undone(self, done: Done) -> None:
        self.nothing_failed(done)
        self.hour.cloud.advance(timedelta(minutes=5))
        assert self.hour.group_actions("speech-asr-prod") == []
        (group,) = self.hour.cloud.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=["speech-asr-prod"]
        )["AutoScalingGroups"]
        assert (group["MinSize"], group["MaxSize"]) == (4, 26)
