"""What a comparison has found so far, in partitions on disk: memory does not grow with it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from service.provider.client import Reply
from service.provider.kinds import KINDS
from service.provider.readings import Reading
from service.provider.reconciliation.concerns import Concern
from service.readmodels import spill

PARTITIONS = 32
CHUNK = 100

_COMPARED, _OURS, _LATER, _DIFFERING = "compared", "ours", "later", "differing"

_ALSO = "also"
"""The kind of a frame whose reading counts in the partition of another customer."""

T = TypeVar("T")


class Found(Struct, frozen=True):
    """A reading that differed.

    Attributes:
        concern: whose access it may decide.
        counts: whether it counts in this partition; in the others it only decides access.
    """

    reading: Reading
    concern: Concern
    counts: bool

    @property
    def name(self) -> tuple[str, str]:
        """Its kind and id."""
        return self.reading.kind.category, self.reading.id


class _Kept(Struct, frozen=True):
    """A reading on disk."""

    category: str
    id: str
    body: bytes
    reply: Reply
    listed: bool
    concern: Concern

    @property
    def reading(self) -> Reading:
        return Reading(KINDS[self.category], self.id, self.body, self.reply, self.listed)


class Finds:
    """The resources of a kind that were compared, and the readings that differed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        spill.divide(directory, (_COMPARED, _OURS, _LATER, _DIFFERING))

    def note_compared(self, names: Iterable[str]) -> None:
        """Count resources of the kind that is being compared, each once."""
        self._note(_COMPARED, names)

    def note_ours(self, names: Iterable[str]) -> None:
        """Remember what is to be compared of this kind."""
        self._note(_OURS, names)

    def left(self) -> Iterator[list[str]]:
        """What is to be compared of this kind, and was not."""
        for partition in range(PARTITIONS):
            yield sorted(self._names(_OURS, partition) - self._names(_COMPARED, partition))

    def count(self) -> int:
        """How many of the kind were compared; forgets them."""
        number = 0
        for partition in range(PARTITIONS):
            number += len(self._names(_COMPARED, partition))
            for where in (_COMPARED, _OURS):
                spill.remove(self._directory / where, partition)
        return number

    def keep(self, reading: Reading, concern: Concern) -> None:
        """Keep a reading that differs where all is that decides the access of its customers."""
        content = _encode(reading, concern)
        first, *others = concern.customers or (reading.id,)
        home = spill.partition_of(first, PARTITIONS)
        spill.append(self._directory / _DIFFERING, home, {reading.kind.category: content})
        for partition in {spill.partition_of(other, PARTITIONS) for other in others} - {home}:
            spill.append(self._directory / _DIFFERING, partition, {_ALSO: content})

    def keep_for_later(self, reading: Reading) -> None:
        """Keep a reading that is to be looked at again."""
        content = _encode(reading, Concern())
        spill.append(self._directory / _LATER, 0, {reading.kind.category: content})

    def later(self) -> Iterator[Reading]:
        """What is to be looked at again."""
        for _, content in spill.frames(self._directory / _LATER, 0):
            yield _decode(content).reading

    def differing(self, partition: int) -> Iterator[Found]:
        """The readings of a partition that differed, each once."""
        seen = set[tuple[str, str]]()
        for name, content in spill.frames(self._directory / _DIFFERING, partition):
            kept = _decode(content)
            found = Found(kept.reading, kept.concern, name != _ALSO)
            if found.name not in seen:
                seen.add(found.name)
                yield found

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


def batches(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of this size."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _encode(reading: Reading, concern: Concern) -> bytes:
    kept = _Kept(
        reading.kind.category, reading.id, reading.body, replace(reading.reply, body=b""),
        reading.listed, concern,
    )  # fmt: skip
    return msgspec.msgpack.encode(kept)


def _decode(content: bytes) -> _Kept:
    return msgspec.msgpack.decode(content, type=_Kept)
