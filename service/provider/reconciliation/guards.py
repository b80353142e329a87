"""What stops a comparison that would read the wrong account, or mistake an outage for news."""

from collections import deque
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from domain.drift import PAYING
from projections.events import EVENTS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.connections import Connection
from service.provider.by_id import ReaderById
from service.provider.client import Patience, Provider
from service.provider.errors import (
    NotFoundError,
    ProviderError,
    UnexpectedAnswerError,
    WrongKeyError,
)
from service.provider.kinds import KINDS, PAYMENT, SUBSCRIPTION
from service.provider.lists import rows
from service.provider.readings import Reading
from service.provider.recording import Compared, compare
from service.queries.resources import of

_BATCH = 50
"""So many of the last readings by id are looked at for a storm."""

_FEW = 5
"""So many resources may be missing, and so many customers lose access, without a question."""

_SHARE = 0.02
"""The share of payers who may lose access without a question, where they are more than a few."""

_CANARY_KINDS = ("subscription", "payment", "refund", "dispute", "license_key")


class StoppedError(Exception):
    """The comparison cannot be trusted; the text says why, and what to do."""


class Breaker:
    """Stops where many of the last readings say 404: it is rather the key than the resources."""

    def __init__(self) -> None:
        self._absent: deque[bool] = deque(maxlen=_BATCH)

    def count(self, *, absent: bool) -> None:
        """Count a reading by id.

        Raises:
            StoppedError: if more than five of the last fifty were absent, or half of fewer.
        """
        self._absent.append(absent)
        number, read = sum(self._absent), len(self._absent)
        if number > min(_FEW, max(1, read // 2)):
            raise StoppedError(
                f"The provider does not have {number} of the last {read} resources that were read"
                " (404). Check that the API key is of this book's business and mode; a 404 changes"
                " nothing in the book."
            )


class _Owned(Struct, frozen=True):
    business_id: str | None = None


async def check_canary(
    conn: Connection, provider: Provider, book: str, business_id: str | None, patience: Patience
) -> bool:
    """Read a resource that the book knows, of one kind after the other, before anything else.

    Returns:
        Whether the book knows one, so that the key could be checked.

    Raises:
        StoppedError: if the key is refused, or of another business or mode.
        ProviderError: if the provider cannot be read.
    """
    streams = await _canaries(conn, book)
    refused: WrongKeyError | None = None
    broken: ProviderError | None = None
    by_id = ReaderById(provider, patience)
    for stream in streams:
        category, _, identity = stream.partition("-")
        try:
            reading = await by_id.read(KINDS[category], identity)
        except NotFoundError:
            continue
        except WrongKeyError as error:
            # it may be one kind that the key may not read
            refused = error
            continue
        except UnexpectedAnswerError as error:
            # it may be this resource alone
            broken = error
            continue
        (found,) = await compare(conn, book, business_id, [reading])
        check_business(found)
        return True
    if not streams:
        return False
    if refused is not None:
        raise StoppedError(str(refused))
    if broken is not None:
        raise broken
    if not await _lists_show_ours(conn, provider, book, business_id, patience):
        raise StoppedError(
            f"The provider does not have {' nor '.join(streams)}, and its lists show nothing that"
            " the book knows. The API key is of another business or mode: configure one of this"
            " book's business and mode."
        )
    return True


def check_business(found: Compared) -> None:
    """Check that a resource belongs to the book's business.

    Raises:
        StoppedError: if it belongs to another one.
    """
    named = _business_of(found.reading.body)
    known = found.known.document.get("business_id") if found.known else None
    if found.entry.verdict == "foreign" or (named and known and named != known):
        raise StoppedError(
            f"{found.reading.kind.category} {found.reading.id} belongs to business {named}, which"
            " is not the book's. Configure an API key of the book's business, or correct its"
            " `business_id`."
        )


def check_losses(losing: int, payers: int) -> None:
    """Check how many customers would lose access.

    Raises:
        StoppedError: if they are more than five and more than 2 % of the payers.
    """
    if losing > _FEW and losing > _SHARE * payers:
        raise StoppedError(
            f"{losing} customers would lose access, of {payers} who pay: nothing was applied. Look"
            " at them, then repeat it with --yes-they-lose-access."
        )


async def payers(conn: Connection, book: str) -> int:
    """How many customers have a subscription that is paid for."""
    statement = statements.bind_views("provider/reconcile/payers", subscriptions=SUBSCRIPTIONS.view)
    cursor = await conn.execute(statement, of(book, statuses=sorted(PAYING)))
    row = await cursor.fetchone()
    return int(row["count"]) if row else 0


async def _canaries(conn: Connection, book: str) -> Sequence[str]:
    statement = statements.bind_views("provider/reconcile/canaries", events=EVENTS.view)
    cursor = await conn.execute(statement, of(book, kinds=list(_CANARY_KINDS)))
    first: dict[str, str] = {}
    for row in await cursor.fetchall():
        first.setdefault(row["stream"].partition("-")[0], row["stream"])
    return list(first.values())


async def _lists_show_ours(
    conn: Connection, provider: Provider, book: str, business_id: str | None, patience: Patience
) -> bool:
    """Whether the first page of a list has a resource that the book knows."""
    for kind in (SUBSCRIPTION, PAYMENT):
        async for page in rows(provider, kind, patience=patience):
            readings = [Reading(kind, r.id, r.body, page.reply, listed=True) for r in page.rows]
            compared = await compare(conn, book, business_id, readings)
            if any(one.known is not None for one in compared):
                return True
            break
    return False


def _business_of(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Owned).business_id
    except msgspec.MsgspecError:
        return None
