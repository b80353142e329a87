"""Frames on disk, by partition: what a pass over the store leaves for the next one.

A store larger than memory is folded part by part: the streams of one partition fit. Each process
appends to files of its own, so nothing is locked; whoever reads a partition reads all of its files.
"""

import fcntl
import os
import shutil
import stat
import struct
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

from service.readmodels.errors import RebuildError

_PREFIX = "daybook-rebuild-"
_LOCK = ".lock"
_UNLOCKED_SECONDS = 60.0
_frame = struct.Struct(">BI")
"""How long the kind is, and the content; both follow."""


class SpillError(RebuildError):
    """The frames cannot be written."""

    @classmethod
    def of(cls, where: Path, error: OSError) -> "SpillError":
        """What to say where ``error`` came of writing there."""
        return cls(
            f"Nothing was switched: a rebuild leaves the events on disk for a while, and cannot"
            f" write to {where}: {error.strerror or error}. Set TMPDIR to a directory that can be"
            " written to, with room for what the store takes up, and run it again."
        )


@contextmanager
def new_directory() -> Iterator[Path]:
    """A place for the frames of one rebuild, removed afterwards; killed ones are swept away.

    On disk and not in ``/tmp``, which often is memory; ``TMPDIR`` says otherwise.

    Raises:
        SpillError: if it cannot be made.
    """
    home = _home()
    sweep()
    try:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=home))
    except OSError as error:
        raise SpillError.of(home, error) from error
    try:
        with (made / _LOCK).open("xb") as lock:
            # the kernel gives it up even after kill -9: then the next one may remove all of it
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def sweep() -> None:
    """Remove what killed rebuilds of this account left behind."""
    for left in _home().glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = left.lstat()
            # a link that somebody has put there is not ours
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and _is_left(left):
                shutil.rmtree(left, ignore_errors=True)


def _is_left(directory: Path) -> bool:
    try:
        with (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        # made a moment ago, or never locked
        return time.time() - directory.stat().st_mtime > _UNLOCKED_SECONDS
    return True


def _home() -> Path:
    return Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108 - mkdtemp makes what is used


def divide(directory: Path, books: Iterable[str]) -> None:
    """Make the place for the frames of each book."""
    try:
        for book in books:
            (directory / book).mkdir(mode=0o700)
    except OSError as error:
        raise SpillError.of(directory, error) from error


def partition_of(name: str, partitions: int) -> int:
    """Where something belongs, the same in every process."""
    return crc32(name.encode()) % partitions


def append(directory: Path, partition: int, frames: Mapping[str, bytes]) -> None:
    """Leave frames, each with the kind of its content, in a partition."""
    try:
        path = directory / f"{partition}.{os.getpid()}"
        # they hold what the provider tells of people
        path.touch(mode=0o600)
        with path.open("ab") as file:
            for kind, content in frames.items():
                name = kind.encode()
                file.write(_frame.pack(len(name), len(content)) + name + content)
    except OSError as error:
        raise SpillError.of(directory, error) from error


def frames(directory: Path, partition: int) -> Iterator[tuple[str, bytes]]:
    """All frames of a partition, and their kinds, in no order."""
    for path in directory.glob(f"{partition}.*"):
        with path.open("rb") as file:
            while head := file.read(_frame.size):
                named, length = _frame.unpack(head)
                yield file.read(named).decode(), file.read(length)


def remove(directory: Path, partition: int) -> None:
    """Give the space of a partition back."""
    for path in directory.glob(f"{partition}.*"):
        path.unlink()
