"""The README is true: its commands run, its pictures are the tables, its tables are complete."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service import problems
from service.cli.main import app
from service.settings import Book, Settings
from tests.acceptance.service import Service, environment
from tests.acceptance.walks import Step, shows, steps
from tests.diagrams import README, rendered

TEXT = README.read_text()
INSTALL, *WALKS = re.findall(
    r"```sh\n(.*?)```", TEXT[: TEXT.index("## The way of a webhook")], re.DOTALL
)
STEPS = [step for block in WALKS for step in steps(block)]


def test_the_diagrams_are_those_of_the_tables() -> None:
    assert rendered(TEXT) == TEXT, "run: python -m tests.diagrams"


def test_every_command_of_the_walks_answers_what_is_shown(service: Service, scratch: Path) -> None:
    said = shell(STEPS, service, scratch)
    wrong = [(step, s) for step, s in zip(STEPS, said, strict=True) if not shows(step.shown, s)]
    assert not wrong, "\n".join(f"{step.commands}{s}\n{step.shown}" for step, s in wrong)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ('{"a": 1}', '{"a":2}'),
        ('{"a": 1}', '{"a":1,"b":2}'),
        ('{"a": 1, …}', '{"b":1}'),
        ('{"a": [1, …], …}', '{"a":[2,1]}'),
        ('{"a": [1]}', '{"a":[1,2]}'),
        ('{"a": [1, 2]}', '{"a":[1]}'),
        ('{"a": 1}', '{"a":true}'),
        ('{"a": "2…Z"}', '{"a":"1Z"}'),
        ('{"a": "…"}', '{"a":null}'),
        ('{"a": 1}', "no JSON"),
        ("", "304"),
        ("304", "200"),
        ("200 …\n…\n200 b", "200 a\n401 b"),
    ],
)
def test_an_answer_that_differs_is_not_the_one_that_is_shown(shown: str, said: str) -> None:
    assert not shows(shown, said)


def shell(walked: list[Step], service: Service, scratch: Path) -> list[str]:
    """What each step prints, in one shell, as a reader has it who pasted what ``serve`` printed."""
    bin_dir = scratch / "bin"
    bin_dir.mkdir()
    (bin_dir / "daybook").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    (bin_dir / "daybook").chmod(0o755)
    env = environment({
        "PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}",
        "DAYBOOK_DATA_DIR": str(scratch / "data"),
        "URL": f"http://127.0.0.1:{service.port}",
        "SECRET": service.find(r"SECRET=(\S+)"),
        "KEY": service.find(r"KEY=(\S+)"),
    })  # fmt: skip
    script = "".join(f"{step.commands}printf '\\036'\n" for step in walked)
    done = subprocess.run(
        ["bash", "-euc", script], env=env, cwd=scratch,
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout.split("\036")[:-1]


@pytest.mark.slow
def test_the_first_command_works_in_a_fresh_clone(scratch: Path) -> None:
    root = README.parent
    subprocess.run(["git", "clone", "-q", str(root), str(scratch / "clone")], check=True)
    command = INSTALL.strip() + " --once --port 0"
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
