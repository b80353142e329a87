"""The shell blocks of a README, as commands and the answers shown beneath them."""

import re
from typing import Any, NamedTuple

import msgspec


class Step(NamedTuple):
    """Commands, and what is shown to come back: nothing, where they only prepare the next ones."""

    commands: str
    shown: str


def steps(block: str) -> list[Step]:
    """A block cut after each answer, which is the lines that begin with ``# ``."""
    cut = re.findall(r"((?:(?!# ).*\n)+)((?:# .*\n)*)", block)
    return [
        Step(commands, re.sub(r"^# ", "", shown, flags=re.MULTILINE)) for commands, shown in cut
    ]


def shows(shown: str, said: str) -> bool:
    """Whether an answer is the one that is shown, where ``…`` stands for anything.

    JSON is compared by value: an object or a list that ends with ``…`` may hold more.
    """
    if not shown.startswith(("{", "[")):
        return _fits(shown.strip(), said.strip())
    members = re.sub(r"…(?=\s*})", '"…": null', shown)
    return _holds(msgspec.json.decode(re.sub(r"…(?=\s*])", '"…"', members)), _decoded(said))


def _decoded(said: str) -> Any:  # noqa: ANN401 - as JSON is
    try:
        return msgspec.json.decode(said)
    except msgspec.DecodeError:
        return None


def _holds(shown: Any, said: Any) -> bool:  # noqa: ANN401
    match shown, said:
        case dict(), dict():
            names = shown.keys() - {"…"}
            whole = "…" in shown or names == said.keys()
            return whole and all(n in said and _holds(shown[n], said[n]) for n in names)
        case [*begun, "…"], list():
            return _holds(begun, said[: len(begun)])
        case list(), list():
            return len(shown) == len(said) and all(map(_holds, shown, said))
        case str(), str():
            return _fits(shown, said)
        case _:
            return type(shown) is type(said) and bool(shown == said)


def _fits(shown: str, said: str) -> bool:
    return bool(re.fullmatch(re.escape(shown).replace("…", ".*"), said, re.DOTALL))
