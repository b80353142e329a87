"""Errors as problem documents, and the description of each type of problem."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import HTTPException
from msgspec import Struct

from service.http.errors import problem_of
from service.problems import KINDS, MEDIA_TYPE, TYPE, Kind, Problem, render


class ProblemType(Struct, frozen=True):
    """One type of problem: its status and title, when it occurs, and what to do."""

    type: str
    status: int
    title: str
    meaning: str
    retry_after: int | None


@get(
    TYPE,
    operation_id="list_problem_types",
    summary="List all types of problems",
    description="Errors are RFC 9457 problem documents, and their `type` is one of these.",
    tags=["problems"],
)
async def list_problem_types() -> list[ProblemType]:
    """All types of problems."""
    return [_problem_type(kind) for kind in KINDS.values()]


@get(
    TYPE + "{problem:str}",
    operation_id="get_problem_type",
    summary="Get one type of problem",
    description="The `type` of a problem document is the path of this description.",
    tags=["problems"],
)
async def get_problem_type(problem: str) -> ProblemType:
    """One type of problem."""
    if problem not in KINDS:
        raise Problem("not-found", f"{problem!r} is not a type of problem. See /problems.")
    return _problem_type(KINDS[problem])


def _problem_type(kind: Kind) -> ProblemType:
    return ProblemType(TYPE + kind.name, kind.status, kind.title, kind.meaning, kind.retry_after)


PROBLEM_ROUTES = [list_problem_types, get_problem_type]


def answer(problem: Problem) -> Response[bytes]:
    """The response of the framework for a problem."""
    headers, content = render(problem)
    status = problem.kind.status
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def on_error(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an error of ours, of the framework, of the database, or a defect."""
    return answer(problem_of(error))


# the framework answers its own errors unless they have a handler of their own
HANDLERS: dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    Exception: on_error,
    HTTPException: on_error,
}
"""The handler of each exception, for the framework."""
