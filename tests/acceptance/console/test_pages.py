"""Every page of the console, in a real browser: nothing is blocked, fetched or out of reach."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.acceptance.console.browsing import NARROW, Person, person
from tests.acceptance.doors import Doors

PAGES = {
    "home": "/live",
    "home of an empty book": "/test",
    "search": "/live/search",
    "found": "/live/search?q=ada",
    "nothing found": "/live/search?q=nobody",
    "customers": "/live/customers",
    "customer": "/live/customers/cus_1",
    "customer in the past": "/live/customers/cus_1?as_of=2026-05-03&known_at=2026-12-01",
    "subscriptions": "/live/subscriptions?status=on_hold",
    "none": "/test/subscriptions",
    "payments": "/live/payments",
    "subscription": "/live/subscriptions/sub_1",
    "subscription in the past": "/live/subscriptions/sub_1?as_of=2026-05-03",
    "payment": "/live/payments/pay_1",
    "refund": "/live/refunds/ref_1",
    "dispute": "/live/disputes/dp_1",
    "licence key": "/live/license_keys/lic_1",
    "grant": "/live/entitlement_grants/eg_1",
    "payout": "/live/payouts/po_1",
    "events": "/live/events",
    "filtered events": "/live/events?customer_id=cus_1&since=2026-01-01",
    "events to look at": "/live/events?verdict=attention",
    "event": "/live/events/1",
}


@pytest.fixture(scope="module")
def support(browser: Browser, told: Doors) -> Iterator[Person]:
    with person(browser, told, told.live) as somebody:
        yield somebody


@pytest.fixture(scope="module")
def unscripted(browser: Browser, told: Doors) -> Iterator[Person]:
    with person(browser, told, told.live, java_script_enabled=False) as somebody:
        yield somebody


@pytest.fixture(scope="module", params=["light", "dark"])
def examined(request: pytest.FixtureRequest, browser: Browser, told: Doors) -> Iterator[Person]:
    """In a window whose page may be examined by a script that is not ours."""
    with person(browser, told, told.live, bypass_csp=True, color_scheme=request.param) as somebody:
        yield somebody


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_nothing_is_blocked_nor_asked_of_another_host(support: Person, path: str) -> None:
    support.complaints.clear()
    answer = support.open(path)
    support.page.wait_for_load_state("load")
    assert answer.status == 200
    assert support.complaints == []
    assert support.hosts == {support.origin.split("/")[2]}


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_axe_finds_no_barrier(examined: Person, path: str) -> None:
    examined.open(path)
    found = Axe().run(examined.page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_it_says_the_same_without_scripts(support: Person, unscripted: Person, path: str) -> None:
    support.open(path)
    unscripted.open(path)
    assert unscripted.heading == support.heading
    assert unscripted.page.locator("button[hidden]:visible").count() == 0


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_it_fits_a_telephone(support: Person, path: str) -> None:
    support.page.set_viewport_size({"width": NARROW, "height": 640})
    try:
        support.open(path)
        assert not support.is_too_wide
    finally:
        support.page.set_viewport_size({"width": 1280, "height": 720})
