"""The one table of problems is complete, and says something of each."""

import ast
from pathlib import Path

from service import problems
from service.http import errors

SERVICE = Path(problems.__file__).parent


def raised() -> set[str]:
    """The names that the code makes problems of."""
    names: set[str] = set()
    for path in SERVICE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                constants = (c for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant))
                names |= {c.value for c in constants if isinstance(c.value, str)}
    return names


def test_what_is_raised_is_documented_and_what_is_documented_is_raised() -> None:
    mapped = {*errors._BY_STATUS.values(), "bad-request", "internal-error"}
    mapped |= set(problems.REFUSALS.values())
    assert raised() | mapped == set(problems.KINDS)


def test_each_says_what_it_means_in_sentences_of_its_own() -> None:
    meanings = [kind.meaning for kind in problems.KINDS.values()]
    assert all(meaning.endswith(".") for meaning in meanings)
    assert len(set(meanings)) == len(meanings)
