"""A PostgreSQL of our own for a try-out: a fresh cluster on loopback behind a generated password, gone when it ends."""

import os
import pwd
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from headroom.sandbox.ports import LOOPBACK
from headroom.sandbox.prerequisites import find_program
from headroom.sandbox.process_group import ProcessEndedError, StartedProcess
from headroom.sandbox.stop_signals import holding_stop_signals

USER = "headroom"
DATABASE = "postgres"
START_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1
CLUSTER_PREFIX = "headroom-postgres-"


class LocalPostgres:
    """A server whose cluster lies at `folder`/postgres; `start` makes it anew, `stop` ends it and removes it.

    PostgreSQL refuses to run as root. Then it runs as an unprivileged user, who may not reach the checkout: the cluster
    lies in the temporary folder, and `folder`/postgres is a link to it. `on_start` is called when one more process is
    among `sessions`.
    """

    def __init__(self, folder: Path, *, port: int, on_start: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.port = port
        self._password = secrets.token_urlsafe(24)
        self._server_user = _unprivileged_user() if os.geteuid() == 0 else None
        self._on_start = on_start
        self._process: StartedProcess | None = None

    @property
    def url(self) -> str:
        """The database's address, password included, as SQLAlchemy reads it."""
        return f"postgresql+psycopg2://{USER}:{self._password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def start(self) -> None:
        """Make the cluster and start the server; return when it takes connections."""
        place = self._make_place()
        password_file = place / "password"
        self._write(password_file, self._password)
        cluster = place / "cluster"
        options = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password_file}", "--encoding=UTF8"]
        command = [_program("initdb"), "-D", str(cluster), "--no-locale", "--no-sync", *options]
        self._run("initdb", command).wait_for_success(timeout_seconds=START_TIMEOUT_SECONDS)
        password_file.unlink()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",  # the cluster does not outlive the try-out
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run("postgres", [_program("postgres"), "-D", str(cluster), *arguments])
        self._wait_until_ready(self._process)

    def check_running(self) -> None:
        """Raise ProcessEndedError if the server has ended."""
        if self._process is not None:
            self._process.check_running()

    def sessions(self) -> dict[str, int]:
        """Return the server's process id by its name, while there is one."""
        return {} if self._process is None else {self._process.name: self._process.process_id}

    def stop(self) -> None:
        """End the server and remove its cluster."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()
        remove_cluster(self.folder)

    def _make_place(self) -> Path:
        remove_cluster(self.folder)
        place = self.folder / "postgres"
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._server_user is None:
            place.mkdir(mode=0o700)
            return place
        owned = Path(tempfile.mkdtemp(prefix=CLUSTER_PREFIX))
        place.symlink_to(owned)
        shutil.chown(owned, self._server_user)
        return owned

    def _write(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)
        if self._server_user is not None:
            shutil.chown(path, self._server_user)

    def _run(self, name: str, command: list[str]) -> StartedProcess:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        with holding_stop_signals():
            process = StartedProcess(
                command,
                name=name,
                log_path=self.folder / "logs" / f"{name}.log",
                environment=environment,
                folder=Path("/"),
                user=self._server_user,
            )
            self._process = process
            self._on_start()
        return process

    def _wait_until_ready(self, server: StartedProcess) -> None:
        command = [_program("pg_isready"), "-h", LOOPBACK, "-p", str(self.port), "-t", "1"]
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            server.check_running()
            probe = StartedProcess(
                command,
                name="pg_isready",
                log_path=self.folder / "logs" / "pg_isready.log",
                environment=os.environ,
                folder=Path("/"),
            )
            with suppress(ProcessEndedError):
                probe.wait_for_success(timeout_seconds=START_TIMEOUT_SECONDS)
                return
            if time.monotonic() > deadline:
                raise ProcessEndedError(f"PostgreSQL is not ready; {server.describe_log()}")
            time.sleep(POLL_SECONDS)


def remove_cluster(folder: Path) -> None:
    """Remove the cluster of a server that has ended, wherever it lies."""
    place = folder / "postgres"
    if place.is_symlink():
        target = place.readlink()
        if target.parent == Path(tempfile.gettempdir()) and target.name.startswith(CLUSTER_PREFIX):
            shutil.rmtree(target, ignore_errors=True)
        place.unlink()
    else:
        shutil.rmtree(place, ignore_errors=True)


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise ProcessEndedError(f"{name} is missing (Debian, Ubuntu: apt-get install postgresql)")
    return str(found)


def _unprivileged_user() -> str:
    """Return the user that PostgreSQL's package makes, or the one that owns nothing."""
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"
