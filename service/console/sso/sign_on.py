"""From a request to the books that a proxy's assertion opens, or why it opens none.

Nothing is kept between requests: each has its own assertion, and is looked at by the configuration
of that moment. So a session ends with its assertion, or with a reload that admits its person no
more.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from litestar import Litestar
from litestar.types import Scope
from msgspec import Struct

from service.console.sessions import Holder
from service.console.sso.admitting import admitted
from service.console.sso.assertions import (
    MAX_BYTES,
    REASONS,
    Person,
    Refused,
    person,
    read_signed,
)
from service.console.sso.issuer_keys import IssuerKeys
from service.http.protocol import peer_of
from service.sso_settings import ConsoleSso
from service.telemetry import metrics

_TICK_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class SignedOn(Struct, frozen=True):
    """What came of the assertion of a request.

    ``refused`` is one of ``assertions.REASONS``, or None; then ``person`` is each of the holders.
    """

    holders: dict[str, Holder]
    person: str = ""
    refused: str | None = None


class SignOn:
    """The console's single sign-on, if it is configured."""

    def __init__(self, settings: ConsoleSso | None, trusted: Sequence[str]) -> None:
        self._trusted = [ip_network(network) for network in trusted]
        self._keys: IssuerKeys | None = None
        self._settings: ConsoleSso | None = None
        self.configure(settings)

    def configure(self, settings: ConsoleSso | None) -> None:
        """Look at all requests from now on by these settings."""
        source = settings.jwks if settings else None
        if source != (self._settings.jwks if self._settings else None):
            self._keys = IssuerKeys(source) if source else None
        self._settings = settings
        if settings is not None:
            metrics.count_sign_ons_from_zero(REASONS)

    @property
    def takes_keys(self) -> bool:
        """Whether API keys and links open the console."""
        return self._settings is None or self._settings.api_keys

    @property
    def sign_out_url(self) -> str | None:
        """Where one signs out of the proxy."""
        return self._settings.sign_out_url if self._settings else None

    async def follow(self) -> None:
        """Keep the issuer's keys up to date, until cancelled."""
        while True:
            if self._keys is not None:
                await self._keys.keep_fresh()
            await asyncio.sleep(_TICK_SECONDS)

    async def find(self, scope: Scope, books: Collection[str]) -> SignedOn | None:
        """What the request's assertion opens of these books; None if it has no assertion."""
        settings = self._settings
        if settings is None:
            return None
        given = _values(scope, settings.header)
        if not given:
            return None
        try:
            return await self._signed_on(scope, settings, given, books)
        except Refused as refused:
            _log.warning("sign-on refused", reason=refused.reason)
            metrics.count_sign_on_refused(refused.reason)
            return SignedOn({}, refused=refused.reason)

    async def _signed_on(
        self, scope: Scope, settings: ConsoleSso, given: list[bytes], books: Collection[str]
    ) -> SignedOn:
        found = await self._person(scope, settings, given)
        opened = admitted(found, settings.admit)
        holders = {
            book: Holder(book, None, scopes, found.name, found.name)
            for book, scopes in opened.items()
            if book in books
        }
        if not holders:
            raise Refused("not-admitted")
        return SignedOn(holders, found.name)

    async def _person(self, scope: Scope, settings: ConsoleSso, given: list[bytes]) -> Person:
        if not settings.signed and not self._is_trusted(peer_of(scope)):
            raise Refused("untrusted-address")
        if len(given) > 1:
            raise Refused("repeated")
        if len(given[0]) > MAX_BYTES:
            raise Refused("too-large")
        if self._keys is None:
            groups = _values(scope, settings.groups)
            # the one that the proxy has set could not be told from the sender's own
            if len(groups) > 1:
                raise Refused("repeated")
            named = b"".join(groups).decode("latin-1").split(",")
            return person(_text(given[0]), [group.strip() for group in named])
        # as oauth2-proxy sends it
        assertion = given[0].removeprefix(b"Bearer ").strip()
        return await read_signed(assertion, settings, self._keys, int(time.time()))

    def _is_trusted(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._trusted)


def provide_sign_on(app: Litestar, sign_on: SignOn) -> None:
    """Give an application its single sign-on, when it starts."""
    app.state.sign_on = sign_on


def sign_on_of(app: Litestar) -> SignOn:
    """The single sign-on of an application that was started."""
    provided: SignOn = app.state.sign_on
    return provided


def _values(scope: Scope, header: str) -> list[bytes]:
    name = header.lower().encode()
    return [value for key, value in scope["headers"] if key.lower() == name]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused("no-person") from None
