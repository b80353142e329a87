"""A bundle of evidence: a stranger checks it alone, and any byte that is changed is found."""

import ast
import os
import random
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from service.database.connections import Connection, connect
from service.evidence import signing
from service.evidence.bundle import SUMS, pack, sums
from service.evidence.record import read_text
from service.problems import Problem
from service.proof.checkpoints import make_checkpoint
from service.proof.covering import _first as first
from service.proof.keys import load_signer
from service.proof.notes import Key, parse_key
from service.proof.tlog_proof import check_proof
from service.settings import Settings
from service.store.events import append
from tests.service.evidence.cases import Made, about, files_of, record, story, unpack, verify
from tests.service.proof.books import signed
from tests.service.proof.test_checkpoints import nowhere


def test_it_is_checked_in_an_empty_directory(made: Made, here: Path) -> None:
    status, said = verify(here, "--key", made.key, "--digest", made.evidence.digest)
    assert status == 0, said
    assert "8 events: bodies, links and places in the tree were computed again." in said
    assert "says tsa: timestamps/1-000000000008-1-tsa.tsr" in said
    assert said.endswith("HOLDS, under the key that was given.\n")


@pytest.mark.parametrize(
    "python",
    [sys.executable, *filter(None, os.environ.get("DAYBOOK_TEST_PYTHONS", "").split(":"))],
)
def test_any_python_from_3_9_on_checks_it(made: Made, here: Path, python: str) -> None:
    given = ("--key", made.key, "--digest", made.evidence.digest)
    status, said = verify(here, *given, python=python)
    assert (status, said.endswith("HOLDS, under the key that was given.\n")) == (0, True), said
    (here / "index.html").write_text("another page")
    status, said = verify(here, *given, python=python)
    assert (status, "index.html was altered" in said) == (1, True), said


def test_the_script_is_written_for_the_python_that_it_promises() -> None:
    source = Path(signing.__file__).with_name("verify.py").read_text()
    for promise in (source, read_text("README.txt")):
        assert re.findall(r"3\.\d+ or later", promise) == ["3.9 or later"]
    ast.parse(source, feature_version=(3, 9))


def test_every_python_packs_the_same_bytes() -> None:
    packed = pack({"b/ü.txt": b"1\n", "a.json": b"{}" * 9_000})
    assert (len(packed), sha256(packed).hexdigest()) == (
        18_204, "65653ba8e73ff11e4d3a8924dae83524563bb77ce556d17dbd9b4b491bd36af2",
    )  # fmt: skip


def test_without_a_key_it_is_internally_consistent_only(here: Path) -> None:
    status, said = verify(here)
    assert (status, "INTERNALLY CONSISTENT ONLY" in said, "HOLDS" in said) == (0, True, False)


def test_the_zip_itself_is_checked(made: Made, here: Path) -> None:
    (here / "sub").mkdir()
    file = here / "sub" / "dp_1.zip"
    file.write_bytes(made.evidence.archive)
    assert verify(here, str(file), "--key", made.key)[0] == 0
    chance = random.Random(7)  # noqa: S311 - a sample
    for n in chance.sample(range(len(made.evidence.archive)), 12):
        file.write_bytes(flipped(made.evidence.archive, n))
        assert verify(here, str(file))[0] == 1
    # each other's ZIPs hold the same
    assert pack(made.files) == made.evidence.archive


def flipped(content: bytes, n: int, bit: int = 0) -> bytes:
    return content[:n] + bytes([content[n] ^ 1 << bit]) + content[n + 1 :]


def turned(here: Path, first: int, step: int) -> list[str]:
    """The bytes of the files that can be changed so that the check passes; see ``turned.py``."""
    args = [str(Path(__file__).with_name("turned.py")), str(here), str(first), str(step)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", *args], capture_output=True, text=True, check=True
    )
    *found, count = done.stdout.splitlines()
    assert int(count.removesuffix(" turned")) > 50
    return found


def test_any_byte_that_is_changed_is_found(here: Path) -> None:
    assert turned(here, 7, 0) == []
    assert verify(here)[0] == 0


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_thousands_of_bytes_that_are_changed_are_found(here: Path, part: int) -> None:
    assert turned(here, part * 7, 61) == []


def test_whoever_changes_the_sums_too_is_found_by_the_digest(made: Made, here: Path) -> None:
    forged = {**made.files, "index.html": made.files["index.html"].replace(b"22.61", b"00.01")}
    del forged[SUMS]
    forged[SUMS] = sums(forged)
    unpack(forged, here)
    assert verify(here)[0] == 0
    status, said = verify(here, "--digest", made.evidence.digest)
    assert (status, "not the one given" in said) == (1, True)


def test_a_forged_event_is_found_though_all_sums_fit(made: Made, here: Path) -> None:
    name = next(name for name in made.files if name.endswith("6.body"))
    for change in (
        {name: made.files[name].replace(b"2261", b"1261")},
        {name.replace(".body", ".json"): made.files[name.replace(".body", ".json")].replace(
            b'"revision": 0', b'"revision": 1')},
    ):  # fmt: skip
        forged = {**made.files, **change}
        del forged[SUMS]
        unpack({**forged, SUMS: sums(forged)}, here)
        status, said = verify(here, "--key", made.key)
        assert (status, "BROKEN: events/000000000006" in said) == (1, True), said


def test_another_key_than_that_of_the_book_is_refused(made: Made, here: Path) -> None:
    other = Key(parse_key(made.key).name, bytes(range(32)))
    status, said = verify(here, "--key", str(other))
    assert (status, "none of the keys has signed it" in said) == (1, True), said
    # the key of another origin, such as that from before the book was continued, shows nothing
    elsewhere = Key("daybook/0123456789abcdef/test/2", bytes(range(32)))
    status, said = verify(here, "--key", str(elsewhere))
    assert (status, "COULD NOT BE CHECKED" in said, "HOLDS" in said) == (2, True, False), said
    assert verify(here, "--key", str(elsewhere), "--key", made.key)[0] == 0
    status, said = verify(here, "--key", made.key[:-4])
    assert (status, "this is not a public key" in said) == (2, True), said


def test_a_missing_file_and_one_too_many_are_seen(here: Path) -> None:
    (here / "notes.txt").write_text("mine")
    status, said = verify(here)
    assert (status, "not checked: notes.txt" in said) == (0, True)
    (here / "index.html").unlink()
    status, said = verify(here)
    assert (status, "index.html is missing" in said) == (1, True)


def test_no_events_are_not_green(made: Made, tmp_path: Path) -> None:
    kept = {"verify.py", "public-keys.txt", "README.txt"}
    empty = {name: content for name, content in made.files.items() if name in kept}
    empty["bundle.json"] = b'{"book": "test", "checkpoints": [], "events": []}'
    unpack({**empty, SUMS: sums(empty)}, tmp_path)
    status, said = verify(tmp_path)
    assert (status, "NOTHING TO CHECK" in said) == (2, True)
    (tmp_path / SUMS).unlink()
    assert verify(tmp_path)[0] in {1, 2}


def test_the_timestamp_is_checked_with_openssl(made: Made, here: Path) -> None:
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-in", "timestamps/1-000000000008-1-tsa.tsr",
         "-data", "checkpoints/1-000000000008.txt", "-CAfile", str(made.tsa.root)],
        cwd=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_was_stamped_first_proves_what_came_before_it(made: Made) -> None:
    """An event is proved by the first stamped checkpoint, even if an earlier one covers it."""
    sizes = {}
    for name, content in made.files.items():
        if name.endswith(".tlog-proof"):
            proved = check_proof(content.decode(), [parse_key(made.key)])
            sizes[proved.columns["position"]] = proved.checkpoint.size
    assert sizes == {
        "1": 8, "2": 8, "4": 8, "5": 8, "6": 8, "7": 8, "9": 10, "10": 10,
    }  # fmt: skip


def test_sha256sum_checks_it(here: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=here, check=True)


async def test_the_same_book_makes_the_same_bytes(made: Made) -> None:
    async with await connect(made.url) as conn:
        assert await about(conn) == made.evidence


async def test_what_is_not_covered_is_named_and_not_green(conn: Connection, tmp_path: Path) -> None:
    events = story()
    await record(conn, events[:8])
    signer = load_signer(Settings(data_dir=tmp_path / "key"), create=True)
    assert signer is not None
    await make_checkpoint(conn, "test", signer, nowhere)
    await record(conn, [*events[8:], signed(99)])
    evidence = await about(conn)
    assert evidence.uncovered == [9, 10, 11]
    status, said = verify(unpack(files_of(evidence), tmp_path / "here"))
    assert (status, "no checkpoint covers positions 9, 10, 11." in said) == (2, True), said
    assert (
        b"Not covered by a checkpoint yet: positions 9, 10, 11." in files_of(evidence)["index.html"]
    )


async def test_what_the_read_models_lack_is_not_said_to_be_unrecorded(conn: Connection) -> None:
    events = story()
    await record(conn, events[:1])
    await append(conn, "test", events[1:4])
    with pytest.raises(Problem, match="lack 3 events of this book"):
        await about(conn)
    assert (await about(conn, "customer", "cus_1")).behind == 3
    await record(conn, events[4:])
    with pytest.raises(Problem, match="has no event about the dispute 'dp_9'"):
        await about(conn, "dispute", "dp_9")


def test_the_origins_of_a_book_follow_one_another() -> None:
    places = [(1, 5), (1, 9), (2, 12), (3, 30)]
    assert [first(places, n) for n in (1, 6, 10, 13, 31)] == [
        (1, 5),
        (1, 9),
        (2, 12),
        (3, 30),
        None,
    ]
