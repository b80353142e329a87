"""What only an anchor can show: an end that was cut off, a chain that was recomputed as a whole."""

import re
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.rows import dict_row

from service.database.connections import Connection
from service.proof import published
from service.proof.against import UnreadableError, compare, read_kept, sizes
from service.proof.anchors import Anchor, Directory, latest_everywhere
from service.proof.checkpoints import continue_book, current_origin, make_checkpoint
from service.proof.keys import Signer, load_signer
from service.proof.notes import Key
from service.proof.process import carry_book
from service.settings import Settings
from service.store.chain import Columns, compute_link
from service.store.events import append
from tests import forkserver
from tests.acceptance.service import environment
from tests.builders import SECRET
from tests.conftest import as_owner
from tests.service.proof.books import fill, signed, tamper, verified
from tests.service.proof.test_checkpoints import nowhere


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    made = load_signer(Settings(data_dir=tmp_path / "data"), create=True)
    assert made is not None
    return made


@pytest.fixture
async def bucket(conn: Connection, tmp_path: Path, signer: Signer) -> Path:
    """A directory that has the checkpoints of 5 and of 20 events of a book of 30."""
    path = tmp_path / "bucket"
    path.mkdir()
    for first, last in ((0, 5), (5, 20), (20, 30)):
        await append(conn, "test", [signed(n) for n in range(first, last)])
        if last < 30:
            await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
            assert await carry_book(conn, "test", Directory("bucket", path))
    return path


Daybook = Callable[..., tuple[int, str]]
"""Runs a command of Daybook; its exit status and what it said."""


@pytest.fixture
def daybook(database_url: str, tmp_path: Path) -> Daybook:
    (tmp_path / "daybook.toml").write_text(f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')

    def run(*args: str) -> tuple[int, str]:
        env = {"DAYBOOK_DATABASE_URL": database_url, "DAYBOOK_DATA_DIR": str(tmp_path / "data")}
        # the key is that of the directory
        env["DAYBOOK_SIGNING_KEY"] = ""
        done = forkserver.run(
            [sys.executable, "-m", "service", *args], env=environment(env), cwd=tmp_path,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


def public_keys(daybook: Daybook) -> list[str]:
    """The keys that the database has, as options."""
    keys = re.findall(r"daybook/\S+\+\S+", daybook("books", "list")[1])
    return [part for key in keys for part in ("--key", key)]


def cut_off(url: str, at: int) -> None:
    """Take away what came after a position, as a restore does."""
    tamper(
        url,
        "delete from store.event where position > %(at)s",
        "delete from store.checkpoint where size > %(at)s",
        "delete from store.anchored where size > %(at)s",
        "delete from store.tree_node where (index + 1) << level > %(at)s",
        "update store.head set (position, link) ="
        " (select position, link from store.event where position = %(at)s)",
        at=at,
    )


async def states(conn: Connection, url: str, bucket: Path, *keys: Key) -> list[str]:
    """How the store compares with each checkpoint of the bucket."""
    origins = await published.origins(conn, "test")
    kept = read_kept(bucket, [*keys, *(Key(one.name, one.public_key) for one in origins)])
    report = await verified(url, sizes(kept)["test"])
    assert report.fault is None
    return [one.state for one in compare(kept, [report], {"test": origins})]


def recompute(url: str, change: LiteralString) -> None:
    """Change the events, then all hashes and links after it, as the owner of the tables can."""
    tamper(url, change)
    with psycopg.connect(as_owner(url), row_factory=dict_row) as owner:
        owner.execute("set session_replication_role = replica")
        link = bytes(32)
        for row in owner.execute("select * from store.event order by position").fetchall():
            digest = sha256(row["body"]).digest()
            columns = Columns(
                row["source"], row["webhook_id"], row["sent_at"], row["webhook_timestamp"],
                row["webhook_signature"], row["headers"], row["verified_by"], digest, row["salt"],
            )  # fmt: skip
            place = row["position"]
            link = compute_link(link, "test", place, row["revision"], row["recorded_at"], columns)
            owner.execute(
                "update store.event set link = %s, body_sha256 = %s where position = %s",
                (link, digest, place),
            )
        owner.execute("update store.head set link = %s", (link,))


_FORGET: tuple[LiteralString, ...] = (
    "delete from store.checkpoint",
    "delete from store.tree_node",
)


async def test_an_untouched_store_agrees(conn: Connection, database_url: str, bucket: Path) -> None:
    assert await states(conn, database_url, bucket) == ["agrees", "agrees"]


async def test_an_end_that_was_cut_off_is_found(
    conn: Connection, database_url: str, bucket: Path
) -> None:
    tamper(
        database_url,
        "delete from store.event where position > 19",
        "update store.head set (position, link) ="
        " (select position, link from store.event where position = 19)",
        *_FORGET,
    )
    assert await states(conn, database_url, bucket) == ["agrees", "ahead"]


async def test_a_chain_that_was_recomputed_is_found(
    conn: Connection, database_url: str, bucket: Path
) -> None:
    recompute(
        database_url,
        "update store.event set recorded_at = recorded_at - interval '1 day' where position = 9",
    )
    tamper(database_url, *_FORGET)
    assert await states(conn, database_url, bucket) == ["agrees", "differs"]


async def test_a_forged_body_is_found_by_its_signature_where_the_chain_was_recomputed(
    conn: Connection, database_url: str
) -> None:
    await fill(conn, 20)
    recompute(database_url, "update store.event set body = '{}' where position = 9")
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (9, "signature")


async def test_a_book_that_was_continued_agrees_up_to_where_they_part(
    conn: Connection, database_url: str, bucket: Path, signer: Signer
) -> None:
    anchors: list[Anchor] = [Directory("bucket", bucket)]

    async def elsewhere(origin: str) -> Sequence[str]:
        return await latest_everywhere(anchors, origin)

    cut_off(database_url, 12)
    _, second = await continue_book(conn, "test", signer, elsewhere)
    assert await carry_book(conn, "test", anchors[0])
    assert await states(conn, database_url, bucket) == ["agrees", "parted", "agrees"]
    # restored to before that, so that the database has no longer heard of the second origin
    cut_off(database_url, 6)
    tamper(database_url, "delete from store.origin where number = 2")
    _, third = await continue_book(conn, "test", signer, elsewhere)
    assert (third.number, third.parted_at) == (3, 5)
    assert await carry_book(conn, "test", anchors[0])
    expected = ["agrees", "parted", "parted", "agrees"]
    assert await states(conn, database_url, bucket, second.key) == expected


async def test_a_database_that_says_that_it_was_continued_is_believed_with_its_key_only(
    database_url: str, bucket: Path, daybook: Daybook
) -> None:
    """Otherwise its owner could cut off the end, and say that this was a restore."""
    first = public_keys(daybook)
    cut_off(database_url, 12)
    tamper(
        database_url,
        "insert into store.origin (book, number, name, public_key, parted_at)"
        " select book, 2, name || '/2', public_key, 12 from store.origin",
    )
    status, said = daybook("verify", "against", str(bucket), *first)
    assert (status, "has 20 events, and the store fewer" in said) == (1, True), said
    status, said = daybook("verify", "against", str(bucket), *public_keys(daybook))
    assert status == 0, said
    assert "NOT COMPARED: 1 checkpoint of" in said
    assert "continued under another origin" in said


async def test_what_is_not_a_checkpoint_of_ours_is_not_compared(
    conn: Connection, bucket: Path, tmp_path: Path
) -> None:
    origin = await current_origin(conn, "test")
    assert origin is not None
    with pytest.raises(UnreadableError, match="does not exist"):
        read_kept(tmp_path / "nowhere", [origin.key])
    with pytest.raises(UnreadableError, match="None of the keys"):
        read_kept(bucket, [Key(origin.name, bytes(32))])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableError, match="no files"):
        read_kept(tmp_path / "empty", [origin.key])
    forged = bucket / origin.name.replace("/", "_") / f"{20:012}.checkpoint"
    forged.write_text("forged")
    with pytest.raises(UnreadableError, match="000000000020"):
        read_kept(bucket, [origin.key])


async def test_the_commands_say_what_they_found(
    conn: Connection, database_url: str, bucket: Path, tmp_path: Path, daybook: Daybook
) -> None:
    origin = await current_origin(conn, "test")
    assert origin is not None
    status, said = daybook("verify", "chain")
    assert status == 0, said
    assert "Anchored up to position 20 by bucket" in said
    assert "Not anchored: positions 21 to 30." in said
    assert str(origin.key) in daybook("books", "list")[1]
    status, said = daybook("verify", "against", str(bucket), "--key", str(origin.key))
    assert (status, "agrees with 2 checkpoints, up to position 20" in said) == (0, True), said
    assert daybook("books", "continue", "--book", "test")[0] == 1
    (tmp_path / "proof").write_text(await published.event_proof(conn, "test", 9))
    (tmp_path / "body").write_bytes(signed(8).body)
    check = ("proof", "check", "proof", "--key", str(origin.key))
    status, said = daybook(*check, "--body", "body")
    assert (status, "The proof holds: position 9 of" in said) == (0, True), said
    assert daybook(*check, "--body", "proof")[0] == 1
    assert daybook("proof", "check", "proof")[0] == 2
    recompute(
        database_url,
        "update store.event set recorded_at = recorded_at - interval '1 day' where position = 9",
    )
    status, said = daybook("verify", "chain")
    assert (status, "BROKEN at position 20: checkpoint." in said) == (1, True), said
    status, said = daybook("verify", "against", str(bucket))
    assert (status, "has another root: the history was rewritten" in said) == (1, True), said
