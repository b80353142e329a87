"""Reads what the provider has, compares it with the book, and keeps what differs on disk.

Rows of lists only detect changes: what differs is read by id before it counts. Memory does not grow
with the number of resources: their ids and the readings that differ lie in partitions on disk.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.drift import OPEN
from service.database.connections import Connection
from service.provider.client import Provider, Reply
from service.provider.errors import (
    LimitedError,
    NotFoundError,
    ProviderError,
    UnreachableError,
    WrongKeyError,
)
from service.provider.kinds import KINDS, Kind
from service.provider.reconciliation import candidates
from service.provider.reconciliation.evidence import is_in_flight
from service.provider.reconciliation.guards import Breaker, StoppedError, check_business
from service.provider.reconciliation.judgement import customers_of
from service.provider.reconciliation.keeping import Absent
from service.provider.reconciliation.options import Options
from service.provider.recording import Compared, Reading, compare
from service.queries.reconcile import Skipped
from service.readmodels import spill
from service.readmodels.streams import Target

PARTITIONS = 32
CHUNK = 100
_AT_ONCE = 10
"""So many resources are read at once; the rate limit counts all of them."""

_SEEN, _OURS, _LATER, _DIFFERING = "seen", "ours", "later", "differing"

ALSO = "also"
"""The kind of a frame whose reading lies in the partition of another customer too."""

T = TypeVar("T")


class _Kept(Struct, frozen=True):
    """A reading on disk."""

    category: str
    id: str
    body: bytes
    reply: Reply
    listed: bool

    @property
    def reading(self) -> Reading:
        return Reading(KINDS[self.category], self.id, self.body, self.reply, self.listed)


class Comparison:
    """One pass over what the provider and the book have.

    Attributes:
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
        known_absences: set[Absent],
    ) -> None:
        self._conn = conn
        self._provider = provider
        self._target = target
        self._directory = directory
        self._options = options
        self._known_absences = known_absences
        self._breaker = Breaker()
        self._last_reading: datetime | None = None
        self.looked_at = 0
        self.absent: list[Absent] = []
        self.returned: list[Absent] = []
        self.skipped: list[Skipped] = []
        self.failed = False
        spill.divide(directory, (_SEEN, _OURS, _LATER, _DIFFERING))

    async def run(self, kinds: Sequence[Kind], progress: Callable[[str, int], None]) -> None:
        """Compare some kinds; ``progress`` is told each kind, and how many were looked at so far.

        Raises:
            StoppedError: if the provider's account cannot be that of the book.
        """
        down: ProviderError | None = None
        refused: list[WrongKeyError] = []
        for kind in kinds:
            progress(kind.category, self.looked_at)
            if down is not None:
                self.skipped.append(Skipped(kind.category, str(down)))
                continue
            try:
                await self._theirs(kind)
                if kind.category in OPEN:
                    await self._ours(kind)
            except WrongKeyError as error:
                refused.append(error)
                self.skipped.append(Skipped(kind.category, str(error)))
            except ProviderError as error:
                self.failed = True
                self.skipped.append(Skipped(kind.category, str(error)))
                if isinstance(error, (LimitedError, UnreachableError)):
                    down = error
            self._count()
        if refused and len(refused) == len(kinds):
            raise StoppedError(str(refused[0]))
        if down is None:
            await self._settle(progress)

    def differing(self, partition: int) -> Iterator[tuple[Reading, bool]]:
        """The readings of a partition that differed, and whether they count in this one.

        All that concerns a customer lies in one partition.
        """
        seen = set[tuple[str, str]]()
        for name, content in spill.frames(self._directory / _DIFFERING, partition):
            kept = _decode(content)
            if (kept.category, kept.id) not in seen:
                seen.add((kept.category, kept.id))
                yield kept.reading, name != ALSO

    async def _theirs(self, kind: Kind) -> None:
        listed = candidates.theirs(
            self._conn, self._provider, self._target, kind,
            self._options.since, self._options.patience,
        )  # fmt: skip
        async for readings in listed:
            self._note(_SEEN, [reading.id for reading in readings])
            await self._look([*{reading.id: reading for reading in readings}.values()])

    async def _ours(self, kind: Kind) -> None:
        """Read by id what the book takes for open and no list has shown."""
        async for names in candidates.ours(self._conn, self._target.book, kind):
            self._note(_OURS, names)
        for partition in range(PARTITIONS):
            seen = self._names(_SEEN, partition)
            await self._look_at(kind, sorted(self._names(_OURS, partition) - seen))

    async def _look(self, readings: Sequence[Reading]) -> None:
        """Compare readings; what differs in a row of a list is read by id first."""
        unsure: list[Reading] = []
        for found in await self._compare(readings):
            if found.reading.listed and found.reading.kind.read_path is not None:
                unsure.append(found.reading)
            else:
                self._keep(found, later=is_in_flight(found))
        if unsure:
            await self._look_at(unsure[0].kind, [reading.id for reading in unsure])

    async def _look_at(self, kind: Kind, names: Sequence[str]) -> None:
        for batch in batches(names, _AT_ONCE):
            results = await asyncio.gather(
                *(self._read(kind, name) for name in batch), return_exceptions=True
            )
            readings: list[Reading] = []
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                readings += [result] if result is not None else []
            for found in await self._compare(readings):
                self._keep(found, later=is_in_flight(found))

    async def _compare(self, readings: Sequence[Reading]) -> list[Compared]:
        """The readings that differ from what the book knows."""
        target = self._target
        found = await compare(self._conn, target.book, target.business_id, readings)
        for one in found:
            check_business(one)
        return [one for one in found if one.is_news]

    async def _read(self, kind: Kind, name: str) -> Reading | None:
        """A resource by its id; None if the provider does not have it."""
        absent = (kind.category, name)
        try:
            reply = await self._provider.get(kind.path_of(name), patience=self._options.patience)
        except NotFoundError:
            if absent not in self._known_absences:
                self._breaker.count(absent=True)
            self.absent.append(absent)
            return None
        self._breaker.count(absent=False)
        if absent in self._known_absences:
            self.returned.append(absent)
        return Reading(kind, name, reply.body, reply)

    async def _settle(self, progress: Callable[[str, int], None]) -> None:
        """Look again at what had just changed, once its webhook should have come."""
        if self._last_reading is None:
            return
        progress("what has just changed", self.looked_at)
        due = self._last_reading + self._options.settle
        await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        for _, content in spill.frames(self._directory / _LATER, 0):
            reading: Reading | None = _decode(content).reading
            assert reading is not None  # noqa: S101 - for the type checker
            if reading.kind.read_path is not None:
                try:
                    reading = await self._read(reading.kind, reading.id)
                except ProviderError as error:
                    self.failed = True
                    self.skipped.append(Skipped("what had just changed", str(error)))
                    return
            for found in await self._compare([reading] if reading is not None else []):
                self._keep(found, later=False)

    def _keep(self, found: Compared, *, later: bool) -> None:
        """Put a reading that differs on disk, where its customers' others are."""
        reading = found.reading
        kept = _Kept(
            reading.kind.category, reading.id, reading.body,
            replace(reading.reply, body=b""), reading.listed,
        )  # fmt: skip
        content = msgspec.msgpack.encode(kept)
        if later:
            self._last_reading = reading.reply.answered_at
            spill.append(self._directory / _LATER, 0, {kept.category: content})
            return
        first, *others = customers_of(found) or (reading.id,)
        home = spill.partition_of(first, PARTITIONS)
        spill.append(self._directory / _DIFFERING, home, {kept.category: content})
        for other in others:
            partition = spill.partition_of(other, PARTITIONS)
            if partition != home:
                spill.append(self._directory / _DIFFERING, partition, {ALSO: content})

    def _note(self, where: str, names: Iterable[str]) -> None:
        parts: dict[int, set[str]] = defaultdict(set)
        for name in names:
            parts[spill.partition_of(name, PARTITIONS)].add(name)
        for partition, members in parts.items():
            content = msgspec.msgpack.encode(members)
            spill.append(self._directory / where, partition, {where: content})

    def _names(self, where: str, partition: int) -> set[str]:
        found = spill.frames(self._directory / where, partition)
        decoded = (msgspec.msgpack.decode(content, type=set[str]) for _, content in found)
        return set[str]().union(*decoded)

    def _count(self) -> None:
        """Count the resources of a kind, and forget their ids."""
        for partition in range(PARTITIONS):
            self.looked_at += len(self._names(_SEEN, partition) | self._names(_OURS, partition))
            for where in (_SEEN, _OURS):
                spill.remove(self._directory / where, partition)


def _decode(content: bytes) -> _Kept:
    return msgspec.msgpack.decode(content, type=_Kept)


def batches(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of this size."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
