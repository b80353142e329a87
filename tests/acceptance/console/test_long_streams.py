"""The page of a resource whose stream is long: its last events, and a way to all others."""

import html
import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, expect

from tests.acceptance.console.browsing import NARROW, Person, person, signed_in
from tests.acceptance.doors import Doors
from tests.acceptance.service import number
from tests.builders import SECRET, at, body

pytestmark = pytest.mark.scenario

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


def edges(shown: Locator) -> tuple[float, float]:
    box = shown.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


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
            drawing = page[page.index('class="drawing') :].partition('class="story')[0]
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


def test_the_drawing_can_be_read_and_walked_through_in_a_narrow_window(
    browser: Browser, doors: Doors
) -> None:
    kinds = ["active", "on_hold"] * (SHOWN // 2)
    answers = [
        doors.service.deliver(
            "live", SECRET, body(f"subscription.{kind}", kind, at(60 * n), "sub_narrow")
        )
        for n, kind in enumerate(kinds)
    ]
    doors.service.await_position(doors.live, number(answers[-1].json()["position"]))
    window: Any = {"viewport": {"width": NARROW, "height": 640}}
    with person(browser, doors, doors.live, **window) as somebody:
        page = somebody.page
        somebody.open("/live/subscriptions/sub_narrow")
        drawing, names = page.locator(".drawing"), page.locator(".drawing .names")
        stops = page.locator(".drawing a")
        left, right = edges(drawing)
        # the latest is seen first, next to the names
        assert edges(names)[1] <= edges(stops.last)[0]
        assert edges(stops.last)[1] <= right
        assert edges(stops.first)[1] < left
        drawing.focus()
        for _ in range(30):
            page.keyboard.press("ArrowLeft")
        expect(stops.first).to_be_in_viewport()
        names_left, names_right = edges(names)
        assert names_left >= left
        # what has the focus is not under the names
        for stop in (stops.last, stops.first, stops.nth(4), stops.nth(9)):
            stop.focus()
            assert names_right <= edges(stop)[0] <= edges(stop)[1] <= right
        assert not somebody.is_too_wide
        assert Axe().run(page).violations_count == 0
        assert somebody.complaints == []
