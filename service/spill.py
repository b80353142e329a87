"""Frames on disk, by partition: what a pass over the store leaves for the next one.

A store larger than memory is folded part by part: the streams of one partition fit. Each process
appends to files of its own, so nothing is locked; whoever reads a partition reads all of its files.
"""

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from zlib import crc32

_PREFIX = "daybook-rebuild-"
_frame = struct.Struct(">BI")
"""How long the kind is, and the content; both follow."""


def new_directory() -> Path:
    """A place for the frames of one rebuild; what killed ones left behind is removed.

    On disk and not in ``/tmp``, which often is memory; ``TMPDIR`` says otherwise.
    """
    home = Path(os.environ.get("TMPDIR", "/var/tmp"))  # noqa: S108 - made by mkdtemp
    for left in home.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=home))


def partition_of(name: str, partitions: int) -> int:
    """Where something belongs, the same in every process."""
    return crc32(name.encode()) % partitions


def append(directory: Path, partition: int, frames: Mapping[str, bytes]) -> None:
    """Leave frames, each with the kind of its content, in a partition."""
    with (directory / f"{partition}.{os.getpid()}").open("ab") as file:
        for kind, content in frames.items():
            name = kind.encode()
            file.write(_frame.pack(len(name), len(content)) + name + content)


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
