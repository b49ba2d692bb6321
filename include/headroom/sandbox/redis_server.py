"""A Redis of our own for a try-out: in memory, on loopback, behind a generated password."""

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as NotReadyError

from headroom.sandbox.ports import LOOPBACK
from headroom.sandbox.prerequisites import find_program
from headroom.sandbox.process_group import ProcessEndedError, StartedProcess
from headroom.sandbox.stop_signals import holding_stop_signals

START_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.05


class LocalRedis:
    """A server with its configuration in `folder`/redis; `on_start` is called when one more process is running."""

    def __init__(self, folder: Path, *, port: int, on_start: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.port = port
        self._password = secrets.token_urlsafe(24)
        self._on_start = on_start
        self._process: StartedProcess | None = None

    @property
    def url(self) -> str:
        """The queue's address, password included, as Celery reads it."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start the server; return when it answers."""
        program = find_program("redis-server")
        if program is None:
            raise ProcessEndedError("redis-server is missing (Debian, Ubuntu: apt-get install redis-server)")
        home = self.folder / "redis"
        home.mkdir(parents=True, exist_ok=True)
        configuration = home / "redis.conf"
        configuration.touch(mode=0o600)  # a password on the command line could be read by everybody
        settings = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": self._password,
            "save": '""',
            "appendonly": "no",
        }
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        with holding_stop_signals():
            self._process = StartedProcess(
                [str(program), str(configuration)],
                name="redis-server",
                log_path=self.folder / "logs" / "redis.log",
                environment=os.environ,
                folder=home,
            )
            self._on_start()
        self._wait_until_ready(self._process)

    def check_running(self) -> None:
        """Raise ProcessEndedError if the server has ended."""
        if self._process is not None:
            self._process.check_running()

    def sessions(self) -> dict[str, int]:
        """Return the server's process id by its name, while there is one."""
        return {} if self._process is None else {self._process.name: self._process.process_id}

    def stop(self) -> None:
        """End the server."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def _wait_until_ready(self, server: StartedProcess) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        with Redis.from_url(self.url) as client:
            while True:
                server.check_running()
                try:
                    client.ping()
                except NotReadyError:
                    if time.monotonic() > deadline:
                        raise ProcessEndedError(f"Redis is not ready; {server.describe_log()}") from None
                    time.sleep(POLL_SECONDS)
                else:
                    return
