"""Which answers of the provider can be used; the others are errors that say what to do."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from service.provider.errors import (
    LimitedError,
    NotFoundError,
    UnexpectedAnswerError,
    UnreachableError,
    WrongKeyError,
)
from service.settings import Book
from service.telemetry.sanitize import MASK

_EXCERPT = 200

_NO_CONTENT = 204
_OK = range(200, 300)
_REDIRECTS = range(300, 400)
_REFUSED = (401, 403)
_NOT_FOUND = 404
_LIMITED = 429
_SERVER_ERROR = 500


class _Refusal(Struct):
    message: str = ""


class Answers:
    """Judges the answers that the provider gives for one book."""

    def __init__(self, name: str, book: Book) -> None:
        self._name = name
        self._mode = book.mode
        self._url = book.provider_url
        self._api_key = book.provider.api_key

    def check(self, status: int, headers: Mapping[str, str], target: str, body: bytes) -> None:
        """Accept an answer of status 2xx whose body is JSON, not compressed.

        Raises:
            ProviderError: for any other, by its kind.
        """
        said, path = self._said(body), target.partition("?")[0]
        setting = f"`provider.url` of book {self._name!r}"
        if status in _REFUSED:
            raise WrongKeyError(
                f"The provider refuses the API key of book {self._name!r} ({status}){said}. It"
                f" must be a key of {self._mode} mode for {self._url}; to change something there,"
                " it needs write access. Create one in the provider's dashboard under Developer >"
                " API Keys."
            )
        if status == _NOT_FOUND:
            raise NotFoundError(f"The provider does not have {path}{said}.")
        if status == _LIMITED:
            raise LimitedError(
                f"The provider limits the rate (429){said}. Try again later, or lower"
                f" `provider.requests_per_minute` of book {self._name!r}."
            )
        if status >= _SERVER_ERROR:
            raise UnreachableError(f"{self._url} fails ({status}){said}. Try again later.")
        if status in _REDIRECTS:
            text = f"{self._url} redirects ({status}), which is not followed. Check the {setting}."
            raise UnexpectedAnswerError(text, status)
        if status not in _OK:
            text = f"The provider refuses {path} ({status}){said}."
            raise UnexpectedAnswerError(text, status)
        encoded = headers.get("content-encoding", "identity") != "identity"
        if encoded or not (_is_json(body) or status == _NO_CONTENT):
            text = (
                f"{self._url} answers {path} with something else than JSON. Check the {setting},"
                " and proxies in between."
            )
            raise UnexpectedAnswerError(text, status)

    def _said(self, body: bytes) -> str:
        """What the provider says about an error, to be put into a sentence."""
        try:
            message = msgspec.json.decode(body, type=_Refusal).message
        except msgspec.MsgspecError:
            return ""
        if self._api_key is not None:
            message = message.replace(self._api_key.get_secret_value(), MASK)
        return f': "{message[:_EXCERPT]}"' if message else ""


def _is_json(body: bytes) -> bool:
    try:
        body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except (UnicodeDecodeError, msgspec.MsgspecError):
        return False
    return True
