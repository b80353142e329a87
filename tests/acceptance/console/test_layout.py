"""Pages hold their shape: with long names, in a narrow window, on paper."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.console.browsing import NARROW, Person, person
from tests.acceptance.doors import Doors
from tests.builders import SECRET, at, body

LONG = {"customer_id": "cus_long", "email": f"{'m' * 60}@{'n' * 60}.com", "name": "Donau" * 40}


@pytest.fixture(scope="module")
def support(browser: Browser, doors: Doors) -> Iterator[Person]:
    """Somebody who looks at a customer with a name of 200 letters without a space."""
    money = {"currency": "EUR", "created_at": at(200)}
    told = [
        body("payment.succeeded", "succeeded", at(200), "pay_long", LONG, payment_id="pay_long",
             total_amount=5, **money),
        body("dispute.opened", "opened", at(201), "dp_long", None, payment_id="pay_long",
             amount="5", **money),
    ]  # fmt: skip
    for content in told:
        assert doors.service.deliver("live", SECRET, content).is_success
    doors.service.await_position(doors.live, 9)
    with person(browser, doors, doors.live) as somebody:
        yield somebody


@pytest.mark.parametrize("path", ["", "/customers", "/payments", "/disputes"])
def test_a_long_name_pushes_no_column_out_of_sight(support: Person, path: str) -> None:
    support.open(f"/live{path}")
    name = support.page.get_by_role("region").get_by_text("DonauDonau").first
    expect(name).to_be_visible()
    hidden = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
    assert support.page.locator(".wide").evaluate_all(hidden) == 0


def test_in_a_narrow_window_the_month_stays_in_sight_and_a_chart_says_its_height(
    support: Person,
) -> None:
    support.page.set_viewport_size({"width": NARROW, "height": 640})
    support.open("/live/money?since=2026-05-01&until=2026-05-31")
    table = support.page.locator(".ledger .wide").first
    table.get_by_role("rowheader", name="May 2026").scroll_into_view_if_needed()
    table.evaluate("table => table.scrollLeft = table.scrollWidth")
    expect(table.get_by_role("rowheader", name="May 2026")).to_be_in_viewport(ratio=1)
    # and it leaves room for a figure, by week too
    support.open("/live/money?since=2026-05-01&until=2026-05-31&interval=week")
    period = support.page.locator(".ledger .period").first.bounding_box()
    assert period is not None
    assert period["width"] < NARROW / 2
    height = support.page.locator("figcaption").first
    height.scroll_into_view_if_needed()
    expect(height).to_be_in_viewport(ratio=1)
    support.page.set_viewport_size({"width": 1280, "height": 720})


def test_paper_has_what_was_asked_and_nothing_to_press(support: Person) -> None:
    support.page.emulate_media(media="print", color_scheme="dark")
    support.page.set_viewport_size({"width": 718, "height": 1000})
    for path in ("/customers/cus_long", "/disputes", "/disputes/dp_long", "/money?tz=Asia/Tokyo"):
        support.open(f"/live{path}")
        assert not support.is_too_wide, path
        pressed = "button:visible, nav:visible, summary:visible:not([open] > summary)"
        assert support.page.locator(pressed).count() == 0, path
        expect(support.page.get_by_text("live is a live book")).to_be_visible()
        paper = "getComputedStyle(document.body).colorScheme"
        assert support.page.evaluate(paper) == "light"
    # the figures are of another zone than usual, and the page says so
    expect(support.page.get_by_label("Days of the time zone")).to_have_value("Asia/Tokyo")
    support.page.emulate_media(media="screen", color_scheme="light")
    support.page.set_viewport_size({"width": 1280, "height": 720})
