"""What the commands of the sandbox say where they cannot do what is asked."""

import pytest
from typer.testing import CliRunner

from service.cli.commands import trigger
from service.cli.main import app
from service.sandbox.actions import ACTIONS
from service.sandbox.client import SandboxError
from service.sandbox.world import World

NOWHERE = "http://127.0.0.1:9"


def said(*args: str) -> str:
    done = CliRunner().invoke(app, args, env={"COLUMNS": "200"})
    assert done.exit_code == 2
    return " ".join(done.output.replace("│", " ").split())


def test_an_unknown_type_is_answered_with_those_near_it() -> None:
    text = said("trigger", "subscription.onhold")
    assert "'subscription.onhold' is not an event type" in text
    assert "Did you mean subscription.on_hold" in text
    assert "subscription.past_due" in said("trigger", "xxxxxxxx")


def test_no_sandbox_says_how_to_start_one() -> None:
    done = CliRunner().invoke(app, ["sandbox", "status", "--sandbox-url", NOWHERE])
    assert isinstance(done.exception, SandboxError)
    assert "Start one with `daybook sandbox`" in str(done.exception)


@pytest.mark.parametrize("how", ["200", "600", "never", "٤٠٤"])
def test_an_answer_is_a_status_of_an_error(how: str) -> None:
    assert "neither slowly nor a status" in said("sandbox", "answer", how)


def test_a_number_out_of_range_is_refused() -> None:
    assert "not in the range" in said("sandbox", "lose", "--share", "2")


def test_every_action_is_one_of_the_world() -> None:
    assert all(callable(getattr(World, name.replace("-", "_"))) for name in ACTIONS)
    assert len(trigger.TYPES) == 48
