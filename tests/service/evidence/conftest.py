"""A bundle about a dispute, whose checkpoint an authority has stamped."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database.connections import connect
from service.proof.anchors import TimestampAuthority
from service.proof.checkpoints import current_origin, make_checkpoint
from service.proof.keys import load_signer
from service.proof.process import carry_book
from service.settings import Settings
from tests.conftest import fresh_database
from tests.service.evidence.cases import Made, about, files_of, record, story, unpack
from tests.service.proof.authority import Authority, authority
from tests.service.proof.test_checkpoints import nowhere


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


@pytest.fixture(scope="module")
def made(
    postgres: str, template: str, tsa: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Made:
    url = fresh_database(postgres, template)
    signer = load_signer(Settings(data_dir=tmp_path_factory.mktemp("key")), create=True)
    assert signer is not None

    async def make() -> Made:
        async with await connect(url) as conn:
            events = story()
            await record(conn, events[:4])
            await make_checkpoint(conn, "test", signer, nowhere)
            await record(conn, events[4:8])
            await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
            assert await carry_book(conn, "test", TimestampAuthority("tsa", tsa.url, tsa.root))
            await record(conn, events[8:])
            await make_checkpoint(conn, "test", signer, nowhere, at_once=True)
            evidence = await about(conn)
            origin = await current_origin(conn, "test")
            assert origin is not None
            return Made(evidence, files_of(evidence), str(origin.key), tsa, url)

    return asyncio.run(make())


@pytest.fixture
def here(made: Made, tmp_path: Path) -> Path:
    """The bundle, unpacked into an empty directory."""
    return unpack(made.files, tmp_path)
