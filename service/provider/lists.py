"""Reads a whole list of the provider, page by page, and leaves out no row.

Pages are numbered, so rows that are inserted while one reads would shift the others. Therefore the
list is read in closed windows of creation time. The provider does not say how far it pages: where
pages end, repeat or are refused, reading continues with a narrower window.
"""

import math
import string
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from msgspec import Struct

from service.provider.client import BACKGROUND, Patience, Provider, Reply
from service.provider.errors import UnexpectedAnswerError
from service.provider.kinds import Kind
from service.provider.page import PageReader, Row, Rows, names_of

FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
"""Before the first resource of the provider."""

PAGE_SIZE = 100
"""The most rows that the provider puts on a page."""

_LAST_PAGE = 10_000
_EVIDENCE = 50
"""Rows from which the order of a list is told; fewer may be in order by chance."""

_MOMENT = timedelta(microseconds=1)


class Window(Struct, frozen=True):
    """A span of creation time, both ends included."""

    since: datetime
    until: datetime


class Remaining(Struct, frozen=True):
    """What of a list is still to be read: the windows, and the page in the first of them.

    It can be stored as JSON, to read on from there after a restart. A list that has no windows has
    none here either; it has been read when ``page`` is None.
    """

    windows: tuple[Window, ...]
    page: int | None = 0

    @property
    def done(self) -> bool:
        """Whether nothing remains."""
        return self.page is None


class Page(Struct, frozen=True):
    """A page that has rows, the reply that it came in, and what remains after it.

    ``unread`` says of each row without an id that can be read where it is, and what is wrong.
    """

    reply: Reply
    rows: tuple[Row, ...]
    remaining: Remaining
    unread: tuple[str, ...] = ()


class _Seen:
    """How far one window has been read, in memory that does not grow."""

    def __init__(self, window: Window | None, first_page: int = 0) -> None:
        self.first_length = 0
        # of a window that was begun before a restart the order is not known
        self.count = 0 if first_page == 0 else -math.inf
        self.length = 0
        self.names: tuple[str | int, ...] = ()
        self.earliest: datetime | None = None
        self.latest: datetime | None = None
        self.descending = self.ascending = True
        self._window = window
        self._last: datetime | None = None

    def add(self, parts: Sequence[Rows]) -> None:
        self.length = sum(part.length for part in parts)
        self.first_length = self.first_length or self.length
        self.names = names_of(parts)
        for row in (row for part in parts for row in part.rows):
            if row.created_at is None or not self._is_within(row.created_at):
                # the others tell the order
                continue
            self.count += 1
            last = self._last or row.created_at
            self.descending &= row.created_at <= last
            self.ascending &= row.created_at >= last
            self.earliest = min(self.earliest or last, row.created_at)
            self.latest = max(self.latest or last, row.created_at)
            self._last = row.created_at

    def _is_within(self, at: datetime) -> bool:
        """Whether a row can have been created then: it is in the window that was asked for."""
        return self._window is None or self._window.since <= at <= self._window.until

    def may_be_capped(self, page: int, size: int) -> bool:
        """Whether an empty page may be the provider's limit rather than the end."""
        full = self.length >= size or (page > 1 and self.length == self.first_length)
        return full and self.length > 0

    def rest(self, window: Window) -> tuple[Window, ...]:
        """The windows that hold what was not read of this one; none if that is nothing.

        Rows of the instant where reading stopped are read twice.
        """
        narrower: Window | None = None
        if self.count < _EVIDENCE:
            pass
        elif self.descending and self.earliest:
            narrower = Window(window.since, min(window.until, self.earliest))
        elif self.ascending and self.latest:
            narrower = Window(max(window.since, self.latest), window.until)
        if narrower:
            return (narrower,) if narrower != window else ()
        middle = window.since + (window.until - window.since) / 2
        if window.until - window.since <= _MOMENT:
            return ()
        return Window(window.since, middle), Window(middle, window.until)


async def rows(  # noqa: PLR0913 - named parameters
    provider: Provider,
    kind: Kind,
    *,
    filters: Mapping[str, str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    remaining: Remaining | None = None,
    page_size: int = PAGE_SIZE,
    patience: Patience = BACKGROUND,
) -> AsyncGenerator[Page, None]:
    """Yield the pages of a list; some rows may come twice, none is left out.

    With a filter of a status, a row whose status changes meanwhile shifts the others: only a list
    without one is complete.

    Args:
        provider: the client.
        kind: what to list.
        filters: the ids that the path needs, and the provider's filters by name.
        since: the first moment of creation; by default all of them.
        until: the last one; by default now, by the provider's clock if a reply told it. Rows that
            are created later do not disturb.
        remaining: reads on after the page that had this, which is read once more; then ``since``
            and ``until`` do not count.
        page_size: rows on a page, at most 100.
        patience: for each page.

    Raises:
        ProviderError: if a page cannot be read; also if rows exist that no page shows. A bad row
            costs none of the others: without an id that can be read it comes as ``unread``.
    """
    path, query = _target(kind, filters or {})
    if remaining is None:
        whole = Window(since or FIRST_DAY, until or provider.now)
        remaining = Remaining((whole,) if kind.window else ())
    elif remaining.page:
        # the page before tells whether an empty one is the end
        remaining = Remaining(remaining.windows, remaining.page - 1)
    reader = PageReader(provider, kind, path, patience)
    seen = _Seen(_first(remaining.windows), remaining.page or 0)
    while remaining.page is not None:
        windows, number = remaining.windows, remaining.page
        parts = await reader.read({**query, **_bounds(kind, windows)}, number, page_size)
        found = names_of(parts or ())
        repeated = bool(found) and found == seen.names
        if parts and found and not repeated and number <= _LAST_PAGE:
            seen.add(parts)
            for part in parts[:-1]:
                yield Page(part.reply, part.rows, remaining, part.unread)
            remaining = Remaining(windows, number + 1)
            yield Page(parts[-1].reply, parts[-1].rows, remaining, parts[-1].unread)
            continue
        capped = parts is None or repeated or number > _LAST_PAGE
        remaining = _after(windows, seen, path, capped=capped, page=number, size=page_size)
        seen = _Seen(_first(remaining.windows))


def _first(windows: Sequence[Window]) -> Window | None:
    return windows[0] if windows else None


def _after(  # noqa: PLR0913 - named parameters
    windows: tuple[Window, ...], seen: _Seen, path: str, *, capped: bool, page: int, size: int
) -> Remaining:
    """What remains when a window shows no more rows."""
    rest: tuple[Window, ...] = ()
    if windows and (capped or seen.may_be_capped(page, size)):
        rest = seen.rest(windows[0])
    if capped and not rest:
        raise UnexpectedAnswerError(
            f"The provider's list {path} ends at page {page} with rows left over. Report this to"
            " the developers of Daybook.",
            200,
        )
    left = rest + windows[1:]
    return Remaining(left, 0 if left else None)


def _target(kind: Kind, filters: Mapping[str, str]) -> tuple[str, dict[str, str | int]]:
    names = {name for _, name, _, _ in string.Formatter().parse(kind.list_path) if name}
    ids = {name: quote(filters[name], safe="") for name in names}
    return kind.list_path.format(**ids), {k: v for k, v in filters.items() if k not in names}


def _bounds(kind: Kind, windows: tuple[Window, ...]) -> dict[str, str]:
    if kind.window is None:
        return {}
    since, until = kind.window
    return {since: _moment(windows[0].since), until: _moment(windows[0].until)}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
