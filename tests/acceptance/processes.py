"""The processes of a running service, by their titles, and what its log says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.acceptance.service import Service


def children_of(pid: int) -> Mapping[str, int]:
    """The children, by the title that ``ps`` shows."""
    found = {}
    # each thread has children of its own
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listed.read_text().split():
            title = title_of(int(child))
            if title.startswith("daybook: "):
                found[title.removeprefix("daybook: ")] = int(child)
    return found


def title_of(pid: int) -> str:
    """What ``ps`` shows of a process; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    except OSError:
        return ""


def pid_of(service: Service, name: str) -> int:
    """A process of the service, by its title; 0 while there is none."""
    return children_of(service.process.pid).get(name, 0)


def logged(service: Service, event: str) -> list[dict[str, Any]]:
    """The lines of the log about an event."""
    lines = (line for line in service.log().splitlines() if line.startswith("{"))
    decoded = (msgspec.json.decode(line) for line in lines)
    return [line for line in decoded if line["event"] == event]
