"""The errors of this room, with messages for people: what is wrong, then what to do."""

from concurrent.futures.process import BrokenProcessPool

import psycopg
from psycopg.errors import DataCorrupted, IndexCorrupted, LockNotAvailable

from service.database.connections import is_unavailable


class HistoryLostError(Exception):
    """The read models of a book show events that its store does not have."""

    def __init__(self, book: str, checkpoint: int, head: int) -> None:
        super().__init__(
            f"The read models of book {book!r} stand at position {checkpoint} of a history that its"
            f" store does not have; the store ends at {head}. The database was restored without"
            " them. Run `daybook rebuild`."
        )


class UnfoldableStreamsError(Exception):
    """Some streams could not be folded, and only some projections were to be switched."""


class NoPreviousBuildError(Exception):
    """There are no tables from before the last rebuild to go back to."""


class RebuildError(Exception):
    """A rebuild or a comparison failed; nothing was switched. The message says what to do."""


class MissingEventsError(RebuildError):
    """Some recorded events could not be read, or were read twice."""

    def __init__(self, book: str, head: int, read: int) -> None:
        super().__init__(book, head, read)
        self.book, self.head, self.read = book, head, read

    def __str__(self) -> str:
        """The message."""
        return (
            f"Nothing was switched or compared: book {self.book!r} ends at position {self.head},"
            f" and {self.read} of its events could be read. Rows are missing in store.event, or the"
            " table was rewritten meanwhile (VACUUM FULL, CLUSTER). Run it again; if it says the"
            " same, restore the store from a backup."
        )


def explanation(error: BaseException) -> str | None:
    """The message for a failure that comes from outside; None for a defect of ours."""
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
            "Nothing was switched: an open transaction keeps the read models locked"
            f" ({_primary(error)}). End it, and run it again."
        )
    if isinstance(error, psycopg.Error) and is_unavailable(error):
        return (
            f"The rebuild broke off: the database failed ({_primary(error)}). The read models are"
            " intact; run it again when the database is back."
        )
    return None


def _primary(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(message.split())
