"""Recomputes events from the rows of the store, as binary COPY delivers them. Pure.

The encoding of the chain is in ``service.store.chain``; here it is made from the row's own bytes,
without decoding them, since a whole store is recomputed. A test holds the two equal.
"""

import hmac
import re
import struct
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct

from service.store.chain import LINK

TO_1970 = 946_684_800_000_000
"""Microseconds from 1970 to 2000, where PostgreSQL's times begin."""

_fixed = struct.Struct(">hiqiiiqiqi32si32s")
_LENGTHS = (8, 4, 8, 8, 32, 32)
_int = struct.Struct(">i").unpack_from
_VARIABLE = 8
_MOST_NAMES = 100
_ZEROS, _NULL = bytes(4), b"\xff" * 8
_ENTRY = re.compile(rb"(?<!\S)v1,([A-Za-z0-9+/]+={0,2})(?!\S)")


class MalformedRowError(ValueError):
    """A row that no event can have; a constraint of the table was removed."""


class Row(Struct, frozen=True, gc=False):
    """One event's row: decoded where it is needed, and otherwise in the encoding of the chain."""

    position: int
    revision: int
    sent_at: int
    recorded_at: int
    body_sha256: bytes
    link: bytes
    source: bytes
    webhook_id: bytes
    webhook_timestamp: bytes
    webhook_signature: bytes
    headers: bytes
    verified_by: bytes
    salt: bytes
    body: bytes

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
        numbers = (
            b"%d" % (position or self.position), b"%d" % self.revision, b"%d" % self.sent_at,
            b"%d" % self.recorded_at,
        )  # fmt: skip
        at, revision, sent_at, recorded_at = map(field, numbers)
        return b"".join((
            LINK, previous, book, at, self.source, self.webhook_id, revision, sent_at, recorded_at,
            self.webhook_timestamp, self.webhook_signature, self.headers, self.verified_by,
            field(body_sha256 or self.body_sha256), self.salt,
        ))  # fmt: skip

    def follows(
        self,
        previous: bytes,
        book: bytes,
        position: int | None = None,
        body_sha256: bytes | None = None,
    ) -> bool:
        """Whether the row's link is the one after ``previous``; see ``preimage``."""
        return sha256(self.preimage(previous, book, position, body_sha256)).digest() == self.link


def field(value: bytes) -> bytes:
    """A field in the encoding of the chain."""
    return len(value).to_bytes(8, "big") + value


def content(encoded: bytes) -> bytes | None:
    """The value of an encoded field."""
    return None if encoded == _NULL else encoded[8:]


def parse_row(raw: bytes) -> Row:
    """Parse one row of ``proof/stretch`` without the header of the COPY.

    Raises:
        MalformedRowError: if a column has a length that it cannot have.
    """
    try:
        (
            _, n1, position, n2, revision, n3, sent_at, n4, recorded_at, n5, digest, n6, link,
        ) = _fixed.unpack_from(raw)  # fmt: skip
        if (n1, n2, n3, n4, n5, n6) != _LENGTHS:
            raise MalformedRowError
        at = _fixed.size
        fields = []
        for _ in range(_VARIABLE):
            (length,) = _int(raw, at)
            if length < 0:
                fields.append(_NULL)
                at += 4
            else:
                # the length of a field has 8 bytes; that of COPY, 4
                fields.append(_ZEROS + raw[at : (at := at + 4 + length)])
    except struct.error:
        raise MalformedRowError from None
    source, verified_by, stamp, salt, webhook_id, signature, headers, body = fields
    return Row(
        position, revision, sent_at + TO_1970, recorded_at + TO_1970, digest, link, source,
        webhook_id, stamp, signature, headers, verified_by, salt, body[8:],
    )  # fmt: skip


class Signer(Struct, frozen=True):
    """A webhook secret: the two halves of its HMAC, each begun."""

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
        name, stamp = content(row.verified_by), content(row.webhook_timestamp)
        signatures = content(row.webhook_signature)
        if row.source != _WEBHOOK:
            self.inapplicable += 1
            return True
        secret = secrets.get(name or b"")
        if secret is None:
            shown = (name or b"").decode(errors="replace")
            if shown not in self.unprovable and len(self.unprovable) >= _MOST_NAMES:
                shown = "others"
            self.unprovable[shown] = self.unprovable.get(shown, 0) + 1
            return True
        webhook_id = content(row.webhook_id) or b""
        try:
            whole = secret.signed(webhook_id, stamp or b"", signatures or b"", row.body)
        except ValueError:
            whole = False
        self.proved += whole
        return whole


_WEBHOOK = field(b"webhook")
