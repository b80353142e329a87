"""The READMEs are true: commands run, pictures are the tables, tables are complete, links lead."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.main import get_group

from service import problems
from service.cli.app import app
from service.database.connections import connect
from service.provider_settings import ProviderApi
from service.settings import Book, Settings, load
from service.sso_settings import Admission, ConsoleSso
from service.store.events import append
from tests import documents, servers
from tests.acceptance.service import Service, environment
from tests.acceptance.walks import Step, shows, steps
from tests.builders import SECRET, body
from tests.deliveries import delivery
from tests.diagrams import rendered
from tests.documents import ALL, API, DOMAIN, PROVIDER, README, SERVICE


def shell_blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


INSTALL, FIRST, *REAL = shell_blocks(README.read_text())
STORY = [FIRST, *shell_blocks(API.read_text())]
OPERATING = shell_blocks(SERVICE.read_text())
LOGGED = (
    "append blocked", "background task ended; restarting", "child process exited; restarting",
    "configuration reloaded", "history lost", "metric dropped", "sign-on refused",
    "sign-on keys not read",
)  # fmt: skip


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


@pytest.mark.slow
def test_every_command_of_the_walks_answers_what_is_shown(service: Service, scratch: Path) -> None:
    env = {
        "DAYBOOK_DATA_DIR": str(scratch / "data"),
        "URL": f"http://127.0.0.1:{service.port}",
        "SECRET": service.find(r"SECRET=(\S+)"),
        "KEY": service.find(r"KEY=(\S+)"),
    }
    walked = [step for block in STORY for step in steps(block)]
    said = shell(walked, scratch, env)
    wrong = [(step, s) for step, s in zip(walked, said, strict=True) if not shows(step.shown, s)]
    assert not wrong, "\n".join(f"{step.commands}{s}\n{step.shown}" for step, s in wrong)


@pytest.mark.slow
def test_the_commands_of_an_operator_work_on_a_server_with_two_roles(scratch: Path) -> None:
    bin_dir = max(servers.installed().items())[1]
    with servers.running(bin_dir) as superuser:
        socket = superuser.partition("host=")[2]
        (scratch / "daybook.toml").write_text(configuration(README))
        shown(local(REAL, socket), scratch, bin_dir)
        owned = f"postgresql://daybook_service@/daybook?host={socket}"
        service = Service(scratch, env={"DAYBOOK_DATABASE_URL": owned}).start()
        try:
            asyncio.run(recorded(owned))
            shown(local(OPERATING, socket), scratch, bin_dir, DAYBOOK_DATABASE_URL=owned)
        finally:
            assert service.stop() == 0


async def recorded(url: str) -> None:
    """Record one event, since a book without events cannot be verified."""
    async with await connect(url) as conn:
        await append(conn, "live", [delivery(body("payment.succeeded", "succeeded"))])


def test_the_readme_of_the_project_stays_short() -> None:
    assert len(README.read_text().splitlines()) < 200


def test_every_block_of_commands_is_run() -> None:
    assert [path for path in ALL if shell_blocks(path.read_text())] == [
        README, SERVICE, API, PROVIDER, documents.OPERATING
    ]  # fmt: skip


@pytest.mark.parametrize("path", [README, SERVICE], ids=["README", "service"])
def test_an_example_of_a_configuration_is_accepted(path: Path, scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(configuration(path))
    assert load(scratch / "daybook.toml").books["live"].mode == "live"


def configuration(path: Path) -> str:
    """The examples in a README as one, with a secret in it."""
    examples = re.findall(r"^```toml\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    return "\n".join(examples).replace("whsec_…", SECRET)


def local(blocks: list[str], socket: str) -> list[Step]:
    """The steps of blocks, with a server that listens on a socket in place of the example's."""
    url = re.compile(r"(postgresql://[^@\s]+@)db\.example\.com/(\w+)")
    found = [url.sub(rf"\1/\2?host={socket}", block) for block in blocks]
    return [step for block in found for step in steps(block)]


def shown(walked: list[Step], scratch: Path, bin_dir: Path, **env: str) -> None:
    """Run the steps, with a server's own programs; what is shown to come back must."""
    path = f"{bin_dir}{os.pathsep}{os.environ['PATH']}"
    for step, said in zip(walked, shell(walked, scratch, {"PATH": path, **env}), strict=True):
        assert not step.shown or shows(step.shown, said), (step, said)


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


def shell(walked: list[Step], scratch: Path, env: Mapping[str, str]) -> list[str]:
    """What each step prints, in one shell of a reader."""
    bin_dir = scratch / "bin"
    bin_dir.mkdir(exist_ok=True)
    (bin_dir / "daybook").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
    (bin_dir / "daybook").chmod(0o755)
    path = f"{bin_dir}{os.pathsep}{env.get('PATH', os.environ['PATH'])}"
    script = "".join(f"{step.commands}printf '\\036'\n" for step in walked)
    done = subprocess.run(
        ["bash", "-euc", script], env=environment({**env, "PATH": path}), cwd=scratch,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
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
    models = (Settings, Book, ProviderApi, ConsoleSso, Admission)
    for name in (name for model in models for name in model.model_fields):
        assert f"`{name}`" in text or f"{name} =" in text or name == "books", name


def test_every_command_is_described() -> None:
    text = SERVICE.read_text()
    program = get_group(app)
    names = program.list_commands(program.make_context("daybook", ["serve"]))
    assert "serve" in names
    for name in names:
        assert f"`daybook {name}" in text, name


def test_every_status_that_a_webhook_is_answered_with_is_described() -> None:
    section = SERVICE.read_text().partition("## The webhook endpoint")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE)
    described = {int(status) for row in rows for status in row.split(", ")}
    assert {problems.KINDS[kind].status for kind in problems.REFUSALS.values()} <= described


def test_every_log_event_that_is_described_exists() -> None:
    code = "".join(path.read_text() for path in (README.parent / "service").rglob("*.py"))
    for event in LOGGED:
        assert f"`{event}`" in SERVICE.read_text(), event
        assert f'"{event}"' in code, event
