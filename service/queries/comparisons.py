"""Asking for a comparison with the provider, which the reconciler process then makes."""

from collections.abc import Mapping

from service.database.connections import Connection
from service.problems import Problem
from service.settings import Book
from service.store import jobs
from service.store.audit import Act
from service.store.jobs import Job, Kind, Wanted

COMPARE: Kind = "compare"
APPLY: Kind = "apply"

_LOSSES = "what differs, even if customers lose access"
_WANTED: Mapping[tuple[bool, bool], tuple[Kind, str]] = {
    (False, False): (COMPARE, "with the provider"),
    (True, False): (APPLY, "what differs"),
    (True, True): (APPLY, _LOSSES),
}


async def ask(  # noqa: PLR0913 - one parameter a choice of the person
    conn: Connection,
    name: str,
    book: Book | None,
    act: Act,
    *,
    apply: bool,
    accept_losses: bool = False,
) -> str:
    """Ask for a comparison of a book with the provider; the id of the job.

    Args:
        conn: takes part in no transaction.
        name: of the book.
        book: its configuration.
        act: who asks, and why.
        apply: whether what differs is recorded.
        accept_losses: whether it is even if many customers lose access, or a person should decide.

    Raises:
        Problem: ``already-running``; ``not-configured`` without an API key of the provider.
    """
    if book is None or book.provider.api_key is None:
        raise Problem(
            "not-configured",
            f"Set books.{name}.provider.api_key to an API key of the provider; then restart.",
        )
    kind, subject = _WANTED[apply, apply and accept_losses]
    return await jobs.ask(conn, Wanted(name, kind, subject, f"reconcile of {name}"), act)


def accepts_losses(job: Job) -> bool:
    """Whether the person wants it applied even if many customers lose access."""
    return job.subject == _LOSSES
