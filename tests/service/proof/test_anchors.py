"""Anchors: a directory and a real timestamp authority; what fails is seen and delays nothing."""

import subprocess
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.anchor_settings import Anchor as AnchorSettings
from service.database.connections import Connection
from service.proof import published, timestamps
from service.proof.anchors import AnchorError, Directory, TimestampAuthority, open_anchors
from service.proof.checkpoints import make_checkpoint
from service.proof.keys import load_signer
from service.proof.process import carry_book
from service.settings import Settings
from tests.service.proof.authority import Authority, authority
from tests.service.proof.books import fill
from tests.service.proof.test_checkpoints import nowhere


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture
async def note(conn: Connection, tmp_path: Path) -> str:
    """The checkpoint of a book of ten events."""
    signer = load_signer(Settings(data_dir=tmp_path / "data"), create=True)
    assert signer is not None
    await fill(conn, 10)
    await make_checkpoint(conn, "test", signer, nowhere)
    return await published.checkpoint_note(conn, "test", 10)


async def test_a_timestamp_is_kept_with_the_checkpoint(
    conn: Connection, note: str, tsa: Authority
) -> None:
    anchor = TimestampAuthority("tsa", tsa.url, tsa.root)
    assert await carry_book(conn, "test", anchor)
    cursor = await conn.execute("select receipt from store.anchored")
    row = await cursor.fetchone()
    assert row is not None
    at = timestamps.check(row["receipt"], note.encode(), tsa.root.read_bytes())
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    (listed,) = await published.checkpoints(conn, "test", published.LAST, 10)
    assert b64decode(listed.anchors[0].receipt or "") == row["receipt"]
    # openssl itself says so too
    (tsa.here / "note").write_text(note)
    (tsa.here / "kept.tsr").write_bytes(row["receipt"])
    tsa.openssl("ts", "-verify", "-data", "note", "-in", "kept.tsr", "-CAfile", "root.pem")
    with pytest.raises(subprocess.CalledProcessError):
        tsa.openssl("ts", "-verify", "-data", "root.pem", "-in", "kept.tsr", "-CAfile", "root.pem")
    with pytest.raises(timestamps.TimestampError, match="something else"):
        timestamps.check(row["receipt"], b"another note", None)
    # and once it has it, it is not asked again
    tsa.instead = (500, b"")
    try:
        assert await carry_book(conn, "test", anchor)
    finally:
        tsa.instead = None


async def test_an_authority_that_fails_is_seen_until_it_works_again(
    conn: Connection, note: str, tsa: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    anchor = TimestampAuthority("tsa", tsa.url, tsa.root)
    other = timestamps.request(b"another note").as_bytes()
    for instead, reason in (
        ((500, b""), "500"),
        ((200, b"no timestamp"), "not a timestamp"),
        ((200, bytes(1 << 17)), "too much"),
        ((200, tsa.answer(other)), "something else"),
        ((200, tsa.answer(timestamps.request(note.encode()).as_bytes())), "another request"),
    ):
        tsa.instead = instead
        try:
            assert not await carry_book(conn, "test", anchor)
        finally:
            tsa.instead = None
        (problem,) = await published.problems(conn, "test")
        assert (problem.anchor, reason in problem.problem) == ("tsa", True), problem
    unknown = Authority(tmp_path_factory.mktemp("other")).root
    assert not await carry_book(conn, "test", TimestampAuthority("tsa", tsa.url, unknown))
    assert "signature" in (await published.problems(conn, "test"))[0].problem
    assert await carry_book(conn, "test", anchor)
    assert await published.problems(conn, "test") == []


async def test_a_directory_that_is_not_mounted_is_seen_until_it_is(
    conn: Connection, note: str, tmp_path: Path
) -> None:
    anchor = Directory("bucket", tmp_path / "bucket")
    assert not await carry_book(conn, "test", anchor)
    (problem,) = await published.problems(conn, "test")
    assert "Is it mounted?" in problem.problem
    anchor.path.mkdir()
    assert await carry_book(conn, "test", anchor)
    assert await published.problems(conn, "test") == []
    origin = note.partition("\n")[0]
    assert await anchor.latest(origin) == note
    await anchor.keep(origin, 10, note)
    with pytest.raises(AnchorError, match="another checkpoint of the same size"):
        await anchor.keep(origin, 10, note + "x")
    assert await anchor.latest("daybook/another") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ({"kind": "directory"}, "needs a path"),
        ({"kind": "rfc3161"}, "needs a url"),
        ({"kind": "directory", "path": "/mnt", "url": "https://x.example"}, "needs a url"),
        ({"kind": "directory", "path": "/mnt", "certificates": "/x"}, "has certificates"),
        ({"kind": "rfc3161", "url": "http://tsa.example"}, "https"),
    ],
)
def test_an_anchor_that_makes_no_sense_is_refused(text: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AnchorSettings.model_validate(text)


def test_each_setting_opens_its_anchor() -> None:
    opened: list[object] = list(
        open_anchors(
            [
                AnchorSettings(kind="directory", path=Path("/mnt")),
                AnchorSettings(kind="rfc3161", name="tsa", url="https://tsa.example/"),
            ]
        )
    )
    assert opened == [
        Directory("directory", Path("/mnt")),
        TimestampAuthority("tsa", "https://tsa.example"),
    ]
