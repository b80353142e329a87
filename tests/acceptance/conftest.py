import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.service import Service


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory whose parents PostgreSQL's account may pass, as the README asks of root."""
    path = Path(tempfile.mkdtemp(prefix="daybook-acceptance-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def service(scratch: Path) -> Iterator[Service]:
    """``daybook serve`` with no configuration at all."""
    started = Service(scratch, "--data-dir", str(scratch / "data")).start()
    yield started
    started.stop()
