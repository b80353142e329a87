"""Errors as pages, in the same surroundings as everything else."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import NotFoundException
from litestar.response import Template
from msgspec import Struct

from service.console.responses import HEADERS, ROOT
from service.console.view import frame_of
from service.http.errors import problem_of
from service.problems import Problem
from service.telemetry import request_ids


class ErrorPage(Struct, frozen=True):
    """What went wrong, and what to do."""

    status: int
    title: str
    detail: str
    meaning: str
    request_id: str | None


def is_below(path: str) -> bool:
    """Whether a path is the console's."""
    return f"{path}/".startswith(f"{ROOT}/")


def show_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer any error with a page."""
    problem = problem_of(error)
    page = _NO_PAGE if isinstance(error, NotFoundException) else _page(problem)
    context = {"page": page, "frame": frame_of(request)}
    headers = {**HEADERS, **problem.headers}
    retry_after = problem.extra.get("retry_after", problem.kind.retry_after)
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return Template(
        "error.html", context=context, media_type="text/html", headers=headers,
        status_code=problem.kind.status,
    )  # fmt: skip


_NO_PAGE = ErrorPage(
    404,
    "There is no such page",
    "The console has no page at this address.",
    "Compare the address with the one that you were given, or search on the first page.",
    None,
)


def _page(problem: Problem) -> ErrorPage:
    kind = problem.kind
    identity = request_ids.current() if kind.name == "internal-error" else None
    return ErrorPage(
        kind.status, kind.title, problem.detail, _MEANINGS.get(kind.name, ""), identity
    )


_MEANINGS = {
    "not-found": "Check the book at the top of the page: the other one may have it.",
    "scope-missing": "Sign in with another key of this book: daybook keys create --scope.",
    "cross-site": "If a proxy changes the header Host, set console_url in the configuration.",
    "sign-on-refused": "Load the page again: your proxy then signs you in again. If that does not"
    " help, show this page to the person who runs Daybook: the log has the reason too.",
    "not-admitted": "The person who runs Daybook admits people and groups: console_sso.admit.",
    "sign-on-unavailable": "Load the page again in a moment.",
    "rate-limited": "The API's requests with the same key count too.",
    "unavailable": "Webhooks are repeated by the provider, so nothing is lost. Try again.",
    "timeout": "Try again, or ask for less.",
    "not-ready": "Webhooks are recorded meanwhile. Try again in a moment; Operations shows the"
    " read models.",
    "internal-error": "This is a defect of Daybook. The log has it under the id below.",
}
"""What a person can do, by kind of problem."""
