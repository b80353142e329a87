"""The page of a bundle, which a person reads and prints. Pure.

It has no script, and asks for nothing from elsewhere. Everything on it is out of the events, whose
texts anybody may have written; see ``markup``.
"""

from collections.abc import Sequence

from service.evidence import parts
from service.evidence.case import Case
from service.evidence.documents import Document, said_section
from service.evidence.markup import Html, tag
from service.evidence.proving import Proved, Signed
from service.evidence.record import (
    checkpoint_section,
    read_text,
    record_section,
    statement_section,
)
from service.evidence.wording import moment, money, noun
from service.telemetry.wording import number_of

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(  # noqa: PLR0913, PLR0917 - all that is on it
    case: Case,
    book: str,
    position: str,
    proved: Sequence[Proved],
    signed: Sequence[Signed],
    documents: Sequence[Document],
    response_days: int,
) -> bytes:
    """The whole page.

    Args:
        case: what it tells.
        book: the name of the book.
        position: what it reflects.
        proved: all events, with their proofs.
        signed: the checkpoints of these.
        documents: what the provider has about the disputes besides events.
        response_days: after so many days an answer to a dispute is due.
    """
    title = f"{noun(case.question.kind)} {case.question.id}"
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Evidence: {title}"),
        tag("style", Html(read_text("page.css"))),
    )
    body = tag(
        "body",
        _header(case, title, book, position, proved),
        parts.disputes(case, response_days),
        parts.bought(case),
        parts.buyer(case),
        parts.delivered(case),
        said_section(documents),
        parts.story(case),
        parts.others(case),
        record_section(proved),
        checkpoint_section(signed, proved),
        statement_section(),
        tag("footer", tag("p", f"Book {book}, position {position}. All times are UTC.",
                          class_="note")),
    )  # fmt: skip
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n".encode()


def _header(case: Case, title: str, book: str, position: str, proved: Sequence[Proved]) -> Html:
    told = (
        f"{len(proved)} events of the book {book}, as it stood at position {position}: what the"
        " provider of the payments told the merchant, recorded byte for byte."
    )
    return tag(
        "header",
        tag("p", "Evidence from the book of original entry", class_="over"),
        tag("h1", title),
        tag("p", _lead(case), class_="lead"),
        tag("p", told),
        tag("p", "The customer has more events than a bundle can have:"
            f" {number_of(case.unread, 'resource')} of this customer, recorded farthest from the"
            " payment, are not in it: other payments, or what belongs to these.", class_="open")
        if case.unread
        else None,
    )  # fmt: skip


def _lead(case: Case) -> str:
    who = case.customer.name or case.customer.email if case.customer else None
    if case.disputes and case.question.kind == "dispute":
        one = case.disputes[0]
        return f"{money(*one.amount()) or 'A payment'}{f' of {who}' if who else ''}, {one.status}."
    if case.payments and case.question.kind == "payment":
        one = case.payments[0]
        paid = money(*one.amount("total_amount")) or "An unknown amount"
        return f"{paid}{f', by {who}' if who else ''}, on {moment(one.began)} UTC."
    return f"{len(case.payments)} payments{f' of {who}' if who else ''}."
