"""Connects a book with the provider: a webhook endpoint with every type, and its secret."""

from msgspec import Struct

from service.provider import endpoints
from service.provider.client import Provider
from service.provider.endpoints import Endpoint


class Connection(Struct, frozen=True):
    """What was done at the provider, or would be done.

    ``endpoint`` is as it was before; None if it had to be created. ``others`` have the same URL, so
    that webhooks arrive more than once. ``secret`` is None if nothing was to be done.
    """

    endpoint: Endpoint | None
    others: tuple[Endpoint, ...]
    secret: str | None

    @property
    def complete(self) -> bool:
        """Whether the endpoint was there, enabled and subscribed to every type."""
        return self.endpoint is not None and not (
            self.endpoint.disabled or self.endpoint.missing_types
        )


async def connect(provider: Provider, url: str, *, dry_run: bool) -> Connection:
    """Make sure that webhooks of every known type are sent to ``url``.

    An endpoint with this URL is kept: types are added and none is removed, and it is enabled.
    Repeating it changes nothing.

    Args:
        provider: the client; its key needs write access if there is something to do.
        url: the public URL of the book's webhook endpoint.
        dry_run: only look.

    Raises:
        ProviderError: by its kind. ``WrongKeyError`` before anything was changed, if the key is not
            one of the book's mode.
    """
    existing, _ = await endpoints.list_endpoints(provider)
    same = endpoints.with_url(existing, url)
    endpoint = same[0] if same else None
    found = Connection(endpoint, tuple(same[1:]), None)
    if dry_run:
        return found
    if endpoint is None:
        current = await endpoints.create_endpoint(provider, url)
    else:
        current = endpoint
        if not found.complete:
            await endpoints.complete_endpoint(provider, endpoint)
    secret = await endpoints.read_secret(provider, current)
    return Connection(endpoint, found.others, secret)
