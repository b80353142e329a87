"""Who asks: an API key in ``Authorization: Bearer`` opens the book that it belongs to."""

from typing import Any

from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from msgspec import Struct

from service import keys
from service.problems import Problem


class Caller(Struct, frozen=True):
    """An authenticated caller: everything they see is of this book."""

    book: str


class KeyMiddleware(AbstractAuthenticationMiddleware):
    """Answers 401 before anything else is looked at."""

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """The caller whom the key belongs to.

        Raises:
            Problem: ``unauthorized``, whatever is wrong with the key.
        """
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Problem("unauthorized", "Send 'Authorization: Bearer' and an API key.")
        async with connection.app.state.pool.connection() as conn:
            book = await keys.book_of(conn, key.strip())
        if book is None:
            raise Problem("unauthorized", "This API key is not known, or was revoked.")
        return AuthenticationResult(user=Caller(book), auth=None)
