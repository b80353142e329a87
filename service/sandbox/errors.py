"""Errors in the provider's form: a code and a message."""

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import Struct


class ErrorBody(Struct, frozen=True):
    """The body of an error."""

    code: str
    message: str


class ApiError(Exception):
    """An answer other than 2xx.

    Args:
        status: the HTTP status.
        message: what is wrong, and what to do.
        code: the provider's code; by default the name of the status.
        headers: more headers of the response.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code or HTTPStatus(status).name, message)
        self.headers = dict(headers or {})


def not_found(what: str) -> ApiError:
    """The error of a resource or a path that does not exist."""
    return ApiError(404, f"{what} does not exist.")
