"""A secret is in no error about the configuration, wherever it was written."""

import base64
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.settings import SettingsError, load
from tests.builders import SECRET
from tests.service.test_settings import elsewhere, write

__all__ = ["elsewhere"]

PLACES: list[Callable[[str], str]] = [
    lambda secret: f'"{secret}" = 1',
    lambda secret: f"{secret} = 1",
    lambda secret: f'port = "{secret}"',
    lambda secret: f'host = "{secret}',
    lambda secret: f'host = "{secret}"\nport = "x"',
    lambda secret: f'host = "{secret}"',
    lambda secret: f'data_dir = "{secret}"',
    lambda secret: f'database_url = "{secret}"',
    lambda secret: f'books = "{secret}"',
    lambda secret: f'[books."{secret}"]\nmode = "test"',
    lambda secret: f'[books."{secret}"]\nx = 1\n[books."{secret}"]',
    lambda secret: f'["{secret}"]\n["{secret}"]',
    lambda secret: f'x = {{"{secret}" = 1, "{secret}" = 2}}',
    lambda secret: f'x = {{}}\nx."{secret}".y = 1',
    lambda secret: f'x."{secret}" = {{}}\n[x."{secret}".z]',
    lambda secret: f'[books.test]\nmode = "{secret}"',
    lambda secret: f'[books.test]\nmode = "test"\nsecrets = "{secret}"',
    lambda secret: f'[books.test]\nmode = "test"\nsecrets = ["{secret}", 5]',
    lambda secret: f'[books.test]\nmode = "test"\nsecrets = [["{secret}"]]',
    lambda secret: f'[books.test]\nmode = "test"\nsecrets = {{"{secret}" = 1}}',
    lambda secret: f'[books.test]\nmode = "test"\n"{secret}" = true',
    lambda secret: f'[books.test]\nmode = "test"\nbusiness_id = "{secret}"',
    lambda secret: f'[books.test.access]\n"{secret}" = true',
    lambda secret: f'[books.test.access]\ngrace = "{secret}"',
    lambda secret: f'[books.test.provider]\napi_key = "{secret} "',
    lambda secret: f'[books.test.provider]\nurl = "{secret}"',
    lambda secret: f'[books.test.provider]\nreconcile_every = "{secret}"',
]

ENVIRONMENT: list[Callable[[str], dict[str, str]]] = [
    lambda secret: {"DAYBOOK_PORT": secret},
    lambda secret: {"DAYBOOK_CONFIG": secret},
    lambda secret: {"DAYBOOK_HOST": secret, "DAYBOOK_PORT": "x"},
    lambda secret: {"DAYBOOK_BOOKS": secret},
    lambda secret: {"DAYBOOK_BOOKS__TEST__SECRETS": secret},
    lambda secret: {f"DAYBOOK_BOOKS__{secret.rstrip('=')}__MODE": "test"},
    lambda secret: {f"DAYBOOK_BOOKS__TEST__{secret.rstrip('=')}": "test"},
    lambda secret: {f"DAYBOOK_BOOKS__{secret.rstrip('=')}__SECRETS": "x"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"postgresql://me:{secret}@h:port/x"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"postgresql://me:a@{secret}@h/x"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"postgresql://me:1/{secret}@h/x"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"postgresql://me:1?@{secret}@h/x"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"postgresql://me:{secret}@h/x?nope=1"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"mysql://me:{secret}@h/x"},
    lambda secret: {"DAYBOOK_DATABASE_URL": f"password={secret} nope=1"},
]

SECRETS = st.binary(min_size=24, max_size=48).map(
    lambda key: "whsec_" + base64.b64encode(key).decode()
)


@given(SECRETS, st.sampled_from(PLACES), st.sampled_from(("", "whsec_")))
def test_no_error_shows_a_secret_wherever_it_stands_in_the_file(
    secret: str, place: Callable[[str], str], prefix: str
) -> None:
    written = secret.removeprefix(prefix)
    with tempfile.TemporaryDirectory() as home:
        refused = refusal(write(Path(home), place(written)), {})
    shows_nothing_of(secret, refused)


@given(SECRETS, st.sampled_from(ENVIRONMENT))
def test_no_error_shows_a_secret_wherever_it_stands_in_the_environment(
    secret: str, place: Callable[[str], dict[str, str]]
) -> None:
    assert refusal(None, place(secret)) is not None
    shows_nothing_of(secret, refusal(None, place(secret)))


def refusal(path: Path | None, variables: dict[str, str]) -> str | None:
    with mock.patch.dict(os.environ, variables):
        try:
            load(path)
        except SettingsError as error:
            return str(error)
    return None


def shows_nothing_of(secret: str, text: str | None) -> None:
    for part in re.findall(r"[A-Za-z0-9]{6,}", secret.removeprefix("whsec_")):
        assert part.lower() not in (text or "").lower()


def test_a_secret_in_a_wrong_place_is_refused_with_the_right_one(tmp_path: Path) -> None:
    for place in ("host = ", "data_dir = ", '[books.a]\nmode = "test"\nbusiness_id = '):
        path = write(tmp_path, f'{place}"{SECRET}"')
        with pytest.raises(SettingsError, match="move it to a book's `secrets`"):
            load(path)
