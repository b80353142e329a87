from pathlib import Path

import pytest

from service.settings import SettingsError, load, make_trial_book
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
        (GOOD.replace('mode = "live"', 'mode = "prod"'), 5, "'live' or 'test'"),
        (GOOD.replace(f'["{SECRET}", "{OTHER_SECRET}"]', '[""]'), 6, "not empty"),
        (GOOD.replace(f'["{SECRET}", "{OTHER_SECRET}"]', '["whsec_"]'), 6, "not empty"),
        (GOOD.replace(f'["{SECRET}", "{OTHER_SECRET}"]', "[]"), 6, "at least 1"),
        (GOOD.replace(OTHER_SECRET, OTHER_SECRET[:-4]), 6, "24 bytes"),
        (GOOD.replace('mode = "test"\n', ""), 9, "required"),
        (GOOD.replace("[books.test]", '[books."Test 1"]'), 9, "pattern"),
        (GOOD.replace("port = 9000", 'port = "many"'), 2, "integer"),
        (GOOD.replace("port = 9000", "prot = 9000"), 2, "not permitted"),
        (GOOD + 'secret = "x"', 12, "not permitted"),
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


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path / "other.toml")


def test_the_trial_book_has_a_secret_of_its_own_and_is_not_overwritten(tmp_path: Path) -> None:
    secret = make_trial_book(tmp_path / "data")
    settings = load(data_dir=tmp_path / "data")
    assert settings.books["test"].mode == "test"
    assert settings.books["test"].secrets[0].get_secret_value() == secret
    assert (tmp_path / "data" / "daybook.toml").stat().st_mode & 0o077 == 0
    with pytest.raises(FileExistsError):
        make_trial_book(tmp_path / "data")
