"""A directory for a private PostgreSQL, empty or with a store that was used before."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database.embedded import embedded


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def used_before() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-embedded-"))
    with embedded(path):
        pass
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def used_dir(used_before: Path, data_dir: Path) -> Path:
    """A copy of one that was used and left: to make a store takes most of the time of a start."""
    # with the owner and the modes of the server's files
    subprocess.run(["cp", "-a", f"{used_before}/.", data_dir], check=True)
    return data_dir
