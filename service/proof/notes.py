"""Signed notes and checkpoints, as C2SP has them: text and Ed25519 signatures. Pure.

See https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint. A public key is written as
its name, its id and its bytes: ``name+hash+base64``.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

_ED25519 = b"\x01"
_KEY_BYTES = 32
_MOST_BYTES = 1 << 20
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """A note, a key or a checkpoint is not what it should be; the text says why."""


class Key(Struct, frozen=True):
    """A public key and its name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that name it in a signature."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """As it is kept elsewhere, and given to verifiers."""
        return f"{self.name}+{self.id.hex()}+{b64encode(_ED25519 + self.public).decode()}"


class Checkpoint(Struct, frozen=True):
    """The size of a log and the root of its Merkle tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse_key(text: str) -> Key:
    """Parse a public key.

    Raises:
        NoteError: if it is not one.
    """
    name, _, rest = text.strip().partition("+")
    number, _, encoded = rest.partition("+")
    content = decode_base64(encoded)
    if content[:1] != _ED25519 or len(content) != 1 + _KEY_BYTES:
        raise NoteError("The key is not an Ed25519 key: name+hash+base64, as daybook prints it.")
    key = Key(name, content[1:])
    if not name or any(c.isspace() for c in name) or number != key.id.hex():
        raise NoteError("The key's name and its hash do not fit together. Copy it again.")
    return key


def sign(text: str, name: str, private: Ed25519PrivateKey) -> str:
    """The note of a text, signed under a name."""
    key = Key(name, private.public_key().public_bytes_raw())
    signature = b64encode(key.id + private.sign(text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def open_note(note: str, keys: Sequence[Key]) -> str:
    """The text of a note, if one of the keys has signed it and no signature of theirs is wrong.

    Raises:
        NoteError: if that is not so.
    """
    if len(note) > _MOST_BYTES or _CONTROL.search(note):
        raise NoteError("This is not a note: it is too long, or has control characters.")
    text, separator, lines = note.rpartition("\n\n")
    signatures = [_LINE.fullmatch(line) for line in lines.removesuffix("\n").split("\n")]
    if not separator or not note.endswith("\n") or not all(signatures):
        raise NoteError("This is not a signed note: text, an empty line, and signatures.")
    text += "\n"
    verified = [_verified(text, match, keys) for match in signatures if match is not None]
    if not any(verified):
        known = ", ".join(sorted({key.name for key in keys})) or "none"
        raise NoteError(f"None of the keys has signed this note; keys: {known}.")
    return text


def _verified(text: str, line: re.Match[str], keys: Sequence[Key]) -> bool:
    content = decode_base64(line[2])
    for key in keys:
        if key.name == line[1] and key.id == content[:4]:
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(content[4:], text.encode())
            except InvalidSignature:
                raise NoteError(f"The signature of {key.name} is wrong.") from None
            return True
    return False


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a text, or a note of it, tells; its signatures are not verified.

    Raises:
        NoteError: if it tells none.
    """
    lines = text.split("\n")
    if len(lines) <= 3 or not lines[0] or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004
        raise NoteError("This is not a checkpoint: origin, size and root hash, a line each.")
    root = decode_base64(lines[2])
    if len(root) != sha256().digest_size:
        raise NoteError("The root hash of this checkpoint is not of SHA-256.")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint of a note that one of the keys has signed, under the name of its origin.

    Raises:
        NoteError: if there is none.
    """
    checkpoint = parse_checkpoint(open_note(note, keys))
    if checkpoint.origin not in {key.name for key in keys}:
        raise NoteError(f"None of the keys is that of the origin {checkpoint.origin}.")
    return checkpoint


def decode_base64(text: str) -> bytes:
    """Decode base64 in its one canonical form: no two texts have the same bytes.

    Raises:
        NoteError: if it is another text.
    """
    try:
        content = b64decode(text, validate=True)
    except (Base64Error, ValueError):
        content = b""
    if b64encode(content).decode() != text:
        raise NoteError("This is not base64.")
    return content
