"""A moto server on a free loopback port, and what points botocore at it."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from headroom.extract.clients import BotoClients


@pytest.fixture(scope="module")
def cloud_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return monkeypatch


@pytest.fixture
def clients(cloud_url: str, aws_environment: pytest.MonkeyPatch) -> BotoClients:
    aws_environment.setenv("AWS_ENDPOINT_URL", cloud_url)
    return BotoClients()
