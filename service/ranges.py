"""Ranges of time, in the provider's own names: ``created_at_gte`` and ``created_at_lte``."""

from datetime import UTC, datetime
from typing import Annotated

from litestar.params import Parameter

from service.problems import Problem

Since = Annotated[str | None, Parameter(description="Not before it. As 2026-03-14T10:00:00Z.")]
Until = Annotated[str | None, Parameter(description="Not after it.")]


def moment(name: str, given: str | None) -> datetime | None:
    """One end of a range, in UTC; None where it is open.

    Raises:
        Problem: ``invalid-parameter`` for what is no time with a zone.
    """
    if given is None:
        return None
    try:
        # a plus sign that was not escaped arrives as a space
        read = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        if read.tzinfo is None:
            raise ValueError  # noqa: TRY301 - the same answer
        return read.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem(
            "invalid-parameter",
            f"{name}: {given!r} is no time with a zone, as 2026-03-14T10:00:00Z.",
        ) from None
