"""``daybook evidence`` as it is typed: the ZIP, what is printed, and the exit status."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database.connections import connect
from service.store.chain import NewEvent
from tests import forkserver
from tests.acceptance.service import environment, new_key
from tests.builders import OTHER_SECRET, SECRET
from tests.conftest import fresh_database
from tests.service.evidence.cases import dispute, record, story
from tests.service.proof.authority import Authority, authority
from tests.service.proof.books import signed
from tests.service.provider.stand_in import Answer, answering

PROVIDER_KEY = "dodo_key_that_is_nobodys_business"
SIGNING_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Command:
    """``daybook`` over the database of a test, which has the story of a dispute."""

    def __init__(self, url: str, here: Path, tsa: Authority, provider: str) -> None:
        self.url, self.here = url, here
        (here / "daybook.toml").write_text(
            f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n'
            f'retired_secrets = ["{OTHER_SECRET}"]\ndispute_response_days = 7\n'
            f'provider = {{ api_key = "{PROVIDER_KEY}", url = "{provider}" }}\n'
            f'[[anchors]]\nkind = "rfc3161"\nname = "tsa"\nurl = "{tsa.url}"\n'
            f'certificates = "{tsa.root}"\n'
        )

    def __call__(self, *args: str, **env: str) -> tuple[int, str]:
        """Its exit status, and all that it said."""
        given = {"DAYBOOK_DATABASE_URL": self.url, "DAYBOOK_DATA_DIR": str(self.here), **env}
        done = forkserver.run(
            [sys.executable, "-m", "service", *args], env=environment(given), cwd=self.here,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def record(self, *events: int) -> None:
        """Record some more payments of the customer."""
        self._record([signed(n) for n in events])

    def record_dispute(self, identity: str) -> None:
        """Record a dispute with any id."""
        encoded = json.dumps(identity).encode()
        content = dispute("opened", 900).replace(b'"dp_1"', encoded)
        self._record([signed(900, content=content)])

    def _record(self, events: list[NewEvent]) -> None:
        async def recorded() -> None:
            async with await connect(self.url) as conn:
                await record(conn, events)

        asyncio.run(recorded())


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture(scope="module")
def daybook(
    postgres: str, template: str, tsa: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Command]:
    url, here = fresh_database(postgres, template), tmp_path_factory.mktemp("here")

    async def recorded() -> None:
        async with await connect(command.url) as conn:
            await record(conn, story())

    with answering(lambda _: Answer(404)) as provider:
        command = Command(url, here, tsa, provider)
        asyncio.run(recorded())
        yield command


def public_key(daybook: Command) -> str:
    found = re.search(r"daybook/\S+", daybook("books", "list")[1])
    assert found
    return found[0]


def test_what_is_not_covered_is_signed_and_stamped_first(daybook: Command) -> None:
    status, said = daybook("evidence", "dispute", "dp_1", "-o", "dp_1.zip")
    assert status == 0, said
    assert "dp_1.zip: 8 events of book test at position 10-" in said
    (digest,) = re.findall(r"^  ([0-9a-f]{64})$", said, re.MULTILINE)
    key = public_key(daybook)
    status, said = daybook("evidence", "verify", "dp_1.zip", "--key", key, "--digest", digest)
    assert status == 0, said
    assert "says tsa" in said
    assert "which are in no chain and covered by SHA256SUMS only: 1" in said
    assert "HOLDS, under the key that was given." in said
    assert (daybook.here / "dp_1.zip").stat().st_mode & 0o077 == 0
    # the same again makes the same bytes
    daybook("evidence", "dispute", "dp_1", "-o", "again.zip")
    assert (daybook.here / "again.zip").read_bytes() == (daybook.here / "dp_1.zip").read_bytes()


def test_no_secret_is_in_it(daybook: Command) -> None:
    api_key = new_key(daybook.url, "test", "read,audit,admin")
    daybook("evidence", "customer", "cus_1")
    archive = (daybook.here / "cus_1.zip").read_bytes()
    for secret in (SECRET, OTHER_SECRET, PROVIDER_KEY, SIGNING_KEY, api_key):
        assert secret.removeprefix("whsec_").encode() not in archive
    assert daybook.url.encode() not in archive


def test_without_a_signing_key_it_says_what_is_not_proved(daybook: Command) -> None:
    daybook.record(400, 401)
    status, said = daybook(
        "evidence", "payment", "pay_401", DAYBOOK_SIGNING_KEY="", DAYBOOK_DATA_DIR="/nowhere"
    )
    assert status == 2, said
    assert "no checkpoint covers positions 11, 12 yet. This host has no signing key" in said
    status, said = daybook("evidence", "verify", "pay_401.zip")
    assert (status, "NOT PROVED" in said) == (2, True)


def test_the_name_of_the_file_is_one_that_a_terminal_and_a_disk_take(daybook: Command) -> None:
    daybook.record_dispute("../\x1b[31m" + "d" * 100)
    status, said = daybook("evidence", "dispute", "../\x1b[31m" + "d" * 100)
    assert status == 0, said
    assert (daybook.here / (".." + "_" * 3 + "31m" + "d" * 92 + ".zip")).exists()


def test_what_is_not_recorded_is_said(daybook: Command) -> None:
    status, said = daybook("evidence", "dispute", "dp_none")
    assert (status, "no event about the dispute 'dp_none'" in said) == (1, True)
    assert not (daybook.here / "dp_none.zip").exists()
