"""Started processes and all they start in turn: a session of its own for each, ended whole, by process id."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

GRACE_SECONDS = 15.0
POLL_SECONDS = 0.05
LAST_LINES = 15


class ProcessEndedError(RuntimeError):
    """A command has failed, or ended while it was needed; the message says which, how, and the end of its log."""


class StartedProcess:
    """One command in a session of its own, so that it and everything it starts can be ended together.

    `user`, for root only, is whom it shall run as.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        log_path: Path,
        environment: Mapping[str, str],
        folder: Path,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603, our own commands
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
            )
        self.process_id = self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the command itself still runs."""
        return self._process.poll() is None

    def check_running(self) -> None:
        """Raise ProcessEndedError if the command has ended."""
        code = self._process.poll()
        if code is not None:
            raise ProcessEndedError(f"{self.name} ended with exit code {code}; {self.describe_log()}")

    def wait_for_success(self, *, timeout_seconds: float) -> None:
        """Wait for the command to end; raise ProcessEndedError if it fails or takes longer."""
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            message = f"{self.name} is not done after {timeout_seconds:g} s; {self.describe_log()}"
            raise ProcessEndedError(message) from None
        if code != 0:
            self.check_running()

    def describe_log(self) -> str:
        """Return where the log lies and its last lines."""
        lines = self.log_path.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n  ".join([f"the end of {self.log_path}:", *lines])

    def kill(self) -> None:
        """End the whole session at once, without letting it clean up: what a lost machine looks like."""
        end_session(self.process_id, grace_seconds=0)
        self._process.wait()

    def stop(self, *, grace_seconds: float = GRACE_SECONDS) -> None:
        """End the command and its whole session; none of its processes is left when this returns."""
        end_session(self.process_id, grace_seconds=grace_seconds)
        self._process.wait()


def session_members(session_id: int) -> list[psutil.Process]:
    """Return the living processes of a session.

    Airflow's workers move into process groups of their own, and outlive their parent, but stay in the session.
    """
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session_id and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def end_session(session_id: int, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask the session's leader to end, then whatever is left of it, and after `grace_seconds` insist."""
    deadline = time.monotonic() + grace_seconds
    asked: set[int] = set()
    while members := session_members(session_id):
        leaders = [process for process in members if process.pid == session_id]
        is_late = time.monotonic() >= deadline
        for process in members if is_late else leaders or members:
            with suppress(psutil.Error):
                if is_late:
                    process.kill()
                elif process.pid not in asked:
                    process.send_signal(signal.SIGTERM)
                    asked.add(process.pid)
        time.sleep(POLL_SECONDS)
