"""The date box: ``as of`` a day in the world, and ``as we knew it on`` a day of the book."""

from datetime import date

from msgspec import Struct

from domain.past import Past
from service.console.view import View
from service.database.reader import Queryable
from service.queries.clocks import past


class DateBox(Struct, frozen=True):
    """Both days as the form has them; empty is now."""

    as_of: date | None = None
    known_at: date | None = None

    @property
    def is_set(self) -> bool:
        """Whether the page is about the past."""
        return self.as_of is not None or self.known_at is not None

    async def past(self, conn: Queryable, view: View) -> Past:
        """The moments: each day's end in UTC, or now for today.

        Raises:
            Problem: ``invalid-parameter`` for a day in the future.
        """
        given = {"as_of": self.as_of, "known_at": self.known_at}
        return await past(conn, view.book, given, view.now)
