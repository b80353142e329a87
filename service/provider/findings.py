"""What was looked at, what was found, and what to do about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

State = Literal["ok", "problem", "unknown", "skipped"]

SECONDS = 15.0
"""How long one check may take."""


class Finding(Struct, frozen=True):
    """The result of one check.

    ``state`` is `ok`, `problem`, `unknown` if the check could not look, or `skipped` if it does not
    apply; ``book`` is null for what concerns all books. ``remedy`` says what to do, unless all is
    well.
    """

    book: str | None
    check: str
    state: State
    found: str
    remedy: str = ""


async def look(
    book: str | None,
    check: str,
    looking: Awaitable[list[Finding]],
    explain: Callable[[Exception], str],
) -> list[Finding]:
    """The findings of a check; if it fails or takes too long, one that says so.

    Args:
        book: the book that is checked.
        check: the name of the check.
        looking: the check.
        explain: the sentence for an error.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await looking
    except TimeoutError:
        found = f"The check took longer than {SECONDS:.0f} seconds."
        return [Finding(book, check, "unknown", found, "Run it again.")]
    except Exception as error:  # noqa: BLE001 - a check that fails must not end the others
        return [Finding(book, check, "unknown", explain(error))]
