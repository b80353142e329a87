"""``daybook verify`` as it is typed: what it prints, and its exit status."""

import sys
from pathlib import Path

import pytest

from service.database.connections import Connection
from service.store.events import append, open_books
from tests import forkserver
from tests.acceptance.service import environment
from tests.builders import OTHER_SECRET, SECRET
from tests.service.proof.books import fill, of_every_source, signed, tamper


class Verify:
    """``daybook verify`` over the database of a test, with a secret and retired ones."""

    def __init__(self, url: str, here: Path) -> None:
        self._url, self._here = url, here
        self.retire()

    def retire(self, *secrets: str) -> None:
        """Configure so many retired secrets."""
        lines = ["[books.test]", 'mode = "test"', f'secrets = ["{SECRET}"]']
        lines.append(f"retired_secrets = {list(secrets)}")
        (self._here / "daybook.toml").write_text("\n".join(lines))

    def add_book(self, name: str) -> None:
        """Configure another book."""
        with (self._here / "daybook.toml").open("a") as file:
            file.write(f'\n[books.{name}]\nmode = "live"\nsecrets = ["{OTHER_SECRET}"]\n')

    def __call__(self, *args: str) -> tuple[int, str]:
        """Its exit status, and all that it said."""
        done = forkserver.run(
            [sys.executable, "-m", "service", "verify", *args],
            env=environment({"DAYBOOK_DATABASE_URL": self._url}), cwd=self._here,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def verify(database_url: str, tmp_path: Path) -> Verify:
    return Verify(database_url, tmp_path)


async def test_a_book_without_events_is_not_green(verify: Verify) -> None:
    status, said = verify("chain")
    assert (status, "it has no events" in said) == (2, True)


async def test_an_empty_book_next_to_others_is_named_and_not_broken(
    verify: Verify, conn: Connection
) -> None:
    """As the live book of somebody who still tries it out, or the test book of everybody else."""
    await append(conn, "test", [signed(1)])
    await open_books(conn, {"live": None})
    verify.add_book("live")
    status, said = verify("chain")
    assert "book live: it has no events. Nothing was verified." in said
    assert "book test: 1 event recomputed." in said
    assert status == 0
    assert verify("chain", "--book", "live")[0] == 2


async def test_what_was_verified_is_counted(verify: Verify, conn: Connection) -> None:
    await append(conn, "test", of_every_source())
    status, said = verify("chain")
    assert status == 0, said
    assert "7 events recomputed. The chain holds up to position 7." in said
    assert "5 proved; 1 not provable, because their secrets are not held" in said
    assert "1 not applicable, because they are not webhooks" in said


async def test_a_retired_secret_proves_old_signatures(verify: Verify, conn: Connection) -> None:
    await append(conn, "test", [signed(1), signed(2, OTHER_SECRET)])
    assert "1 proved; 1 not provable" in verify("chain")[1]
    verify.retire(OTHER_SECRET)
    status, said = verify("chain")
    assert (status, "Signatures: 2 proved." in said) == (0, True)


async def test_a_broken_chain_is_named_and_exits_with_1(
    verify: Verify, conn: Connection, database_url: str
) -> None:
    await fill(conn, 5)
    tamper(database_url, "update store.event set body = 'forged' where position = 3")
    for args in ((), ("chain",), ("chain", "--book", "test", "--processes", "2")):
        status, said = verify(*args)
        assert (status, "BROKEN at position 3: body." in said) == (1, True)


async def test_all_of_it_includes_the_read_models(verify: Verify, conn: Connection) -> None:
    await fill(conn, 5)
    status, said = verify()
    assert "The chain holds up to position 5." in said
    assert "payments differ from what the events say" in said or "No row differs" in said
    assert status in {0, 1}
