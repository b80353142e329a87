"""Prometheus's own judgement: which of the shipped alerts fire after what ``/metrics`` showed."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.service import Service
from tests.documents import ROOT

ALERTS = ROOT / "service/operating/alerts.yaml"
NAMES = re.findall(r"- alert: (\w+)", ALERTS.read_text())

_USED = set(re.findall(r"\bdaybook_\w+", ALERTS.read_text()))
_BEFORE = 150  # minutes

Samples = dict[str, float]
"""A value for each series, which is written as ``name{label="value"}``."""


def scraped(service: Service) -> Samples:
    """What Prometheus keeps of a scrape, as far as an alert uses it."""
    answer = httpx.get(f"{service.client.base_url}/metrics", timeout=30)
    found = {
        series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name in _USED and sample.labels.get("route", "/v1/").startswith("/v1/")
    }
    return found | {UP: 1.0}


def series(name: str, labels: Mapping[str, str]) -> str:
    """The name of a series."""
    inner = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


UP = series("up", {"job": "daybook", "instance": "daybook:8000"})


def firing(here: Path, before: Samples, after: Samples, steps: int = 2) -> set[str]:
    """The alerts that fire, so many steps of five minutes after one scrape gave way to another.

    For two hours and a half every scrape was as ``before``; then as ``after``.
    """
    # minute by minute: Prometheus 3 counts no sample that is exactly as old as a range is long
    minutes = 5 * steps
    history = {
        name: f"{_held(before.get(name), _BEFORE)} {_held(after.get(name), minutes + 1)}"
        for name in before.keys() | after.keys()
    }
    return evaluated(here, history, _BEFORE + minutes, 1)


def _held(value: float | None, times: int) -> str:
    return f"_x{times - 1}" if value is None else f"{value!r}+0x{times - 1}"


def evaluated(here: Path, history: Mapping[str, str], step: int, interval: int) -> set[str]:
    """The alerts that fire at a step of a history, which is in promtool's notation.

    A step takes ``interval`` minutes; each alert is evaluated at each.
    """
    expression = 'ALERTS{alertstate="firing"}'
    case = {
        "interval": f"{interval}m",
        "input_series": [{"series": name, "values": values} for name, values in history.items()],
        # an expectation that is never met: promtool then prints what there is
        "promql_expr_test": [
            {"expr": expression, "eval_time": f"{step * interval}m",
             "exp_samples": [{"labels": "never", "value": 1}]}
        ],
    }  # fmt: skip
    file = {"rule_files": [str(ALERTS)], "evaluation_interval": f"{interval}m", "tests": [case]}
    path = here / "case.yaml"
    path.write_bytes(msgspec.json.encode(file))
    done = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert "got:" in said, said
    return set(re.findall(r'alertname="(\w+)"', said.partition("got:")[2]))
