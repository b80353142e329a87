"""One event's proof as one file, as C2SP has it: an inclusion proof and a checkpoint. Pure.

See https://c2sp.org/tlog-proof. Its ``extra`` is what the link of the event is the SHA-256 of, in
the encoding of ``service.store.chain``: all columns of the event, and its body's hash.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec import Struct

from service.proof.merkle import leaf_hash, root_from_inclusion
from service.proof.notes import Checkpoint, Key, NoteError, decode_base64, open_checkpoint
from service.store.chain import LINK

_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")
_HASH = 32
_MOST_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = (
    "book", "position", "source", "webhook_id", "revision", "sent_at", "recorded_at",
    "webhook_timestamp", "webhook_signature", "headers", "verified_by", "body_sha256", "salt",
)  # fmt: skip


class ProofError(ValueError):
    """A proof does not hold; the text says why."""


class Proved(Struct, frozen=True):
    """What a proof shows: the checkpoint that covers an event, and the event's columns."""

    checkpoint: Checkpoint
    link: bytes
    previous: bytes
    columns: dict[str, str | None]
    body_sha256: bytes


def encode_proof(extra: bytes, index: int, hashes: Sequence[bytes], note: str) -> str:
    """The text of a proof."""
    lines = [_FIRST, f"extra {b64encode(extra).decode()}", f"index {index}"]
    lines += [b64encode(one).decode() for one in hashes]
    return "\n".join([*lines, "", note])


def check_proof(text: str, keys: Sequence[Key]) -> Proved:
    """Check a proof with nothing but public keys.

    Raises:
        ProofError: if it does not hold.
    """
    head, separator, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > _MOST_BYTES or not separator or lines.pop(0) != _FIRST:
        raise ProofError(f"This is not a proof: its first line is not {_FIRST}.")
    extra = lines.pop(0) if lines else ""
    if not extra.startswith("extra ") or not lines:
        raise ProofError("The line 'extra', with what the link is computed from, is missing.")
    index = _INDEX.fullmatch(lines.pop(0))
    if index is None:
        raise ProofError("The line 'index' is missing.")
    preimage, hashes = _decode(extra.removeprefix("extra ")), [_decode(line) for line in lines]
    try:
        checkpoint = open_checkpoint(note, keys)
    except NoteError as error:
        raise ProofError(str(error)) from None
    previous, columns, digest = _columns(preimage)
    if columns["position"] != str(int(index[1]) + 1):
        raise ProofError("The event has another position than the proof is of.")
    link = sha256(preimage).digest()
    root = root_from_inclusion(leaf_hash(link), int(index[1]), checkpoint.size, hashes)
    if any(len(one) != _HASH for one in hashes) or root != checkpoint.root:
        raise ProofError("The event is not in the tree of the checkpoint: the roots differ.")
    return Proved(checkpoint, link, previous, columns, digest)


def _columns(preimage: bytes) -> tuple[bytes, dict[str, str | None], bytes]:
    """The previous link, the columns as text, and the hash of the body."""
    at = len(LINK) + _HASH
    if not preimage.startswith(LINK) or len(preimage) < at:
        raise ProofError("The line 'extra' has another encoding of an event than this version.")
    values: list[bytes | None] = []
    for _ in _NAMES:
        length, at = int.from_bytes(preimage[at : at + 8], "big"), at + 8
        if length == 2**64 - 1:
            values.append(None)
            continue
        values.append(preimage[at : at + length])
        at += length
    if at != len(preimage):
        raise ProofError("The line 'extra' is not whole.")
    columns = {name: _text(name, value) for name, value in zip(_NAMES, values, strict=True)}
    return preimage[len(LINK) : len(LINK) + _HASH], columns, values[11] or b""


def _text(name: str, value: bytes | None) -> str | None:
    if value is None:
        return None
    if name in {"body_sha256", "salt"}:
        return value.hex()
    text = value.decode(errors="replace")
    if name in {"sent_at", "recorded_at"}:
        try:
            return (_EPOCH + timedelta(microseconds=int(text))).isoformat()
        except (ValueError, OverflowError):
            raise ProofError(f"{name} is not a time.") from None
    return text


def _decode(text: str) -> bytes:
    try:
        return decode_base64(text)
    except NoteError:
        raise ProofError("A line of the proof is not base64.") from None
