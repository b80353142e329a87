import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.acceptance import compared, estate, previewed
from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.service import Service, new_key
from tests.builders import SECRET, at, body
from tests.conftest import fresh_database


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory whose parents PostgreSQL's account may pass, as the README asks of root."""
    path = _directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def moved_in() -> Iterator[Path]:
    """The data directory of a ``daybook serve`` that was started once, without a configuration."""
    path = _directory()
    Service(path, "--data-dir", str(path / "data")).start().stop()
    yield path / "data"
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def data(moved_in: Path, scratch: Path) -> Path:
    """A copy of ``moved_in`` of this test's own: to start on it takes a fraction of the time."""
    # with the owner of the server's files
    subprocess.run(["cp", "-a", moved_in, scratch / "data"], check=True)
    return scratch / "data"


@pytest.fixture
def service(scratch: Path, data: Path) -> Iterator[Service]:
    """``daybook serve`` with no configuration at all, and a private PostgreSQL."""
    started = Service(scratch, "--data-dir", str(data)).start()
    yield started
    started.stop()


def _directory() -> Path:
    path = Path(tempfile.mkdtemp(prefix="daybook-acceptance-", dir=servers.place()))
    path.chmod(0o711)
    return path


@pytest.fixture(scope="module")
def doors(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    """Two books on a PostgreSQL of the user's own."""
    here = tmp_path_factory.mktemp("doors")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
    live, test = (new_key(url, book, "read,audit,admin") for book in ("live", "test"))
    made = Doors(service, live, test, url)
    for n in range(5):
        content = body("subscription.active", "active", at(n), f"sub_{n}", created_at=at(n))
        service.deliver("live", SECRET, content)
    service.deliver("live", SECRET, body("subscription.on_hold", "on_hold", at(60), "sub_0"))
    dispute = body("dispute.opened", "opened", at(9), "dp_1", customer=None, amount="400")
    service.deliver("live", SECRET, dispute)
    service.await_position(made.live, 7)
    yield made
    assert service.stop() == 0


@pytest.fixture(scope="session")
def told(postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A service that was told of something of every kind, to be asked and left as it is."""
    here = tmp_path_factory.mktemp("told")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
    live, test = (new_key(url, book, "read,audit,admin") for book in ("live", "test"))
    contents = estate.told()
    for content in contents:
        assert service.deliver("live", SECRET, content).is_success
    service.await_position(live, len(contents))
    compared.keep(url, "live")
    previewed.keep(url, "live")
    yield Doors(service, live, test, url)
    assert service.stop() == 0
    assert "unhandled exception" not in (here / "serve.err").read_text()
