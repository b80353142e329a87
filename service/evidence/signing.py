"""Signs a book at once where a bundle has events that no checkpoint covers yet."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from service.database.connections import Connection
from service.evidence.case import Question
from service.evidence.making import Evidence, make_evidence
from service.proof.anchors import Anchor, TimestampAuthority, latest_everywhere
from service.proof.checkpoints import RefusedError, make_checkpoint
from service.proof.keys import Signer
from service.proof.process import carry_book
from service.proof.tree import MissingNodesError
from service.settings import SettingsError


class Signing(Struct, frozen=True):
    """How a book is signed at once.

    Attributes:
        load: loads the signing key; None where this host has none yet.
        anchors: what else knows of checkpoints.
        stamp: whether timestamp authorities are asked for a token, too.
    """

    load: Callable[[], Signer | None]
    anchors: Sequence[Anchor]
    stamp: bool

    async def sign(self, conn: Connection, book: str) -> str | None:
        """Sign a book up to its head; returns why it was not, if it was not."""
        try:
            signer = await asyncio.to_thread(self.load)
        except SettingsError as error:
            return str(error)
        if signer is None:
            return "This host has no signing key. The service signs every hour and 1,000 events."
        elsewhere = partial(latest_everywhere, self.anchors)
        try:
            await make_checkpoint(conn, book, signer, elsewhere, at_once=True)
        except (RefusedError, MissingNodesError) as error:
            return str(error)
        except (InsufficientPrivilege, ReadOnlySqlTransaction):
            return "This role, or this server, may not write checkpoints."
        except OSError as error:
            return f"The checkpoint cannot be written down next to the key: {error.strerror}."
        for anchor in self.anchors if self.stamp else ():
            if isinstance(anchor, TimestampAuthority):
                await carry_book(conn, book, anchor)
        return None


async def make_signed_evidence(
    conn: Connection, book: str, question: Question, response_days: int, signing: Signing
) -> tuple[Evidence, str | None]:
    """The bundle about a resource, its events signed if possible; and why not, if they are not.

    Raises:
        Problem: as ``make_evidence``.
    """
    evidence = await make_evidence(conn, book, question, response_days)
    if not evidence.uncovered:
        return evidence, None
    reason = await signing.sign(conn, book)
    if reason is None:
        evidence = await make_evidence(conn, book, question, response_days)
    return evidence, reason if evidence.uncovered else None
