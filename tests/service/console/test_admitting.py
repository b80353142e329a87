"""Whom the configuration admits to what; by default nobody to anything."""

import pytest

from service.console.sso.admitting import admitted
from service.console.sso.assertions import Person
from service.sso_settings import Admission


def person(name: str, *groups: str) -> Person:
    return Person(name, frozenset(groups))


ADMISSIONS = [
    Admission(people=["Ada@Example.com"], books=["live", "test"], scopes=["admin", "read"]),
    Admission(people=["*@support.example.com"], books=["live"]),
    Admission(groups=["auditors"], books=["live"], scopes=["audit"]),
]


@pytest.mark.parametrize(
    ("who", "opened"),
    [
        (person("ada@example.com"), {"live": ("read", "admin"), "test": ("read", "admin")}),
        (
            person("ADA@example.com", "auditors"),
            {"live": ("read", "audit", "admin"), "test": ("read", "admin")},
        ),
        (person("bob@support.example.com"), {"live": ("read",)}),
        (person("bob", "auditors"), {"live": ("audit",)}),
        (person("eve@example.com"), {}),
        (person("eve@notsupport.example.com"), {}),
        (person("eve@support.example.com@evil.example"), {}),
        (person("eve@evil.example@support.example.com"), {}),
        (person("support.example.com"), {}),
        (person("auditors", "Auditors"), {}),
        (person("", ""), {}),
    ],
)
def test_who_is_named_is_admitted_and_nobody_else(
    who: Person, opened: dict[str, tuple[str, ...]]
) -> None:
    assert admitted(who, ADMISSIONS) == opened
    assert admitted(who, []) == {}


def test_a_sign_that_only_looks_alike_is_another_persons() -> None:
    admissions = [Admission(people=["kim@example.com"], books=["live"])]
    assert admitted(person("\u212aim@example.com"), admissions) == {}
    assert admitted(person("KIM@example.com"), admissions) == {"live": ("read",)}


def test_everybody_may_be_named() -> None:
    everybody = [Admission(people=["*"], books=["live"])]
    assert admitted(person("anybody"), everybody) == {"live": ("read",)}
