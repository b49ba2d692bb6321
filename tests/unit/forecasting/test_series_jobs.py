"""Processes that share the work: they end with the one that started them, and a lost one is told."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

WAITING = "import os, time; os.write(1, b'up\\n'); time.sleep(60)"  # print writes the line's end by itself
PARENT = f"from headroom.forecasting.series_jobs import run_jobs; list(run_jobs(exec, [{WAITING!r}] * 2, 2, None))"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind_by_one_that_is_ended(ending: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == [b"up\n"] * 2
        parent.send_signal(ending)
        # the pipe ends when the last process that could write to it has
        assert parent.communicate(timeout=20)[0] == b""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
    assert parent.returncode == -ending


@pytest.mark.parametrize("hears", ["all of them", "the parent"])
@pytest.mark.parametrize("items", [2, 7])
def test_an_interruption_from_the_keyboard_is_the_parents_alone_to_tell(hears: str, items: int) -> None:
    # a shell's background jobs ignore the keyboard, and what they start does too
    work = PARENT.replace("] * 2", f"] * {items}")
    script = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\ntry:\n    {work}\n"
    told = f"{script}except KeyboardInterrupt:\n    print('told')"
    parent = subprocess.Popen(
        [sys.executable, "-c", told], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        assert parent.stdout is not None
        assert [parent.stdout.readline() for _ in range(2)] == [b"up\n"] * 2
        if hears == "the parent":
            parent.send_signal(signal.SIGINT)
        else:
            os.killpg(parent.pid, signal.SIGINT)
        assert parent.communicate(timeout=20) == (b"told\n", b"")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
