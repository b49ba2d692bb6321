"""Which tests on servers stay together when processes share them: those that share servers."""

from pathlib import Path

import pytest

SHARED_BY_FOLDER = {"access", "end_to_end", "onboarding", "secrets", "team"}
"""Folders whose tests share one set of servers; elsewhere those of a file do at most."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder, file = item.path.parent, item.path.name
        if folder.parent == Path(__file__).parent:
            shares = folder.name if folder.name in SHARED_BY_FOLDER else f"{folder.name}/{file}"
            item.add_marker(pytest.mark.xdist_group(shares))
