"""What tests on the team's servers need installed: said where it is missing, never passed over in CI."""

import os

import pytest

from headroom.sandbox.prerequisites import missing_servers


def require_servers() -> None:
    """Skip the test where PostgreSQL or Redis is not installed; in CI fail."""
    missing = missing_servers()
    if missing and not os.environ.get("CI"):
        pytest.skip("; ".join(missing))
    assert missing == []
