"""``daybook connect`` against a provider that is a real server."""

import os
import signal
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.provider.endpoints import EVENT_TYPES
from service.settings import load
from tests import forkserver
from tests.acceptance.business import Business, business
from tests.acceptance.service import Service, command, environment
from tests.builders import OTHER_SECRET, SECRET
from tests.conftest import fresh_database
from tests.sandbox import sandbox
from tests.service.provider.stand_in import KEY, Answer

URL = "https://daybook.example.com/webhooks/live"

COMMENTED = f"""
# ours
port = 9000  # the port

[books.live]
mode = "live"
secrets = ["{OTHER_SECRET}"]  # since May

[books.live.access]
grace = true  # as agreed
"""


@pytest.fixture
def provider() -> Iterator[Business]:
    with business() as running:
        yield running


def connect(
    here: Path, provider: Business, *args: str, key: str = KEY, **env: str
) -> subprocess.CompletedProcess[str]:
    variables = {"DAYBOOK_BOOKS__LIVE__PROVIDER__URL": provider.url, "COLUMNS": "200", **env}
    flags = ["--book", "live", "--url", URL, "--api-key", key, *args]
    return forkserver.run(
        [sys.executable, "-m", "service", "connect", *flags],
        env=environment(variables), cwd=here, capture_output=True, text=True, check=False,
        timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def write(here: Path, text: str) -> Path:
    path = here / "daybook.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_new_book_is_made_with_an_endpoint_for_every_type(
    tmp_path: Path, provider: Business
) -> None:
    done = connect(tmp_path, provider)
    assert done.returncode == 0, done.stderr
    assert "Created an endpoint" in done.stdout
    assert "daybook backfill --book live" in done.stdout
    [endpoint] = provider.endpoints.values()
    assert endpoint["url"] == URL
    assert set(endpoint["filter_types"]) == set(EVENT_TYPES)
    path = tmp_path / "daybook.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    book = load(path).books["live"]
    assert book.mode == "live"
    assert [s.get_secret_value() for s in book.secrets] == [SECRET]
    assert book.provider.api_key
    assert book.provider.api_key.get_secret_value() == KEY
    for secret in (KEY, SECRET):
        assert secret not in done.stdout + done.stderr


def test_an_endpoint_with_the_url_is_completed_and_comments_stay(
    tmp_path: Path, provider: Business
) -> None:
    path = write(tmp_path, COMMENTED)
    provider.add("https://other.example.com")
    provider.add("https://third.example.com")
    own = ["custom.type", "payment.succeeded"]
    adopted = provider.add(URL + "/", filter_types=own, disabled=True)
    done = connect(tmp_path, provider)
    assert done.returncode == 0, done.stderr
    assert "subscription.past_due" in done.stdout
    assert "Enabled endpoint" in done.stdout
    assert "kill -HUP" in done.stdout
    assert len(provider.endpoints) == 3
    assert set(provider.endpoints[adopted]["filter_types"]) == {*EVENT_TYPES, *own}
    assert provider.endpoints[adopted]["disabled"] is False
    assert provider.changes == ["PATCH"]
    text = path.read_text()
    for line in ("# ours", "port = 9000  # the port", "# since May", "grace = true  # as agreed"):
        assert line in text
    assert tomllib.loads(text)["books"]["live"]["secrets"] == [SECRET, OTHER_SECRET]


def test_repeating_it_changes_nothing(tmp_path: Path, provider: Business) -> None:
    path = write(tmp_path, COMMENTED)
    connect(tmp_path, provider)
    text, changes = path.read_text(), len(provider.changes)
    done = connect(tmp_path, provider)
    assert done.returncode == 0, done.stderr
    assert "has this URL and all types" in done.stdout
    assert (path.read_text(), len(provider.changes)) == (text, changes)


def test_a_dry_run_only_looks(tmp_path: Path, provider: Business) -> None:
    done = connect(tmp_path, provider, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Would create an endpoint" in done.stdout
    assert (provider.endpoints, list(tmp_path.iterdir())) == ({}, [])


def test_settings_of_the_environment_are_printed(tmp_path: Path, provider: Business) -> None:
    provider.add(URL)
    variables = {
        "DAYBOOK_BOOKS__LIVE__MODE": "live",
        "DAYBOOK_BOOKS__LIVE__SECRETS": f'["{OTHER_SECRET}"]',
    }
    done = connect(tmp_path, provider, **variables)
    assert done.returncode == 0, done.stderr
    assert f'DAYBOOK_BOOKS__LIVE__SECRETS=\'["{SECRET}","{OTHER_SECRET}"]\'' in done.stdout
    assert f"DAYBOOK_BOOKS__LIVE__PROVIDER__API_KEY='{KEY}'" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_key_in_the_environment_stays_there(tmp_path: Path, provider: Business) -> None:
    path = write(tmp_path, COMMENTED)
    done = connect(tmp_path, provider, DAYBOOK_BOOKS__LIVE__PROVIDER__API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert SECRET in path.read_text()
    assert KEY not in path.read_text()


def test_the_url_of_the_provider_is_written_where_the_file_lacks_it(
    tmp_path: Path, provider: Business
) -> None:
    path = write(tmp_path, COMMENTED)
    assert connect(tmp_path, provider).returncode == 0
    found = tomllib.loads(path.read_text())["books"]["live"]["provider"]
    assert found == {"api_key": KEY, "url": provider.url}


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--url", "http://daybook.example.com/webhooks/live"), "--url: must begin with https"),
        (("--url", "https://h/webhooks/test"), "that of book 'test'"),
        (("--book", "shop", "--url", "https://h/shop"), "Give --mode live or --mode test"),
        (("--mode", "test"), "configured as live"),
        (("--api-key", "a b"), "--api-key: is not an API key"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    args: tuple[str, ...], text: str, tmp_path: Path, provider: Business
) -> None:
    test = f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n'
    write(tmp_path, COMMENTED + test)
    done = connect(tmp_path, provider, *args)
    assert (done.returncode, provider.changes) == (2, [])
    assert text in done.stderr


def test_a_key_that_is_asked_for_needs_a_terminal(tmp_path: Path) -> None:
    done = forkserver.run(
        [sys.executable, "-m", "service", "connect", "--book", "live", "--url", URL],
        env=environment({"COLUMNS": "200"}), cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Set DAYBOOK_BOOKS__LIVE__PROVIDER__API_KEY" in done.stderr


def test_in_a_terminal_the_key_is_asked_for_and_not_shown(
    tmp_path: Path, provider: Business
) -> None:
    terminal, keyboard = os.openpty()
    variables = {"DAYBOOK_BOOKS__LIVE__PROVIDER__URL": provider.url}
    with forkserver.Popen(
        [sys.executable, "-m", "service", "connect", "--book", "live", "--url", URL],
        env=environment(variables), cwd=tmp_path, stdin=keyboard, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        said = b""
        while b"API Keys): " not in said:
            said += process.stdout.read(1)
            assert process.poll() is None, said
        os.write(terminal, KEY.encode() + b"\n")
        said += process.stdout.read()
    # the terminal echoes what is typed, unless it was told not to
    os.write(keyboard, b".")
    echoed = os.read(terminal, 1000)
    os.close(terminal)
    os.close(keyboard)
    assert process.returncode == 0, said
    assert KEY.encode() not in said + echoed
    assert KEY in (tmp_path / "daybook.toml").read_text()


def test_a_wrong_key_changes_nothing(tmp_path: Path, provider: Business) -> None:
    path = write(tmp_path, COMMENTED)
    done = connect(tmp_path, provider, key="key_of_test_mode")
    assert done.returncode == 2
    assert "must be a key of live mode" in done.stderr
    assert (path.read_text(), provider.changes) == (COMMENTED, [])
    assert "key_of_test_mode" not in done.stdout + done.stderr


def test_a_read_only_key_is_told_what_it_lacks(tmp_path: Path, provider: Business) -> None:
    provider.read_only = True
    done = connect(tmp_path, provider)
    assert done.returncode == 2
    assert "write access" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_provider_that_fails_changes_nothing(tmp_path: Path, provider: Business) -> None:
    provider.fails = Answer(429, headers={"retry-after": "100"})
    done = connect(tmp_path, provider)
    assert done.returncode == 2
    assert "Try again later" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_two_endpoints_of_one_url_are_told(tmp_path: Path, provider: Business) -> None:
    provider.add(URL, disabled=True)
    provider.add(URL)
    done = connect(tmp_path, provider)
    assert done.returncode == 0, done.stderr
    assert "endpoint ep_1 has the same URL" in done.stderr
    assert provider.changes == []


def test_a_secret_that_is_none_is_not_written(tmp_path: Path, provider: Business) -> None:
    provider.add(URL, "hunter2")
    done = connect(tmp_path, provider)
    assert done.returncode == 2
    assert "Copy the endpoint's secret from the dashboard" in done.stderr
    assert "hunter2" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_before_anything_is_made(
    tmp_path: Path, provider: Business
) -> None:
    write(tmp_path, "[books]\nlive = 1\n")
    done = connect(tmp_path, provider)
    assert (done.returncode, provider.asked) == (2, [])


def test_a_file_that_everybody_could_read_is_closed(tmp_path: Path, provider: Business) -> None:
    path = write(tmp_path, COMMENTED)
    path.chmod(0o644)
    done = connect(tmp_path, provider)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "every account could read" in done.stderr
    path.chmod(0o640)
    provider.secrets = dict.fromkeys(provider.secrets, OTHER_SECRET)
    assert connect(tmp_path, provider).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert tomllib.loads(path.read_text())["books"]["live"]["secrets"] == [OTHER_SECRET, SECRET]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_stays_with_its_owner(tmp_path: Path, provider: Business) -> None:
    path = write(tmp_path, COMMENTED)
    os.chown(path, 65534, 65534)
    assert connect(tmp_path, provider).returncode == 0
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


@pytest.mark.slow
def test_after_it_the_webhooks_of_the_provider_are_recorded(
    postgres: str, template: str, tmp_path: Path
) -> None:
    path = write(tmp_path, f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n')
    url = fresh_database(postgres, template)
    service = Service(tmp_path, env={"DAYBOOK_DATABASE_URL": url}).start()
    target = f"http://127.0.0.1:{service.port}/webhooks/test"
    try:
        with sandbox("--real-stamps", customers=5, behind="40d") as provider:
            existing = provider.sdk().webhooks.create(url=target, filter_types=["payment.failed"])
            with path.open("a") as file:
                file.write(f'provider.url = "{provider.url}"\n')
                file.write(f'provider.api_key = "{provider.api_key}"\n')
            out = command("connect", "--book", "test", "--url", target, cwd=tmp_path)
            assert f"Added types to endpoint {existing.id}" in " ".join(out.split())
            service.process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 30
            while "configuration reloaded" not in service.log():
                assert time.monotonic() < deadline, service.log()
                time.sleep(0.05)
            provider.control.move(timedelta(days=31))
            attempts = provider.control.attempts()
        assert {attempt.outcome for attempt in attempts} == {"200"}
        assert len({attempt.type for attempt in attempts}) > 1
    finally:
        assert service.stop() == 0
