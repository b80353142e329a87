"""Anchors: places out of reach of the database's owner, to which checkpoints are carried.

- a directory: a mounted bucket, a checkout, a disk of somebody else. A file for each checkpoint;
- a timestamp authority (RFC 3161): a token that says that the note existed at a time.

A failing anchor delays nothing: neither webhooks nor checkpoints nor the other anchors.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from msgspec import Struct

from service.anchor_settings import Anchor as AnchorSettings
from service.proof.keys import write_durably

P = ParamSpec("P")
T = TypeVar("T")

_SECONDS = 30.0
_MOST_BYTES = 1 << 16
_SUFFIX = ".checkpoint"


class AnchorError(Exception):
    """An anchor could not be reached, or holds something else; the text says what to do."""


class Anchor(Protocol):
    """A place that keeps checkpoints."""

    name: str
    every: int
    """How many of the checkpoints that it lacks it is given at once, the latest ones."""

    async def keep(self, origin: str, size: int, note: str) -> bytes | None:
        """Keep a checkpoint; returns its receipt, if it gives one.

        Raises:
            AnchorError: if it is not kept.
        """

    async def latest(self, origin: str) -> str | None:
        """The largest checkpoint that it has of an origin; None if it has none, or cannot tell.

        Raises:
            AnchorError: if it cannot be read now.
        """


class Directory(Struct):
    """A directory in which each checkpoint is a file."""

    name: str
    path: Path
    every: int = 100

    async def keep(self, origin: str, size: int, note: str) -> bytes | None:
        """Write it, unless it is there."""
        await _bounded(self._keep, origin, size, note)
        return None

    async def latest(self, origin: str) -> str | None:
        """The note of the largest one."""
        return await _bounded(self._latest, origin)

    def _keep(self, origin: str, size: int, note: str) -> None:
        if not self.path.is_dir():
            raise AnchorError(f"The directory {self.path} does not exist. Is it mounted?")
        folder = self.path / _file_name(origin)
        folder.mkdir(exist_ok=True)
        path = folder / f"{size:012}{_SUFFIX}"
        if path.exists():
            if path.read_text("utf-8") != note:
                raise AnchorError(
                    f"{path} has another checkpoint of the same size: keep it, and look with"
                    " daybook verify against."
                )
            return
        write_durably(path, note.encode(), mode=0o644)

    def _latest(self, origin: str) -> str | None:
        notes = sorted((self.path / _file_name(origin)).glob(f"*{_SUFFIX}"))
        return notes[-1].read_text("utf-8") if notes else None


class TimestampAuthority(Struct):
    """A timestamp authority; its tokens are kept in the database, as receipts."""

    name: str
    url: str
    certificates: Path | None = None
    every: int = 1

    async def keep(self, origin: str, size: int, note: str) -> bytes | None:
        """Ask for a token of a note, and check that it is one."""
        del origin, size
        # not at the top: one library is an extra, and only these anchors need the other
        import httpx  # noqa: PLC0415

        from service.proof import timestamps  # noqa: PLC0415

        request = timestamps.request(note.encode())
        try:
            async with httpx.AsyncClient(timeout=_SECONDS) as client, client.stream(
                "POST", self.url, content=request.as_bytes(),
                headers={"content-type": "application/timestamp-query"},
            ) as response:  # fmt: skip
                response.raise_for_status()
                content = b""
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > _MOST_BYTES:
                        raise AnchorError(f"{self.url} answered too much for a timestamp.")
        except httpx.HTTPError as error:
            raise AnchorError(f"{self.url}: {str(error) or type(error).__name__}.") from None
        roots = self.certificates.read_bytes() if self.certificates else None
        try:
            timestamps.check(content, note.encode(), roots, request)
        except timestamps.TimestampError as error:
            raise AnchorError(f"{self.url}: {error}") from None
        return content

    async def latest(self, origin: str) -> str | None:
        """It keeps nothing that could be read."""
        del origin
        return None


def open_anchors(settings: Sequence[AnchorSettings]) -> list[Anchor]:
    """The configured anchors."""
    return [
        Directory(one.title, one.directory)
        if one.kind == "directory"
        else TimestampAuthority(one.title, one.url or "", one.certificates)
        for one in settings
    ]


async def latest_everywhere(anchors: Sequence[Anchor], origin: str) -> list[str]:
    """The latest notes of an origin that any anchor has; one that fails now is passed over."""
    found = await asyncio.gather(
        *(anchor.latest(origin) for anchor in anchors), return_exceptions=True
    )
    return [note for note in found if isinstance(note, str)]


async def _bounded(do: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Do something with files in a thread, within the time that an anchor has."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await asyncio.to_thread(do, *args, **named)
    except TimeoutError:
        raise AnchorError(f"It did not answer within {_SECONDS:.0f} seconds.") from None
    except OSError as error:
        raise AnchorError(f"{error.filename}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise AnchorError("One of its files is not a checkpoint.") from None


def _file_name(origin: str) -> str:
    return origin.replace("/", "_")
