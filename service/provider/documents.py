"""Keeps what the provider has about a dispute besides events: the invoice, the mails it sent.

The content of a mail is gone after 180 days, and a dispute may be opened 120 days after a payment.
So it is fetched as soon as a dispute is open, exactly as it is answered, and kept for its evidence.
It is in no chain.
"""

from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec
import structlog
from msgspec import Struct

from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from service.database import statements
from service.database.connections import Connection, connect
from service.database.lease import Lease, LeaseTakenError
from service.provider.client import BACKGROUND, Patience, Provider
from service.provider.errors import (
    NotFoundError,
    ProviderError,
    UnexpectedAnswerError,
    WrongKeyError,
)
from service.settings import Book

MOST_MAILS = 50
"""The mails of a dispute that are kept, the latest ones."""

_MOST_BYTES = 16 << 20
_AT_ONCE = 10
_LEASE_SECONDS = 900.0
_PDF, _JSON = "application/pdf", "application/json"

_log = structlog.get_logger(__name__)


class _Mail(Struct):
    email_log_id: str
    has_preview: bool = False


class _Mails(Struct):
    items: list[_Mail] = []


class _Open(Struct, frozen=True):
    """A dispute for which nothing was fetched."""

    dispute_id: str
    payment_id: str
    customer_id: str | None


class _Fetched(Struct, frozen=True):
    """An answer, or why there is none."""

    path: str
    media_type: str
    fetched_at: datetime
    content: bytes
    problem: str | None


async def fetch_documents(
    conn: Connection,
    name: str,
    book: Book,
    dispute_id: str | None = None,
    patience: Patience = BACKGROUND,
) -> int:
    """Fetch and keep what is lacking for a dispute, or for the open ones; how many disputes.

    Args:
        conn: a connection outside a transaction.
        name: of the book.
        book: its settings, with an API key.
        dispute_id: one dispute, in any status; all open ones by default.
        patience: how long to wait for each answer.

    Raises:
        ProviderError: if the provider cannot be asked now. Nothing of that dispute is kept, and it
            is fetched again.
    """
    statement = statements.bind_views(
        "provider/undocumented", disputes=DISPUTES.view, payments=PAYMENTS.view
    )
    params = {"book": name, "dispute_id": dispute_id, "limit": _AT_ONCE}
    cursor = await conn.execute(statement, params, prepare=False)
    lacking = [_Open(**row) for row in await cursor.fetchall()]
    if not lacking:
        return 0
    async with Provider(name, book) as provider:
        for one in lacking:
            fetched = await _of_dispute(provider, one, patience)
            async with conn.transaction():
                for found in fetched:
                    row = {"book": name, "dispute_id": one.dispute_id}
                    await conn.execute(
                        statements.text("provider/keep_document"),
                        row | msgspec.structs.asdict(found),
                    )
            _log.info("documents fetched", book=name, dispute=one.dispute_id, files=len(fetched))
    return len(lacking)


async def _of_dispute(provider: Provider, one: _Open, patience: Patience) -> list[_Fetched]:
    """Everything about one dispute: its invoice, the list of mails, and the mails themselves."""
    invoice = f"/invoices/payments/{quote(one.payment_id, safe='')}"
    fetched = [await _read(provider, invoice, _PDF, patience)]
    if one.customer_id is None:
        return fetched
    mails = f"/customers/{quote(one.customer_id, safe='')}/emails"
    listed = await _read(provider, f"{mails}?page_number=0&page_size={MOST_MAILS}", _JSON, patience)
    fetched.append(listed)
    for mail in _items(listed):
        if mail.has_preview and sum(len(found.content) for found in fetched) < _MOST_BYTES:
            path = f"{mails}/{quote(mail.email_log_id, safe='')}/body"
            fetched.append(await _read(provider, path, _JSON, patience))
    return fetched


def _items(listed: _Fetched) -> list[_Mail]:
    try:
        return msgspec.json.decode(listed.content, type=_Mails).items[:MOST_MAILS]
    except msgspec.DecodeError:
        return []


async def _read(provider: Provider, path: str, media_type: str, patience: Patience) -> _Fetched:
    """One answer; or why there is none, if asking again would not help."""
    try:
        if media_type == _JSON:
            reply = await provider.get(path, patience=patience)
        else:
            reply = await provider.get_file(path, media_type, patience=patience)
    except (NotFoundError, UnexpectedAnswerError, WrongKeyError) as error:
        if isinstance(error, WrongKeyError) and error.everywhere:
            raise
        return _Fetched(path, media_type, provider.now, b"", str(error))
    return _Fetched(path, media_type, reply.answered_at, reply.body, None)


async def fetch_if_due(url: str, name: str, book: Book) -> timedelta:
    """Fetch what is lacking for the open disputes of a book; how long to wait before the next look.

    Nothing is raised if the provider does not answer. One process at a time does it.
    """
    if book.provider.api_key is None:
        return _POLL
    lease = Lease(f"documents of {name}", _LEASE_SECONDS)
    async with await connect(url) as conn:
        try:
            await lease.acquire(conn)
        except LeaseTakenError:
            return _POLL
        try:
            await fetch_documents(conn, name, book)
        except ProviderError as error:
            _log.warning("documents not fetched", book=name, reason=str(error))
            return _LATER
        finally:
            await lease.release(conn)
    return _POLL


_POLL, _LATER = timedelta(minutes=1), timedelta(minutes=10)
