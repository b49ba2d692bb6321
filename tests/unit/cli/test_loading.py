"""What `python -m headroom` does before its commands are there."""

import signal
import subprocess
import sys

LOADING = """
import os, signal, sys
from headroom.__main__ import run

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "headroom.cli":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, {handler})  # a shell's background jobs ignore the keyboard
sys.meta_path.insert(0, Interrupting())
sys.argv = ["headroom", "size", "--help"]
run()
"""


def test_an_interruption_while_the_commands_are_loaded_ends_without_a_word() -> None:
    script = LOADING.format(handler="signal.default_int_handler")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_a_background_job_that_ignores_the_keyboard_goes_on() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING.format(handler="signal.SIG_IGN")], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage: headroom size")
