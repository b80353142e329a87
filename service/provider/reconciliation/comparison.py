"""Reads what the provider has, and compares it with the book.

Rows of lists only detect changes: what differs is read by id before it counts. What cannot be read
costs no other, and is named. Memory does not grow with the number of resources.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from domain.drift import OPEN
from service.database.connections import Connection
from service.provider.by_id import ReaderById
from service.provider.client import Provider
from service.provider.errors import (
    LimitedError,
    NotFoundError,
    ProviderError,
    UnexpectedAnswerError,
    UnreachableError,
    WrongKeyError,
)
from service.provider.kinds import Kind
from service.provider.readings import Reading
from service.provider.reconciliation import candidates
from service.provider.reconciliation.concerns import Concerns
from service.provider.reconciliation.evidence import Records, is_difference, is_in_flight
from service.provider.reconciliation.finds import Finds, batches
from service.provider.reconciliation.guards import Breaker, StoppedError, check_business
from service.provider.reconciliation.keeping import Absent
from service.provider.reconciliation.options import Options
from service.provider.recording import Compared, compare
from service.queries.reconcile import Skipped
from service.readmodels.streams import Target

_AT_ONCE = 10
"""So many resources are read at once; the rate limit counts all of them."""

_NAMED = 50
"""So many resources that could not be read are named."""

_UNDOCUMENTED = "The answer is not as documented."


class Comparison:
    """One pass over what the provider and the book have.

    Attributes:
        finds: what differs, on disk.
        looked_at: how many resources were compared.
        absent: those that the provider does not have.
        returned: those that it did not have earlier, and has.
        skipped: what was not looked at.
        failed: whether something could not be compared.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - all that it works with
        self,
        conn: Connection,
        provider: Provider,
        target: Target,
        directory: Path,
        options: Options,
        records: Records,
        known_absences: set[Absent],
    ) -> None:
        self._conn = conn
        self._provider = provider
        self._target = target
        self._options = options
        self._records = records
        self._known_absences = known_absences
        self._breaker = Breaker()
        self._by_id = ReaderById(provider, options.patience)
        self._concerns = Concerns(conn, target.book)
        self._unread = 0
        self._last_reading: datetime | None = None
        self.finds = Finds(directory)
        self.looked_at = 0
        self.absent: list[Absent] = []
        self.returned: list[Absent] = []
        self.skipped: list[Skipped] = []
        self.failed = False

    async def run(self, kinds: Sequence[Kind], progress: Callable[[str, int], None]) -> None:
        """Compare some kinds; ``progress`` is told each kind, and how many were looked at so far.

        Raises:
            StoppedError: if the provider's account cannot be that of the book.
        """
        failures: list[ProviderError | None] = []
        for kind in kinds:
            progress(kind.category, self.looked_at)
            if down := _outage(failures):
                self._skip(kind.category, str(down))
                continue
            failures.append(await self._kind(kind))
            self.looked_at += self.finds.count()
        if failures and all(isinstance(one, WrongKeyError) for one in failures):
            raise StoppedError(str(failures[0]))
        await self._settle(progress, again=_outage(failures) is None)
        if self._unread > _NAMED:
            self._skip(f"{self._unread - _NAMED} more", "They could not be read either.")

    async def _kind(self, kind: Kind) -> ProviderError | None:
        """Compare a kind; what kept it from being compared as a whole."""
        failure: ProviderError | None = None
        for part in (self._theirs, self._ours):
            try:
                await part(kind)
            except ProviderError as error:
                failure = error
                self._skip(kind.category, str(error))
                if not isinstance(error, (NotFoundError, UnexpectedAnswerError)):
                    break
        return failure

    async def _theirs(self, kind: Kind) -> None:
        listed = candidates.theirs(
            self._conn, self._provider, self._target, kind,
            self._options.since, self._options.patience,
        )  # fmt: skip
        async for readings in listed:
            by_id = {reading.id: reading for reading in readings}
            missed = await self._look([*by_id.values()])
            self.finds.note_compared(by_id.keys() - missed)
            self._return(kind, by_id)

    async def _ours(self, kind: Kind) -> None:
        """Read by id what the book takes for open and no list has shown."""
        if kind.category not in OPEN:
            return
        async for names in candidates.ours(self._conn, self._target.book, kind):
            self.finds.note_ours(names)
        for names in self.finds.left():
            for batch in batches(names):
                missed = await self._look_at(kind, dict.fromkeys(batch))
                self.finds.note_compared({*batch} - missed)

    async def _look(self, readings: Sequence[Reading]) -> set[str]:
        """Compare readings; what differs in a row of a list is read by id first.

        Returns:
            Those that could not be read.
        """
        news: list[Compared] = []
        unsure: dict[str, str | None] = {}
        missed = set[str]()
        for found in await self._compare(readings):
            reading, is_unreadable = found.reading, found.entry.verdict == "unreadable"
            if reading.listed and reading.kind.read_path is not None:
                if is_unreadable or self._is_news(found):
                    unsure[reading.id] = found.entry.status
            elif is_unreadable:
                missed.add(reading.id)
                self._miss(f"{reading.kind.category} {reading.id}", _UNDOCUMENTED)
            elif self._is_news(found):
                news.append(found)
        await self._keep(news)
        return missed | (await self._look_at(readings[0].kind, unsure) if unsure else set())

    async def _look_at(self, kind: Kind, shown: Mapping[str, str | None]) -> set[str]:
        """Read resources by id; ``shown`` has the status that a list has shown of each.

        Returns:
            Those that could not be read.
        """
        missed = set[str]()
        for batch in batches(shown, _AT_ONCE):
            results = await asyncio.gather(
                *(self._read(kind, name) for name in batch), return_exceptions=True
            )
            readings: list[Reading] = []
            for name, result in zip(batch, results, strict=True):
                if isinstance(result, BaseException) and _is_of_one(result):
                    missed.add(name)
                    self._miss(f"{kind.category} {name}", str(result))
                elif isinstance(result, BaseException):
                    raise result
                elif result is not None:
                    readings.append(result)
            found = await self._compare(readings)
            for one in found:
                if one.entry.verdict == "unreadable":
                    missed.add(one.reading.id)
                    self._miss(f"{kind.category} {one.reading.id}", _UNDOCUMENTED)
            # a list that shows another status may be newer
            unlike = {
                one.reading.id for one in found
                if (status := shown[one.reading.id]) and status != one.entry.status
            }  # fmt: skip
            await self._keep([one for one in found if self._is_news(one)], unlike)
            for one in found:
                if one.reading.id in unlike and not self._is_news(one):
                    self._keep_for_later(one)
        return missed

    async def _compare(self, readings: Sequence[Reading]) -> list[Compared]:
        """Readings next to what the book knows."""
        target = self._target
        found = await compare(self._conn, target.book, target.business_id, readings)
        for one in found:
            check_business(one)
        return found

    def _is_news(self, found: Compared) -> bool:
        return is_difference(found, self._records)

    async def _read(self, kind: Kind, name: str) -> Reading | None:
        """A resource by its id; None if the provider does not have it."""
        absent = (kind.category, name)
        try:
            reading = await self._by_id.read(kind, name)
        except NotFoundError:
            if absent not in self._known_absences:
                self._breaker.count(absent=True)
            self.absent.append(absent)
            return None
        self._breaker.count(absent=False)
        self._return(kind, [name])
        return reading

    def _return(self, kind: Kind, names: Iterable[str]) -> None:
        """The provider has these, which it may not have had earlier."""
        if self._known_absences:
            self.returned += [a for n in names if (a := (kind.category, n)) in self._known_absences]

    async def _settle(self, progress: Callable[[str, int], None], *, again: bool) -> None:
        """Look again at what had just changed, once its webhook should have come.

        Where the provider is not asked ``again``, what it said at first is kept.
        """
        if self._last_reading is None:
            return
        if again:
            progress("what has just changed", self.looked_at)
            due = self._last_reading + self._options.settle
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        for earlier in self.finds.later():
            reading: Reading | None = earlier
            if again and earlier.kind.read_path is not None:
                try:
                    reading = await self._read(earlier.kind, earlier.id)
                except ProviderError as error:
                    name = f"{earlier.kind.category} {earlier.id}"
                    self._miss(f"{name}, which had just changed", str(error))
                    again = isinstance(error, UnexpectedAnswerError)
            found = await self._compare([reading] if reading is not None else [])
            await self._keep([one for one in found if self._is_news(one)], settled=True)

    async def _keep(
        self, news: Sequence[Compared], unlike: Collection[str] = (), *, settled: bool = False
    ) -> None:
        """Keep what differs; unless that has settled, what has just changed is looked at again."""
        now = datetime.now(UTC)
        certain: list[Compared] = []
        for one in news:
            if not settled and (one.reading.id in unlike or is_in_flight(one, now)):
                self._keep_for_later(one)
            else:
                certain.append(one)
        for one, concern in zip(certain, await self._concerns.of(certain), strict=True):
            self.finds.keep(one.reading, concern)

    def _keep_for_later(self, found: Compared) -> None:
        self._last_reading = found.reading.reply.answered_at
        self.finds.keep_for_later(found.reading)

    def _miss(self, what: str, why: str) -> None:
        """Name what could not be read, of many the first."""
        self._unread += 1
        self.failed = True
        if self._unread <= _NAMED:
            self._skip(what, why)

    def _skip(self, what: str, why: str) -> None:
        self.failed = True
        self.skipped.append(Skipped(what, why))


def _is_of_one(error: BaseException) -> bool:
    """Whether a failure is of one resource alone."""
    refused = isinstance(error, WrongKeyError) and not error.everywhere
    return refused or isinstance(error, UnexpectedAnswerError)


def _outage(failures: Sequence[ProviderError | None]) -> ProviderError | None:
    """Why the provider is not asked about the next kind: one kind alone may be broken there."""
    last = failures[-1] if failures else None
    if isinstance(last, LimitedError):
        return last
    two = failures[-2:]
    return last if len(two) > 1 and all(isinstance(f, UnreachableError) for f in two) else None
