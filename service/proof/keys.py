"""The signing key of an installation: made once, and kept with the service's secrets.

It comes from ``signing_key`` in the settings, or from a file of the data directory that only this
account can read. Next to it stands the last checkpoint that was signed with it, for each origin: a
database that was restored does not know it any more.
"""

import fcntl
import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.proof.notes import parse_checkpoint
from service.settings import Settings, SettingsError

FILE = "signing-key"
"""The file of the data directory that holds the key."""

_SIGNED = "signed-checkpoints"
_BYTES = 32


class Signer:
    """The signing key, and what was signed with it."""

    def __init__(self, seed: bytes, directory: Path | None) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes_raw()
        self._directory = directory

    def signed(self, origin: str) -> str | None:
        """The last note that was signed for an origin, if it is known here."""
        if self._directory is None:
            return None
        try:
            return self._path(self._directory, origin).read_text("utf-8")
        except FileNotFoundError:
            return None

    def remember(self, origin: str, note: str) -> None:
        """Keep a note, durably, before anybody else sees it."""
        if self._directory is None:
            return
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._path(self._directory, origin)
        with path.with_suffix(".lock").open("w") as lock:
            # another process may have signed a larger one since
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self.signed(origin)
            if kept is None or parse_checkpoint(kept).size < parse_checkpoint(note).size:
                write_durably(path, note.encode())

    @staticmethod
    def _path(directory: Path, origin: str) -> Path:
        return directory / (origin.replace("/", "_") + ".checkpoint")


def load_signer(settings: Settings, *, create: bool = False) -> Signer | None:
    """The signing key of this installation; None if it has none and ``create`` is not given.

    Raises:
        SettingsError: if the file cannot be read or made, or is not a key.
    """
    if settings.signing_key is not None:
        directory = settings.data_dir / _SIGNED if settings.data_dir.is_dir() else None
        return Signer(b64decode(settings.signing_key.get_secret_value()), directory)
    path = settings.data_dir / FILE
    try:
        if create and not path.exists():
            _make(path)
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise SettingsError(f"The signing key {path} cannot be used: {reason}.") from None
    try:
        seed = b64decode(text.strip(), validate=True)
    except (Base64Error, ValueError):
        seed = b""
    if len(seed) != _BYTES:
        raise SettingsError(f"The signing key {path} is not one: it must be base64 of 32 bytes.")
    return Signer(seed, settings.data_dir / _SIGNED)


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{secrets.token_hex(4)}")
    write_durably(draft, b64encode(secrets.token_bytes(_BYTES)) + b"\n", exclusive=True)
    # whichever process comes second takes the key of the first
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def write_durably(
    path: Path, content: bytes, *, exclusive: bool = False, mode: int = 0o600
) -> None:
    """Replace a file at once and wait for the disk; by default only this account can read it."""
    draft = path if exclusive else path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else os.O_TRUNC)
    descriptor = os.open(draft, flags, mode)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not exclusive:
        draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
