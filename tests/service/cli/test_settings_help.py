"""What ``serve --help`` says of the settings is complete, and true."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from service.anchor_settings import Anchor
from service.cli.settings_help import setting_helps
from service.settings import load
from service.sso_settings import Admission
from tests.acceptance.service import command
from tests.builders import OTHER_SECRET, SECRET

SIGNING_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

ENVIRONMENT = {
    "database_url": ("postgresql://me@there/book", SecretStr("postgresql://me@there/book")),
    "replica_url": ("postgresql://me@near/book", SecretStr("postgresql://me@near/book")),
    "data_dir": ("/data", Path("/data")),
    "host": ("::1", "::1"),
    "port": ("9", 9),
    "workers": ("3", 3),
    "max_body_bytes": ("2048", 2048),
    "requests_per_minute": ("7", 7),
    "trusted_proxies": ('["10.0.0.0/8", "::1"]', ["10.0.0.0/8", "::1/128"]),
    "metrics": ("false", False),
    "console": ("false", False),
    "console_url": ("https://daybook.example.com/", "https://daybook.example.com"),
    "console_sso.header": ("X-Assertion", "X-Assertion"),
    "console_sso.signed": ("true", True),
    "console_sso.jwks": ("/etc/daybook/keys.json", "/etc/daybook/keys.json"),
    "console_sso.issuer": ("https://id.example.com", "https://id.example.com"),
    "console_sso.audience": ("daybook", "daybook"),
    "console_sso.algorithms": ('["PS256"]', ["PS256"]),
    "console_sso.leeway_seconds": ("5", 5),
    "console_sso.person": ("upn", "upn"),
    "console_sso.groups": ("roles", "roles"),
    "console_sso.sign_out_url": ("https://id.example.com/out", "https://id.example.com/out"),
    "console_sso.api_keys": ("false", False),
    "console_sso.admit": (
        '[{"people": ["*"], "books": ["name"]}]',
        [Admission(people=["*"], books=["name"])],
    ),
    "signing_key": (SIGNING_KEY, SecretStr(SIGNING_KEY)),
    "anchors": (
        '[{"kind": "directory", "path": "/mnt"}]',
        [Anchor(kind="directory", path=Path("/mnt"))],
    ),
    "books.NAME.mode": ("test", "test"),
    "books.NAME.secrets": (f'["{SECRET}"]', [SecretStr(SECRET)]),
    "books.NAME.retired_secrets": (f'["{OTHER_SECRET}"]', [SecretStr(OTHER_SECRET)]),
    "books.NAME.business_id": ("bus_1", "bus_1"),
    "books.NAME.webhook_max_age_days": ("90", 90),
    "books.NAME.access.grace": ("false", False),
    "books.NAME.access.paid_through": ("false", False),
    "books.NAME.access.trial_through": ("false", False),
    "books.NAME.access.refunded": ("true", True),
    "books.NAME.access.one_time_payments": ("true", True),
    "books.NAME.access.license_keys": ("true", True),
    "books.NAME.access.renewal_allowance_days": ("4", 4),
    "books.NAME.access.confirm_denials": ("true", True),
    "books.NAME.access.unconfirmed": ("deny", "deny"),
    "books.NAME.dispute_response_days": ("5", 5),
    "books.NAME.provider.api_key": ("key_1", SecretStr("key_1")),
    "books.NAME.provider.url": ("http://127.0.0.1:9/", "http://127.0.0.1:9"),
    "books.NAME.provider.requests_per_minute": ("60", 60),
    "books.NAME.provider.timeout_seconds": ("3", 3),
    "books.NAME.provider.reconcile_every": ("1d", "1d"),
    "books.NAME.provider.reconcile_apply": ("true", True),
}


def test_each_variable_sets_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = list(setting_helps())
    assert {one.name for one in settings} == set(ENVIRONMENT)
    for one in settings:
        monkeypatch.setenv(one.variable, ENVIRONMENT[one.name][0])
    loaded = load()
    for one in settings:
        value: object = loaded
        for part in one.name.split("."):
            value = value["name"] if isinstance(value, dict) else getattr(value, part)
        assert value == ENVIRONMENT[one.name][1], one.name


def test_the_help_shows_each_with_its_default_and_use() -> None:
    said = " ".join(command("serve", "--help", env={"COLUMNS": "300"}).split())
    for one in setting_helps():
        assert one.use.endswith("."), one.name
        assert f"{one.name}, {one.variable} ({one.default}): {one.use}" in said
