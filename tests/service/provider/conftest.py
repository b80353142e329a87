"""A database for each test, which may begin with a book that is filled already."""

from collections.abc import Iterator

import pytest

from tests.conftest import drop_database, fresh_database


@pytest.fixture
def database_url(request: pytest.FixtureRequest, postgres: str, template: str) -> Iterator[str]:
    """A copy of the database that the module's fixture ``start`` names, for a test that uses it."""
    begins = "start" in request.fixturenames
    url = fresh_database(postgres, request.getfixturevalue("start") if begins else template)
    yield url
    drop_database(postgres, url)
