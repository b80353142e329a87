"""Finance reads the money page: each figure is the sum of the rows that it leads to."""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.acceptance.console.browsing import Person, person
from tests.acceptance.doors import Doors
from tests.acceptance.test_metric_rows import closed

__all__ = ["closed"]

SPRING = "since=2026-04-01&until=2026-06-30"


@pytest.fixture(scope="module")
def finance(browser: Browser, told: Doors) -> Iterator[Person]:
    with person(browser, told, told.live) as somebody:
        yield somebody


def units(text: str) -> int:
    """An amount as the page writes it, in minor units."""
    return int(re.sub(r"[^0-9-]", "", text.replace("\u2212", "-")))


def table(finance: Person, name: str) -> Locator:
    return finance.page.get_by_role("region", name=name)


def rows_of(finance: Person, href: str) -> list[dict[str, str]]:
    """All rows behind a figure, as a spreadsheet gets them."""
    path, _, query = href.partition("?")
    answer = finance.context.request.get(f"{finance.origin}{path}/rows.csv?{query}")
    assert answer.ok, answer.text()
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(answer.text())))


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    ["", "&known_at={closed}", "&interval=quarter&tz=Asia/Tokyo", "&product_id=pdt_b"],
)
# the services are started before the browser, whose event loop never ends
@pytest.mark.usefixtures("told")
def test_each_amount_is_the_sum_of_the_rows_it_leads_to(
    closed: tuple[Doors, str], browser: Browser, more: str
) -> None:
    doors, position = closed
    with person(browser, doors, doors.live) as finance:
        more = more.format(closed=position)
        finance.open(f"/live/money?since=2026-01-01&until=2026-03-31{more}")
        assert_sums(finance)
        assert finance.complaints == []


def assert_sums(finance: Person) -> None:
    links = "links => links.map(link => [link.getAttribute('href'), link.innerText])"
    found: dict[str, list[str]] = {}
    for href, text in finance.page.locator(".ledger td.figure a").evaluate_all(links):
        found.setdefault(href, []).append(text)
    assert len(found) > 5
    for href, texts in found.items():
        rows = rows_of(finance, href)
        amounts = [int(row["amount"]) for row in rows]
        figures = [units(text) for text in texts if "%" not in text]
        # the number of rows, their sum, or what was lost, without its sign
        known = {len(amounts), sum(amounts), -sum(amounts)}
        known |= {sum(int(row["fee"] or 0) for row in rows)} if "/payouts" in href else set()
        assert {*figures} <= known, href


def test_a_figure_leads_to_its_rows(finance: Person) -> None:
    finance.open(f"/live/money?{SPRING}")
    may = table(finance, "Revenue, refunds and payouts, EUR").get_by_role("row", name="May 2026")
    may.get_by_role("link", name="22.61").first.click()
    assert finance.heading == "Which payments make up the revenue of May 2026?"
    expect(finance.page.locator(".sum")).to_contain_text("22.61 EUR in 1 payment")
    row = finance.page.get_by_role("row", name="pay_1")
    expect(row).to_contain_text("Ada Lovelace")
    row.get_by_role("link", name="pay_1").click()
    assert finance.heading == "pay_1"
    assert finance.complaints == []


def test_a_disputed_amount_leads_to_its_disputes(finance: Person) -> None:
    finance.open(f"/live/money?{SPRING}")
    may = table(finance, "Revenue, refunds and payouts, EUR").get_by_role("row", name="May 2026")
    disputed = may.get_by_role("link", name="22.61").last
    rows = rows_of(finance, disputed.get_attribute("href") or "")
    assert [(row["id"], row["amount"]) for row in rows] == [("dp_1", "2261")]
    disputed.click()
    assert finance.heading == "Which disputes were opened in May 2026?"
    expect(finance.page.locator(".sum")).to_contain_text("22.61 EUR in 1 dispute")
    expect(finance.page.get_by_role("row", name="dp_1")).to_contain_text("Ada Lovelace")
    answer = finance.context.request.get(f"/console/live/money/disputes/figures.csv?{SPRING}")
    (_, may_in_csv, _) = csv.DictReader(StringIO(answer.text()))
    assert (may_in_csv["disputes"], may_in_csv["open"], may_in_csv["amount"]) == ("1", "1", "2261")


def test_a_month_that_is_closed_stays_closed_and_says_what_has_changed(finance: Person) -> None:
    # before the refund, the sixth event
    finance.open(f"/live/money?{SPRING}&known_at=5")
    expect(finance.page.get_by_text("These figures are closed.")).to_be_visible()
    may = table(finance, "Revenue, refunds and payouts, EUR").get_by_role("row", name="May 2026")
    expect(may).to_contain_text("22.61")
    expect(may).to_contain_text("now 5.00")
    finance.page.get_by_role("link", name="Show what is known now").click()
    expect(may.get_by_role("link", name="5.00", exact=True)).to_be_visible()
    assert "known_at" not in finance.page.url
    # and closing it again keeps what is known now
    finance.page.get_by_role("link", name="These figures at position").click()
    expect(finance.page.get_by_text("By what is known now they are the same")).to_be_visible()


@pytest.mark.parametrize("then", ["0", "2020-01-01"])
def test_before_the_first_event_there_are_no_figures(finance: Person, then: str) -> None:
    finance.open(f"/live/money?{SPRING}&known_at={then}")
    closed = finance.page.get_by_text("These figures are closed.").locator("..")
    expect(closed).to_contain_text("recorded by then, so all are zero. 10 of them are others")
    may = table(finance, "Revenue, refunds and payouts, EUR").get_by_role("row", name="May 2026")
    expect(may).to_contain_text("now 5.00")
    rows = f"/live/money/revenue?period=2026-05-01&currency=EUR&known_at={then}"
    finance.open(rows)
    expect(finance.page.locator(".sum")).to_contain_text("0.00 EUR in 0 payments")
    expect(finance.page.get_by_text("Nothing had been recorded by then")).to_be_visible()
    assert rows_of(finance, f"/console{rows}") == []
    answer = finance.context.request.get(
        f"/console/live/money/revenue/figures.csv?{SPRING}&known_at={then}"
    )
    assert answer.text().splitlines() == ["period,currency"]


def test_the_figures_come_as_csv(finance: Person) -> None:
    finance.open(f"/live/money?{SPRING}")
    with finance.page.expect_download() as downloading:
        finance.page.get_by_role("link", name="refunds", exact=True).click()
    assert downloading.value.suggested_filename == "live-refunds.csv"
    rows = csv.DictReader(StringIO(downloading.value.path().read_text()))
    assert [(row["currency"], row["amount"]) for row in rows] == [
        ("EUR", "0"), ("EUR", "500"), ("EUR", "0"),
    ]  # fmt: skip


@pytest.mark.slow
def test_filters_are_a_form_and_links(finance: Person) -> None:
    finance.open("/live/money")
    page = finance.page
    page.get_by_text("Time zone, product").click()
    page.get_by_label("From").fill("2026-05-01")
    page.get_by_label("to the end of", exact=True).fill("2026-05-31")
    page.get_by_label("Product").fill("pdt_none")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing that matches these filters")).to_be_visible()
    page.get_by_role("link", name="by quarter").click()
    assert "product_id=pdt_none" in page.url
    assert finance.heading == "What came in, quarter by quarter?"


@pytest.mark.parametrize(
    "path",
    ["money?tz=Mars", "money?known_at=yesterday", "money?interval=year", "money/revenue",
     "money?interval=day&since=2026-01-01&until=2026-05-31",
     "money/revenue?period=2026-05-01", "money/revenue?period=2026-05-01&currency=日",
     "money/revenue/rows.csv?period=2026-05-01&currency=日",
     "money/revenue?period=May", "money/mrr?period=2026-05-01&figure=all"],
)  # fmt: skip
def test_a_wrong_question_is_named(finance: Person, path: str) -> None:
    answer = finance.context.request.get(f"/console/live/{path}")
    assert answer.status == 400
    assert "parameter is invalid" in answer.text()


def test_months_that_have_not_begun_have_no_figures(finance: Person) -> None:
    year = datetime.now(UTC).year
    finance.open(f"/live/money?interval=month&since={year}-01-01&until={year}-12-31")
    months = table(finance, "Revenue, refunds and payouts, EUR").locator("tbody tr")
    expect(months).to_have_count(datetime.now(UTC).month)


def test_what_is_no_metric_is_not_found(finance: Person) -> None:
    for path in ("money/gold?period=2026-05-01", "money/gold/figures.csv"):
        assert finance.open(f"/live/{path}").status == 404
