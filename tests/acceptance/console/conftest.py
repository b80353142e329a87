from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.acceptance.console import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module; each person has a window of their own."""
    with browsing.chromium() as started:
        yield started
