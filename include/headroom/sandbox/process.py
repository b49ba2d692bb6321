"""Starts and stops a sandbox in a process of its own: for tests, the demo, and anyone who wants a cloud to try.

with SandboxProcess(tmp_path) as sandbox:
    sandbox.client("autoscaling").describe_auto_scaling_groups()
    sandbox.advance(timedelta(days=1))
"""

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import headroom
from headroom.sandbox.control_client import SandboxControl

ENDPOINT_FILE = "endpoint.json"
CONFIG_FOLDER = "config"
START_TIMEOUT_SECONDS = 90.0
STOP_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.05


class SandboxStartError(RuntimeError):
    """The sandbox did not get ready; the message ends with what it said on stderr."""


class SandboxProcess(SandboxControl):
    """A sandbox in a child process, with its state (ready file, stderr) in `state_dir`.

    `start` returns once its endpoint answers; `stop` ends it and may be called twice. Use as a context manager, or call
    both. `now_utc`, `seed`, `demand_file` and `scenario` are the sandbox's own options; None leaves its defaults.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        seed: int = 0,
        now_utc: datetime | None = None,
        demand_file: Path | None = None,
        port: int = 0,
        scenario: str = "demo",
        extra_arguments: tuple[str, ...] = (),
        start_timeout_seconds: float = START_TIMEOUT_SECONDS,
    ) -> None:
        super().__init__("")
        self.state_dir = state_dir
        self._arguments = ["--state", str(state_dir), "--seed", str(seed), "--port", str(port)]
        self._arguments += ["--scenario", scenario, *extra_arguments]
        if now_utc is not None:
            self._arguments += ["--now", now_utc.isoformat()]
        if demand_file is not None:
            self._arguments += ["--demand", str(demand_file)]
        self._start_timeout_seconds = start_timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def config_folder(self) -> Path:
        """What the account's owner would tell Headroom, for HEADROOM_CONFIG."""
        return self.state_dir / CONFIG_FOLDER

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> Self:
        """Start it and wait until it is ready; raises SandboxStartError where it dies or takes too long."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        endpoint_path = self.state_dir / ENDPOINT_FILE
        endpoint_path.unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        include_dir = str(Path(headroom.__file__).parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [include_dir, environment.get("PYTHONPATH", "")]))
        with self._stderr_path.open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603, our own module with our own arguments
                [sys.executable, "-m", "headroom.sandbox", *self._arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            self._wait_until_ready(endpoint_path)
        except BaseException:  # an interrupt while it starts must not leave it behind
            self.stop()
            raise
        endpoint = json.loads(endpoint_path.read_text())
        self.url, self.region = endpoint["url"], endpoint["region"]
        return self

    def stop(self) -> None:
        """End the process: politely, then by force."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self, endpoint_path: Path) -> None:
        deadline = time.monotonic() + self._start_timeout_seconds
        while not endpoint_path.exists():
            has_ended = self._process is None or self._process.poll() is not None
            if has_ended or time.monotonic() > deadline:
                raise SandboxStartError(f"the sandbox did not get ready:\n{self._stderr_tail()}")
            time.sleep(POLL_SECONDS)

    @property
    def _stderr_path(self) -> Path:
        return self.state_dir / "sandbox.stderr"

    def _stderr_tail(self) -> str:
        return self._stderr_path.read_text(errors="replace")[-4000:]
