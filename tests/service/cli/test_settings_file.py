"""A configuration file is edited in whatever form its book is written, and in nothing else."""

import tomllib
from pathlib import Path

import pytest

from service.cli.settings_file import BookSecrets, write_book
from service.settings import SettingsError

NEW = BookSecrets("live", "live", "new", "key")
KEPT = "# kept\n"

FORMS = [
    "",
    "port = 1\n",
    '[books.live]\nmode = "test"\nsecrets = ["old"]',
    '[books.live]\r\nmode = "test"\r\nsecrets = ["old"]\r\n',
    '[books.live]\nsecrets = ["old"]\n[books.live.access]\ngrace = true\n[books.a]\nmode = "x"\n',
    '[books.live]\nsecrets = ["old"]\n[books.live.provider]\nurl = "u"\n[books.a]\nmode = "x"\n',
    '[books.live]\nprovider = { url = "u", api_key = "older" }\nsecrets = ["old", "new"]\n',
    'books = { live = { mode = "live", secrets = ["old"] } }\n',
    'books.live.mode = "live"\nbooks.live.secrets = [\n  "old",\n  "older",\n]\nport = 1\n',
    '[books]\nlive.mode = "live"\nlive.secrets = ["old"]\n',
    '[books]\nlive = { secrets = ["old"] }\n[other]\nx = 1\n',
    "[books.live.access]\ngrace = true\n",
    '[books.a]\nmode = "x"\n',
    '[books]\n[books.a]\nmode = "x"\n',
]


@pytest.mark.parametrize("form", FORMS)
def test_the_current_secret_and_the_key_are_set_and_nothing_else(form: str, tmp_path: Path) -> None:
    path = tmp_path / "daybook.toml"
    path.write_bytes((KEPT + form).encode())
    before = tomllib.loads(form)
    assert write_book(path, NEW)
    text = path.read_bytes().decode()
    after = tomllib.loads(text)
    book, old = after["books"].pop("live"), before.get("books", {}).pop("live", {})
    assert book.pop("secrets") == ["new", *(s for s in old.pop("secrets", []) if s != "new")]
    assert book.pop("mode") == old.pop("mode", "live")
    assert book.pop("provider") == {**old.pop("provider", {}), "api_key": "key"}
    assert book == old
    assert after | {"books": {}} == before | {"books": {}}
    assert after["books"] == before.get("books", {})
    assert text.startswith(KEPT)
    assert ("\r\n" in form) == ("\r\n" in text)
    assert write_book(path, NEW) is None


@pytest.mark.parametrize("form", ["books = 1", "books.live = 1", "[[books]]\nx = 1"])
def test_a_file_of_another_shape_is_left_alone(form: str, tmp_path: Path) -> None:
    path = tmp_path / "daybook.toml"
    path.write_text(form)
    with pytest.raises(SettingsError, match=r"as a table \[books.live\]"):
        write_book(path, NEW)
    assert path.read_text() == form


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("")
    (tmp_path / "daybook.toml").symlink_to("real.toml")
    assert write_book(tmp_path / "daybook.toml", NEW)
    assert (tmp_path / "daybook.toml").is_symlink()
    assert "new" in (tmp_path / "real.toml").read_text()
    assert len(list(tmp_path.iterdir())) == 2
