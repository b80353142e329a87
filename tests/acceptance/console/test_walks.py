"""Support, and the person on call, click their way through; a stranger's words stay words."""

import re
from urllib.parse import quote

import msgspec
import psycopg
import pytest
from playwright.sync_api import Browser, expect

from service.console.wording import MARKS, VERDICTS
from tests.acceptance.console.browsing import person, signed_in
from tests.acceptance.doors import Doors
from tests.acceptance.service import new_key, number
from tests.builders import SECRET, at

pytestmark = pytest.mark.scenario

MAY = "since=2026-05-01&until=2026-05-31"

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>\u202egnp.exe\u2066"


GRACE = {"customer_id": "cus_walk", "email": "grace@example.com", "name": "Grace Hopper"}


def deliver(doors: Doors, kind: str, data: dict[str, object], second: float = 5) -> int:
    document = {"business_id": "bus_1", "type": kind, "timestamp": at(second), "data": data}
    answer = doors.service.deliver("live", SECRET, msgspec.json.encode(document))
    position = number(answer.json()["position"])
    doors.service.await_position(doors.live, position)
    return position


def subscription(identity: str, **more: object) -> dict[str, object]:
    return {
        "subscription_id": identity, "status": "active", "customer": GRACE,
        "product_id": "pdt_pro", "created_at": at(0), "next_billing_date": "2099-01-01T00:00:00Z",
        "recurring_pre_tax_amount": 1900, "currency": "EUR", **more,
    }  # fmt: skip


def test_support_finds_out_why(browser: Browser, doors: Doors) -> None:
    deliver(doors, "subscription.active", subscription("sub_walk"), 1)
    deliver(doors, "subscription.on_hold", subscription("sub_walk", status="on_hold"), 2)
    with person(browser, doors) as support:
        support.sign_in(doors.live)
        page = support.page
        page.keyboard.press("/")
        page.keyboard.type("grace")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="cus_walk", exact=True).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Grace Hopper")
        access = page.get_by_label("Access", exact=True)
        expect(access).to_contain_text("Not entitled")
        expect(access).to_contain_text("A payment failed, and the subscription waits for another")
        page.get_by_role("link", name="sub_walk", exact=True).last.click()
        page.get_by_text("1 field changed").wait_for()
        expect(page.locator(".diff").first).to_contain_text("status")
        page.locator("svg a").last.click()
        assert page.url.endswith(f"#{page.locator('.story > li').first.get_attribute('id')}")
        page.locator(".story a").first.click()
        expect(page.get_by_label("The body, indented")).to_contain_text("Grace Hopper")
        expect(page.get_by_text("by secret 1")).to_be_visible()
        assert support.complaints == []


@pytest.mark.slow
def test_finance_closes_a_month_and_follows_what_changes(browser: Browser, doors: Doors) -> None:
    def pay(identity: str, amount: int) -> None:
        deliver(doors, "payment.succeeded", {
            "payment_id": identity, "status": "succeeded", "customer": GRACE, "currency": "CHF",
            "total_amount": amount, "created_at": at(3),
        })  # fmt: skip

    pay("pay_walk_1", 1900)
    with person(browser, doors, doors.live) as finance:
        page = finance.page
        finance.open("/live")
        page.get_by_role("link", name="Money", exact=True).click()
        page.get_by_text("Time zone, product").click()
        page.get_by_label("From").fill("2026-05-01")
        page.get_by_label("to the end of", exact=True).fill("2026-05-31")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="These figures at position").click()
        closed = page.url
        pay("pay_walk_2", 100)
        page.goto(closed)
        francs = page.get_by_role("region", name="Revenue, refunds and payouts, CHF")
        expect(francs.get_by_role("link", name="19.00")).to_be_visible()
        expect(francs).to_contain_text("now 20.00")
        francs.get_by_role("link", name="19.00").click()
        expect(page.get_by_role("row", name="pay_walk_1")).to_contain_text("Grace Hopper")
        assert page.get_by_role("row", name="pay_walk_2").count() == 0
        page.get_by_role("navigation", name="Where you are").get_by_role("link").click()
        page.get_by_role("link", name="Show what is known now").click()
        francs.get_by_role("link", name="20.00").click()
        expect(page.get_by_role("row", name="pay_walk_2")).to_be_visible()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="All rows as CSV").click()
        assert downloading.value.path().read_text().count("pay_walk_") == 2
        # and what is disputed of it
        page.get_by_role("link", name="Disputes", exact=True).click()
        expect(page.get_by_role("row", name="dp_1")).to_contain_text("overdue for")
        assert finance.complaints == []


@pytest.mark.slow
def test_on_call_looks_at_what_is_wrong(browser: Browser, doors: Doors) -> None:
    position = deliver(doors, "subscription.gifted", subscription("sub_gift"), 7)
    with person(browser, doors, doors.live) as on_call:
        page = on_call.page
        on_call.open("/live")
        expect(page.get_by_role("heading", level=1)).to_contain_text("to look at")
        # what is wrong stands first
        assert "bad" in (page.locator(".check").first.get_attribute("class") or "")
        page.get_by_role("link", name="For a person to look at").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("What should a person look at?")
        page.get_by_role("row", name="subscription.gifted").get_by_role(
            "link", name=str(position)
        ).click()
        expect(page.get_by_text("This version does not know the type")).to_be_visible()
        page.get_by_role("link", name="subscription-sub_gift").first.click()
        assert on_call.heading == "sub_gift"
        on_call.open("/live")
        page.get_by_role("link", name="Disputes to answer").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Which disputes must be answered, and by when?"
        )
        on_call.open("/live")
        page.locator(".check").get_by_role("link", name="Proof").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Can it be shown to a stranger?")
        assert on_call.complaints == []


def test_an_id_leads_to_its_page_at_once(doors: Doors) -> None:
    with signed_in(doors, doors.live) as client:
        answer = client.get("/console/live/search?q=sub_0")
    assert answer.headers["location"] == "/console/live/subscriptions/sub_0"


def test_the_words_of_the_filters_are_explained_to_who_has_no_mouse(
    browser: Browser, doors: Doors
) -> None:
    with person(browser, doors, doors.live, has_touch=True) as somebody:
        page = somebody.page
        somebody.open("/live/events")
        words = page.get_by_text("What the words mean")
        words.focus()
        page.keyboard.press("Enter")
        for sentence in (*VERDICTS.values(), *MARKS.values()):
            expect(page.get_by_role("definition").get_by_text(sentence)).to_be_visible()
        kinds = page.get_by_role("navigation", name="Kinds of events")
        for name, sentence in (("late", MARKS["late"]), ("foreign", VERDICTS["foreign"])):
            kinds.get_by_role("link", name=name, exact=True).tap()
            expect(page.get_by_role("paragraph").filter(has_text=sentence)).to_be_visible()
        kinds.get_by_role("link", name="to look at").tap()
        expect(page.get_by_text("What a person should look at: foreign, inferred")).to_be_visible()
        assert somebody.complaints == []


def test_new_events_appear_and_the_tail_pauses(browser: Browser, doors: Doors) -> None:
    with person(browser, doors, doors.live) as somebody:
        page = somebody.page
        somebody.open("/live/events")
        expect(page.get_by_text("Live: new events appear on top.")).to_be_visible()
        first = deliver(doors, "subscription.active", subscription("sub_tail_1"))
        expect(page.locator("#rows tr").first).to_contain_text("subscription-sub_tail_1")
        page.get_by_role("link", name=str(first), exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Event {first}")
        page.go_back()
        page.get_by_role("button", name="Pause").click()
        second = deliver(doors, "subscription.active", subscription("sub_tail_2"))
        expect(page.get_by_text("Paused.")).to_be_visible()
        assert page.get_by_role("link", name=str(second), exact=True).count() == 0
        page.get_by_role("button", name="Go on").click()
        expect(page.locator("#rows tr").first).to_contain_text("subscription-sub_tail_2")
        assert somebody.complaints == []


def test_a_strangers_words_stay_words(browser: Browser, doors: Doors) -> None:
    customer = {"customer_id": "cus_evil", "email": "x@example.com", "name": HOSTILE}
    evil = subscription('sub_"><b>/..', customer=customer, product_id=HOSTILE)
    paid = {
        "payment_id": "pay_evil", "status": "succeeded", "customer": customer, "currency": HOSTILE,
        "total_amount": 5, "created_at": at(5), "subscription_id": 'sub_"><b>/..',
    }  # fmt: skip
    deliver(doors, "payment.succeeded", paid)
    deliver(doors, "dispute.opened", {
        "dispute_id": "dp_evil", "dispute_status": "dispute_opened", "payment_id": "pay_evil",
        "dispute_stage": HOSTILE, "amount": "5", "currency": HOSTILE, "created_at": at(6),
    })  # fmt: skip
    hostile = quote(HOSTILE)
    with person(browser, doors, doors.live) as somebody:
        page = somebody.page
        somebody.open("/live/events")
        expect(page.get_by_text("Live: new events appear on top.")).to_be_visible()
        position = deliver(doors, "subscription.active", evil)
        expect(page.locator("#rows tr").first).to_contain_text('subscription-sub_"><b>/..')
        page.locator("#rows tr").first.get_by_role("link").last.click()
        assert somebody.heading == 'sub_"><b>/..'
        for path in (
            f"/live/events/{position}", "/live/customers/cus_evil", "/live/customers",
            "/live/subscriptions", "/live/search?q=x%40example.com",
            "/live/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
            "/live/events?type=%3Cscript%3E&stream=%22%3E%3Cb%3E",
            "/live/disputes", "/live/disputes/dp_evil", "/live/payments/pay_evil", "/live/payments",
            f"/live/money?{MAY}", f"/live/money?{MAY}&product_id={hostile}",
            f"/live/money/revenue?period=2026-05-01&currency={hostile}",
        ):  # fmt: skip
            assert somebody.open(path).status == (400 if "&currency=" in path else 200)
            assert page.title() != "taken"
            assert page.locator("main img, main script, main b b").count() == 0
        assert somebody.complaints == []


def test_what_is_no_json_is_shown_as_it_came(browser: Browser, doors: Doors) -> None:
    content = b"\xff\x00<script>document.title='taken'</script>"
    position = number(doors.service.deliver("live", SECRET, content).json()["position"])
    doors.service.await_position(doors.live, position)
    with person(browser, doors, doors.live) as somebody:
        somebody.open(f"/live/events/{position}")
        body = somebody.page.get_by_label("The body as it came")
        expect(body).to_contain_text("<script>document.title='taken'</script>")
        expect(somebody.page.get_by_text("It is not JSON.")).to_be_visible()
        with somebody.page.expect_download() as downloading:
            somebody.page.get_by_role("link", name="Download the exact bytes").click()
        assert downloading.value.path().read_bytes() == content
        assert somebody.complaints == []


def test_a_key_sees_what_its_scopes_allow(doors: Doors) -> None:
    with signed_in(doors, new_key(doors.database_url, "live", "read")) as client:
        page = client.get("/console/live/events/1").text
        assert "A key with the scope audit shows it." in page
        assert "<pre" not in page
        assert client.get("/console/live/events/1/body").status_code == 403
        today = client.get("/console/live").text
    assert "A key with the scope admin shows them." in today


def test_what_another_business_is_told_stays_with_the_scope_audit(doors: Doors) -> None:
    position = 0
    for amount in (11, 22):
        content = msgspec.json.encode({
            "business_id": "bus_other", "type": "payment.succeeded", "timestamp": at(5),
            "data": {"payment_id": "pay_other", "total_amount": amount},
        })  # fmt: skip
        answer = doors.service.deliver("live", SECRET, content, "msg_of_another")
        position = number(answer.json()["position"])
    doors.service.await_position(doors.live, position)
    seen = {}
    for scopes in ("read", "read,audit"):
        with signed_in(doors, new_key(doors.database_url, "live", scopes)) as client:
            seen[scopes] = client.get(f"/console/live/events/{position}").text
    assert "total_amount" in seen["read,audit"]
    assert "total_amount" not in seen["read"]
    assert "The bytes differ. A key with the scope audit shows how." in seen["read"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/live/customers/cus_nobody", 404, "not found"),
        ("/live/events/999999", 404, "not found"),
        ("/live/events?since=May", 400, "parameter is invalid"),
        ("/live/customers/cus_walk?as_of=2999-01-01", 400, "parameter is invalid"),
        ("/live/events?cursor=x", 400, "parameter is invalid"),
        ("/other", 404, "not found"),
    ],
)
def test_an_error_is_a_page_that_says_what_to_do(
    doors: Doors, path: str, status: int, says: str
) -> None:
    with signed_in(doors, doors.live) as client:
        answer = client.get(f"/console{path}")
    assert answer.status_code == status
    (heading,) = re.findall("<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    assert says in heading


@pytest.mark.slow
def test_a_first_visit_is_small(browser: Browser, doors: Doors) -> None:
    with person(browser, doors, doors.live) as somebody:
        sizes: list[int] = []
        somebody.page.on("response", lambda answer: sizes.append(len(answer.body())))
        somebody.open("/live/customers/cus_walk")
        somebody.page.wait_for_load_state("networkidle")
        assert 0 < sum(sizes) < 60_000


def test_a_page_shows_what_becomes_of_what_was_asked_for(browser: Browser, doors: Doors) -> None:
    with (
        psycopg.connect(doors.database_url, autocommit=True) as conn,
        person(browser, doors, doors.live) as somebody,
    ):
        conn.execute(
            "insert into store.job (book, job_id, kind, lane, subject, actor, who)"
            " values ('live', 'slow', 'later', 'elsewhere', 'all', 'key', 'x')"
        )
        somebody.open("/live/operations")
        row = somebody.page.get_by_role("row", name="all").first
        expect(row).to_contain_text("queued")
        conn.execute("delete from store.job where job_id = 'slow'")
        expect(row.get_by_text("queued")).to_have_count(0)
