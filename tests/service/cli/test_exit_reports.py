"""Every error that a command may meet is a sentence with what to do; a traceback goes to a file."""

import ast
import asyncio
import errno
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from service import __main__ as entry
from service.cli.app import DEBUG, DEFECT, FAILED, REFUSED
from service.cli.exit_reports import EXPLANATIONS, report
from service.cli.options import check_data_dir
from service.database.connections import connect
from service.database.lease import LeaseTakenError
from service.problems import Problem
from service.settings import SettingsError
from tests import documents, forkserver
from tests.acceptance.service import environment
from tests.builders import SECRET
from tests.conftest import as_owner

PASSWORD = "hunter2secret"  # noqa: S105 - an example


def raised_by_connecting(url: str) -> Exception:
    async def connecting() -> None:
        async with await connect(url):
            pass

    with pytest.raises(psycopg.OperationalError) as raised:
        asyncio.run(connecting())
    return raised.value


@pytest.mark.parametrize(
    ("change", "reason", "advice"),
    [
        ({"host": "127.0.0.1", "port": 1}, "refused", "Is PostgreSQL running there?"),
        ({"host": "/nowhere"}, "No such file", "Is PostgreSQL running there?"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid", "Check the host"),
        ({"dbname": "absent"}, 'database "absent" does not exist', "Create it with createdb"),
        (
            {"user": "absent"},
            'role "absent" does not exist',
            "Run `daybook migrate` with DAYBOOK_OWNER_URL",
        ),
        ({"user": "nologin"}, "not permitted to log in", "Let it log in"),
    ],
)
def test_why_the_database_cannot_be_connected_to_is_said_with_what_to_do(
    postgres: str, change: dict[str, str | int], reason: str, advice: str
) -> None:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("drop role if exists nologin")
        admin.execute("create role nologin")
    said = report(raised_by_connecting(make_conninfo(postgres, **change | {"password": PASSWORD})))
    assert said.status == FAILED
    assert said.text.startswith("Cannot connect to the database: ")
    assert reason in said.text
    assert advice in said.text
    assert "Is the server running" not in said.text
    assert PASSWORD not in said.text
    assert "\n" not in said.text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('FATAL:  password authentication failed for user "database "', "user and the password"),
        ("fe_sendauth: no password supplied", "needs a password"),
        ("FATAL:  no pg_hba.conf entry for host", "pg_hba.conf"),
        ("FATAL:  the database system is starting up", "that PostgreSQL can be reached"),
    ],
)
def test_what_a_server_elsewhere_says_is_understood(text: str, advice: str) -> None:
    where = 'connection failed: connection to server at "refused", port 5432 failed: '
    assert advice in report(psycopg.OperationalError(where + text)).text


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        ("select 1 from store.nothing", FAILED, "no schema yet. Run `daybook migrate`"),
        ("select 1 from nothing.at_all", FAILED, "no schema yet"),
        ("select nothing from store.event", FAILED, "of another version of Daybook"),
        ("delete from store.event", FAILED, "run `daybook migrate` with --owner"),
        ("begin read only; delete from read.lease", FAILED, "must name the primary"),
        ("set local lock_timeout = '1x'", DEFECT, "InvalidParameterValue"),
        ("select pg_terminate_backend(pg_backend_pid())", FAILED, "Lost the connection"),
        ("do $$ begin raise sqlstate 'XX001' using message = 'invalid page in block 7'; end $$",
         FAILED, "damaged: invalid page in block 7 (SQLSTATE XX001)"),
        ("do $$ begin raise sqlstate 'XX002'; end $$", FAILED, "restore the last backup"),
        ("do $$ begin raise sqlstate '53100' using message = 'no space'; end $$",
         FAILED, "reported an error: no space (SQLSTATE 53100)"),
    ],
)  # fmt: skip
def test_what_the_database_answers_is_a_sentence(
    database_url: str, statement: str, status: int, said: str
) -> None:
    url = as_owner(database_url) if "terminate" in statement else database_url
    with psycopg.connect(url) as conn, pytest.raises(psycopg.Error) as raised:
        conn.execute(statement)
    found = report(raised.value)
    assert (found.status, said in found.text) == (status, True), found


def test_each_name_in_the_table_is_that_of_an_error() -> None:
    for name in EXPLANATIONS:
        module, _, kind = name.rpartition(".")
        error = getattr(import_module(module), kind)
        assert issubclass(error, Exception)
        assert f"{error.__module__}.{error.__qualname__}" == name


def test_other_errors_are_sentences_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, said in (
        (SettingsError("wrong"), FAILED, "wrong"),
        (LeaseTakenError("Another rebuild is running; one at a time."), FAILED, "one at a time"),
        (Problem("not-found", "Nothing here."), REFUSED, "Nothing here."),
        (httpx.ConnectError("refused"), FAILED, "Is it running"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), FAILED, "/x: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), FAILED, "may use it"),
        (
            ExceptionGroup("", [KeyError(), ExceptionGroup("", [TimeoutError()])]),
            FAILED,
            "timed out",
        ),
        (SettingsError("a \x1b[2J[bold] postgresql://me:pw@h/x"), FAILED, "a \\x1b[2J[bold]"),
    ):
        found = report(error)
        assert (found.status, said in found.text) == (status, True), found
        assert "pw" not in found.text
    monkeypatch.setenv("TMPDIR", "/gone")
    gone = FileNotFoundError(errno.ENOENT, "No such file or directory", "/gone/daybook-rebuild-1")
    assert "Set TMPDIR" in report(gone).text
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", None)
        patched.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/gone"])
        with pytest.raises(FileNotFoundError) as raised:
            tempfile.gettempdir()
    assert "Set TMPDIR" in report(raised.value).text


def test_a_defect_is_a_sentence_and_its_traceback_a_file_for_its_owner() -> None:
    def broken() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError) as raised:
        broken()
    found = report(raised.value)
    assert found.status == DEFECT
    assert "a defect of Daybook: KeyError: 'x'." in found.text
    named = re.search(r"The traceback is in (\S+)\.$", found.text)
    assert named
    file = Path(named[1])
    try:
        assert "in broken" in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
    finally:
        file.unlink()


@contextmanager
def as_somebody() -> Iterator[None]:
    """Not as root, whom nothing is forbidden."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_data_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    # everybody may pass, as pytest's own directory does not allow
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)
        _is_refused(Path(made))
    check_data_dir(tmp_path / "new" / "data")
    assert list((tmp_path / "new" / "data").iterdir()) == []


def _is_refused(here: Path) -> None:
    (here / "file").touch()
    closed = here / "closed"
    closed.mkdir(mode=0o500)
    for path, reason in (
        (here / "file", "it is a file"),
        (here / "file" / "data", "a part of its path is a file"),
        (closed, "may not create files there"),
        (closed / "data", "may not create files there"),
        (Path("/proc/daybook"), "cannot be used"),
        (Path("/proc"), "cannot be used"),
        (Path("/sys/daybook"), "cannot be used"),
    ):
        with as_somebody(), pytest.raises(SettingsError, match="--data-dir") as refused:
            check_data_dir(path)
        assert str(path) in str(refused.value)
        assert reason in str(refused.value)


def run(*args: str, code: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    program = ["-c", code] if code else ["-m", "service", *args]
    return forkserver.run(
        [sys.executable, *program],
        env=environment(variables), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_command_says_a_sentence_and_with_debug_the_traceback_too() -> None:
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:1/x"
    said = run("status", DAYBOOK_DATABASE_URL=url)
    assert said.returncode == FAILED
    assert said.stderr.startswith("Cannot connect to the database: ")
    assert said.stderr.count("\n") == 1
    traced = run("--debug", "status", DAYBOOK_DATABASE_URL=url)
    assert traced.returncode == FAILED
    assert "Traceback (most recent call last)" in traced.stderr
    assert PASSWORD not in said.stderr + traced.stderr


def test_a_defect_of_a_command_shows_no_traceback(tmp_path: Path) -> None:
    code = (
        "from service.cli import main as commands\n"
        "commands.app.command('broken')(lambda: [][1])\n"
        "import sys; sys.argv = ['daybook', 'broken']\n"
        "commands.main()\n"
    )
    said = run(code=code, TMPDIR=str(tmp_path))
    assert (said.returncode, "Traceback (most" in said.stderr) == (DEFECT, False)
    (file,) = tmp_path.iterdir()
    assert str(file) in said.stderr


def test_an_older_python_is_told_what_is_needed() -> None:
    source = Path(entry.__file__).read_text()
    ast.parse(source, feature_version=(3, 7))
    code = (
        "import sys\n"
        "class Version(tuple): pass\n"
        "sys.version_info = Version((3, 10, 4, 'final', 0))\n"
        "from service.__main__ import main\n"
        "main()\n"
    )
    said = run(code=code)
    assert (said.returncode, said.stderr) == (
        FAILED, "Daybook needs Python 3.11 or newer; this is 3.10.4.\n",
    )  # fmt: skip


def test_the_exit_statuses_are_described() -> None:
    text = documents.SERVICE.read_text()
    described = text[text.index("Exit status: 0") :].partition("\n\n")[0]
    for status in (REFUSED, FAILED, DEFECT):
        assert re.search(rf"\b{status}\b", described), status
    assert DEBUG in described


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--secret", "whsec_x"], "--secret cannot sign"),
        pytest.param(["--secret", "whsec_été"], "--secret cannot sign", marks=pytest.mark.slow),
        pytest.param(["--secret", ""], "--secret cannot sign", marks=pytest.mark.slow),
        pytest.param(
            ["--secret", SECRET, "--id", "ü1"], "--id takes visible ASCII", marks=pytest.mark.slow
        ),
        (["--secret", SECRET, "--id", "a\nb"], "--id takes visible ASCII"),
    ],
)
def test_what_cannot_be_signed_or_sent_is_a_sentence(
    tmp_path: Path, options: list[str], sentence: str
) -> None:
    body = tmp_path / "body.json"
    body.write_text("{}")
    code = (
        "import sys\nfrom service.cli.main import main\n"
        f"sys.argv = {['daybook', 'send', str(body), *options]!r}\nmain()\n"
    )
    said = run(code=code)
    assert (said.returncode, "Traceback" in said.stderr) == (FAILED, False)
    assert sentence in said.stderr


def test_a_data_directory_that_is_made_is_closed_to_others(tmp_path: Path) -> None:
    check_data_dir(tmp_path / "data")
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
