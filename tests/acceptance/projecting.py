"""Processes for the tests that kill them: a projector, and a rebuild.

``python -m tests.acceptance.projecting follow|rebuild URL``
"""

import asyncio
import sys

from service.database.connections import connect, is_unavailable
from service.processes.tasks import TaskSupervisor
from service.readmodels.follower import Projector
from service.readmodels.rebuild import rebuild


async def follow(url: str) -> None:
    """Project the book ``test`` until killed."""
    await TaskSupervisor(is_unavailable).start("projector", Projector(url, "test").run)


async def rebuild_all(url: str) -> None:
    """Rebuild everything once, in processes of its own."""
    async with await connect(url) as conn:
        await rebuild(conn, processes=2)


if __name__ == "__main__":
    asyncio.run({"follow": follow, "rebuild": rebuild_all}[sys.argv[1]](sys.argv[2]))
