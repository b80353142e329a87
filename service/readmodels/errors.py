"""Why a rebuild or a comparison could not be done: sentences for a person."""

from concurrent.futures.process import BrokenProcessPool

import psycopg
from psycopg.errors import DataCorrupted, IndexCorrupted, LockNotAvailable

from service.database.connections import is_unavailable


class RebuildError(Exception):
    """It could not be done or checked, and nothing was switched. The text says what to do."""


class MissingEventsError(RebuildError):
    """Fewer events could be read than were recorded, or some twice."""

    def __init__(self, book: str, head: int, read: int) -> None:
        super().__init__(book, head, read)
        self.book, self.head, self.read = book, head, read

    def __str__(self) -> str:
        """The sentence."""
        return (
            f"Nothing was switched or compared: book {self.book!r} ends at position {self.head},"
            f" and {self.read} of its events could be read. Rows are missing in store.event, or the"
            " table was rewritten meanwhile (VACUUM FULL, CLUSTER). Run it again; if it says the"
            " same, restore the store from a backup."
        )


def explanation(error: BaseException) -> str | None:
    """A sentence for what can befall a rebuild from outside; None for a defect of ours."""
    if isinstance(error, BrokenProcessPool):
        return (
            "Nothing was switched: a process of the rebuild was killed, perhaps because memory ran"
            " out. Run it again; with fewer --processes it needs less."
        )
    if isinstance(error, DataCorrupted | IndexCorrupted):
        return (
            f"Nothing was switched: PostgreSQL found a corrupt page ({_primary(error)})."
            " Its log says where; restore the store from a backup."
        )
    if isinstance(error, LockNotAvailable):
        return (
            "Nothing was switched: somebody keeps a transaction open in which the read models are"
            f" locked ({_primary(error)}). End it, and run it again."
        )
    if isinstance(error, psycopg.Error) and is_unavailable(error):
        return (
            f"Broken off: the database failed meanwhile ({_primary(error)}). The read models are"
            " whole; run it again when it is back."
        )
    return None


def _primary(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(said.split())
