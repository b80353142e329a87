"""A person at a browser: a real Chromium, and what it complains of."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

from tests.acceptance.doors import Doors

CHROMIUM = shutil.which("chromium-headless-shell") or "/usr/bin/chromium"
"""As Debian installs it; ``.ci/run`` does so. The one without windows takes half of the time."""

SIGN_IN = "/console/-/sign-in"

OURS = {"sec-fetch-site": "same-origin"}
"""What a browser adds to a form of the page's own site."""

NARROW = 320

# as patient as the rest of the tests are on a busy machine
expect.set_options(timeout=30_000)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # a container gives its root no sandbox
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Person:
    """Somebody who is signed in with these keys, in a window of their own, which is empty."""

    def __init__(self, browser: Browser, doors: Doors, *keys: str, **window: Any) -> None:  # noqa: ANN401 - as the library's
        self.origin = str(doors.service.client.base_url).rstrip("/")
        self.context: BrowserContext = browser.new_context(
            base_url=self.origin, timezone_id="Europe/Berlin", locale="en-GB", **window
        )
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page: Page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        for key in keys:
            # without a page: to load one takes most of the time of a short test
            answer = self.context.request.post(
                SIGN_IN, form={"key": key}, headers=OURS, max_redirects=0
            )
            assert answer.status == 303, answer.text()

    def sign_in(self, key: str) -> None:
        """Sign in by the page, as a person does."""
        self.page.goto(SIGN_IN)
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        # a page of a book, with its script
        self.page.wait_for_url(re.compile("/console/[a-z]"))

    def open(self, path: str) -> Response:
        response = self.page.goto(f"/console{path}")
        assert response is not None
        return response

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    @property
    def is_too_wide(self) -> bool:
        """Whether the window scrolls sideways."""
        width = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(width))

    def close(self) -> None:
        self.context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # a refused page is an error to the browser, and an answer to us
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)


@contextmanager
def signed_in(doors: Doors, key: str) -> Iterator[httpx.Client]:
    """A client that sends forms as a browser does, where what a browser shows is not the point."""
    url = doors.service.client.base_url
    with httpx.Client(base_url=url, headers=OURS, timeout=30) as client:
        client.post(SIGN_IN, data={"key": key})
        yield client


@contextmanager
def person(browser: Browser, doors: Doors, *keys: str, **window: Any) -> Iterator[Person]:  # noqa: ANN401
    somebody = Person(browser, doors, *keys, **window)
    try:
        yield somebody
    finally:
        somebody.close()
