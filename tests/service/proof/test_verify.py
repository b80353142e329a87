"""``verify chain``: an untouched store holds, and every change that it can see is found."""

import json
from typing import LiteralString

import pytest
from msgspec.structs import replace

from service.database.connections import Connection
from service.ingest.signature import secret_of
from service.proof import stretches
from service.proof.merkle import BLOCK
from service.proof.verify import verify_recent
from service.store.events import append
from tests.builders import NOON, OTHER_SECRET, SECRET
from tests.deliveries import delivery
from tests.service.proof.books import fill, of_every_source, signed, tamper, verified

COLUMNS: dict[str, LiteralString] = {
    "revision": "revision + 1",
    "sent_at": "sent_at + interval '1 microsecond'",
    "recorded_at": "recorded_at - interval '1 hour'",
    "webhook_id": "webhook_id || 'x'",
    "webhook_timestamp": "webhook_timestamp || '0'",
    "webhook_signature": "'v1,AAAA'",
    "headers": "'{}'",
    "verified_by": "'0000000000000000'",
    "body_sha256": "sha256(body || 'x')",
}


async def test_an_untouched_store_of_every_source_holds(
    conn: Connection, database_url: str
) -> None:
    await append(conn, "test", of_every_source())
    await append(conn, "test", [delivery(b"of a secret that is not held")])
    report = await verified(database_url)
    assert report.fault is None
    assert report.holds
    assert (report.events, report.head) == (8, 8)
    assert report.signatures.proved == 6
    assert report.signatures.unprovable == {"0123456789abcdef": 1}
    assert report.signatures.inapplicable == 1


async def test_the_usual_row_is_read_as_every_other(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(conn, "test", of_every_source())
    quick = await verified(database_url, (2, 7))
    monkeypatch.setattr(stretches, "quick_check", lambda *_: lambda rows, *_: next(rows, None))
    assert await verified(database_url, (2, 7)) == quick


async def test_an_empty_book_does_not_hold(database_url: str) -> None:
    report = await verified(database_url)
    assert (report.events, report.fault, report.holds) == (0, None, False)


async def test_stretches_in_parallel_show_the_same(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(conn, 2 * BLOCK + 10)
    whole = await verified(database_url, (1, 255, 256, 257, 512, 522))
    monkeypatch.setattr("service.proof.verify.EVENTS", BLOCK)
    parts = await verified(database_url, (1, 255, 256, 257, 512, 522), processes=2)
    assert parts == whole
    assert [*whole.roots] == [1, 255, 256, 257, 512, 522]
    assert whole.roots[522] == whole.root


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_changed_column_is_found(conn: Connection, database_url: str, column: str) -> None:
    await fill(conn, 6)
    value = COLUMNS[column]
    change = f"update store.event set {column} = {value} where position = %(at)s"  # noqa: S608
    # the first fault is named: so each is a new one
    for position in (6, 4, 1):
        tamper(database_url, change, at=position)
        report = await verified(database_url)
        assert report.fault is not None
        assert (report.fault.position, report.fault.kind) == (position, "column")
        assert not report.holds


@pytest.mark.parametrize("change", ["source = 'import'", "salt = sha256('x')"])
async def test_what_the_table_refuses_is_found_where_it_no_longer_does(
    conn: Connection, database_url: str, change: LiteralString
) -> None:
    await fill(conn, 3)
    tamper(
        database_url,
        "alter table store.event drop constraint event_check, drop constraint event_check1",
        "update store.event set " + change + " where position = 2",  # noqa: S608
    )
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (2, "column")


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("link", "null", "missing"), ("body_sha256", "'short'", "missing"),
        ("revision", "null", "missing"), ("sent_at", "'infinity'", "column"),
        ("webhook_id", "null", "column"), ("headers", "null", "column"),
        ("verified_by", "null", "column"), ("webhook_timestamp", "null", "column"),
        ("body", "null", "body"),
    ],
)  # fmt: skip
async def test_what_no_event_can_have_is_found(
    conn: Connection, database_url: str, column: str, value: str, kind: str
) -> None:
    await append(conn, "test", [signed(1), signed(2, content=b""), signed(3)])
    bare = "alter table store.event drop constraint event_check1, drop constraint "
    checked = f"event_{column}_check" if column in {"body_sha256", "link"} else "event_check"
    tamper(
        database_url,
        bare + checked,
        f"alter table store.event alter {column} drop not null",
        f"update store.event set {column} = {value} where position = 2",  # noqa: S608
    )
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (2, kind)
    assert report.broken >= 1


async def test_events_beyond_what_is_usual_hold(conn: Connection, database_url: str) -> None:
    first = signed(1)
    long = signed(2, content=b" " * 5000)
    headers = json.dumps({"user-agent": "x" * 5000})
    await append(conn, "test", [
        replace(first, webhook_id="i" * 300, verified_by="0" * 20), replace(long, headers=headers),
        replace(signed(3), sent_at=NOON.replace(year=1999)),
    ])  # fmt: skip
    report = await verified(database_url)
    assert (report.events, report.fault) == (3, None)
    assert report.signatures.proved == 2


async def test_a_changed_salt_is_found(conn: Connection, database_url: str) -> None:
    await append(conn, "test", of_every_source())
    tamper(database_url, "update store.event set salt = sha256('x') where source = 'api'")
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (7, "column")


@pytest.mark.parametrize("position", [1, 4, 6])
async def test_a_changed_link_is_found(conn: Connection, database_url: str, position: int) -> None:
    await fill(conn, 6)
    tamper(
        database_url,
        "update store.event set link = sha256('x') where position = %(at)s",
        at=position,
    )
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (position, "link")


async def test_an_event_in_another_book_is_missing_in_its_own(
    conn: Connection, database_url: str
) -> None:
    await fill(conn, 6)
    tamper(database_url, "update store.event set book = 'other' where position = 3")
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (3, "missing")


@pytest.mark.parametrize("position", [1, 4, 6])
async def test_a_changed_body_is_found(conn: Connection, database_url: str, position: int) -> None:
    await fill(conn, 6)
    tamper(
        database_url,
        "update store.event set body = body || ' ' where position = %(at)s",
        at=position,
    )
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (position, "body")


@pytest.mark.parametrize("other", [5, 6, 9])
async def test_two_events_that_changed_places_are_found(
    conn: Connection, database_url: str, other: int
) -> None:
    await fill(conn, 10)
    tamper(
        database_url,
        "update store.event set position = 4 + %(other)s - position"
        " where position in (4, %(other)s)",
        other=other,
    )
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (4, "order")
    assert f"position {other} " in report.fault.text


async def test_a_removed_event_is_missing(conn: Connection, database_url: str) -> None:
    await fill(conn, 10)
    tamper(database_url, "delete from store.event where position = 4")
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind, report.broken) == (4, "missing", 1)


async def test_a_removed_event_is_missing_where_the_rest_was_renumbered(
    conn: Connection, database_url: str
) -> None:
    await fill(conn, 10)
    tamper(
        database_url,
        "delete from store.event where position = 4",
        "update store.event set position = position - 1 where position > 4",
        "update store.head set position = 9",
    )
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (4, "missing")
    assert "renumbered" in report.fault.text


async def test_an_end_that_was_cut_off_is_missing(conn: Connection, database_url: str) -> None:
    await fill(conn, 10)
    tamper(database_url, "delete from store.event where position > 6")
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind, report.broken) == (7, "missing", 4)


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("update store.head set position = 6", 7),
        ("update store.head set link = sha256('x')", 10),
        ("delete from store.head", 10),
    ],
)
async def test_a_head_that_was_changed_is_found(
    conn: Connection, database_url: str, change: LiteralString, position: int
) -> None:
    await fill(conn, 10)
    tamper(database_url, change)
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (position, "head")


async def test_a_signature_of_another_secret_is_found(conn: Connection, database_url: str) -> None:
    forged = signed(2, OTHER_SECRET)
    first = signed(1)
    await append(conn, "test", [first, type(forged)(
        forged.webhook_id, forged.sent_at, forged.webhook_timestamp, forged.webhook_signature,
        forged.headers, first.verified_by, forged.body, forged.body_sha256,
    )])  # fmt: skip
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (2, "signature")
    assert report.signatures.proved == 1


async def test_many_missing_events_are_counted_and_not_listed(
    conn: Connection, database_url: str
) -> None:
    await fill(conn, 3)
    tamper(database_url, "update store.head set position = 1000000")
    report = await verified(database_url)
    assert report.fault is not None
    assert (report.fault.position, report.broken) == (4, 999_997)
    assert SECRET not in str(report)
    assert stretches.SHOWN < 999_997


async def test_the_last_events_can_be_verified_alone(conn: Connection, database_url: str) -> None:
    await fill(conn, 2 * BLOCK + 3)
    secrets = [secret_of(SECRET)]
    tamper(database_url, "update store.event set body = body || ' ' where position = 3")
    report = await verify_recent(conn, "test", secrets, BLOCK)
    assert report is not None
    assert (report.events, report.head, report.fault) == (BLOCK + 3, 2 * BLOCK + 3, None)
    assert report.signatures.proved == BLOCK + 3
    tamper(database_url, "update store.event set body = body || ' ' where position = 300")
    report = await verify_recent(conn, "test", secrets, BLOCK)
    assert report is not None
    assert report.fault is not None
    assert (report.fault.position, report.fault.kind) == (300, "body")
    tamper(database_url, "delete from store.event where position > 512")
    report = await verify_recent(conn, "test", secrets, BLOCK)
    assert report is not None
    assert report.fault is not None
    assert report.broken == 4
    assert await verify_recent(conn, "none", secrets, BLOCK) is None
