"""A command loads what it needs: starting one must not take longer than what it does."""

import subprocess
import sys

import pytest
from typer.main import get_group

from service.cli.app import app
from tests.acceptance.service import environment

DATABASE = {"psycopg", "psycopg_pool"}
SETTINGS = {"pydantic", "pydantic_settings"}
HTTP = {"httpx"}
SERVER = {"litestar", "uvicorn", "prometheus_client", "opentelemetry"}
SIGNING = {"cryptography"}
LIBRARIES = DATABASE | SETTINGS | HTTP | SERVER | SIGNING

COMMANDS = "service.cli.commands."


def loaded(*names: str) -> set[str]:
    """The libraries that are loaded once these modules are."""
    code = f"import sys, {', '.join(names)}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(None), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("modules", "needed"),
    [
        (["service.cli.main"], set()),
        pytest.param([COMMANDS + "proof"], SIGNING, marks=pytest.mark.slow),
        pytest.param(
            [COMMANDS + name for name in ("send", "simulate", "trigger", "sandbox_control")],
            HTTP,
            marks=pytest.mark.slow,
        ),
        pytest.param([COMMANDS + "connect"], HTTP | SETTINGS, marks=pytest.mark.slow),
        ([COMMANDS + name for name in ("status", "rebuild", "serve")], DATABASE | SETTINGS),
        pytest.param(
            ["service.server.projector"], DATABASE | SETTINGS | SIGNING, marks=pytest.mark.slow
        ),
        pytest.param(
            [COMMANDS + name for name in ("backfill", "history", "reconcile", "doctor", "verify")],
            LIBRARIES - SERVER,
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_command_loads_no_library_that_it_does_not_need(
    modules: list[str], needed: set[str]
) -> None:
    assert loaded(*modules) & LIBRARIES <= needed


def test_every_command_is_in_the_module_of_its_name() -> None:
    """In another it would not be found."""
    program = get_group(app)
    context = program.make_context("daybook", ["serve"])
    names = program.list_commands(context)
    assert {"serve", "sandbox", "keys"} <= set(names)
    for name in names:
        command = program.get_command(context, name)
        for one in [command, *getattr(command, "commands", {}).values()]:
            if one is not None and one.callback is not None:
                module = one.callback.__module__.removeprefix(COMMANDS)
                assert f"{module}_".startswith(f"{name}_"), module
