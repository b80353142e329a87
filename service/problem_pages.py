"""What each type of problem means, answered where the type leads."""

from litestar import get
from msgspec import Struct

from service.problems import KINDS, TYPE, Kind, Problem


class ProblemType(Struct, frozen=True):
    """One type of problem: its status and title, when it is answered, and what to do."""

    type: str
    status: int
    title: str
    meaning: str
    retry_after: int | None


@get(
    TYPE,
    operation_id="list_problem_types",
    summary="Every type of problem that is answered",
    description="Errors are RFC 9457 problem documents, and their `type` is one of these.",
    tags=["problems"],
)
async def list_problem_types() -> list[ProblemType]:
    """The whole table."""
    return [_told(kind) for kind in KINDS.values()]


@get(
    TYPE + "{name:str}",
    operation_id="get_problem_type",
    summary="What a type of problem means",
    description="Where the `type` of a problem document leads.",
    tags=["problems"],
)
async def get_problem_type(name: str) -> ProblemType:
    """One row of the table."""
    if name not in KINDS:
        raise Problem("not-found", f"No problem is called {name!r}.")
    return _told(KINDS[name])


def _told(kind: Kind) -> ProblemType:
    return ProblemType(TYPE + kind.name, kind.status, kind.title, kind.meaning, kind.retry_after)


PROBLEM_ROUTES = [list_problem_types, get_problem_type]
