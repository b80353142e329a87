"""Compares the store with checkpoints that were kept elsewhere.

Nothing that lies in the database is trusted: the roots are those of a chain that was recomputed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from service.proof.notes import Checkpoint, Key, NoteError, open_checkpoint, parse_checkpoint
from service.proof.published import OriginRow
from service.proof.verify import Report

_MOST_FILES = 1_000_000
_MOST_BYTES = 1 << 20
_ORIGIN = re.compile(r"daybook/[0-9a-f]{16}/(?P<book>[a-z][a-z0-9_-]*)(/(?P<number>[0-9]+))?")

State = Literal["agrees", "ahead", "differs", "parted"]
"""Whether a store has the events of a checkpoint: all, fewer, or others.

``parted`` says that the checkpoint is of a history that was lost, and cannot be compared.
"""


class UnreadableError(Exception):
    """There is nothing to compare with; the text says why, and what to do."""


class Kept(Struct, frozen=True):
    """A checkpoint that was kept, and in which file."""

    path: Path
    checkpoint: Checkpoint

    @property
    def book(self) -> str:
        """The book that its origin names."""
        match = _ORIGIN.fullmatch(self.checkpoint.origin)
        return match["book"] if match else ""

    @property
    def number(self) -> int:
        """Which one of the origins of the book it is of: 1 is the first."""
        match = _ORIGIN.fullmatch(self.checkpoint.origin)
        return int(match["number"] or 1) if match else 1


class Compared(Struct, frozen=True):
    """A checkpoint and what the store shows of it."""

    kept: Kept
    state: State


def read_kept(path: Path, keys: Sequence[Key]) -> list[Kept]:
    """Read the checkpoints of a file or of all files below a directory.

    Raises:
        UnreadableError: if there are none, or one is not a checkpoint that one of the keys signed.
    """
    if not path.exists():
        raise UnreadableError(f"{path} does not exist.")
    files = sorted(path.rglob("*.checkpoint")) if path.is_dir() else [path]
    if not files or len(files) > _MOST_FILES:
        raise UnreadableError(f"{path} has {len(files) or 'no'} files that end in .checkpoint.")
    return [Kept(file, _open(file, keys)) for file in files]


def _open(path: Path, keys: Sequence[Key]) -> Checkpoint:
    try:
        with path.open("rb") as file:
            note = file.read(_MOST_BYTES).decode()
        return open_checkpoint(note, keys) if keys else parse_checkpoint(note)
    except (OSError, UnicodeDecodeError, NoteError) as error:
        raise UnreadableError(f"{path}: {error}") from None


def sizes(kept: Iterable[Kept]) -> dict[str, list[int]]:
    """Where the trees of the kept checkpoints end, by book."""
    found: dict[str, set[int]] = {}
    for one in kept:
        found.setdefault(one.book, set()).add(one.checkpoint.size)
    return {book: sorted(some) for book, some in found.items()}


def compare(
    kept: Iterable[Kept], reports: Iterable[Report], origins: Mapping[str, Sequence[OriginRow]]
) -> list[Compared]:
    """Compare checkpoints with chains that were recomputed.

    Args:
        kept: the checkpoints.
        reports: the chains, with their roots at the sizes of the checkpoints.
        origins: by book, the origins that are believed. Where one continues the book after a
            restore, larger checkpoints of every origin before it are parted, also of one that the
            database has forgotten in the restore.
    """
    by_book = {report.book: report for report in reports}
    found = []
    for one in kept:
        report, checkpoint = by_book.get(one.book), one.checkpoint
        later = (row for row in origins.get(one.book, ()) if row.number > one.number)
        ends = (row.parted_at for row in later if row.parted_at is not None)
        if checkpoint.size > min(ends, default=checkpoint.size):
            found.append(Compared(one, "parted"))
        elif report is None or checkpoint.size > report.events:
            found.append(Compared(one, "ahead"))
        elif report.roots.get(checkpoint.size) == checkpoint.root:
            found.append(Compared(one, "agrees"))
        else:
            found.append(Compared(one, "differs"))
    return found
