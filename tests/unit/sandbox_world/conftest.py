import pytest

from headroom.sandbox.world import World


@pytest.fixture(scope="session")
def opened_world() -> World:
    """The demo's world as it opens; tests only look at it."""
    return World()
