"""A sandbox served in this process: real HTTP, real boto3, and its code under coverage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest

from headroom.sandbox.cloud import SandboxCloud
from headroom.sandbox.control_client import SandboxControl
from headroom.sandbox.exports import BillingExporter
from headroom.sandbox.seeding import seed_cloud
from headroom.sandbox.server import SandboxServer
from headroom.sandbox.world import DEFAULT_NOW, World


@dataclass(frozen=True)
class ServedSandbox:
    control: SandboxControl
    cloud: SandboxCloud
    world: World

    @property
    def now(self) -> datetime:
        return self.world.now_utc


@pytest.fixture(scope="module")
def served_sandbox() -> Iterator[ServedSandbox]:
    """One for each test module (moto has one state a process); its clock starts at DEFAULT_NOW and never goes back."""
    world = World(seed=0, now_utc=DEFAULT_NOW, demand_file=None)
    cloud = SandboxCloud(world)
    server = SandboxServer(cloud)
    server.start()
    seed_cloud(cloud, server.url)
    cloud.deliver_bills_with(lambda put_object: BillingExporter(world, put_object))
    yield ServedSandbox(SandboxControl(server.url), cloud, world)
    server.stop()


@pytest.fixture
def sandbox(served_sandbox: ServedSandbox) -> Iterator[ServedSandbox]:
    served_sandbox.control.clear_calls()
    yield served_sandbox
    served_sandbox.control.clear_faults()
