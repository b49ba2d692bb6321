"""The sandbox as a process: ready file, options, stopping, bad input."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headroom.config.fleets import load_fleets
from headroom.sandbox.__main__ import main
from headroom.sandbox.control_client import SandboxControlError
from headroom.sandbox.process import SandboxProcess, SandboxStartError

pytestmark = pytest.mark.integration


def test_a_process_starts_answers_advances_and_stops(tmp_path: Path) -> None:
    state = tmp_path / "a state with spaces"
    now = datetime(2026, 11, 17, 23, 30, tzinfo=UTC)
    with SandboxProcess(state, seed=3, now_utc=now, extra_arguments=("--foreign-action", "chat-large", "--log")) as box:
        endpoint = json.loads((state / "endpoint.json").read_text())
        assert (endpoint["url"], endpoint["pid"], endpoint["seed"]) == (box.url, box.pid, 3)
        assert box.clock() == now
        assert box.calls() == []  # what was set up is no call of anybody's
        (foreign,) = box.client("autoscaling").describe_scheduled_actions()["ScheduledUpdateGroupActions"]
        assert (foreign["ScheduledActionName"], foreign["MinSize"]) == ("owners-own-change", 50)
        box.advance(timedelta(hours=1))
        assert box.clock() == now + timedelta(hours=1)
        with pytest.raises(SandboxControlError, match="does not go back"):
            box.set_clock(now)
        assert box.environment()["AWS_ENDPOINT_URL"] == box.url
    assert not (state / "endpoint.json").exists()
    assert "ready at" in (state / "sandbox.stderr").read_text()
    assert "autoscaling DescribeScheduledActions -> 200" in (state / "sandbox.log").read_text()
    box.stop()  # twice is the same as once


def test_a_taken_port_is_named_and_the_process_gives_up(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SandboxStartError, match="Address already in use"):
            SandboxProcess(tmp_path, port=taken.getsockname()[1]).start()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--now", "2026-11-18T06:05:00"], "without zone"),
        (["--now", "yesterday"], "Invalid isoformat"),
        (["--demand", "no-such-file.parquet"], "no-such-file.parquet"),
        (["--foreign-action", "rerank"], "expected one of chat-large, vision-batch, found 'rerank'"),
    ],
)
def test_bad_input_exits_2_with_a_reason(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "headroom.sandbox", "--state", str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PYTHONPATH": "include", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 2
    assert words in done.stderr


def test_help_names_every_option() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "headroom.sandbox", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": "include", "PATH": "/usr/bin:/bin"},
    )
    for option in ("--port", "--state", "--seed", "--now", "--demand", "--foreign-action", "--log"):
        assert option in done.stdout


@pytest.fixture
def kept_signal_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("kept_signal_handlers")
def test_the_module_runs_in_this_process_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state", str(tmp_path), "--demand", str(tmp_path / "none.parquet")]) == 2
    assert "none.parquet" in capsys.readouterr().err


@pytest.mark.usefixtures("kept_signal_handlers")
def test_a_signal_stops_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopper = threading.Thread(target=interrupt_when_there, args=(tmp_path / "endpoint.json",))
    stopper.start()
    assert main(["--state", str(tmp_path), "--foreign-action", "vision-batch"]) == 0
    stopper.join()
    assert "stopped" in capsys.readouterr().err


def interrupt_when_there(file: Path) -> None:
    """Press Ctrl-C once the sandbox is ready (or after a minute, so that nothing hangs)."""
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    os.kill(os.getpid(), signal.SIGINT)


def test_many_fleets_start_with_their_configuration_and_without_bills(tmp_path: Path) -> None:
    options = ("--history-days", "2", "--no-bills")
    with SandboxProcess(tmp_path, scenario="many:6", extra_arguments=options) as box:
        fleets = load_fleets(box.config_folder / "fleets.yaml")
        assert [fleet["id"] for fleet in box.fleets()] == [fleet.id for fleet in fleets]
        assert len(fleets) == 6
        groups = box.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        assert {group["AutoScalingGroupName"] for group in groups} == {
            "chat-large-0001",
            "vision-batch-0004",
            "chat-large-0005",
        }
        (service,) = box.client("ecs").describe_services(cluster="search-0002", services=["embed-0002"])["services"]
        assert service["runningCount"] > 0
        assert "Contents" not in box.client("s3").list_objects_v2(Bucket="headroom-billing")


def test_an_unknown_scenario_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with pytest.raises(SandboxStartError, match="expected one of demo, company, many:N, found 'few'"):
        SandboxProcess(tmp_path, scenario="few").start()
