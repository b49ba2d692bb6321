"""A company's account that differs from the demo in every name, and the command line on it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from headroom.config.settings import PROJECT_ROOT
from headroom.sandbox.process import SandboxProcess

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="package")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("company")
    days = ("--history-days", "15")  # a little more than discover looks back
    with SandboxProcess(folder, scenario="company", extra_arguments=days, start_timeout_seconds=240.0) as running:
        yield running


@pytest.fixture
def sandbox(company: SandboxProcess) -> Iterator[SandboxProcess]:
    company.clear_calls()
    yield company
    company.clear_faults()


@pytest.fixture
def discover(sandbox: SandboxProcess, tmp_path: Path) -> Command:
    """Runs `headroom discover` with Headroom's own credentials of that account."""

    return partial(run_discover, sandbox, tmp_path)


def run_discover(sandbox: SandboxProcess, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `headroom discover` with Headroom's own credentials of that account."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HEADROOM_"))}
    environment |= sandbox.environment() | {
        "PYTHONPATH": str(PROJECT_ROOT / "include"),
        "HEADROOM_CONFIG": str(folder),
    }
    command = [sys.executable, "-m", "headroom.cli", "discover", *arguments]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
