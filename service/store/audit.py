"""The audit log: who did what to a book, when and why. Its rows are never altered.

Each action writes its row in its own transaction where it has one, so neither is there without the
other. Reads do not appear in it.
"""

import secrets
from typing import Literal

from msgspec import Struct

from service.database.connections import Connection
from service.database.statements import text

Actor = Literal["key", "person", "account", "service"]
"""Who may act: an API key, a person whom a proxy signed on to the console, an account of the
operating system, or the service itself.

The names are stored in the database.
"""

Action = Literal[
    "create_key", "revoke_key", "retry", "rebuild", "undo_rebuild", "apply", "acknowledge",
    "preview", "compare",
]  # fmt: skip
"""What may be done. The names are stored in the database; ``erase`` is reserved."""

_ID_BYTES = 8


class Act(Struct, frozen=True):
    """Who acts, and why.

    Attributes:
        actor: what ``who`` names.
        who: the id of a key; the person's name, as a rule an e-mail address; ``account@host``; or
            ``daybook``.
        reason: as the person gave it.
        request_id: of the HTTP request, if it is one.
    """

    actor: Actor
    who: str
    reason: str | None = None
    request_id: str | None = None


SERVICE_ACT = Act("service", "daybook")
"""The service acts by its own schedule or at its start."""


async def record_act(conn: Connection, book: str, act: Act, action: Action, subject: str) -> None:
    """Record an action, in the transaction of ``conn`` if one is open."""
    params = {
        "book": book, "audit_id": secrets.token_hex(_ID_BYTES), "action": action,
        "actor": act.actor, "who": act.who, "subject": subject, "reason": act.reason,
        "request_id": act.request_id,
    }  # fmt: skip
    await conn.execute(text("store/audit/add"), params)


class Group(Struct, frozen=True):
    """The events of one verdict and type; the type is empty if the events name none."""

    verdict: str
    type: str

    def __str__(self) -> str:
        return f"{self.verdict} {self.type}".rstrip()


async def acknowledge_group(  # noqa: PLR0913, PLR0917 - all that a row has
    conn: Connection, book: str, group: Group, position: int, count: int, act: Act
) -> None:
    """Record that a person has looked at the ``count`` events of a group up to a position.

    The last acknowledgement of a group counts. The reason of ``act`` is its note.
    """
    params = {
        "book": book, "verdict": group.verdict, "type": group.type, "position": position,
        "count": count, "actor": act.actor, "who": act.who, "note": act.reason or "",
    }  # fmt: skip
    async with conn.transaction():
        await conn.execute(text("store/audit/acknowledge"), params)
        await record_act(conn, book, act, "acknowledge", f"{group} up to {position}")
