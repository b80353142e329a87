"""Which answers of the provider can be used; the others are errors that say what to do."""

import codecs
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from domain.legible import UNREADABLE, readable
from service.provider.errors import (
    BrokenAnswerError,
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
_UNAUTHORIZED = 401
_REFUSED = (_UNAUTHORIZED, 403)
_NOT_FOUND = 404
_LIMITED = 429
_SERVER_ERROR = 500


_RAW = msgspec.json.Decoder(msgspec.Raw)


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
        """Accept an answer of status 2xx whose body is a document in JSON, not compressed.

        Single values of it may be such as no parser accepts: bytes that are no UTF-8, NaN.

        Raises:
            ProviderError: for any other, by its kind.
        """
        self.check_status(status, target, body)
        path, setting = target.partition("?")[0], f"`provider.url` of book {self._name!r}"
        encoded = _is_encoded(headers)
        if status == _NO_CONTENT and not encoded:
            return
        if encoded or not _begins_as_json(body):
            text = (
                f"{self._url} answers {path} with something else than JSON. Check the {setting},"
                " and proxies in between."
            )
            raise UnexpectedAnswerError(text, status)
        if not _is_whole(body):
            text = f"{self._url} answers {path} with JSON that has no end, or is broken otherwise."
            raise BrokenAnswerError(text, status)

    def check_file(
        self, status: int, headers: Mapping[str, str], target: str, body: bytes, media_type: str
    ) -> None:
        """Accept an answer of status 2xx that is a file of this media type, not compressed.

        Raises:
            ProviderError: for any other, by its kind.
        """
        self.check_status(status, target, body)
        given = headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != media_type or _is_encoded(headers):
            text = f"The provider answers {target} with {given or 'nothing'}, not {media_type}."
            raise UnexpectedAnswerError(text, status)

    def check_status(self, status: int, target: str, body: bytes) -> None:
        """Accept an answer of status 2xx.

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
                " API Keys.",
                everywhere=status == _UNAUTHORIZED,
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

    def _said(self, body: bytes) -> str:
        """What the provider says about an error, to be put into a sentence."""
        try:
            message = msgspec.json.decode(body, type=_Refusal).message
        except UNREADABLE:
            return ""
        if self._api_key is not None:
            message = message.replace(self._api_key.get_secret_value(), MASK)
        return f': "{message[:_EXCERPT]}"' if message else ""


def _is_encoded(headers: Mapping[str, str]) -> bool:
    return headers.get("content-encoding", "identity") != "identity"


def _begins_as_json(body: bytes) -> bool:
    return body.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in {b"{", b"["}


def _is_whole(body: bytes) -> bool:
    """Whether a body is JSON but for single values, which cost nothing but themselves."""
    try:
        _RAW.decode(body)
    except UNREADABLE:
        pass
    else:
        return True
    try:
        _RAW.decode(readable(body)[0])
    except UNREADABLE:
        return False
    return True
