"""Reads single resources by their ids, and tells one that cannot be read from an outage."""

from msgspec import structs

from service.provider.client import Patience, Provider, Reply
from service.provider.errors import (
    LimitedError,
    ProviderError,
    UnexpectedAnswerError,
    UnreachableError,
    WrongKeyError,
)
from service.provider.kinds import Kind
from service.provider.page import id_of
from service.provider.readings import Reading

_FAILING_SECONDS = 30.0
"""So long one resource is retried before it is asked whether the provider answers at all."""

_MOST_IN_A_ROW = 20
"""After so many failures without a success it is an outage, whatever else is answered."""


class ReaderById:
    """Reads resources one by one, or several at once, with the same patience for each."""

    def __init__(self, provider: Provider, patience: Patience) -> None:
        self._provider = provider
        self._patience = patience
        self._brief = structs.replace(patience, failing=min(_FAILING_SECONDS, patience.failing))
        self._failed = 0

    async def read(self, kind: Kind, identity: str) -> Reading:
        """One resource.

        Raises:
            NotFoundError: if the provider does not have it.
            UnexpectedAnswerError: if this one cannot be read, and others can.
            ProviderError: if none can be read.
        """
        path = kind.path_of(identity)
        try:
            reply = await self._reply(kind, path)
        except (UnreachableError, LimitedError):
            raise
        except ProviderError:
            self._failed = 0
            raise
        self._failed = 0
        return whole(kind, identity, reply)

    async def _reply(self, kind: Kind, path: str) -> Reply:
        try:
            return await self._provider.get(path, patience=self._brief)
        except UnreachableError:
            self._failed += 1
            if self._failed > _MOST_IN_A_ROW:
                raise
        await self._await_provider(kind)
        try:
            return await self._provider.get(path, patience=self._brief)
        except UnreachableError as error:
            text = f"The provider answers other requests, but not {path}: {error}"
            raise UnexpectedAnswerError(text, 500) from error

    async def _await_provider(self, kind: Kind) -> None:
        """Wait until the provider answers at all.

        Raises:
            ProviderError: if it does not.
        """
        first = {"page_number": 0, "page_size": 1}
        try:
            await self._provider.get(kind.list_path, first, patience=self._patience)
        except WrongKeyError as error:
            if error.everywhere:
                raise
        except (UnreachableError, LimitedError):
            raise
        except ProviderError:
            return


def whole(kind: Kind, identity: str, reply: Reply) -> Reading:
    """The reading of a resource that was asked for by its id.

    Raises:
        UnexpectedAnswerError: if the answer is of something else: it says nothing of the resource.
    """
    try:
        named = id_of(reply.body, kind.id_field)
    except ValueError as error:
        text = f"The answer to {reply.path} is not as documented: it {error}."
        raise UnexpectedAnswerError(text, reply.status) from None
    if named != identity:
        text = f"The answer to {reply.path} is of another resource, {named}."
        raise UnexpectedAnswerError(text, reply.status)
    return Reading(kind, identity, reply.body, reply)
