"""The public keys of an issuer, as its JSON Web Key Set has them now.

They are read again every ten minutes, and when an assertion names a key that is not among them:
that is how an issuer changes its keys. A stranger may name any key, so not more often than every
ten seconds. While the set cannot be read, the last ones stay.
"""

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from msgspec import Struct

from service.setting_checks import is_loopback

MAX_BYTES = 256 << 10
"""The longest set of keys that is read."""

_MOST_KEYS = 100
_SECONDS = 5.0
"""How long reading may take, from the first byte sent to the last one received."""

_EVERY_SECONDS = 600.0
_PAUSE_SECONDS = 10.0
_MIN_RSA_BITS = 2048

_KINDS: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
"""None of them is symmetric."""

_log = structlog.get_logger(__name__)


class KeysError(Exception):
    """The keys cannot be read; the text says why."""


class _Set(Struct):
    keys: list[dict[str, Any]]


class IssuerKeys:
    """The keys at a URL or in a file, read at most once in ``pause`` seconds."""

    def __init__(self, source: str, pause: float = _PAUSE_SECONDS) -> None:
        self._source = source
        self._pause = pause
        self._keys: dict[str | None, Key] = {}
        self._tried, self._due = -pause, 0.0
        self._reading = asyncio.Lock()

    @property
    def are_known(self) -> bool:
        """Whether the keys could be read once."""
        return bool(self._keys)

    async def find(self, key_id: str | None) -> Key | None:
        """The key with this id; without an id, the only key there is."""
        found = self._known(key_id)
        if found is None:
            await self.refresh()
            found = self._known(key_id)
        return found

    async def keep_fresh(self) -> None:
        """Read the keys again, if it is time."""
        if time.monotonic() >= self._due:
            await self.refresh()

    async def refresh(self) -> None:
        """Read the keys, unless somebody just did; failing that, the last ones stay."""
        asked = time.monotonic()
        async with self._reading:
            # those who waited here take what the one before has read
            if self._tried > asked - self._pause:
                return
            try:
                keys = _import(await _read(self._source))
            except KeysError as error:
                _log.warning("sign-on keys not read", reason=str(error), kept=len(self._keys))
                every = self._pause
            else:
                self._keys, every = keys, _EVERY_SECONDS
            self._tried = time.monotonic()
            self._due = self._tried + every

    def _known(self, key_id: str | None) -> Key | None:
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)


async def _read(source: str) -> bytes:
    try:
        async with asyncio.timeout(_SECONDS):
            if "://" in source:
                return await _fetch(source)
            return await asyncio.to_thread(_read_file, Path(source))
    except TimeoutError:
        raise KeysError(f"no complete answer within {_SECONDS:.0f} s") from None


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeysError(f"the file cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise KeysError(f"more than {MAX_BYTES} bytes")
    return content


async def _fetch(url: str) -> bytes:
    content = bytearray()
    # a compressed answer could inflate without limit
    headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "daybook"}
    trust_env = not is_loopback(urlsplit(url).hostname)
    try:
        async with (
            httpx.AsyncClient(headers=headers, timeout=_SECONDS, trust_env=trust_env) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise KeysError(f"the issuer answered {answer.status_code}")
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise KeysError(f"more than {MAX_BYTES} bytes")
    except httpx.HTTPError as error:
        raise KeysError(f"the issuer cannot be reached: {type(error).__name__}") from None
    return bytes(content)


def _import(content: bytes) -> dict[str | None, Key]:
    """The keys by their ids, without those that verify no signature here."""
    try:
        found = msgspec.json.decode(content, type=_Set).keys
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise KeysError("not a JSON Web Key Set") from None
    keys: dict[str | None, Key] = {}
    for one in found[:_MOST_KEYS]:
        key = _import_one(one)
        if key is not None:
            keys.setdefault(key.kid, key)
    if not keys:
        raise KeysError("no key among them verifies signatures")
    return keys


def _import_one(one: dict[str, Any]) -> Key | None:
    kind = _KINDS.get(str(one.get("kty")))
    if kind is None or one.get("use", "sig") != "sig":
        return None
    if kind is RSAKey and len(str(one.get("n"))) * 6 < _MIN_RSA_BITS:
        # what signs with a shorter one may not be the issuer
        return None
    try:
        return kind.import_key(one)
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
