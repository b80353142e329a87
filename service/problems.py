"""Every error that the HTTP doors answer, as RFC 9457 problems, in one table."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from service.telemetry import request_ids

Send = Callable[[Any], Awaitable[None]]
"""What a message is sent with, as ASGI has it."""

MEDIA_TYPE = "application/problem+json"


class Kind(Struct, frozen=True):
    """One kind of problem.

    Attributes:
        name: the last part of its type.
        status: the HTTP status.
        title: the same in every answer of this kind.
        meaning: when it is answered, and what the caller can do.
        retry_after: after how many seconds to try again, where that helps.
    """

    name: str
    status: int
    title: str
    meaning: str
    retry_after: int | None = None


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "bad-request", 400, "The request is not understood",
            "The request breaks a rule of HTTP or of this API; `detail` says which.",
        ),
        Kind(
            "invalid-parameter", 400, "A parameter is not understood",
            "`parameter` names it, `given` is what came, `allowed` lists what may come. Parameters"
            " that are not known are refused too, so that a misspelt filter is not overlooked.",
        ),
        Kind(
            "signature-refused", 401, "The webhook's signature does not hold",
            "Nothing was stored. `detail` says what is wrong. Check that the book has the"
            " endpoint's secret, that nothing on the way alters the body, and both clocks.",
        ),
        Kind(
            "unauthorized", 401, "A valid API key is needed",
            "Send `Authorization: Bearer` and a key of the book, made with `daybook keys create`."
            " The answer is the same whether or not what was asked for exists.",
        ),
        Kind(
            "scope-missing", 403, "The API key lacks the scope that this needs",
            "`scope` names it. Make a key that has it: `daybook keys create --scope`.",
        ),
        Kind(
            "unknown-book", 404, "There is no such book",
            "The path of the webhook names a book that is not configured.",
        ),
        Kind(
            "not-found", 404, "There is nothing here",
            "No event in the key's book tells of what was asked for, or there is no such path. A"
            " webhook that has just been acknowledged shows as soon as `Daybook-Position` has"
            " reached its position.",
        ),
        Kind(
            "method-not-allowed", 405, "This method is not allowed here",
            "The header `Allow` names the methods that are.",
        ),
        Kind(
            "request-timeout", 408, "The request did not come to its end in time",
            "Its head or its body was not here in time; nothing was stored. Send it again.",
        ),
        Kind(
            "book-was-restored", 409, "The position belongs to a history that was lost",
            "The database was restored to an earlier moment: what came after it was lost, and the"
            " same numbers name other events now. What you keep from this book may show events"
            " that it no longer has. `go_on_from` is the last position that is certainly in both"
            " histories: read the changes again after it, or try an older position that you kept;"
            " where that is accepted, it serves as well. `head` is where the book ends now: go on"
            " after it if you read the lists again instead.",
        ),
        Kind(
            "body-too-large", 413, "The body is over the limit",
            "Nothing was stored. The limit is `max_body_bytes` of the configuration.",
        ),
        Kind(
            "too-many-events", 422, "Too many events for one answer",
            "The answer is folded from the events, and there are more than one question may cost;"
            " `detail` says how many. A history takes a lower `limit`; what is so now, without"
            " `as_of` and `known_at`, is always answered.",
        ),
        Kind(
            "target-too-long", 414, "The path or the query is too long",
            "A path with its query has 8 KiB, and each part of a path 1,000 bytes.",
        ),
        Kind(
            "too-many-streams", 429, "Too many streams are open",
            "A key may have 8 streams of changes open in each worker, and all keys together 100."
            " Close those that nobody reads, or share one among those who wait for the same book.",
            retry_after=10,
        ),
        Kind(
            "head-too-large", 431, "The request's head is too large",
            "The request line and the headers together have 64 KiB; so has what a chunked body"
            " holds beside its data.",
        ),
        Kind(
            "rate-limited", 429, "The API key has asked too often",
            "The header `Retry-After` says when to ask again. The limit is the configuration's.",
        ),
        Kind(
            "internal-error", 500, "Something went wrong on our side",
            "A defect of this service; its log has the error, with the `request_id` of the answer.",
        ),
        Kind(
            "unavailable", 503, "The database is away; try again",
            "The service recovers by itself. The provider sends its webhooks again.",
            retry_after=2,
        ),
        Kind(
            "timeout", 503, "The database did not answer in time; try again",
            "A question was cut off: it waited for a lock or a connection, or took longer than"
            " questions of its kind may; `detail` says which. Nothing was changed.",
            retry_after=2,
        ),
        Kind(
            "busy", 503, "More is waiting than can be taken; try again",
            "Of a webhook nothing was stored, and the provider sends it again: too many wait to be"
            " recorded, or too many bytes of them to be verified. A question was one of many about"
            " long histories. Or too many connections are open.",
            retry_after=1,
        ),
        Kind(
            "behind", 503, "The read models do not reflect that position yet",
            "They did not come to `min_position` in time: ask again, or with `stale=ok` for the"
            " older answer. `GET /v1/projections` shows how far they are behind.",
            retry_after=1,
        ),
        Kind(
            "shutting-down", 503, "The service is ending; try again",
            "The rest of the request did not come in the two seconds that an ending service gives"
            " it. Nothing was stored. The provider sends a webhook again.",
            retry_after=1,
        ),
        Kind(
            "not-ready", 503, "Not ready to serve",
            "The read models are being built, after the first start or an update. Webhooks are"
            " recorded meanwhile.",
            retry_after=1,
        ),
    )
}  # fmt: skip

TYPE = "/problems/"
"""What every problem's type begins with; behind it, its documentation is answered."""

REFUSALS = {
    "missing-header": "signature-refused",
    "repeated-header": "signature-refused",
    "bad-request": "bad-request",
    "target-too-long": "target-too-long",
    "bad-timestamp": "signature-refused",
    "stale-timestamp": "signature-refused",
    "malformed-signature": "signature-refused",
    "unknown-signature": "signature-refused",
    "other-book": "signature-refused",
    "unknown-book": "unknown-book",
    "method-not-allowed": "method-not-allowed",
    "request-timeout": "request-timeout",
    "body-too-large": "body-too-large",
    "internal-error": "internal-error",
    "unavailable": "unavailable",
    "busy": "busy",
}
"""Every reason for which a webhook is refused, and the kind of problem that answers it."""


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised anywhere behind a door, answered as a problem document."""

    def __init__(
        self, name: str, detail: str, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.kind = KINDS[name]
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    @property
    def reason(self) -> str:
        """Why a webhook was refused, in a word."""
        return str(self.extra.get("reason", self.kind.name))


def refused(reason: str, detail: str) -> Problem:
    """A refusal of a webhook, for one of ``REFUSALS``."""
    return Problem(REFUSALS[reason], detail, reason=reason)


def invalid(reason: str, name: str, given: str, allowed: Iterable[str]) -> Problem:
    """The refusal of a parameter: why, what came, and what is allowed."""
    return Problem("invalid-parameter", reason, parameter=name, given=given, allowed=list(allowed))


def wrong(name: str, given: str, allowed: str) -> Problem:
    """The refusal of a value that is not what ``allowed`` describes."""
    return invalid(f"{name}: {given!r} is no {allowed}.", name, given, (allowed,))


def rendered(problem: Problem) -> tuple[dict[str, str], bytes]:
    """The headers and the problem document; ``Retry-After`` where trying again helps."""
    kind = problem.kind
    document = {
        "type": TYPE + kind.name,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        **problem.extra,
    }
    if kind.name == "internal-error":
        document["request_id"] = request_ids.current()
    headers = {"cache-control": "no-store", **problem.headers}
    retry_after = problem.extra.get("retry_after", kind.retry_after)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    if kind.name == "unauthorized":
        headers["www-authenticate"] = "Bearer"
    return headers, msgspec.json.encode(document)


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer a problem where the framework does not."""
    named, content = rendered(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    headers += [(k.encode(), v.encode("latin-1")) for k, v in named.items()]
    await send_raw(send, problem.kind.status, headers, content)


async def send_raw(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], content: bytes
) -> None:
    """Answer with these bytes, as ASGI wants it."""
    length = (b"content-length", b"%d" % len(content))
    await send({
        "type": "http.response.start", "status": status, "headers": [*headers, length],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": content, "more_body": False})
