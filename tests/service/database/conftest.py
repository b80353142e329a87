"""A directory for a private PostgreSQL."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)
