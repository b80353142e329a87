"""All errors of the HTTP endpoints, as RFC 9457 problems in one table."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from service.telemetry import request_ids

Send = Callable[[Any], Awaitable[None]]
"""ASGI's function for sending a message."""

MEDIA_TYPE = "application/problem+json"


class Kind(Struct, frozen=True):
    """One kind of problem.

    Attributes:
        name: the last part of the problem's type.
        status: the HTTP status.
        title: the title, the same in every response of this kind.
        meaning: when it occurs, and what the caller can do.
        retry_after: seconds until a retry may succeed, if it can.
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
            "bad-request", 400, "The request is malformed",
            "The request breaks a rule of HTTP or of this API; `detail` says which.",
        ),
        Kind(
            "invalid-parameter", 400, "A parameter is invalid",
            "`parameter` names it, `given` is its value, and `allowed` lists the valid values."
            " Unknown parameters are refused too, so that a misspelt filter is not ignored.",
        ),
        Kind(
            "signature-refused", 401, "The webhook's signature is invalid",
            "Nothing was stored. `detail` says what is wrong. Check that the book has the"
            " endpoint's secret, that no proxy alters the body, and that both clocks are right.",
        ),
        Kind(
            "unauthorized", 401, "A valid API key is required",
            "Send `Authorization: Bearer` and a key of the book; create one with `daybook keys"
            " create`. The response is the same whether or not the resource exists.",
        ),
        Kind(
            "scope-missing", 403, "The API key lacks a required scope",
            "`scope` names it. Create a key with this scope: `daybook keys create --scope`.",
        ),
        Kind(
            "cross-site", 403, "The request came from another site",
            "The console changes something only for a page of its own, as `Sec-Fetch-Site` or"
            " `Origin` tells. If a proxy changes the header `Host`, set `console_url`.",
        ),
        Kind(
            "sign-on-refused", 401, "The single sign-on was refused",
            "The console is opened by an assertion of your proxy, and this one opens nothing;"
            " `detail` says why. See `console_sso` in the configuration.",
        ),
        Kind(
            "not-admitted", 403, "The single sign-on opens no book",
            "The assertion is valid, but `console_sso.admit` in the configuration names neither"
            " this person nor a group of theirs.",
        ),
        Kind(
            "unknown-book", 404, "This book does not exist",
            "The path of the webhook names a book that is not configured.",
        ),
        Kind(
            "not-found", 404, "The resource was not found",
            "The key's book has no event of this resource, or the path does not exist. A webhook"
            " that was just acknowledged is visible as soon as `Daybook-Position` has reached its"
            " position.",
        ),
        Kind(
            "method-not-allowed", 405, "This method is not allowed",
            "The header `Allow` lists the allowed methods.",
        ),
        Kind(
            "request-timeout", 408, "The request was not complete in time",
            "Its head or its body did not arrive in time; nothing was stored. Send it again.",
        ),
        Kind(
            "book-was-restored", 409, "The position belongs to a history that was lost",
            "The database was restored to an earlier moment: later events were lost, and the same"
            " numbers now name other events. Your copy of this book may contain events that the"
            " book no longer has. `go_on_from` is the last position that is certainly in both"
            " histories: read the changes after it again, or try an older position that you"
            " stored; if it is accepted, continue from there. `head` is the current end of the"
            " book: continue after it if you read the lists again instead.",
        ),
        Kind(
            "already-running", 409, "Another one waits or runs",
            "One rebuild runs at a time, and one comparison of a book. `GET /v1/jobs` shows what"
            " waits and runs.",
        ),
        Kind(
            "not-configured", 409, "The book is not configured for this",
            "`detail` names the setting.",
        ),
        Kind(
            "body-too-large", 413, "The body is too large",
            "Nothing was stored. The limit of a webhook is `max_body_bytes` of the configuration,"
            " and of a question 1 MiB.",
        ),
        Kind(
            "too-many-events", 422, "Too many events for one response",
            "The response is folded from the events, and there are more than one query may read;"
            " `detail` says how many. For a history use a lower `limit`. The current state,"
            " without `as_of` and `known_at`, is always available.",
        ),
        Kind(
            "target-too-long", 414, "The path or the query is too long",
            "A path with its query may have 8 KiB, and each segment of a path 1,000 bytes.",
        ),
        Kind(
            "too-many-streams", 429, "Too many streams are open",
            "A key may have 8 streams of changes open per worker, and all keys together 100."
            " Close unused streams, or share one stream among all readers of the same book.",
            retry_after=10,
        ),
        Kind(
            "head-too-large", 431, "The request's head is too large",
            "The request line and the headers together may have 64 KiB; so may the framing of a"
            " chunked body.",
        ),
        Kind(
            "rate-limited", 429, "The API key has exceeded its rate limit",
            "The header `Retry-After` says when to retry. The limit is `requests_per_minute` of"
            " the configuration.",
        ),
        Kind(
            "internal-error", 500, "The service failed",
            "A defect of this service; the log has the error with the response's `request_id`.",
        ),
        Kind(
            "unavailable", 503, "The database is unavailable; try again",
            "The service recovers automatically. The provider resends its webhooks.",
            retry_after=2,
        ),
        Kind(
            "sign-on-unavailable", 503, "The single sign-on cannot be checked yet",
            "The keys of the assertion's issuer could not be read since the start. The log says"
            " why; the service tries again every ten seconds.",
            retry_after=10,
        ),
        Kind(
            "timeout", 503, "The database did not answer in time; try again",
            "A query was cancelled: it waited too long for a lock or a connection, or exceeded its"
            " timeout; `detail` says which. Nothing was changed.",
            retry_after=2,
        ),
        Kind(
            "busy", 503, "The service is overloaded; try again",
            "Too many webhooks wait to be recorded, or too many bytes of them to be verified:"
            " nothing was stored, and the provider resends them. Or too many queries read long"
            " histories, or too many connections are open.",
            retry_after=1,
        ),
        Kind(
            "behind", 503, "The read models do not reflect that position yet",
            "They did not reach `min_position` in time: retry, or use `stale=ok` to accept an older"
            " state. Or they have not come to `known_at` yet: retry. `GET /v1/projections` shows"
            " their lag.",
            retry_after=1,
        ),
        Kind(
            "shutting-down", 503, "The service is shutting down; try again",
            "The rest of the request did not arrive within the two seconds that are left during a"
            " shutdown. Nothing was stored. The provider resends webhooks.",
            retry_after=1,
        ),
        Kind(
            "not-ready", 503, "Not ready to serve",
            "The read models are being built after the first start or an update. Webhooks are"
            " recorded meanwhile.",
            retry_after=1,
        ),
    )
}  # fmt: skip

TYPE = "/problems/"
"""The prefix of every problem's type, which is the URL of its documentation."""

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
"""The kind of problem for each reason to refuse a webhook."""


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """An error that an endpoint answers with a problem document."""

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
        """The reason for refusing a webhook, one of ``REFUSALS``."""
        return str(self.extra.get("reason", self.kind.name))


def refusal(reason: str, detail: str) -> Problem:
    """The problem of a refused webhook; the reason is one of ``REFUSALS``."""
    return Problem(REFUSALS[reason], detail, reason=reason)


def invalid(reason: str, name: str, given: str, allowed: Iterable[str]) -> Problem:
    """The problem of an invalid parameter: the reason, its value, and what is allowed."""
    return Problem("invalid-parameter", reason, parameter=name, given=given, allowed=list(allowed))


def wrong(name: str, given: str, allowed: str) -> Problem:
    """The problem of a value that does not match the description ``allowed``."""
    return invalid(f"{name}: {given!r} is not a valid {allowed}.", name, given, (allowed,))


def render(problem: Problem) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a problem, with ``Retry-After`` if a retry can succeed."""
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
    """Send a problem without the framework."""
    named, content = render(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    headers += [(k.encode(), v.encode("latin-1")) for k, v in named.items()]
    await send_raw(send, problem.kind.status, headers, content)


async def send_raw(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], content: bytes
) -> None:
    """Send a response with these bytes by ASGI."""
    length = (b"content-length", b"%d" % len(content))
    await send({
        "type": "http.response.start", "status": status, "headers": [*headers, length],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": content, "more_body": False})
