"""The rules of the house, as failing tests."""

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import cast

from _pytest.mark.expression import Expression, ExpressionMatcher

ROOT = Path(__file__).parents[1]
MODULES = [p for room in ("domain", "projections", "service") for p in (ROOT / room).rglob("*.py")]


def test_the_rooms_keep_their_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_no_module_outgrows_its_plan() -> None:
    # a stranger runs it alone, and reads all of it
    planned = [p for p in MODULES if p != ROOT / "service/evidence/verify.py"]
    grown = {p.name: n for p in planned if (n := len(p.read_text().splitlines())) > 300}
    assert grown == {}


SQL = re.compile(
    r"\s*(select\s.*\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|create\s+\w+\s+\S+\s*\(|copy\s+\S+\s+(to|from))\s",
    re.IGNORECASE | re.DOTALL,
)


def test_no_sql_stands_in_the_code() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not SQL.match(node.value), (path.name, node.value)


def test_a_statement_is_spoken_only_by_the_room_whose_folder_it_is_in() -> None:
    rooms: dict[str, set[str]] = {}
    for path in (ROOT / "service").rglob("*.py"):
        room = path.relative_to(ROOT / "service").parts[0]
        for name in re.findall(r'"((?:\w+/)+\w+)"', path.read_text()):
            if (ROOT / "sql" / f"{name}.sql").exists():
                rooms.setdefault(name, set()).add(room)
    assert {name for name, spoken in rooms.items() if spoken != {name.partition("/")[0]}} == set()


def test_pure_rooms_are_tested_without_the_service() -> None:
    pure = [*(ROOT / "tests/domain").rglob("*.py"), *(ROOT / "tests/projections").rglob("*.py")]
    pure += [
        ROOT / "tests" / name
        for name in ("builders.py", "entries.py", "examples.py", "histories.py")
    ]
    for path in pure:
        imports = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
        rooms = {name.partition(".")[0] for name in imports}
        assert not rooms & {"service", "sql", "psycopg", "litestar"}, path.name


def test_the_pythons_that_are_named_are_those_on_which_the_tests_ran() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = settings["project"]
    oldest, *_, newest = (one.removeprefix("Programming Language :: Python :: ")
                          for one in project["classifiers"])  # fmt: skip
    assert project["requires-python"] == f">={oldest}"
    assert settings["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    said = {
        "README.md": {f"Python {oldest} or later", f"{oldest} to {newest} were tested"},
        "service/operating/README.md": {f"Python {oldest} or later"},
        "service/__main__.py": {f"needs Python {oldest} or newer"},
        "tests/README.md": {f"--python-version {oldest}", f"Python {oldest} to {newest}"},
    }
    for name, phrases in said.items():
        text = " ".join((ROOT / name).read_text().split())
        assert {one for one in phrases if one not in text} == set(), name


def test_ci_leaves_out_what_is_slow_or_long_and_nothing_else() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    marks = [mark.partition(":")[0] for mark in options["markers"]]
    [chosen] = re.findall(r'^pytest -n 4 .*-m "(.*)"', (ROOT / ".ci/run").read_text(), re.MULTILINE)
    usual = options["addopts"][options["addopts"].index("-m") + 1]
    for has in product([False, True], repeat=len(marks)):
        marked = dict(zip(marks, has, strict=True))
        matcher = cast("ExpressionMatcher", lambda name, **_: marked[name])  # noqa: B023
        in_ci, without = (Expression.compile(one).evaluate(matcher) for one in (chosen, usual))
        assert in_ci == (not (marked["slow"] or marked["long"])), marked
        assert without == (not any(has)), marked
    assert f'`pytest -m "{chosen}"`' in (ROOT / "tests/README.md").read_text()


def test_nobody_is_told_to_install_the_daybook_of_somebody_else() -> None:
    """On PyPI ``daybook`` is another project's; ours is ``dodo-daybook``."""
    tool = r"(?:pip3?|pipx|uv|uv tool|uv pip) (?:install|add|run)\b[^\n`&;|),]*?|uvx "
    wrong = re.compile(rf"(?:{tool})(?<![\w-])daybook(?![\w-])")
    assert wrong.search("pip install -q 'daybook[otel]'")
    assert not wrong.search("pipx install 'dodo-daybook[otel]' && pip install ./daybook-0.1.0.whl")
    rooms = ("domain", "projections", "service", "sql", "tests")
    texts = [
        path for room in rooms for path in (ROOT / room).rglob("*.*") if path != Path(__file__)
    ]
    texts = [path for path in texts if path.suffix in {".py", ".md"}]
    assert [p.name for p in (*texts, *ROOT.glob("*.md")) if wrong.search(p.read_text())] == []


BANNED = re.compile(
    r"\b(anew|whoever|of whom|by itself|beside|set aside|mended|go forth|in vain|as, as)\b"
    r"|(?<!there )\bis no\b(?! longer)",
    re.IGNORECASE,
)
NOT_YET = (
    "sql/store/migrations/",  # every database holds the checksums of these files
)
"""Folders and files whose prose is not yet plain; the list only shrinks."""


def prose(path: Path) -> Iterator[str]:
    """The docstrings, comments and messages of a file, and the whole text of a document."""
    text = path.read_text()
    if not BANNED.search(text):
        # as in nearly every file: to take one apart takes long
        return
    if path.suffix == ".md":
        yield text
    elif path.suffix == ".sql":
        yield from re.findall(r"--.*", text)
    else:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in {tokenize.STRING, tokenize.COMMENT}:
                yield token.string


def test_prose_is_plain() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.sql", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = set(listed.stdout.split()) - {"tests/test_house.py"}
    banned = {
        name: words
        for name in sorted(names)
        if (ROOT / name).exists()
        if (words := [m[0] for text in prose(ROOT / name) for m in BANNED.finditer(text)])
    }
    assert {n: w for n, w in banned.items() if not n.startswith(NOT_YET)} == {}
    assert [folder for folder in NOT_YET if not any(n.startswith(folder) for n in banned)] == []
