"""What the provider has about a dispute besides events: fetched when it is open, and kept."""

import json
from typing import Any

import pytest

from service.database.connections import Connection
from service.provider.client import Patience
from service.provider.documents import fetch_documents, fetch_if_due
from service.provider.errors import ProviderError
from service.settings import Book
from tests.builders import SECRET
from tests.service.evidence.cases import ADA, about, dispute, files_of, record, story
from tests.service.evidence.test_page import Reader
from tests.service.proof.books import signed
from tests.service.provider.merchant import merchant
from tests.service.provider.stand_in import KEY, Answer, Answerer, Request, answering, document

SHORT = Patience(0.2)
INVOICE = "/invoices/payments/pay_3"
MAILS = "/customers/cus_1/emails"
PDF = b"%PDF-1.4 \xff"
MAIL = {
    "email_log_id": "eml_1", "created_at": "2026-08-01T12:00:09Z", "has_preview": True,
    "subject": "Your receipt <b>", "recipient": ADA["email"], "status": "delivered",
    "email_type": "payment_successful",
}  # fmt: skip
BODY = {"text": "Thank you, Ada. <script>", "html": "<script>alert(1)</script>"}


def book_at(url: str) -> Book:
    provider = {"api_key": KEY, "url": url, "requests_per_minute": 100_000}
    return Book.model_validate({"mode": "test", "secrets": [SECRET], "provider": provider})


class Mailbox:
    """A provider with an invoice and a mail; ``answers`` are given instead, by path."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request.path)
        if request.path in self.answers:
            return self.answers[request.path]
        if request.path == INVOICE:
            assert request.headers["accept"] == "application/pdf"
            return Answer(200, PDF, {"content-type": "application/pdf"})
        found: dict[str, Any] = {
            MAILS: {"items": [MAIL, {**MAIL, "email_log_id": "login", "has_preview": False}]},
            f"{MAILS}/eml_1/body": BODY,
        }
        return document(found[request.path]) if request.path in found else Answer(404)


async def fetched(conn: Connection, answerer: Answerer) -> int:
    with answering(answerer) as url:
        return await fetch_documents(conn, "test", book_at(url), patience=SHORT)


async def test_what_was_said_is_in_the_bundle_with_an_honest_label(conn: Connection) -> None:
    await record(conn, story())
    box = Mailbox()
    assert await fetched(conn, box) == 1
    assert box.asked == [INVOICE, MAILS, f"{MAILS}/eml_1/body"]
    files = files_of(await about(conn))
    assert files["provider/dp_1/invoice.pdf"] == PDF
    assert json.loads(files["provider/dp_1/emails/eml_1.json"]) == BODY
    assert b"in no chain" in files["provider/README.txt"]
    page = Reader(files["index.html"].decode())
    said = "Your receipt <b> to ada@example.com Thank you, Ada. <script> whole mail delivered"
    assert f"1 Aug 2026, 12:00:09 {said}" in page.text
    assert "script" not in page.tags
    assert "in no chain" in page.text
    assert KEY.encode() not in (await about(conn)).archive


async def test_it_is_fetched_once(conn: Connection) -> None:
    await record(conn, story())
    assert await fetched(conn, Mailbox()) == 1
    again = Mailbox()
    assert await fetched(conn, again) == 0
    assert again.asked == []


async def test_what_the_provider_does_not_have_is_said(conn: Connection) -> None:
    await record(conn, story())
    box = Mailbox()
    box.answers = {INVOICE: document({"not": "a PDF"}), MAILS: Answer(404)}
    assert await fetched(conn, box) == 1
    files = files_of(await about(conn))
    assert "provider/dp_1/invoice.pdf" not in files
    assert (
        b"Not there: The provider does not have /customers/cus_1/emails"
        in (files["provider/README.txt"])
    )
    page = Reader(files["index.html"].decode()).text
    assert "The invoice could not be read: The provider answers" in page
    assert "No mails to the customer are in this bundle." in page


async def test_a_provider_that_fails_is_asked_again_later(
    conn: Connection, database_url: str
) -> None:
    await record(conn, story())
    box = Mailbox()
    box.answers = {MAILS: Answer(401)}
    with pytest.raises(ProviderError):
        await fetched(conn, box)
    assert "provider/README.txt" not in files_of(await about(conn))
    with answering(box) as url:
        # in serve nothing is raised
        assert (await fetch_if_due(database_url, "test", book_at(url))).total_seconds() == 600
    box.answers.clear()
    with answering(box) as url:
        assert (await fetch_if_due(database_url, "test", book_at(url))).total_seconds() == 60
    assert "provider/dp_1/invoice.pdf" in files_of(await about(conn))


async def test_a_dispute_that_was_decided_is_fetched_when_it_is_named(conn: Connection) -> None:
    won = signed(10**7, content=dispute("won", 10**7))
    await record(conn, [*story(), won])
    box = Mailbox()
    with answering(box) as url:
        assert await fetch_documents(conn, "test", book_at(url)) == 0
        assert await fetch_documents(conn, "test", book_at(url), "dp_1") == 1


async def test_a_sandbox_has_what_is_fetched(conn: Connection) -> None:
    with merchant() as shop:
        rows = shop.control.resources("payment").values()
        paid = [one for one in rows if one["status"] == "succeeded"]
        latest = max(paid, key=lambda one: str(one["created_at"]))
        opened = dispute("opened", 600, customer=latest["customer"])
        opened = opened.replace(b"pay_3", latest["payment_id"].encode())
        await record(conn, [signed(600, content=opened)])
        assert await fetch_documents(conn, "test", shop.book()) == 1
    files = files_of(await about(conn))
    assert files["provider/dp_1/invoice.pdf"].startswith(b"%PDF")
    assert any(name.startswith("provider/dp_1/emails/eml_") for name in files)
