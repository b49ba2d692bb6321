"""A real browser for the pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.chromium import headless_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser
