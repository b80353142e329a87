"""The processes of a running service, and what they use."""

from pathlib import Path

from msgspec import Struct

from tests.acceptance.service import Service

_PAGE = 4096


class Usage(Struct, frozen=True):
    """How many processes a service has, and the most that one of them uses; which one it is."""

    processes: int
    descriptors: int
    resident_bytes: int
    largest: str


def children(service: Service) -> list[int]:
    """The workers and the projector that a service has started."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            line = (directory / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # and not the standard library's own helper; a process may have taken a title
        if parent == service.process.pid and b"resource_tracker" not in line and line:
            found.append(int(directory.name))
    return sorted(found)


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def usage(service: Service) -> Usage:
    """What all of them use at this moment."""
    pids = [service.process.pid, *children(service)]
    resident = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE for pid in pids]
    largest = pids[resident.index(max(resident))]
    name = Path(f"/proc/{largest}/cmdline").read_text().strip("\0 ")
    return Usage(len(pids), max(map(descriptors, pids)), max(resident), name)
