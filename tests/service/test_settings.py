from datetime import timedelta
from pathlib import Path

import pytest

from service.server.trial import make_trial_book
from service.settings import SettingsError, load
from tests.builders import OTHER_SECRET, SECRET

GOOD = f"""
port = 9000

[books.live]
mode = "live"
secrets = ["{SECRET}", "{OTHER_SECRET}"]
business_id = "bus_1"

[books.test]
mode = "test"
secrets = ["{SECRET}"]
"""

SSO = """[console_sso]
header = "X"
jwks = "/keys"
issuer = "i"
audience = "a"
"""
TRUSTED = 'trusted_proxies = ["::1"]\n'
BY_GROUP = 'admit = [{ groups = ["a"], books = ["live"] }]'
PLAIN = """[console_sso]
header = "X"
signed = false
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DAYBOOK_CONFIG", "DAYBOOK_DATABASE_URL", "DAYBOOK_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "daybook.toml"
    path.write_text(text)
    return path


def test_books_are_read(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    assert (settings.port, list(settings.books)) == (9000, ["live", "test"])
    assert settings.books["live"].business_id == "bus_1"
    assert SECRET not in repr(settings)


def test_the_environment_overrides_each_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, GOOD)
    monkeypatch.setenv("DAYBOOK_PORT", "9001")
    monkeypatch.setenv("DAYBOOK_BOOKS__LIVE__SECRETS", f'["{OTHER_SECRET}"]')
    monkeypatch.setenv("DAYBOOK_BOOKS__EXTRA__MODE", "test")
    monkeypatch.setenv("DAYBOOK_BOOKS__EXTRA__SECRETS", f'["{SECRET}"]')
    settings = load()
    assert settings.port == 9001
    assert [s.get_secret_value() for s in settings.books["live"].secrets] == [OTHER_SECRET]
    assert settings.books["live"].business_id == "bus_1"
    assert settings.books["extra"].mode == "test"
    assert load(port=9002).port == 9002


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("port = 1\nport = 2", 2, "Cannot overwrite"),
        ("\nhost = ", 2, "Invalid value"),
        ('trusted_proxies = ["*"]', 1, "not an address or a network"),
        (GOOD.replace('mode = "live"', 'mode = "prod"'), 5, "'live' or 'test'"),
        (GOOD.replace(f'["{SECRET}", "{OTHER_SECRET}"]', '[""]'), 6, "followed by base64"),
        (GOOD.replace(f'["{SECRET}", "{OTHER_SECRET}"]', '["whsec_"]'), 6, "followed by base64"),
        (GOOD.replace(f'["{SECRET}", "{OTHER_SECRET}"]', "[]"), 6, "at least 1"),
        (GOOD.replace(OTHER_SECRET, OTHER_SECRET[:-4]), 6, "24 bytes"),
        (GOOD.replace('mode = "test"\n', ""), 9, "required"),
        (
            GOOD.replace('business_id = "bus_1"', "webhook_max_age_days = 90"),
            7,
            "live book must refuse old requests",
        ),
        (GOOD.replace("[books.test]", '[books."Test 1"]'), 9, "pattern"),
        (GOOD.replace("port = 9000", 'port = "many"'), 2, "integer"),
        (GOOD.replace("port = 9000", "prot = 9000"), 2, "not permitted"),
        (GOOD + 'secret = "x"', 12, "not permitted"),
        (GOOD + 'provider.url = "http://api.example.com"', 12, "must begin with https://"),
        (GOOD + 'provider.url = "https://me:hunter2@h"', 12, "a user or a password"),
        (GOOD + 'provider.url = "example.com"', 12, "not a URL"),
        (GOOD + 'provider.url = "https://h?x=1"', 12, "a query"),
        (GOOD + 'provider.api_key = ""', 12, "not an API key"),
        (GOOD + 'provider.api_key = "a b"', 12, "not an API key"),
        (GOOD + f'provider.api_key = "{SECRET}"', 12, "a webhook's secret"),
        (GOOD + 'provider.reconcile_every = "6 h"', 12, "is not a span of time"),
        (GOOD + 'provider.reconcile_every = "4000d"', 12, "at most 3650d"),
        (GOOD + 'provider.reconcile_every = "1m"', 12, "at least 5m"),
        (GOOD + "provider.requests_per_minute = 0", 12, "greater than or equal to 1"),
        (GOOD + "[books.test.provider]\nkey = 1", 13, "is it 'api_key'?"),
        (GOOD + '[console_sso]\nheader = "X"', 12, "needs jwks, issuer, audience"),
        (GOOD + PLAIN, 12, "name the address of your proxy"),
        (f'{TRUSTED}{GOOD}{PLAIN}issuer = "x"', 13, "has no jwks, issuer"),
        (TRUSTED + GOOD + PLAIN + BY_GROUP, 13, "set groups to the header"),
        (GOOD + f'{SSO}algorithms = ["HS256"]', 17, "Input should be 'RS256'"),
        (GOOD + f'{SSO}algorithms = ["none"]', 17, "Input should be 'RS256'"),
        (GOOD + f'{SSO}header = "A B"', 17, "Cannot overwrite"),
        (GOOD + SSO.replace("/keys", "http://id.example.com"), 14, "must begin with https://"),
        (GOOD + f'{SSO}admit = [{{ people = ["*"], books = ["lve"] }}]', 12, "not configured"),
        (GOOD + f'{SSO}admit = [{{ people = ["*"] }}]', 17, "required"),
        (GOOD + f'{SSO}admit = [{{ books = ["live"] }}]', 17, "admits nobody"),
        (GOOD + f'{SSO}admit = [{{ people = ["*.com"], books = ["live"] }}]', 17, "in full"),
    ],
)
def test_a_wrong_configuration_is_refused_with_line_and_reason(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        load(path)
    assert f"line {line}" in str(refused.value)
    assert reason in str(refused.value)
    assert SECRET.removeprefix("whsec_") not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "duration"),
    [("90m", timedelta(minutes=90)), ("6h", timedelta(hours=6)), ("30d", timedelta(days=30)),
     ("1d12h", timedelta(hours=36)), ("never", None)],
)  # fmt: skip
def test_a_duration_is_read(text: str, duration: timedelta | None, tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD + f'provider.reconcile_every = "{text}"'))
    assert settings.books["test"].provider.reconcile_interval == duration


def test_each_mode_has_its_provider(tmp_path: Path) -> None:
    books = load(write(tmp_path, GOOD + 'provider.url = "http://[::1]:9/"')).books
    assert books["live"].provider_url == "https://live.dodopayments.com"
    assert books["test"].provider_url == "http://[::1]:9"
    assert books["live"].provider.api_key is None


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="file does not exist"):
        load(tmp_path / "other.toml")


def test_the_trial_book_has_a_secret_of_its_own_and_is_not_overwritten(tmp_path: Path) -> None:
    secret = make_trial_book(tmp_path / "data")
    settings = load(data_dir=tmp_path / "data")
    assert settings.books["test"].mode == "test"
    assert settings.books["test"].secrets[0].get_secret_value() == secret
    assert (tmp_path / "data" / "daybook.toml").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        make_trial_book(tmp_path / "data")


def test_a_misspelt_name_is_told_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 1: …: .* is it 'workers'\?"):
        load(write(tmp_path, "worker = 2"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://me@h/x", "not a PostgreSQL URL"),
        ("postgresql://me@h/x?nope=1", "not a PostgreSQL URL"),
        ("postgresql://me@h:port/x", "a number from 1 to 65535"),
        ("postgresql://me@h:0/x", "a number from 1 to 65535"),
        ("postgresql://me@h:70000/x", "a number from 1 to 65535"),
        ("postgresql://me:p@ss@h/x", "%40"),
        ("postgresql://me:1/ss@h/x", "%2F"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused(
    url: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", url)
    with pytest.raises(SettingsError, match=f"DAYBOOK_DATABASE_URL: database_url: .*{reason}"):
        load()


@pytest.mark.parametrize("url", [
    "postgresql://me:p%40ss%2F@h:5432/x?sslmode=require", "postgresql://me@/x?host=/tmp/a",
    "postgresql://h1:1,h2:2/x", "host=h dbname=x password='a@b'", "postgresql:///x",
])  # fmt: skip
def test_every_form_of_a_url_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", url)
    assert load().database_url is not None


@pytest.mark.parametrize("text", ["port = " + "1" * 5_000, "x = " + "[" * 5_000, "\xff"])
def test_what_no_parser_takes_is_refused_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "daybook.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"not valid (JSON|TOML)"):
        load(path)


def test_a_variable_that_is_empty_is_one_that_is_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "daybook.toml").write_text(f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n')
    for name in ("HOST", "DATABASE_URL", "WORKERS"):
        monkeypatch.setenv(f"DAYBOOK_{name}", "")
    settings = load(tmp_path / "daybook.toml")
    assert (settings.host, settings.database_url, settings.workers) == ("127.0.0.1", None, 1)
    with pytest.raises(SettingsError, match="host"):
        load(tmp_path / "daybook.toml", host="")


def test_denials_are_confirmed_only_with_a_key_of_the_provider(tmp_path: Path) -> None:
    text = GOOD.replace("\n\n[books.test]", "\naccess = { confirm_denials = true }\n\n[books.test]")
    with pytest.raises(SettingsError) as refused:
        load(write(tmp_path, text))
    said = str(refused.value)
    assert "line 4: books.live: access.confirm_denials needs an API key of the provider" in said
    loaded = load(write(tmp_path, f'{text}\n[books.live.provider]\napi_key = "key_1"\n'))
    assert loaded.books["live"].access.confirm_denials
    assert loaded.books["live"].access.policy == loaded.books["test"].access.policy
    with pytest.raises(SettingsError, match="unconfirmed"):
        load(write(tmp_path, text.replace("confirm_denials = true", "unconfirmed = 'maybe'")))
