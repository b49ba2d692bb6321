"""A real browser for the pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.ui.chromium import running_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser
