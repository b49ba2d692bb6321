"""One sandbox for the whole chain, and the environment in which commands and tasks find it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headroom.sandbox.process import SandboxProcess

SANDBOX_CONFIG = Path(__file__).resolve().parents[3] / "include" / "headroom" / "sandbox" / "config"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a lake with a space")


@pytest.fixture(autouse=True)
def environment(sandbox: SandboxProcess, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_DEFAULT_REGION": "us-east-1",
        "HEADROOM_CONFIG": str(SANDBOX_CONFIG),
        "HEADROOM_LAKE": str(folder / "lake"),
        "HEADROOM_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "HEADROOM_DEPLOYMENT": "test",
    }
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
