"""The page of a resource whose stream is long: its last events, and a way to all others."""

import html
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.acceptance.console.browsing import Person, person, signed_in
from tests.acceptance.doors import Doors
from tests.builders import SECRET, at, body

EVENTS, SHOWN = 50, 20
PATH = "/live/subscriptions/sub_long"


def positions(page: str) -> list[str]:
    """The positions of the events on a page, from the top."""
    return re.findall('<li[^>]* id="event-(.+?)"', page)


def link(page: str, text: str) -> str:
    """Where a link of this text leads; nowhere without one."""
    found = re.search(f'<a [^>]*href="([^"]+)"[^>]*>{text}</a>', page)
    return html.unescape(found[1]) if found else ""


def events_of(somebody: Person) -> list[str]:
    """The positions of the events on the page, from the top."""
    ids = somebody.page.locator(".story > li").evaluate_all("all => all.map(one => one.id)")
    return [one.removeprefix("event-") for one in ids]


@pytest.fixture(scope="module")
def long_stream(doors: Doors) -> Doors:
    before = doors.get("subscriptions/sub_0").json()["position"]
    for n in range(EVENTS):
        kind = "on_hold" if n % 2 else "active"
        content = body(f"subscription.{kind}", kind, at(60 * n), "sub_long", quantity=n)
        doors.service.deliver("live", SECRET, content)
    doors.service.await_position(doors.live, int(before.partition("-")[0]) + EVENTS)
    return doors


def test_a_long_stream_is_shown_page_by_page(long_stream: Doors) -> None:
    history = long_stream.get(f"subscriptions/sub_long/history?limit={EVENTS}").json()["data"]
    with signed_in(long_stream, long_stream.live) as client:
        page = client.get(f"/console{PATH}").text
        pages = [page]
        assert "Through its last 20 events" in page
        while earlier := link(page, "Earlier"):
            page = client.get(earlier).text
            pages.append(page)
            # each stop of the drawing leads to its event on this page
            drawing = page[page.index('class="drawing') :].partition("</svg>")[0]
            assert re.findall('href="#event-(.+?)"', drawing) == [*reversed(positions(page))]
        assert "begins with the first" in page
        found = [positions(page) for page in pages]
        assert [len(one) for one in found] == [SHOWN, SHOWN, EVENTS - 2 * SHOWN]
        told = [position for one in found for position in one]
        assert told == [one["event_position"] for one in reversed(history)]
        # the quantity and the status, of the first event of a page too
        changed = re.findall("fields? changed", page)
        assert len(changed) == EVENTS - 2 * SHOWN - 1
        assert positions(client.get(link(page, "The latest")).text) == found[0]
        # as of a day: the same pages, told by what was known
        then = client.get(f"/console{PATH}?as_of={at(0):%Y-%m-%d}").text
        assert positions(then) == found[0]


@pytest.mark.slow
def test_a_long_stream_of_the_past_is_in_nobodys_way(long_stream: Doors, browser: Browser) -> None:
    with person(browser, long_stream, long_stream.live) as somebody:
        somebody.open(f"{PATH}?as_of={at(0):%Y-%m-%d}")
        latest = events_of(somebody)
        somebody.page.get_by_role("link", name="Earlier", exact=True).click()
        assert set(events_of(somebody)).isdisjoint(latest)
        assert Axe().run(somebody.page).violations_count == 0
        assert somebody.complaints == []
