"""Every page of the console, in a real browser: nothing is blocked, fetched or out of reach."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

import pytest
from _pytest.mark import ParameterSet
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ViewportSize, expect

from tests.acceptance import compared
from tests.acceptance.console.browsing import NARROW, Person, person
from tests.acceptance.doors import Doors

WIDE: ViewportSize = {"width": 1280, "height": 720}

SPRING = "since=2026-03-01&until=2026-06-30"
MAY = "period=2026-05-01&currency=EUR"

PAGES = {
    "home": "/live",
    "home of an empty book": "/test",
    "search": "/live/search",
    "found": "/live/search?q=ada",
    "nothing found": "/live/search?q=nobody",
    "customers": "/live/customers",
    "customer": "/live/customers/cus_1",
    "customer in the past": "/live/customers/cus_1?as_of=2026-05-03",
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
    "attention": "/live/attention",
    "nothing to look at": "/test/attention",
    "operations": "/live/operations",
    "operations by hour": "/live/operations?interval=hour",
    "operations of an empty book": "/test/operations",
    "comparisons": "/live/reconcile",
    "no comparison": "/test/reconcile",
    "comparison": f"/live/reconcile/{compared.RUN.run_id}",
    "those who lose access": f"/live/reconcile/{compared.RUN.run_id}?effect=loses",
    "audit": "/live/audit",
    "filtered audit": "/live/audit?action=create_key&since=2026-01-01",
    "nobody did that": "/live/audit?who=nobody",
    "money": f"/live/money?{SPRING}",
    "money of nothing": "/test/money",
    "money as it was known": f"/live/money?{SPRING}&known_at=1",
    "money of a product": f"/live/money?{SPRING}&interval=quarter&tz=Asia/Tokyo&product_id=pdt_pro",
    "payments of a month": f"/live/money/revenue?{MAY}",
    "payouts of a month": f"/live/money/payouts?{MAY}",
    "subscriptions of a month": f"/live/money/mrr?{MAY}&figure=new",
    "disputes": "/live/disputes",
    "no disputes": "/test/disputes",
    "proof": "/live/proof",
    "proof of an empty book": "/test/proof",
    "no rows": f"/live/money/mrr?{MAY}&figure=trial",
}

EVERY_DAY = {"home", "customer", "subscription in the past", "events"}
"""The pages with the most parts; the others with ``-m slow``."""


def each(names: Iterable[str], every_day: AbstractSet[str] = EVERY_DAY) -> list[ParameterSet]:
    return [
        pytest.param(PAGES[name], id=name, marks=() if name in every_day else pytest.mark.slow)
        for name in names
    ]


@pytest.fixture(scope="module")
def support(browser: Browser, told: Doors) -> Iterator[Person]:
    with person(browser, told, told.test, told.live) as somebody:
        yield somebody


@pytest.fixture(scope="module")
def unscripted(browser: Browser, told: Doors) -> Iterator[Person]:
    with person(browser, told, told.test, told.live, java_script_enabled=False) as somebody:
        yield somebody


@pytest.mark.parametrize("path", each(PAGES))
def test_nothing_is_blocked_out_of_reach_or_too_wide(support: Person, path: str) -> None:
    support.complaints.clear()
    answer = support.open(path)
    assert answer.status == 200
    found = Axe().run(support.page)
    assert found.violations_count == 0, found.generate_report()
    support.page.set_viewport_size({"width": NARROW, "height": 640})
    is_too_wide = support.is_too_wide
    support.page.set_viewport_size(WIDE)
    assert not is_too_wide
    # by the policy of the pages; and nothing came from elsewhere
    assert support.complaints == []
    assert support.hosts == {support.origin.split("/")[2]}


@pytest.mark.parametrize(
    "path",
    each([
        "customer", "home", "event", "disputes", "proof", "money as it was known", "attention",
        "operations", "comparison", "audit",
    ], {"customer"}),
)  # fmt: skip
def test_the_dark_has_enough_contrast(support: Person, path: str) -> None:
    support.page.emulate_media(color_scheme="dark")
    support.open(path)
    found = Axe().run(support.page)
    support.page.emulate_media(color_scheme="light")
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", each(PAGES))
def test_it_works_without_scripts(unscripted: Person, path: str) -> None:
    assert unscripted.open(path).status == 200
    assert unscripted.heading
    # what needs a script is not offered
    assert unscripted.page.locator("button.copy:visible, .tail:visible").count() == 0


def test_a_customer_has_the_dispute_that_names_nobody_and_what_was_paid(support: Person) -> None:
    support.open("/live/customers/cus_1")
    main = support.page.locator("main")
    expect(main.get_by_role("link", name="dp_1", exact=True)).to_be_visible()
    expect(main.get_by_role("row", name="dp_1")).to_contain_text("22.61 EUR")
    money = main.locator("section", has=support.page.get_by_role("heading", name="Money")).last
    assert money.locator("dd").all_inner_texts() == ["22.61 EUR", "5.00 EUR"]


def test_a_past_day_asks_the_page_again(support: Person) -> None:
    support.open("/live/subscriptions/sub_1")
    support.page.get_by_text("Ask about the past").click()
    support.page.get_by_label("As of the end of").fill("2026-05-03")
    support.page.get_by_role("button", name="Ask again").click()
    assert "as_of=2026-05-03" in support.page.url
    assert "known_at" not in support.page.url or "known_at=&" in f"{support.page.url}&"
    expect(support.page.get_by_role("heading", name="As it is then")).to_be_visible()
    support.page.get_by_role("link", name="Back to now").click()
    expect(support.page.get_by_role("heading", name="As it is", exact=True)).to_be_visible()
