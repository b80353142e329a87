"""One resource as the provider showed it, alone or in a list."""

from msgspec import Struct

from domain.observation import Asked
from service.provider.client import Reply
from service.provider.kinds import Kind


class Reading(Struct, frozen=True):
    """One resource in a reply, as the exact bytes; ``listed`` if it is a row of a list."""

    kind: Kind
    id: str
    body: bytes
    reply: Reply
    listed: bool = False

    @property
    def name(self) -> str:
        """What was read, as the store names it."""
        path = self.reply.path.partition("?")[0]
        return f"GET {path} {self.id}" if self.listed else f"GET {path}"

    @property
    def is_partial(self) -> bool:
        """Whether it leaves fields out: a row of a list, but for kinds whose rows are whole."""
        return self.listed and bool(self.kind.lacks)

    @property
    def asked(self) -> Asked:
        """What is stored of the request."""
        reply = self.reply
        return Asked(
            self.kind.category, reply.path, reply.requested_at, reply.answered_at,
            self.is_partial, reply.date,
        )  # fmt: skip
