"""The runbook: its commands and its questions exist and can be asked while a service runs."""

import re
import shlex
import sys
from typing import Any

import pytest
import typer

from service.cli.main import app
from tests import forkserver
from tests.acceptance.doors import Doors
from tests.acceptance.service import environment
from tests.documents import OPERATING, SERVICE

RUNBOOK = OPERATING.read_text().partition("\n## Runbook\n")[2].partition("\n## ")[0]
SESSIONS = {"access", "projector"}
"""What a connection is called in ``pg_stat_activity``; not a command."""

NAMED = re.findall(r"`daybook\s([a-z][^`…]*)`", OPERATING.read_text())
COMMANDS = sorted({" ".join(words.split()) for words in NAMED} - SESSIONS)
LOOKS = [words for words in COMMANDS if words.startswith(("doctor", "status", "parked list"))]


def test_the_runbook_names_commands() -> None:
    assert len(COMMANDS) > 8
    assert {"doctor", "status", "parked list"} <= {*LOOKS}


@pytest.mark.parametrize("words", COMMANDS)
def test_each_command_is_understood(words: str) -> None:
    """As far as its flags; running it is another matter."""
    found: Any = typer.main.get_command(app)
    args = shlex.split(words)
    while hasattr(found, "get_command"):
        context = found.make_context("daybook", [], resilient_parsing=True)
        name = args.pop(0)
        found = found.get_command(context, name)
        assert found is not None, name
    known = {
        flag for parameter in found.params for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {arg for arg in args if arg.startswith("-")} <= known


def test_each_look_can_be_taken_while_it_serves(told: Doors) -> None:
    for words in LOOKS:
        done = forkserver.run(
            [sys.executable, "-m", "service", *words.split()], cwd=told.service._cwd,
            env=environment(told.service._env), capture_output=True, text=True, check=False,
        )  # fmt: skip
        # 1: it has found something
        assert done.returncode in ({0, 1} if words == "doctor" else {0}), done.stderr
        assert done.stdout.strip(), words


def test_each_question_has_an_answer(told: Doors) -> None:
    asked = set(re.findall(r"`/v1/([a-z_/]+)[^`{]*`", RUNBOOK))
    assert {"refusals", "disputes/due", "search", "reconcile/runs"} <= asked
    for path in asked:
        assert told.get(f"{path}?q=cus_1" if path == "search" else path).status_code == 200, path


def test_each_metric_is_described() -> None:
    described = set(re.findall(r"`(\w+)`", SERVICE.read_text().partition("| `daybook_…` |")[2]))
    named = set(
        re.findall(r"`([a-z]+(?:_[a-z]+)*_(?:seconds|total|events|streams|up|ratio))`", RUNBOOK)
    )
    assert len(named) > 5
    assert named - described == set()
