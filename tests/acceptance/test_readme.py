"""The READMEs are true: commands run, pictures are the tables, tables are complete, links lead."""

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
from tests.diagrams import rendered
from tests.documents import ALL, API, DOMAIN, README, SERVICE


def shell_blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


INSTALL, FIRST, *_ = shell_blocks(README.read_text())
WALKS = [FIRST, *shell_blocks(API.read_text())]
STEPS = [step for block in WALKS for step in steps(block)]


def test_the_diagrams_are_those_of_the_tables() -> None:
    text = DOMAIN.read_text()
    assert rendered(text) == text, "run: python -m tests.diagrams"


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(README.parent)))
def test_every_link_leads_to_a_file_or_a_heading(path: Path) -> None:
    for target, _, heading in re.findall(r"\]\((?!http)([^)#]*)(#([^)]*))?\)", path.read_text()):
        found = path.parent / target if target else path
        assert found.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert heading in slugs, (target, heading)


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
    text = SERVICE.read_text()
    for name in (*Settings.model_fields, *Book.model_fields):
        assert f"`{name}`" in text or f"{name} =" in text or name == "books", name


def test_every_command_is_described() -> None:
    text = SERVICE.read_text()
    names = [c.name or c.callback.__name__ for c in app.registered_commands if c.callback]
    for name in (*names, *(group.name for group in app.registered_groups)):
        assert f"`daybook {name}" in text, name


def test_every_status_that_a_webhook_is_answered_with_is_described() -> None:
    text = SERVICE.read_text()
    for kind in problems.KINDS.values():
        if kind.status in {413, 503}:
            assert f"| {kind.status} |" in text
