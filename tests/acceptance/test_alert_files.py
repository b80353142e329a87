"""The shipped files for Prometheus: it accepts them, and each alert leads to the runbook."""

import re
import shutil
import subprocess

import pytest

from tests.acceptance.alerting import ALERTS, NAMES
from tests.documents import OPERATING, ROOT

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing")


def test_each_alert_names_its_section_of_the_runbook() -> None:
    targets = re.findall(r"runbook: (\S+)", ALERTS.read_text())
    assert len(targets) == len(NAMES)
    titles = re.findall(r"^### (.+)$", OPERATING.read_text(), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in targets:
        path, _, heading = target.partition("#")
        assert ROOT / path == OPERATING
        assert heading in slugs, heading


def test_promtool_accepts_the_files() -> None:
    for words in (("rules", "alerts.yaml"), ("config", "prometheus.yaml")):
        done = subprocess.run(
            ["promtool", "check", *words], cwd=ALERTS.parent, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
