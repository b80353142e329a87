"""The page of a bundle: what it says, and that nobody's text can make it say another thing."""

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from psycopg.sql import SQL

from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.evidence import case, gathering
from service.evidence.markup import text
from service.evidence.wording import card, cart, money
from service.problems import Problem
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import OTHER_SECRET, SECRET, body
from tests.documents import SERVICE
from tests.service.evidence.cases import (
    ADA,
    MONTH,
    about,
    data,
    dispute,
    files_of,
    record,
    story,
)
from tests.service.proof.books import signed

HOSTILE: dict[str, Any] = {
    "customer_id": "cus_<b>1</b>",
    "email": '"><img src=x onerror=alert(1)>@example.com',
    "name": "<script>alert(1)</script> \u202etxet\u202c \U0001f600\u200bAda",
}


class Reader(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


async def read(conn: Connection, kind: case.Kind = "dispute", identity: str = "dp_1") -> Reader:
    """The page about a resource."""
    return Reader(files_of(await about(conn, kind, identity))["index.html"].decode())


async def test_it_says_who_bought_what_and_what_became_of_it(conn: Connection) -> None:
    await record(conn, story())
    page = (await read(conn)).text
    for said in (
        "Dispute dp_1 22.61 EUR of Ada Lovelace, opened.",
        "Reason product not received", "Stage dispute",
        "Answer due, 7 days after it was opened 8 Aug 2026, 12:08:20 UTC",
        "of which tax 3.61 EUR", "Products pdt_pro (2)",
        "Paid with visa credit, ending in 4242, issued in DE", "3-D Secure authenticated",
        "Price before tax 19.00 EUR", "Charged every 1 month",
        "Billing address 1 Ockham Park, W1, London, GB",
        "1 Aug 2026, 12:00:03 Grant, digital files eg_3 delivered",
        "1 Aug 2026, 12:00:01 Payment pay_3 of 22.61 EUR succeeded. 6",
        "1 Aug 2026, 12:08:20 The customer opened dispute dp_1 of 22.61 EUR. 9",
        "was read at the provider, still succeeded",
        "One earlier payment of this customer succeeded and was neither disputed nor refunded",
        "2 Jul 2026, 12:00:00 22.61 EUR succeeded; refund of 5.00 EUR, succeeded pay_2",
        "What this shows, and what it does not",
    ):  # fmt: skip
        assert said in page
    # of another customer, and of another payment
    assert "pay_else" not in page
    assert "lic_1" not in page


async def test_a_bundle_can_be_about_other_things(conn: Connection) -> None:
    await record(conn, [*story(), signed(5, content=data("new.kind", 5, customer=ADA))])
    payment = await read(conn, "payment", "pay_1")
    assert "22.61 EUR, by Ada Lovelace, on 2 Jun 2026, 12:00:00 UTC." in payment.text
    assert "Licence key ends in 1234 active" in payment.text
    assert "No earlier payment of this customer succeeded" in payment.text
    subscription = await read(conn, "subscription", "sub_1")
    assert "3 payments of Ada Lovelace." in subscription.text
    assert "Refund ref_2 of 5.00 EUR succeeded." in subscription.text
    customer = await read(conn, "customer", "cus_1")
    assert "3 payments of Ada Lovelace." in customer.text
    assert "Other payments of this customer" not in customer.text
    with pytest.raises(Problem, match="no event about the payment 'pay_none'"):
        await about(conn, "payment", "pay_none")
    with pytest.raises(Problem, match="no event about the customer 'cus_none'"):
        await about(conn, "customer", "cus_none")


async def test_a_dispute_without_its_payment_is_told_too(conn: Connection) -> None:
    await record(conn, [signed(600, content=dispute("opened", 600))])
    page = (await read(conn)).text
    assert "22.61 EUR, opened." in page
    assert "No event about the payment is recorded." in page


async def test_hostile_texts_are_shown_and_do_nothing(conn: Connection) -> None:
    await record(conn, story(HOSTILE, reason="</style><script>x</script>\u2066\u0000"))
    made = files_of(await about(conn))
    page = made["index.html"].decode()
    parsed = Reader(page)
    assert parsed.tags <= {
        "html", "head", "meta", "title", "style", "body", "header", "section", "footer", "h1",
        "h2", "h3", "p", "dl", "div", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td",
        "code", "em", "span", "a", "br", "pre",
    }  # fmt: skip
    assert {name for name, _ in parsed.attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "scope", "href",
    }  # fmt: skip
    links = [value or "" for name, value in parsed.attributes if name == "href"]
    assert links
    assert set(links) <= set(made)
    assert any("default-src 'none'" in (value or "") for _, value in parsed.attributes)
    assert "<script>alert(1)</script> [U+202E]txet [U+202C]" in parsed.text
    assert "</style><script>x</script> [U+2066] [U+0000]" in parsed.text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00]", page)


async def test_bodies_that_are_large_or_no_json_are_bundled(conn: Connection) -> None:
    large = data("payment.processing", 5, payment_id="pay_x", status="processing", customer=ADA,
                 metadata={"note": "x" * (1 << 20)})  # fmt: skip
    broken = data("payment.failed", 6, payment_id="pay_x", status="failed", customer=ADA)
    broken = broken.replace(
        b'"status":"failed"', b'"status":"failed","error_message":"\xff\\ud800"'
    )
    await record(conn, [signed(5, content=large), signed(6, content=broken)])
    made = files_of(await about(conn, "payment", "pay_x"))
    assert made["events/000000000001.body"] == large
    assert made["events/000000000002.body"] == broken
    assert len(made["index.html"]) < 100_000


async def test_what_belongs_to_no_resource_is_in_the_bundle_of_the_customer(
    conn: Connection,
) -> None:
    """As the timeline of the customer has it."""
    strange = body("new.kind", None, customer=ADA)
    await record(conn, [*story(), signed(9, content=strange)])
    made = files_of(await about(conn, "customer", "cus_1"))
    listed = msgspec.json.decode(made["bundle.json"])["events"]
    view = statements.relation(EVENTS.view)
    cursor = await conn.execute(
        SQL("select position from {} where customer_id = 'cus_1'").format(view)
    )
    expected = {row["position"] for row in await cursor.fetchall()}
    # those of payments of the customer that name no customer, too
    assert {one["position"] for one in listed} >= expected
    assert 8 not in {one["position"] for one in listed}


async def test_no_secret_is_in_a_bundle(conn: Connection) -> None:
    await record(conn, story())
    archive = (await about(conn, "customer", "cus_1")).archive
    for secret in (SECRET, OTHER_SECRET):
        for part in (secret, secret.removeprefix("whsec_")):
            assert part.encode() not in archive


def test_the_limits_of_a_bundle_are_those_that_are_told() -> None:
    told = (
        f"at most {gathering.MOST_EVENTS:,} events with {gathering.MOST_BYTES >> 20} MiB of bodies"
    )
    assert told in SERVICE.read_text()


async def test_too_much_for_a_bundle_is_refused(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.evidence.gathering.MOST_EVENTS", 5)
    await append(conn, "test", story())
    while await advance(conn, "test"):
        pass
    with pytest.raises(Problem, match="may rest on 5 events"):
        await about(conn, "customer", "cus_1")
    with pytest.raises(Problem, match="may rest on 5 events"):
        await about(conn, "subscription", "sub_1")


async def test_of_a_customer_with_too_many_events_what_is_near_the_payment_is_told(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(conn, [*(signed(n) for n in range(700, 720)), *story()])
    whole = (await read(conn)).text
    monkeypatch.setattr("service.evidence.gathering.MOST_EVENTS", 12)
    evidence = await about(conn)
    assert evidence.events <= 12
    page = Reader(files_of(evidence)["index.html"].decode()).text
    told = re.search(
        r"The customer has more events than a bundle can have: ([0-9]+) resources of", page
    )
    assert told
    assert int(told[1]) > 0
    assert "more events than a bundle can have" not in whole
    # all of the dispute and its payment is there
    begin, end = "What happened", "Other payments of this customer"
    assert page.partition(begin)[2].partition(end)[0] == whole.partition(begin)[2].partition(end)[0]
    assert "The customer opened dispute" in page


async def test_earlier_payments_are_told_before_later_ones(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank asks for those that came before the quarrel: that there is none must be true."""
    monkeypatch.setattr("service.evidence.case.MOST_OTHERS", 2)
    await record(conn, [*story(), *(signed(9 * MONTH + n) for n in range(4))])
    page = (await read(conn)).text
    assert "One earlier payment of this customer succeeded" in page
    assert f"pay_{9 * MONTH + 3}" not in page
    assert "4 more are left out." in page


def test_amounts_and_means_of_payment_are_in_words() -> None:
    assert money(123450, "EUR") == "1,234.50 EUR"
    assert money(500, "JPY") == "500 JPY"
    assert money(-1, "KWD") == "-0.001 KWD"
    assert money(5, None) == "5 in minor units of an unknown currency"
    assert money(None, "EUR") is None
    assert cart({"product_cart": [{"product_id": "a", "quantity": 3}, 7], "product_id": "b"}) == (
        "a (3), b"
    )
    assert cart({"product_cart": "x"}) is None
    assert card({"payment_method": "sepa"}) == "sepa"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert text("x" * 500) == "x" * 400 + "<em>… (100 more characters)</em>"
