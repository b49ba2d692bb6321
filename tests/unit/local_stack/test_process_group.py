import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headroom.sandbox.ports import find_free_ports
from headroom.sandbox.process_group import ProcessEndedError, StartedProcess, end_session, session_members
from headroom.sandbox.running_record import RunningRecord

# A parent that leaves a child behind in a process group of its own, as Airflow's workers are.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
print(child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def started(code: str, folder: Path, *, is_waited_for: bool = True) -> StartedProcess:
    process = StartedProcess(
        [sys.executable, "-c", code], name="it", log_path=folder / "it.log", environment=os.environ, folder=folder
    )
    while is_waited_for and process.is_running and not process.log_path.read_text():
        os.sched_yield()
    return process


def test_stopping_ends_children_that_left_the_process_group(tmp_path: Path) -> None:
    process = started(PARENT, tmp_path)
    child = int(process.log_path.read_text())
    assert {member.pid for member in session_members(process.process_id)} == {process.process_id, child}
    process.stop()
    assert not psutil.pid_exists(process.process_id)
    assert session_members(process.process_id) == []


def test_a_process_that_does_not_listen_is_ended_all_the_same(tmp_path: Path) -> None:
    process = started(STUBBORN, tmp_path)
    process.stop(grace_seconds=0.1)
    assert not process.is_running


def test_killing_leaves_nothing(tmp_path: Path) -> None:
    process = started(PARENT, tmp_path)
    process.kill()
    assert session_members(process.process_id) == []


def test_a_failed_command_says_how_it_ended_and_what_it_said_last(tmp_path: Path) -> None:
    process = started("import sys; print('no such table'); sys.exit(3)", tmp_path, is_waited_for=False)
    with pytest.raises(ProcessEndedError, match=r"it ended with exit code 3; .*\n.*no such table"):
        process.wait_for_success(timeout_seconds=30)


def test_a_command_that_takes_too_long_says_so(tmp_path: Path) -> None:
    process = started(STUBBORN, tmp_path)
    with pytest.raises(ProcessEndedError, match=r"it is not done after 0.01 s"):
        process.wait_for_success(timeout_seconds=0.01)
    process.kill()


def test_a_server_that_ended_is_noticed(tmp_path: Path) -> None:
    process = started("pass", tmp_path, is_waited_for=False)
    process.wait_for_success(timeout_seconds=30)
    with pytest.raises(ProcessEndedError, match="exit code 0"):
        process.check_running()


def test_a_record_ends_what_another_command_started(tmp_path: Path) -> None:
    process = started(PARENT, tmp_path)
    record = RunningRecord(tmp_path / "running.json")
    record.write([process.process_id])
    assert RunningRecord(record.path).end_all() == 1
    assert session_members(process.process_id) == []
    process.stop()
    assert record.end_all() == 0


def test_a_record_never_ends_a_process_that_took_over_an_old_id(tmp_path: Path) -> None:
    process = started(STUBBORN, tmp_path)
    record = RunningRecord(tmp_path / "running.json")
    record.write([process.process_id])
    began = psutil.Process(process.process_id).create_time()
    record.path.write_text(record.path.read_text().replace(str(began), str(began - 60)))
    assert record.end_all() == 0
    assert process.is_running
    process.kill()


def test_a_record_knows_whether_its_starter_is_still_at_work(tmp_path: Path) -> None:
    record = RunningRecord(tmp_path / "running.json")
    assert record.living_starter() is None
    record.write([])
    assert record.living_starter() is None, "this process is the starter"
    code = (
        "import sys; from pathlib import Path; from headroom.sandbox.running_record import RunningRecord;"
        f"RunningRecord(Path({str(record.path)!r})).write([]); print('written', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "written\n"
    assert record.living_starter() == other.pid
    other.communicate()
    assert record.living_starter() is None


def test_ending_a_session_that_is_gone_does_nothing(tmp_path: Path) -> None:
    process = started("pass", tmp_path, is_waited_for=False)
    process.wait_for_success(timeout_seconds=30)
    end_session(process.process_id)


def test_free_ports_differ() -> None:
    assert len(set(find_free_ports(8))) == 8
