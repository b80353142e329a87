"""Checkpoints: made in time, signed, and never two that contradict each other."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from service.database.connections import Connection, connect
from service.proof import checkpoints, tree
from service.proof.anchors import Directory, latest_everywhere
from service.proof.checkpoints import RefusedError, continue_book, current_origin, make_checkpoint
from service.proof.keys import Signer, load_signer
from service.proof.merkle import BLOCK, perfect_root
from service.proof.notes import Checkpoint, open_checkpoint
from service.proof.process import carry_book, sign_book
from service.settings import Settings
from service.store.events import append
from tests.acceptance.service import environment
from tests.service.proof.books import fill, signed, tamper, verified


async def nowhere(origin: str) -> Sequence[str]:
    del origin
    return ()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    made = load_signer(Settings(data_dir=tmp_path / "data"), create=True)
    assert made is not None
    return made


async def notes(conn: Connection) -> list[Checkpoint]:
    """All checkpoints of the database, opened with the keys of their origins."""
    origin = await current_origin(conn, "test")
    assert origin is not None
    cursor = await conn.execute("select note from store.checkpoint order by origin, size")
    return [open_checkpoint(row["note"], [origin.key]) for row in await cursor.fetchall()]


async def test_the_root_is_that_of_the_links(
    conn: Connection, database_url: str, signer: Signer
) -> None:
    for events in (1, BLOCK - 1, 1, 300):
        done = (await tree.extend(conn, "test")).size
        await append(conn, "test", [signed(done + n) for n in range(events)])
        await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    made = await notes(conn)
    assert [one.size for one in made] == [1, BLOCK, BLOCK + 1, BLOCK + 301]
    report = await verified(database_url, [one.size for one in made])
    assert [report.roots[one.size] for one in made] == [one.root for one in made]


async def test_higher_levels_are_stored_when_they_are_full(
    conn: Connection,
) -> None:
    await fill(conn, 2 * BLOCK)
    await tree.extend(conn, "test")
    # as if a block had been full 256 times
    await conn.execute(
        "insert into store.tree_node select 'test', 8, n, sha256(n::text::bytea)"
        " from generate_series(2, 255) n"
    )
    await tree.store(conn, "test", await tree.grow(conn, "test", _head(65_536, 256)))
    cursor = await conn.execute("select hash from store.tree_node where level = 8 order by index")
    blocks = [row["hash"] for row in await cursor.fetchall()]
    assert await tree.roots(conn, "test", [65_536]) == [perfect_root(blocks)]
    await conn.execute("insert into store.tree_node values ('test', 8, 300, sha256('x'))")
    with pytest.raises(tree.MissingNodesError):
        await tree.grow(conn, "test", _head(2 * 65_536, 512, 1))


def _head(size: int, blocks: int, wide: int = 0) -> tree.Head:
    return tree.Head(size, tree.Head().stored | {8: blocks, 16: wide})


async def test_it_is_made_after_a_thousand_events_or_an_hour(
    conn: Connection, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await make_checkpoint(conn, "test", signer, nowhere) is None
    await append(conn, "test", [signed(0)])
    first = await make_checkpoint(conn, "test", signer, nowhere)
    assert first is not None
    await append(conn, "test", [signed(n) for n in range(1, 1000)])
    assert await make_checkpoint(conn, "test", signer, nowhere) is None
    await append(conn, "test", [signed(1000)])
    made = await make_checkpoint(conn, "test", signer, nowhere)
    assert made is not None
    assert (first.size, made.size) == (1, 1001)
    assert await make_checkpoint(conn, "test", signer, nowhere) is None
    await append(conn, "test", [signed(1002)])
    assert await make_checkpoint(conn, "test", signer, nowhere) is None
    monkeypatch.setattr(checkpoints, "EVERY", checkpoints.EVERY * 0)
    assert await make_checkpoint(conn, "test", signer, nowhere) is not None
    # nothing new, however late
    assert await make_checkpoint(conn, "test", signer, nowhere) is None


async def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert load_signer(settings) is None
    first, second = load_signer(settings, create=True), load_signer(settings, create=True)
    assert first is not None
    assert second is not None
    assert first.public == second.public
    path = tmp_path / "data" / "signing-key"
    assert path.stat().st_mode & 0o777 == 0o600
    other = Settings(data_dir=tmp_path / "other", signing_key=path.read_text().strip())  # type: ignore[arg-type]
    third = load_signer(other)
    assert third is not None
    assert third.public == first.public


async def test_another_key_signs_nothing(conn: Connection, signer: Signer, tmp_path: Path) -> None:
    await fill(conn, 3)
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    other = load_signer(Settings(data_dir=tmp_path / "other"), create=True)
    assert other is not None
    await append(conn, "test", [signed(4)])
    with pytest.raises(RefusedError, match="another key"):
        await make_checkpoint(conn, "test", other, nowhere, at_once=True)
    assert [one.size for one in await notes(conn)] == [3]


async def _restore(conn: Connection, url: str, to: int) -> None:
    """Set the book back to an earlier moment, checkpoints included."""
    cursor = await conn.execute(
        "select link from store.event where book = 'test' and position = %s", (to,)
    )
    row = await cursor.fetchone()
    assert row is not None
    link = row["link"].hex()
    tamper(
        url,
        "delete from store.event where position > %(to)s",
        "delete from store.checkpoint where size > %(to)s",
        "delete from store.anchored where size > %(to)s",
        "delete from store.tree_node where (index + 1) << level > %(to)s",
        "update store.head set position = %(to)s",
        "update store.head set link = (select link from store.event where position = %(to)s)",
        to=to,
    )
    assert link


@pytest.mark.parametrize("known_by", ["the key's directory", "an anchor"])
async def test_after_a_restore_nothing_is_signed_until_the_book_is_continued(
    conn: Connection, database_url: str, signer: Signer, tmp_path: Path, known_by: str
) -> None:
    (tmp_path / "bucket").mkdir()
    anchor = Directory("bucket", tmp_path / "bucket")

    async def elsewhere(origin: str) -> Sequence[str]:
        return await latest_everywhere([anchor], origin) if known_by == "an anchor" else ()

    if known_by == "an anchor":
        signer._directory = None
    await fill(conn, 300)
    await make_checkpoint(conn, "test", signer, elsewhere, at_once=True)
    await append(conn, "test", [signed(n) for n in range(301, 400)])
    await make_checkpoint(conn, "test", signer, elsewhere, at_once=True)
    assert await carry_book(conn, "test", anchor)
    await _restore(conn, database_url, 350)
    with pytest.raises(RefusedError, match="399 events, and the book has 350"):
        await make_checkpoint(conn, "test", signer, elsewhere, at_once=True)
    # and where the book has grown beyond it again, with other events
    await append(conn, "test", [signed(n) for n in range(500, 600)])
    with pytest.raises(RefusedError, match="of another history"):
        await make_checkpoint(conn, "test", signer, elsewhere, at_once=True)
    await sign_book(conn, "test", signer, [anchor])
    assert [one.size for one in await notes(conn)] == [300]
    old, new = await continue_book(conn, "test", signer, elsewhere)
    assert (new.number, new.name, new.parted_at) == (2, f"{old.name}/2", 300)
    assert new.size == 450
    with pytest.raises(RefusedError, match="nothing to continue"):
        await continue_book(conn, "test", signer, elsewhere)
    await append(conn, "test", [signed(700)])
    made = await make_checkpoint(conn, "test", signer, elsewhere, at_once=True)
    assert made is not None
    assert (made.origin, made.size) == (new.name, 451)


async def test_a_checkpoint_that_only_the_key_remembers_is_kept_again(
    conn: Connection, database_url: str, signer: Signer
) -> None:
    """The process ended between signing and writing to the database."""
    await fill(conn, 10)
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    tamper(database_url, "delete from store.checkpoint")
    await append(conn, "test", [signed(11)])
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    assert [one.size for one in await notes(conn)] == [10, 11]


async def test_what_cannot_be_written_down_next_to_the_key_is_not_signed(
    conn: Connection, signer: Signer, tmp_path: Path
) -> None:
    await fill(conn, BLOCK - 1)
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    (lock,) = (tmp_path / "data" / "signed-checkpoints").glob("*.lock")
    lock.unlink()
    lock.mkdir()
    await append(conn, "test", [signed(BLOCK)])
    with pytest.raises(IsADirectoryError):
        await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    assert [one.size for one in await notes(conn)] == [BLOCK - 1]
    lock.rmdir()
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    assert [one.size for one in await notes(conn)] == [BLOCK - 1, BLOCK]


async def test_a_history_that_was_recomputed_is_not_signed(
    conn: Connection, database_url: str, signer: Signer
) -> None:
    await fill(conn, 10)
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    tamper(database_url, "update store.event set link = sha256('x') where position = 4")
    await append(conn, "test", [signed(11)])
    with pytest.raises(RefusedError, match="another history"):
        await make_checkpoint(conn, "test", signer, nowhere, at_once=True)


_SIGN = """
import asyncio, sys
from pathlib import Path
from service.database.connections import connect
from service.proof.checkpoints import make_checkpoint
from service.proof.keys import load_signer
from service.settings import Settings
from service.store.events import append
from tests.service.proof.books import signed

async def nowhere(_):
    return ()

async def main(url, data, first):
    signer = load_signer(Settings(data_dir=Path(data)), create=True)
    async with await connect(url) as conn:
        for n in range(int(first), int(first) + 100_000):
            await append(conn, "test", [signed(n)])
            await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
            if n == int(first):
                print("begun", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def _kill_while_signing(url: str, data: Path, rounds: int) -> None:
    for number in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", _SIGN, url, str(data), str(number * 100_000)],
            env=environment({"DAYBOOK_SIGNING_KEY": ""}), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.01 * (number % 10))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("rounds", [1, pytest.param(100, marks=pytest.mark.long)])
async def test_however_often_it_is_killed_no_two_checkpoints_contradict(
    conn: Connection, database_url: str, tmp_path: Path, rounds: int
) -> None:
    await asyncio.to_thread(_kill_while_signing, database_url, tmp_path / "data", rounds)
    signer = load_signer(Settings(data_dir=tmp_path / "data"))
    assert signer is not None
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    made = await notes(conn)
    # one for each that began; the last may have been killed before another event
    assert len(made) >= rounds
    origin = await current_origin(conn, "test")
    assert origin is not None
    kept = signer.signed(origin.name)
    assert kept is not None
    made.append(open_checkpoint(kept, [origin.key]))
    report = await verified(database_url, [one.size for one in made])
    assert report.fault is None
    assert [report.roots[one.size] for one in made] == [one.root for one in made]


async def test_two_processes_sign_the_same(
    conn: Connection, database_url: str, signer: Signer
) -> None:
    await fill(conn, 3 * BLOCK)
    async with await connect(database_url) as other:
        await asyncio.gather(
            make_checkpoint(conn, "test", signer, nowhere, at_once=True),
            make_checkpoint(other, "test", signer, nowhere, at_once=True),
        )
    assert [one.size for one in await notes(conn)] == [3 * BLOCK]


async def test_nothing_of_it_can_be_altered(conn: Connection, signer: Signer) -> None:
    await fill(conn, BLOCK)
    await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    for table in ("tree_node", "origin", "checkpoint", "anchored"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute(f"delete from store.{table}")  # noqa: S608
    assert os.environ.get("DAYBOOK_SIGNING_KEY") is None
