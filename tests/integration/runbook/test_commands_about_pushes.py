"""Every command of the runbook's sections about pushes, run against a sandbox and an Airflow database, in this order.

What stands in capitals or dots there is filled in; a command that no test runs fails the last one.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.integration.runbook.page import commands_of

from headroom.actuation.ledger import Ledger
from headroom.actuation.lock import Locks
from headroom.config.settings import PACKAGE_ROOT, PROJECT_ROOT
from headroom.lake.lake import Lake
from headroom.lake.storage import LocalStorage
from headroom.sandbox.airflow_process import LocalAirflow
from headroom.sandbox.process import SandboxProcess

pytestmark = [pytest.mark.end_to_end, pytest.mark.integration]

PAGE = PROJECT_ROOT / "docs" / "runbook.md"
FLEET, AS_OF, BUCKET = "chat-large", "2026-11-18T06:00:00", "runbook-lake"
COMMAND_SECONDS = 300.0


@dataclass
class Reader:
    """Somebody at a shell with the runbook: what they type, and what they have typed."""

    cloud: SandboxProcess
    home: Path
    environment: dict[str, str]
    commands: list[str] = field(default_factory=lambda: commands_of(PAGE))
    typed: set[str] = field(default_factory=set)

    @property
    def lake(self) -> Lake:
        return Lake(LocalStorage(self.home / "lake"))

    def type(self, beginning: str, *, expected: int | None = 0, **filled_in: str) -> str:
        """Run the one command that begins so, with words replaced; return what it printed."""
        exact = [command for command in self.commands if command == beginning]
        found = exact or [command for command in self.commands if command.startswith(beginning)]
        assert len(found) == 1, f"the runbook has {found} that begin with {beginning!r}"
        (command,) = found
        self.typed.add(command)
        line = command
        for word, text in filled_in.items():
            assert PLACEHOLDERS[word] in line, (word, line)
            line = line.replace(PLACEHOLDERS[word], text)
        return self.run(line, expected=expected)

    def run(self, line: str, *, expected: int | None = 0) -> str:
        done = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", line],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert expected is None or done.returncode == expected, (line, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def pushes(self) -> list[str]:
        ledger = Ledger(self.lake)
        return [push_id for push_id in ledger.pushes(FLEET) if "intended" in map(str, ledger.states(push_id))]

    def group(self) -> dict[str, Any]:
        answer = self.cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[FLEET])
        return dict(answer["AutoScalingGroups"][0])

    def actions(self) -> list[str]:
        answer = self.cloud.client("autoscaling").describe_scheduled_actions(AutoScalingGroupName=FLEET)
        names = [action["ScheduledActionName"] for action in answer["ScheduledUpdateGroupActions"]]
        return [name for name in names if name.startswith(f"headroom-prod-{FLEET}-")]


PLACEHOLDERS = {
    "as_of": "T",
    "push_id": "chat-large-20261118T0600Z-3baddd3c",
    "that_push_id": "THAT_PUSH_ID",
    "of_push": "<push id>",
    "span": "--from … --to …",
    "place": "s3://bucket/prefix",
    "when": "2026-11-18T06:00:00",
}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    home = tmp_path_factory.mktemp("runbook")
    tools = home / "tools"
    for folder in (tools, home / "config"):
        folder.mkdir()
    script = PROJECT_ROOT / "tests" / "integration" / "first_hour" / "aws.py"
    commands = {"aws": f'"{script}"', "headroom": "-m headroom.cli", "airflow": "-m airflow"}
    for name, module in commands.items():
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (tools / name).chmod(0o755)
    known = yaml.safe_load((PACKAGE_ROOT / "sandbox" / "config" / "fleets.yaml").read_text())["fleets"]
    only = {"fleets": [entry for entry in known if entry["id"] == FLEET]}
    (home / "config" / "fleets.yaml").write_text(yaml.safe_dump(only))
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HEADROOM_", "AIRFLOW_"))
    }
    with SandboxProcess(home / "cloud", start_timeout_seconds=240.0) as cloud:
        environment = {
            **inherited,
            **cloud.environment(),
            "PATH": os.pathsep.join([str(tools), inherited["PATH"]]),
            "PYTHONPATH": str(PROJECT_ROOT / "include"),
            "HEADROOM_CONFIG": str(home / "config"),
            "HEADROOM_LAKE": str(home / "lake"),
            "HEADROOM_WAREHOUSE": str(home / "warehouse.duckdb"),
            "HEADROOM_DEPLOYMENT": "prod",
        }
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield Reader(cloud, home, environment)


def test_1_a_push_is_looked_at_before_and_after(reader: Reader) -> None:
    reader.run("headroom extract utilization --from 2026-11-14 --to 2026-11-18T06:00:00")
    span = "--from 2026-11-18T05:00 --to 2026-11-18T06:00"
    reader.type("headroom extract utilization --from … --to …", span=span)
    for beginning, name in (("headroom plan --as-of T", "as_of"), (f"headroom plan --as-of {AS_OF}", "when")):
        assert "create" in reader.type(beginning, **{name: AS_OF})
        assert reader.actions() == []
    assert '"push_id"' in reader.type("headroom push --as-of T --json", as_of=AS_OF)
    reader.type("headroom push --as-of T --apply", as_of=AS_OF)
    assert reader.actions() != []
    (push_id,) = reader.pushes()
    assert '"verified"' in reader.type('cat "$HEADROOM_LAKE/ledger/', of_push=push_id)


def test_2_the_minimum_explains_itself(reader: Reader) -> None:
    assert FLEET in reader.type(f"headroom explain --fleet {FLEET}")
    assert reader.pushes()[-1] in reader.type(f"headroom explain --fleet {FLEET} --at 2026-11-18T14:30")


def test_3_the_lock_of_a_dead_one_is_ended(reader: Reader) -> None:
    locks = Locks(store=reader.lake, clock=reader.cloud.clock)
    while (locks.look(FLEET).newest or 0) < 6:
        with locks.look(FLEET).hold("somebody"):
            pass
    dead = locks.look(FLEET).hold("push-that-died")  # kept, for a collected one lets go
    dead.__enter__()
    refused = reader.run(f"headroom rollback {reader.pushes()[-1]} --apply", expected=3)
    assert "lock: push-that-died holds the fleet's lock" in " ".join(refused.split())
    assert "push-that-died" in reader.type('cat "$HEADROOM_LAKE/locks/')
    reader.type("echo '{}' > \"$HEADROOM_LAKE/locks/fleet=chat-large/00000007-released.json\"")
    assert locks.look(FLEET).held_reason is None


def test_4_the_kill_switch_stops_and_lets_go(reader: Reader) -> None:
    reader.type('mkdir -p "$HEADROOM_LAKE/control"')
    reader.type("""echo '{"reason": "incident 4711"}' > "$HEADROOM_LAKE/control/kill_switch.json\"""")
    refused = reader.run(f"headroom plan --as-of {AS_OF}", expected=None)
    assert "incident 4711" in refused
    reader.type('rm "$HEADROOM_LAKE/control/kill_switch.json"')
    assert "incident 4711" not in reader.run(f"headroom plan --as-of {AS_OF}", expected=None)
    in_s3 = """echo '{"reason": "incident 4711"}' | aws s3 cp - s3://bucket/prefix/control/kill_switch.json"""
    reader.type(in_s3, place=f"s3://{BUCKET}/lake")
    kept = reader.cloud.client("s3").get_object(Bucket=BUCKET, Key="lake/control/kill_switch.json")["Body"].read()
    assert kept == b'{"reason": "incident 4711"}\n'


def test_5_the_kill_switch_of_airflow(reader: Reader) -> None:
    airflow = LocalAirflow(home=reader.home / "airflow", environment=reader.environment)
    airflow.prepare()
    settings = reader.home / "airflow.sh"
    settings.write_text(airflow.settings_script())
    reader.environment["BASH_ENV"] = str(settings)
    try:

        def variables() -> list[str]:
            (database,) = (reader.home / "airflow").glob("*.db")
            with sqlite3.connect(database, timeout=30) as connection:
                return [key for (key,) in connection.execute("select key from variable")]

        reader.type('airflow variables set headroom_kill_switch "incident 4711"')
        assert variables() == ["headroom_kill_switch"]
        reader.type("airflow variables delete headroom_kill_switch")
        assert variables() == []
    finally:
        del reader.environment["BASH_ENV"]


def test_6_suspended_scheduling_is_resumed(reader: Reader) -> None:
    client = reader.cloud.client("autoscaling")
    client.suspend_processes(AutoScalingGroupName=FLEET, ScalingProcesses=["ScheduledActions"])
    reader.type("aws autoscaling resume-processes --auto-scaling-group-name chat-large")
    assert reader.group()["SuspendedProcesses"] == []


def test_7_a_push_is_rolled_back_with_a_reason(reader: Reader) -> None:
    push_id = reader.pushes()[-1]
    assert "delete" in reader.type(f"headroom rollback {PLACEHOLDERS['push_id']}", push_id=push_id)
    assert reader.actions() != []
    reader.type(f'headroom rollback {PLACEHOLDERS["push_id"]} --apply --reason "incident 4711"', push_id=push_id)
    assert reader.actions() == []
    assert Ledger(reader.lake).events(push_id)[-1].detail["reason"] == "incident 4711"


def test_8_an_owners_edit_pauses_until_it_is_confirmed(reader: Reader) -> None:
    reader.cloud.advance(timedelta(hours=1))
    reader.run("headroom extract utilization --from 2026-11-18T06:00:00 --to 2026-11-18T07:00:00")
    reader.run("headroom push --as-of 2026-11-18T07:00:00 --apply")
    reader.cloud.advance(timedelta(hours=1))
    size = reader.group()["MinSize"]  # edited after the hour's own action, which would overwrite it
    reader.cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=FLEET, MinSize=size + 1)
    reader.run("headroom extract utilization --from 2026-11-18T07:00:00 --to 2026-11-18T08:00:00")
    paused = reader.run("headroom push --as-of 2026-11-18T08:00:00 --apply", expected=3)
    assert "the owner changed the target" in " ".join(paused.split())
    confirmed = reader.type('headroom confirm chat-large --by ada --note "new minimum agreed with search"')
    assert "was paused" in confirmed


def test_9_everything_at_a_fleet_is_undone(reader: Reader) -> None:
    reader.type(
        """echo '{"reason": "leaving", "fleets": ["chat-large"]}' > "$HEADROOM_LAKE/control/kill_switch.json\""""
    )
    oldest = reader.type(
        'ls -d "$HEADROOM_LAKE"/ledger/fleet=chat-large/push=*/*-intended.json | head -1', expected=None
    )
    push_id = oldest.partition("/push=")[2].partition("/")[0]
    assert push_id == reader.pushes()[0]
    reader.type("headroom rollback THAT_PUSH_ID --apply", that_push_id=push_id)


def test_a_without_a_ledger_our_actions_are_removed_and_the_bounds_set_by_hand(reader: Reader) -> None:
    (reader.home / "lake" / "control" / "kill_switch.json").unlink()
    reader.cloud.advance(timedelta(hours=1))
    reader.run("headroom extract utilization --from 2026-11-18T08:00:00 --to 2026-11-18T09:00:00")
    reader.run("headroom push --as-of 2026-11-18T09:00:00 --apply")
    assert reader.actions() != []
    shutil.rmtree(reader.home / "lake" / "ledger")
    (remove,) = [command for command in reader.commands if "| xargs -n 50 aws autoscaling batch-delete" in command]
    reader.type(remove)
    assert reader.actions() == []
    reader.type("aws autoscaling update-auto-scaling-group --auto-scaling-group-name chat-large")
    group = reader.group()
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (50, 60, 50)


def test_b_no_command_of_these_sections_was_left_out(reader: Reader) -> None:
    assert [command for command in reader.commands if command not in reader.typed] == []
