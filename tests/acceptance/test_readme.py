"""The README is true: its commands run, its pictures are the tables, its tables are complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from service import problems
from service.commands import app
from service.settings import Book, Settings
from tests.acceptance.service import Service, environment
from tests.diagrams import README, rendered

TEXT = README.read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)


def test_the_diagrams_are_those_of_the_tables() -> None:
    assert rendered(TEXT) == TEXT, "run: python -m tests.diagrams"


def test_one_webhook_in_and_one_answer_out(service: Service, scratch: Path) -> None:
    (_, sending), (_, sent), (_, asking), (_, answer) = BLOCKS[1:5]
    said = shell(sending, service, scratch)
    assert said == sent
    service.await_position(service.find(r"KEY=(\S+)"), 1)
    asked, shown = msgspec.json.decode(shell(asking, service, scratch)), msgspec.json.decode(answer)
    assert {**asked, "at": None} == {**shown, "at": None}


def shell(script: str, service: Service, scratch: Path) -> str:
    """Run a block as a reader would, with the values that ``serve`` printed."""
    bin_dir = scratch / "bin"
    bin_dir.mkdir(exist_ok=True)
    (bin_dir / "daybook").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    (bin_dir / "daybook").chmod(0o755)
    env = environment({
        "PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}",
        "URL": f"http://127.0.0.1:{service.port}",
        "SECRET": service.find(r"SECRET=(\S+)"),
        "KEY": service.find(r"KEY=(\S+)"),
    })  # fmt: skip
    done = subprocess.run(
        ["bash", "-euc", script], env=env, cwd=scratch,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_the_first_command_works_in_a_fresh_clone(scratch: Path) -> None:
    root = README.parent
    subprocess.run(["git", "clone", "-q", str(root), str(scratch / "clone")], check=True)
    command = BLOCKS[0][1].strip() + " --once --port 0"
    done = subprocess.run(
        ["bash", "-euc", command], cwd=scratch / "clone",
        capture_output=True, text=True, check=True, timeout=600,
        env={k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}},
    )  # fmt: skip
    assert "cus_demo_ada is entitled until" in done.stdout


def test_every_setting_is_described() -> None:
    for name in (*Settings.model_fields, *Book.model_fields):
        assert f"`{name}`" in TEXT or f"{name} =" in TEXT or name == "books", name


def test_every_command_is_described() -> None:
    names = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    for name in (*names, *(group.name for group in app.registered_groups)):
        assert f"`daybook {name}" in TEXT, name


def test_every_status_that_a_webhook_is_answered_with_is_described() -> None:
    for kind in problems.KINDS.values():
        if kind.status in {413, 503}:
            assert f"| {kind.status} |" in TEXT
