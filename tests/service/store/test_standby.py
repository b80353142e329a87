"""A standby that lags is not taken for a restored database."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database.connections import connect
from service.database.embedded import embedded
from service.problems import Problem
from service.queries.resources import position
from service.queries.restores import locate, verify
from service.readmodels.projector import advance
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store.events import append, open_books
from service.store.positions import Position
from service.store.roles import SERVICE, set_up_role
from tests.builders import at, body
from tests.conftest import as_service
from tests.deliveries import delivery


@pytest.fixture
def scratch() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-standby-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def tell(url: str) -> Position:
    """Record one more event; the position that the read models then reflect."""
    async with await connect(as_service(url)) as conn:
        await append(conn, "test", [delivery(body("subscription.active", "active", at(0)))])
        while await advance(conn, "test"):
            pass
        return await position(conn, "test")


@pytest.mark.long
async def test_what_a_standby_lacks_may_still_come(scratch: Path) -> None:
    primary, standby = scratch / "primary", scratch / "standby"
    with embedded(primary) as server:
        await set_up_role(server.url, SERVICE)
        async with await connect(as_service(server.url)) as conn:
            await open_books(conn, {"test": None})
            await rebuild(conn)
            await open_checkpoints(conn)
        early = await tell(server.url)
    subprocess.run(["/bin/cp", "-a", primary, standby], check=True)  # noqa: ASYNC221 - not in a loop
    (standby / "postgres" / "standby.signal").touch()
    with embedded(primary) as server:
        late = await tell(server.url)
    with embedded(standby) as server:
        async with await connect(as_service(server.url)) as conn:
            await verify(conn, "test", early)
            with pytest.raises(Problem, match="has not received position"):
                await verify(conn, "test", late)
            # `min_position` waits for it
            assert (await locate(conn, "test", late))["checkpoint"] == early.number
            with pytest.raises(Problem, match="restored to an earlier moment"):
                await verify(conn, "test", Position(early.number, late.link))
    # promoted without what it lacks, it is a history of its own
    (standby / "postgres" / "standby.signal").unlink()
    with embedded(standby) as server:
        async with await connect(as_service(server.url)) as conn:
            with pytest.raises(Problem, match="restored to an earlier moment"):
                await verify(conn, "test", late)
