"""The sandbox behind another address or a host's name, as docker-compose.yaml has it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from headroom.config.settings import PACKAGE_ROOT
from headroom.lake.s3_storage import S3Storage
from headroom.sandbox.process import ENDPOINT_FILE, SandboxProcess
from headroom.sandbox.seeding import LAKE_BUCKET

pytestmark = pytest.mark.integration

AWS_CONFIG = PACKAGE_ROOT / "sandbox" / "aws_config"
ANOTHER_ADDRESS = "127.0.0.2"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def storage_by_name(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    """The lake as a container has it: by a name, with the environment that `make compose-env` gives."""
    address = sandbox.url.replace("127.0.0.1", "localhost")
    settings = {**sandbox.environment(), "AWS_ENDPOINT_URL": address, "AWS_CONFIG_FILE": str(AWS_CONFIG)}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return S3Storage(LAKE_BUCKET, "team", client=boto3.session.Session().client("s3"))


def test_a_lake_behind_a_hosts_name_is_written_and_read(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = storage_by_name(sandbox, monkeypatch)
    assert storage.write_bytes_if_absent("ledger/one.json", b"{}")
    assert not storage.write_bytes_if_absent("ledger/one.json", b"{}")
    assert storage.list("ledger") == ["ledger/one.json"]
    with storage.filesystem().open(f"{LAKE_BUCKET}/team/ledger/one.json", "rb") as opened:
        assert opened.read() == b"{}"


def test_a_bucket_goes_into_the_path_not_into_the_name(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = storage_by_name(sandbox, monkeypatch)
    asked: list[str] = []
    storage._client.meta.events.register("before-send.s3", lambda request, **_: asked.append(request.url))  # noqa: SLF001
    assert not storage.exists("nothing")
    assert [url.rsplit(":", 1)[0] for url in asked] == ["http://localhost"]


def test_it_answers_where_it_is_told_to_and_nowhere_else(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path, extra_arguments=("--host", ANOTHER_ADDRESS)) as running:
        address, port = running.url.removeprefix("http://").split(":")
        assert address == ANOTHER_ADDRESS
        assert running.clock() is not None
        assert json.loads((tmp_path / ENDPOINT_FILE).read_text())["url"] == running.url
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=5)


def test_off_loopback_it_warns_that_it_checks_nobody(tmp_path: Path) -> None:
    of_nobody = "192.0.2.1"  # kept for documents (RFC 5737): no machine's address, so that nothing is opened
    command = [sys.executable, "-m", "headroom.sandbox", "--state", str(tmp_path), "--host", of_nobody]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert f"WARNING: listening on {of_nobody}. It checks no signature" in done.stderr
