"""Frames on disk, by partition: the output of one pass over the store, and input of the next.

A store larger than memory is folded part by part: the streams of one partition fit. Each process
appends to its own files, so nothing is locked; reading a partition reads all of its files.
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
_NEW = "daybook-new-rebuild-"
_LOCK = ".lock"
_UNLOCKED_SECONDS = 60.0
_frame = struct.Struct(">BI")
"""The lengths of the kind and of the content, which follow."""


class SpillError(RebuildError):
    """The frames cannot be written."""

    @classmethod
    def of(cls, where: Path, error: OSError) -> "SpillError":
        """The error for a failure to write to a directory."""
        return cls(
            f"Nothing was changed: cannot write to {where}: {error.strerror or error}. Set TMPDIR"
            " to a directory that can be written to, with as much room as the store takes up, and"
            " run it again."
        )


@contextmanager
def new_directory() -> Iterator[Path]:
    """A directory for the frames of one rebuild, removed afterwards.

    It also removes those of rebuilds that were killed. ``TMPDIR`` says where; the default is not
    ``/tmp``, which often is memory.

    Raises:
        SpillError: if it cannot be created.
    """
    home = temporary_home()
    sweep()
    try:
        fresh = Path(tempfile.mkdtemp(prefix=_NEW, dir=home))
    except OSError as error:
        raise SpillError.of(home, error) from error
    made = home / f"{_PREFIX}{fresh.name.removeprefix(_NEW)}"
    try:
        with (fresh / _LOCK).open("xb") as lock:
            # released by the kernel even after kill -9: the next rebuild may then remove it
            fcntl.flock(lock, fcntl.LOCK_EX)
            # locked before it has the name by which others look for what was left behind
            fresh.rename(made)
            yield made
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)


def sweep() -> None:
    """Remove the directories that killed rebuilds of this account left behind."""
    for left in (*temporary_home().glob(f"{_PREFIX}*"), *temporary_home().glob(f"{_NEW}*")):
        with suppress(OSError):
            found = left.lstat()
            # a symbolic link is not ours
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and _is_left(left):
                shutil.rmtree(left, ignore_errors=True)


def _is_left(directory: Path) -> bool:
    try:
        with (directory / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return _is_old(directory)
    # without its final name it may be locked in a moment
    return directory.name.startswith(_PREFIX) or _is_old(directory)


def _is_old(directory: Path) -> bool:
    return time.time() - directory.stat().st_mtime > _UNLOCKED_SECONDS


def temporary_home() -> Path:
    """The directory that a rebuild makes its own in."""
    return Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108 - mkdtemp makes what is used


def divide(directory: Path, books: Iterable[str]) -> None:
    """Create a directory for the frames of each book."""
    try:
        for book in books:
            (directory / book).mkdir(mode=0o700)
    except OSError as error:
        raise SpillError.of(directory, error) from error


def partition_of(name: str, partitions: int) -> int:
    """The partition of a stream or customer, the same in every process."""
    return crc32(name.encode()) % partitions


def append(directory: Path, partition: int, frames: Mapping[str, bytes]) -> None:
    """Append frames, by the kind of their content, to a partition."""
    try:
        path = directory / f"{partition}.{os.getpid()}"
        # they hold personal data
        path.touch(mode=0o600)
        with path.open("ab") as file:
            for kind, content in frames.items():
                name = kind.encode()
                file.write(_frame.pack(len(name), len(content)) + name + content)
    except OSError as error:
        raise SpillError.of(directory, error) from error


def frames(directory: Path, partition: int) -> Iterator[tuple[str, bytes]]:
    """The frames of a partition, each with its kind, in any order."""
    for path in _files(directory, partition):
        with path.open("rb") as file:
            while head := file.read(_frame.size):
                named, length = _frame.unpack(head)
                yield file.read(named).decode(), file.read(length)


def remove(directory: Path, partition: int) -> None:
    """Delete the frames of a partition."""
    for path in _files(directory, partition):
        path.unlink()


def _files(directory: Path, partition: int) -> list[Path]:
    begins = f"{partition}."
    # asked for hundreds of partitions, of which most have none: `glob` takes ten times as long
    with suppress(FileNotFoundError), os.scandir(directory) as found:
        return [Path(one) for one in found if one.name.startswith(begins)]
    return []
