"""Recomputes events from the rows of the store. Pure.

The encoding of the chain is in ``service.store.chain``; here it is made from the bytes of the
columns, without decoding them, since a whole store is recomputed. A test holds the two equal.
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert

from service.store.chain import LINK

TO_1970 = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's times begin."""

_MOST_NAMES = 100
_NULL = b"\xff" * 8
_ENTRY = re.compile(rb"(?<!\S)v1,([A-Za-z0-9+/]+={0,2})(?!\S)")
_WEBHOOK = b"webhook"

Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]


class MalformedRowError(ValueError):
    """A row that no event can have; a constraint of the table was removed."""


class Row(Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """One event's row, as ``proof/stretch`` orders its columns.

    Texts are UTF-8, times are microseconds since 2000. What is null here although no event can have
    it so, is found when the link is recomputed.
    """

    position: int
    revision: int
    sent_at: int
    recorded_at: int
    body_sha256: Hash
    link: Hash
    source: bytes | None
    webhook_id: bytes | None
    webhook_timestamp: bytes | None
    webhook_signature: bytes | None
    headers: bytes | None
    verified_by: bytes | None
    salt: bytes | None
    body: bytes | None

    def preimage(
        self,
        previous: bytes,
        book: bytes,
        position: int | None = None,
        body_sha256: bytes | None = None,
    ) -> bytes:
        """What the link is the SHA-256 of.

        Args:
            previous: the link before it.
            book: the name of the book, encoded as a field.
            position: another one than the row has.
            body_sha256: another one than the row has.
        """
        fields = (
            b"%d" % (position or self.position), self.source, self.webhook_id,
            b"%d" % self.revision, b"%d" % (self.sent_at + TO_1970),
            b"%d" % (self.recorded_at + TO_1970), self.webhook_timestamp, self.webhook_signature,
            self.headers, self.verified_by, body_sha256 or self.body_sha256, self.salt,
        )  # fmt: skip
        return b"".join([LINK, previous, book, *map(field, fields)])

    def follows(
        self,
        previous: bytes,
        book: bytes,
        position: int | None = None,
        body_sha256: bytes | None = None,
    ) -> bool:
        """Whether the row's link is the one after ``previous``; see ``preimage``."""
        return sha256(self.preimage(previous, book, position, body_sha256)).digest() == self.link

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the body; of a body that is null it is none that can be recorded."""
        return b"" if self.body is None else sha256(self.body).digest()


def field(value: bytes | None) -> bytes:
    """A field in the encoding of the chain."""
    return _NULL if value is None else len(value).to_bytes(8, "big") + value


def row_of(values: Sequence[Any]) -> Row:
    """The row of the values of its columns.

    Raises:
        MalformedRowError: if a column has a type or a length that it cannot have.
    """
    try:
        return convert(values, Row, builtin_types=(bytes,))
    except ValidationError:
        raise MalformedRowError from None


class Signer(Struct, frozen=True):
    """A webhook secret."""

    key: bytes

    def signed(self, webhook_id: bytes, stamp: bytes, signatures: bytes, body: bytes) -> bool:
        """Whether one of the signatures of a header is this secret's."""
        digest = hmac.digest(self.key, b"%b.%d.%b" % (webhook_id, int(stamp), body), "sha256")
        if signatures == b"v1," + b64encode(digest):
            return True
        return any(digest == _decoded(entry) for entry in _ENTRY.findall(signatures))


def _decoded(entry: bytes) -> bytes:
    try:
        return b64decode(entry)
    except Base64Error:
        return b""


class Signatures(Struct):
    """What the stored signatures of some events show.

    Attributes:
        proved: they were made with a secret that we hold.
        unprovable: their secrets are not held, by the fingerprint of each.
        inapplicable: events that carry no signature: observations and imports.
    """

    proved: int = 0
    unprovable: dict[str, int] = {}
    inapplicable: int = 0

    def merge(self, other: "Signatures") -> None:
        """Add the counts of other events."""
        self.proved += other.proved
        self.inapplicable += other.inapplicable
        for name, count in other.unprovable.items():
            self.unprovable[name] = self.unprovable.get(name, 0) + count

    def add(self, row: Row, secrets: Mapping[bytes, Signer]) -> bool:
        """Count an event, by the secret that its ``verified_by`` names.

        Returns:
            False if its signature is not of the secret that verified it; it is not counted.
        """
        if row.source != _WEBHOOK:
            self.inapplicable += 1
            return True
        secret = secrets.get(row.verified_by or b"")
        if secret is None:
            shown = (row.verified_by or b"").decode(errors="replace")
            if shown not in self.unprovable and len(self.unprovable) >= _MOST_NAMES:
                shown = "others"
            self.unprovable[shown] = self.unprovable.get(shown, 0) + 1
            return True
        try:
            whole = secret.signed(
                row.webhook_id or b"", row.webhook_timestamp or b"", row.webhook_signature or b"",
                row.body or b"",
            )  # fmt: skip
        except ValueError:
            whole = False
        self.proved += whole
        return whole
