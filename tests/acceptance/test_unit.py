"""The systemd unit, as far as systemd judges it without being process 1."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import ROOT

UNIT = ROOT / "service/operating/daybook.service"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is installed here."""
    here = UNIT.read_text().replace("/opt/daybook/bin", str(Path(sys.executable).parent))
    (tmp_path / UNIT.name).write_text(here)
    return tmp_path / UNIT.name


def analyzed(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, check=False)


def test_systemd_understands_every_line(unit: Path) -> None:
    done = analyzed("verify", unit)
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("ProtectClock=", "ProtectClocks="))
    assert "ProtectClocks" in analyzed("verify", unit).stderr


def test_it_is_exposed_no_more_than_it_must_be(unit: Path) -> None:
    """Ten means no protection; the threshold is in tenths."""
    done = analyzed("security", "--offline=true", "--threshold=15", unit)
    assert done.returncode == 0, done.stdout
    open_unit = unit.read_text().replace("SystemCallFilter=@system-service", "")
    unit.write_text(open_unit)
    assert analyzed("security", "--offline=true", "--threshold=15", unit).returncode != 0
