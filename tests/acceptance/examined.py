"""An installation that ``daybook doctor`` examines, and what it says."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from service.cli.commands.doctor import exit_status, explain
from service.server.doctor import Database, examine
from service.settings import load
from tests import forkserver
from tests.acceptance.business import Business
from tests.acceptance.service import environment
from tests.builders import SECRET
from tests.service.provider.stand_in import KEY


class Installation:
    """A running service with a book whose provider is a ``Business``."""

    def __init__(self, here: Path, url: str, provider: Business) -> None:
        self.here, self.url, self.provider = here, url, provider

    def doctor(self, *args: str, **env: str) -> "Examined":
        variables = {"DAYBOOK_DATABASE_URL": self.url, "COLUMNS": "200", **env}
        done = forkserver.run(
            [sys.executable, "-m", "service", "doctor", *args],
            env=environment(variables), cwd=self.here, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        return Examined(done.returncode, done.stdout, done.stderr)

    def look(self, public_url: str | None = None, **env: str) -> "Examined":
        """The same for the book ``live``, without a process of its own."""
        with mock.patch.dict(os.environ, {"DAYBOOK_DATABASE_URL": self.url, **env}):
            settings = load(self.here / "daybook.toml")
        assert settings.database_url
        place = Database(settings.database_url.get_secret_value())
        books = {"live": settings.books["live"]}
        found = asyncio.run(examine(settings, books, place, public_url, explain))
        text = msgspec.json.encode({"findings": found}).decode()
        return Examined(exit_status(found), text, "")


class Examined:
    """What ``daybook doctor`` printed, and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err
        assert KEY not in out + err
        assert SECRET not in out + err

    @property
    def findings(self) -> list[dict[str, Any]]:
        assert self.out, self.err
        found: list[dict[str, Any]] = json.loads(self.out)["findings"]
        return found

    def of(self, state: str) -> dict[str, str]:
        """Each finding of a state, by its check: what was found, and what to do."""
        return {
            f["check"]: f"{f['found']} {f['remedy']}" for f in self.findings if f["state"] == state
        }
