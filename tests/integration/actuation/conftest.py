"""A sandbox cloud in a process of its own, and real boto3 clients that reach it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headroom.extract.clients import BotoClients, client_config
from headroom.sandbox.process import SandboxProcess


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(Path(tmp_path_factory.mktemp("sandbox"))) as running:
        yield running


@pytest.fixture
def clients(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[BotoClients]:
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    sandbox.clear_calls()
    # Two attempts, where production makes five: backoff between them is what takes time.
    yield BotoClients(config=client_config(max_attempts=2, read_timeout_seconds=5))
    sandbox.clear_faults()
