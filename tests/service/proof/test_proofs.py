"""One event's proof: it checks offline, and an independent implementation accepts it."""

import re
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
import witness_log
from psycopg.sql import SQL

from service.database import pipeline, statements
from service.database.connections import Connection
from service.proof import published
from service.proof.checkpoints import current_origin, make_checkpoint
from service.proof.consistency import check_consistency
from service.proof.covering import covering, proofs_in
from service.proof.keys import load_signer
from service.proof.merkle import is_consistent, leaf_hash
from service.proof.notes import Checkpoint, Key, open_checkpoint, parse_key
from service.proof.published import NotProvableError
from service.proof.tlog_proof import ProofError, check_proof
from service.settings import Settings
from service.store.events import append
from tests.service.proof.books import of_every_source, signed, tamper
from tests.service.proof.test_checkpoints import nowhere


@pytest.fixture
async def key(conn: Connection, tmp_path: Path) -> Key:
    """The key of a book with checkpoints of 7, 300 and 700 events."""
    signer = load_signer(Settings(data_dir=tmp_path), create=True)
    assert signer is not None
    await append(conn, "test", of_every_source())
    await make_checkpoint(conn, "test", signer, nowhere)
    for first, last in ((100, 393), (400, 800)):
        await append(conn, "test", [signed(n) for n in range(first, last)])
        await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
    origin = await current_origin(conn, "test")
    assert origin is not None
    return parse_key(str(origin.key))


@pytest.mark.parametrize(
    ("position", "size"), [(1, 7), (7, 7), (8, 300), (256, 300), (257, 300), (300, 300), (700, 700)]
)
async def test_each_event_is_proved_by_the_first_checkpoint_that_covers_it(
    conn: Connection, key: Key, position: int, size: int
) -> None:
    proved = check_proof(await published.event_proof(conn, "test", position), [key])
    cursor = await conn.execute(
        "select e.*, p.link as previous from store.event e left join store.event p"
        " on p.position = e.position - 1 where e.position = %s",
        (position,),
    )
    row = await cursor.fetchone()
    assert row is not None
    assert proved.checkpoint.size == size
    assert (proved.link, proved.body_sha256) == (row["link"], row["body_sha256"])
    assert proved.previous == (row["previous"] or bytes(32))
    assert proved.columns["recorded_at"] == row["recorded_at"].isoformat()
    texts = ("book", "source", "webhook_id", "webhook_signature", "headers", "verified_by")
    assert [proved.columns[name] for name in texts] == [row[name] for name in texts]


async def test_an_independent_implementation_accepts_it(conn: Connection, key: Key) -> None:
    for position in (1, 8, 255, 256, 257, 512, 513, 699, 700):
        text = await published.event_proof(conn, "test", position)
        proved = check_proof(text, [key])
        lines = text.partition("\n\n")[0].split("\n")[3:]
        assert witness_log.verify_inclusion(
            leaf_hash(proved.link).hex(), position - 1, proved.checkpoint.size,
            [b64decode(line).hex() for line in lines], proved.checkpoint.root.hex(),
        )  # fmt: skip


async def test_any_byte_that_is_changed_is_found(conn: Connection, key: Key) -> None:
    text = (await published.event_proof(conn, "test", 300)).encode()
    passed = []
    for n, byte in enumerate(text):
        changed = text[:n] + bytes([byte ^ 1]) + text[n + 1 :]
        try:
            check_proof(changed.decode(), [key])
        except (ProofError, UnicodeDecodeError):
            continue
        passed.append((n, chr(byte)))
    assert passed == []


async def test_a_proof_is_nothing_without_its_key(conn: Connection, key: Key) -> None:
    text = await published.event_proof(conn, "test", 300)
    other = Key(key.name, bytes(range(32)))
    with pytest.raises(ProofError, match="None of the keys"):
        check_proof(text, [other])
    with pytest.raises(ProofError, match="None of the keys"):
        check_proof(text, [])


async def test_what_is_not_covered_yet_is_not_proved(conn: Connection, key: Key) -> None:
    await append(conn, "test", [signed(900)])
    with pytest.raises(NotProvableError, match="No checkpoint covers position 701 yet"):
        await published.event_proof(conn, "test", 701)
    with pytest.raises(NotProvableError, match="no event at position 702"):
        await published.event_proof(conn, "test", 702)
    assert key.name.endswith("/test")


async def test_an_event_whose_link_does_not_fit_is_not_proved(
    conn: Connection, database_url: str, key: Key
) -> None:
    tamper(database_url, "update store.event set headers = '[]' where position = 300")
    with pytest.raises(NotProvableError, match="verify chain"):
        await published.event_proof(conn, "test", 300)
    assert key.public


async def test_checkpoints_are_proved_to_be_consistent(conn: Connection, key: Key) -> None:
    async def opened(size: int) -> Checkpoint:
        return open_checkpoint(await published.checkpoint_note(conn, "test", size), [key])

    for old, size in ((7, 300), (7, 700), (300, 700), (700, 700)):
        first, last = await opened(old), await opened(size)
        found = await published.consistency_proof(conn, "test", old, size)
        assert is_consistent(old, first.root, size, last.root, found)
    for old, size in ((0, 300), (8, 7), (7, 299)):
        with pytest.raises(NotProvableError):
            await published.consistency_proof(conn, "test", old, size)


async def test_many_events_are_proved_at_once_as_each_alone(conn: Connection, key: Key) -> None:
    every = range(1, 701, 7)
    best = await covering(conn, "test", every)
    extras = {}
    for position in every:
        lines = (await published.event_proof(conn, "test", position)).split("\n")
        extras[position] = b64decode(lines[1].removeprefix("extra "))
    for checkpoint in {one.size: one for one in best.values()}.values():
        events = [(n, extras[n]) for n in every if best[n].size == checkpoint.size]
        together = await proofs_in(conn, "test", events, checkpoint)
        assert together == [
            proof for one in events for proof in await proofs_in(conn, "test", [one], checkpoint)
        ]
        proved = [check_proof(proof, [key]) for proof in together]
        assert [int(one.columns["position"] or 0) for one in proved] == [n for n, _ in events]


async def test_a_consistency_proof_is_checked_with_nothing_but_a_key(
    conn: Connection, key: Key
) -> None:
    notes = {size: await published.checkpoint_note(conn, "test", size) for size in (7, 300, 700)}
    found = await published.consistency_proof(conn, "test", 300, 700)
    hashes = "".join(f"{b64encode(one).decode()}\n" for one in found)
    older, newer = check_consistency(notes[300], notes[700], hashes, [key])
    assert (older.size, newer.size) == (300, 700)
    assert check_consistency(notes[7], notes[7], "", [key])[0].size == 7
    for first, last, proof, says in (
        (notes[7], notes[700], hashes, "do not show"),
        (notes[300], notes[700], "", "do not show"),
        (notes[300], notes[700], hashes.replace("=", "-", 1), "not base64"),
        (notes[700], notes[300], hashes, "Swap them"),
        (notes[300], notes[700].replace("\n700\n", "\n701\n"), hashes, "newer checkpoint: The sig"),
        ("", notes[700], hashes, "older checkpoint: This is not"),
    ):
        with pytest.raises(ProofError, match=says):
            check_consistency(first, last, proof, [key])
    with pytest.raises(ProofError, match="None of the keys"):
        check_consistency(notes[300], notes[700], hashes, [])


async def test_an_independent_witness_cosigns_our_checkpoints(conn: Connection, key: Key) -> None:
    witness = witness_log.WitnessService.new("witness.example/w1", bytes(range(32)))
    assert witness.add_log(key.name, str(key))
    seen = 0
    for size in (7, 300, 700):
        note = await published.checkpoint_note(conn, "test", size)
        hashes = await published.consistency_proof(conn, "test", seen, size) if seen else []
        lines = [f"old {seen}", *(b64encode(one).decode() for one in hashes), "", note]
        status, answer = witness.handle_add_checkpoint("\n".join(lines))
        assert (status, answer.startswith("— witness.example/w1 ")) == (200, True), answer
        # with the witness's line it is still ours
        assert open_checkpoint(note + answer, [key]).size == size
        seen = size
    note = await published.checkpoint_note(conn, "test", 700)
    hashes = await published.consistency_proof(conn, "test", 300, 700)
    forged = [*hashes[:-1], bytes(32)]
    lines = ["old 300", *(b64encode(one).decode() for one in forged), "", note]
    assert witness.handle_add_checkpoint("\n".join(lines))[0] in {409, 422}


@pytest.mark.parametrize(
    ("name", "types", "values"),
    [
        ("hashes", "smallint[], bigint[], bigint[], text", "'{0, 8}', '{0, 0}', '{9, 1}', 'test'"),
        ("event", "text, bigint", "'test', 300"),
    ],
)
@pytest.mark.usefixtures("key")
async def test_a_plan_that_is_kept_reads_through_indexes(
    conn: Connection, name: str, types: str, values: str
) -> None:
    statement = pipeline.statement(statements.text(f"proof/{name}"))
    await conn.execute("set plan_cache_mode = force_generic_plan")
    await conn.execute(SQL(f"prepare s ({types}) as ") + SQL(statement.text.decode()))
    found = await conn.execute(SQL(f"explain execute s ({values})"))
    plan = "\n".join(row["QUERY PLAN"] for row in await found.fetchall())
    looks = re.findall(r"Scan.* on (?:event|tree_node) .*\n +Index Cond: (.*)", plan)
    assert len(looks) == len(re.findall(r" on (?:event|tree_node)\b", plan)) == 2, plan
    assert all(re.search(r'"?(position|index)"? [<=]', look) for look in looks), plan
