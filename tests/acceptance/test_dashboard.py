"""The dashboard asks for metrics that exist, in a language that Prometheus understands."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import documents
from tests.acceptance.doors import Doors

DASHBOARD = documents.ROOT / "service/operating/dashboard.json"


def questions() -> Iterator[tuple[str, str]]:
    """Each panel's title with each of its expressions."""
    for panel in msgspec.json.decode(DASHBOARD.read_bytes())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$book", ".*")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_every_expression_can_be_parsed(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": expr} for n, (_, expr) in enumerate(questions())]
    path = tmp_path / "rules.yaml"
    path.write_bytes(msgspec.json.encode({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_metric_exists(told: Doors) -> None:
    told.get("customers/x/access")
    text = httpx.get(f"{told.service.client.base_url}/metrics", timeout=30).text
    found = [*text_string_to_metric_families(text)]
    known = {sample.name for family in found for sample in family.samples}
    # shown by the service only once there is something to show
    known |= {f"{f.name}_total" if f.type == "counter" else f.name for f in found if not f.samples}
    asked = {name for _, expr in questions() for name in re.findall(r"\bdaybook_\w+", expr)}
    assert len(asked) > 20
    assert asked - known == set()


def test_it_asks_the_source_that_compose_provides() -> None:
    uids: list[Any] = re.findall(r'"uid": "(\w+)"', DASHBOARD.read_text())
    assert set(uids) == {"prometheus", "daybook"}
    assert "uid: prometheus" in (documents.ROOT / "compose.yaml").read_text()
