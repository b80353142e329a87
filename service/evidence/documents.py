"""What the provider had about a dispute besides events, as files of a bundle. Pure.

It is in no chain: it was fetched, and kept as it was answered.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.legible import presentable
from service.evidence.markup import Html, joined, section, table, tag, text
from service.evidence.wording import moment, plain, words

_MOST_TEXT = 1_500


class Document(Struct, frozen=True):
    """An answer of the provider about a dispute; ``problem`` says why there is none."""

    dispute_id: str
    path: str
    media_type: str
    fetched_at: datetime
    content: bytes
    problem: str | None

    @property
    def file(self) -> str:
        """Its name in the bundle."""
        folder = f"provider/{_plain_name(self.dispute_id)}"
        if self.path.startswith("/invoices/"):
            return f"{folder}/invoice.pdf"
        if self.path.endswith("/body"):
            return f"{folder}/emails/{_plain_name(self.path.split('/')[-2])}.json"
        return f"{folder}/emails.json"


def _plain_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)


def document_files(documents: Iterable[Document]) -> dict[str, bytes]:
    """The files, and what is said about each of them."""
    found = list(documents)
    files = {one.file: one.content for one in found if one.problem is None}
    if not found:
        return {}
    lines = [
        f"{one.file}: GET {one.path}, {one.fetched_at:%Y-%m-%d %H:%M:%S} UTC"
        + (f". Not there: {one.problem}" if one.problem else "")
        for one in found
    ]
    return {**files, "provider/README.txt": (_NOTE + "\n".join(lines) + "\n").encode()}


_NOTE = """\
Fetched from the provider's REST API by the merchant's service when the dispute was open, and kept
exactly as they were answered. They are in no chain and carry no signature: that they are the
provider's is the merchant's word. The provider has its own copies. Mails are HTML that somebody
wrote: open them in a sandbox.

"""


def said_section(documents: Sequence[Document]) -> Html:
    """What was said: the mails that the provider sent to the customer, and the invoice."""
    invoices = [one for one in documents if one.media_type == "application/pdf"]
    whole = [one for one in documents if one.media_type != "application/pdf"]
    bodies = {one.file: one for one in whole if "/emails/" in one.file}
    rows = [
        (
            _moment(mail.get("created_at")),
            joined(
                text(plain(mail.get("subject")) or words(mail.get("email_type")) or "no subject"),
                tag("div", f"to {to}") if (to := plain(mail.get("recipient"))) else None,
                _excerpt(bodies, one, plain(mail.get("email_log_id"))),
            ),
            words(mail.get("status")),
        )
        for one in whole
        if one.file.endswith("/emails.json")
        for mail in _mails(one)
    ]
    fetched = min((one.fetched_at for one in documents), default=None)
    label = (
        f"Fetched from the provider on {moment(fetched)} UTC, and in no chain: that they are the"
    )
    return section(
        "What was said",
        table(("Sent, UTC", "Mail to the customer", "Status"), rows, "said")
        if rows
        else tag("p", "No mails to the customer are in this bundle."),
        *(_invoice(one) for one in invoices),
        tag("p", f"{label} provider's is the merchant's word. See provider/README.txt.",
            class_="note")
        if documents
        else None,
    )  # fmt: skip


def _invoice(one: Document) -> Html:
    if one.problem is not None:
        return tag("p", f"The invoice could not be read: {one.problem}")
    return tag("p", "The invoice, as the provider gave it: ", tag("a", one.file, href=one.file))


def _moment(value: object) -> str | None:
    try:
        return moment(msgspec.convert(value, datetime).astimezone(UTC))
    except (msgspec.ValidationError, OverflowError):
        return plain(value)


def _mails(one: Document) -> list[dict[str, Any]]:
    listed = _decoded(one).get("items")
    return [mail for mail in listed if isinstance(mail, dict)] if isinstance(listed, list) else []


def _decoded(one: Document) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(presentable(one.content))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _excerpt(bodies: dict[str, Document], listed: Document, mail_id: str | None) -> Html | None:
    """The plain text of a mail, never its HTML."""
    folder = listed.file.removesuffix(".json")
    found = bodies.get(f"{folder}/{_plain_name(mail_id or '')}.json")
    if found is None or found.problem is not None:
        return None
    content = plain(_decoded(found).get("text"))
    shown = text(content, _MOST_TEXT) if content else None
    return tag("div", shown, Html(" "), tag("a", "whole mail", href=found.file))
