"""A running backfill: what it has done of each kind, kept in the database, and how it records."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from domain.legible import readable
from service.database import statements
from service.database.connections import Connection
from service.provider.client import Provider
from service.provider.errors import ProviderError
from service.provider.kinds import Kind
from service.provider.lists import Remaining
from service.provider.readings import Reading
from service.provider.recording import Compared, compare, record

Stage = Literal["idle", "listing", "listed", "read"]
"""``idle`` is between two runs; ``listed`` once the list, ``read`` once all ids have been read."""

_STALE = timedelta(days=1)
"""After such a pause a list is read again: what it showed may have changed."""

_NAMED = 50
"""How many resources that could not be read are named."""

_MOST_LATER = 1_000
"""How many resources of a kind are read again because a webhook may be newer."""


class OtherBusinessError(ProviderError):
    """The API key is one of another business than the book; nothing of it was recorded."""


class Counts(Struct, omit_defaults=True):
    """What was done of one kind since its run began, before a restart too.

    Attributes:
        rows: rows of lists.
        new: of these, resources that the book did not know.
        changed: of these, resources that the book knew otherwise.
        in_flight: of these, rows that may be older than a webhook of the last minute.
        read: resources that were read by id.
        told_more: of these, those that told something new.
        requests: requests that were spent, but for those that were lost in a kill.
    """

    rows: int = 0
    new: int = 0
    changed: int = 0
    in_flight: int = 0
    read: int = 0
    told_more: int = 0
    requests: int = 0

    @property
    def unchanged(self) -> int:
        """The rows that say what the book knows."""
        return self.rows - self.new - self.changed - self.in_flight

    def add_rows(self, compared: Sequence[Compared]) -> None:
        """Count rows of a list."""
        self.rows += len(compared)
        news = [one for one in compared if one.is_news]
        self.in_flight += sum(one.in_flight for one in news)
        self.new += sum(one.known is None for one in news)
        self.changed += sum(one.known is not None and not one.in_flight for one in news)


class KindProgress(Struct, omit_defaults=True):
    """How far one kind has come; stored as JSON.

    Attributes:
        scope: ``--since`` of the run, as it was given.
        parent: whose list is being read, of lists that belong to something.
        remaining: what of that list is still to be read; None if it is to be begun.
        ledgers: the balances of the last pages whose ledgers have been read.
        read_until: of each pass by id, the position up to which recorded rows were looked at.
        complete_until: rows recorded up to this position have been read by id, in earlier runs.
        later: what may have been older than a webhook, and is read again: by id, its list, or ""
            where it has a path of its own.
        missed: whether one could not be read by id, so that the next run tries it again.
        listed_once: whether a run over all of the list has ended.
    """

    stage: Stage = "idle"
    scope: str = ""
    begun_at: datetime = datetime.min.replace(tzinfo=UTC)
    saved_at: datetime = datetime.min.replace(tzinfo=UTC)
    parent: str = ""
    remaining: Remaining | None = None
    ledgers: list[str] = []
    read_until: dict[str, int] = {}
    complete_until: int = 0
    later: dict[str, str] = {}
    missed: bool = False
    listed_once: bool = False
    counts: Counts = field(default_factory=Counts)

    def resumes(self, scope: str, now: datetime) -> bool:
        """Whether an unfinished run with this scope can go on where it was."""
        return self.stage != "idle" and self.scope == scope and now - self.saved_at < _STALE

    def again(self, scope: str, now: datetime) -> "KindProgress":
        """The beginning of the next run, which need not read the same by id again."""
        read_until = self.read_until if self.scope == scope else {}
        return KindProgress(
            "listing", scope, now, now, read_until=read_until,
            complete_until=self.complete_until, listed_once=self.listed_once,
        )  # fmt: skip


class Watch(Struct, frozen=True):
    """Callbacks for a person who waits.

    Attributes:
        show: a step, how much of it is done, and its total if that is known.
        say: a sentence.
        expect: called after the lists, with how many resources are read by id at most.
    """

    show: Callable[[str, int, int | None], None] = lambda _step, _done, _total: None
    say: Callable[[str], None] = lambda _text: None
    expect: Callable[[int], None] = lambda _count: None


class Run:
    """A backfill of one book under way; with ``dry_run`` it writes nothing."""

    def __init__(  # noqa: PLR0913 - named parameters
        self,
        conn: Connection,
        provider: Provider,
        book: str,
        business_id: str | None,
        *,
        watch: Watch,
        dry_run: bool,
    ) -> None:
        self.conn = conn
        self.provider = provider
        self.book = book
        self.watch = watch
        self.dry_run = dry_run
        self.kinds: dict[str, KindProgress] = {}
        self.unread: list[str] = []
        self.unread_count = 0
        self.later_since = time.monotonic()
        self._business_id = business_id
        self._counted = 0

    async def begin(self, kinds: Sequence[Kind], scope: str) -> bool:
        """Go on with an unfinished run of these kinds, or begin one; whether it goes on."""
        now = datetime.now(UTC)
        stored = {} if self.dry_run else await self._load()
        resumed = False
        for kind in kinds:
            found = stored.get(kind.category, KindProgress())
            resumes = found.resumes(scope, now)
            resumed |= resumes
            self.kinds[kind.category] = found if resumes else found.again(scope, now)
        return resumed

    async def take(self, readings: Sequence[Reading]) -> list[Compared]:
        """Compare readings with the book, and record what is news.

        Raises:
            OtherBusinessError: if one is of another business; then none is recorded.
        """
        compared = await self.compare(readings)
        for one in compared:
            if one.entry.verdict == "unreadable":
                self.miss(one.reading.name, "the answer is not as documented")
            if one.in_flight and one.is_news and not self.dry_run:
                self._read_later(one.reading)
        if not self.dry_run:
            certain = [one for one in compared if not one.in_flight]
            await record(self.conn, self.book, certain, self.provider.key_fingerprint)
        return compared

    def _read_later(self, reading: Reading) -> None:
        kind, self.later_since = reading.kind, time.monotonic()
        later = self.kinds[kind.category].later
        if len(later) >= _MOST_LATER:
            self.give_up(kind.category, reading.id)
            return
        later[reading.id] = "" if kind.read_path else reading.reply.path.partition("?")[0]

    def give_up(self, category: str, identity: str) -> None:
        """Leave what changes all the time to the next run."""
        self.kinds[category].missed = True
        self.miss(
            f"{category} {identity}",
            "it changed within the last minute, so a webhook may be newer. Run the command again.",
        )

    async def compare(self, readings: Sequence[Reading]) -> list[Compared]:
        """Compare readings with the book, each once.

        Raises:
            OtherBusinessError: if one is of another business.
        """
        distinct = {reading.name: reading for reading in readings}
        compared = await compare(self.conn, self.book, self._business_id, [*distinct.values()])
        for one in compared:
            if one.entry.verdict == "foreign":
                raise OtherBusinessError(self._other_business(one.reading))
        return compared

    async def save(self, category: str) -> None:
        """Keep the progress of a kind, to which all requests since the last time belong."""
        progress = self.kinds[category]
        progress.counts.requests += self.provider.calls - self._counted
        self._counted = self.provider.calls
        progress.saved_at = datetime.now(UTC)
        if self.dry_run:
            return
        params = {
            "book": self.book, "kind": category, "progress": msgspec.json.encode(progress).decode(),
        }  # fmt: skip
        await self.conn.execute(statements.text("provider/keep_progress"), params)

    def miss(self, name: str, reason: str) -> None:
        """Remember what could not be read."""
        self.unread_count += 1
        if len(self.unread) < _NAMED:
            self.unread.append(f"{name}: {reason}")

    async def _load(self) -> dict[str, KindProgress]:
        cursor = await self.conn.execute(statements.text("provider/progress"), {"book": self.book})
        return {row["kind"]: _decode(row["progress"]) for row in await cursor.fetchall()}

    def _other_business(self, reading: Reading) -> str:
        # one value that cannot be read does not hide whose it is
        readable_body = readable(reading.body)[0]
        other = msgspec.json.decode(readable_body, type=dict[str, Any]).get("business_id")
        return (
            f"{reading.name} is of business {other}, and book {self.book!r} of"
            f" {self._business_id}. Nothing of it was recorded. Give the book an API key of its own"
            f" business, or correct books.{self.book}.business_id."
        )


def _decode(text: str) -> KindProgress:
    try:
        return msgspec.json.decode(text, type=KindProgress)
    except msgspec.MsgspecError:
        # of another version: begin again
        return KindProgress()


def requests_of(kinds: Mapping[str, KindProgress]) -> int:
    """The requests of a run over all its kinds."""
    return sum(progress.counts.requests for progress in kinds.values())
