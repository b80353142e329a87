"""What Citus refuses in any statement, wherever it is sent: looked for in the texts of all.

Which shards a statement touches is looked at in tests/acceptance/test_citus.py.
"""

import re
from pathlib import Path

import sql
from service.database import statements

ROOT = Path(sql.__file__).parent
STATEMENTS = [
    path.relative_to(ROOT).with_suffix("").as_posix()
    for path in sorted(ROOT.rglob("*.sql"))
    if path.parent.name != "migrations"
]
MUTABLE = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|random|gen_random_uuid)\s*\("
    r"|\bcurrent_(timestamp|date|time)\b|\blocaltime",
    re.IGNORECASE,
)
CHANGE = re.compile(r"\s*(update|delete)\b")
VOLATILE = re.compile(r"\b(clock_timestamp|random|gen_random_uuid)\s*\(", re.IGNORECASE)

OLDER = (
    "0001_store", "0002_console", "0003_audit", "0004_documents", "0005_jobs", "0006_people",
    "0007_links", "0008_opened_by",
)  # fmt: skip
"""Migrations that no distributed table has seen: they are applied before the first one is."""


def said(name: str) -> str:
    """A statement without its comments."""
    return re.sub(r"--.*", "", statements.text(name))


def test_what_is_set_on_a_conflict_is_the_same_on_every_node() -> None:
    resolved = {name: said(name).partition("on conflict")[2] for name in STATEMENTS}
    assert [name for name, text in resolved.items() if MUTABLE.search(text)] == []


def test_no_change_calls_what_has_another_answer_each_time() -> None:
    changes = {name: text for name in STATEMENTS if CHANGE.match(text := said(name))}
    assert len(changes) > 20
    assert [name for name, text in changes.items() if VOLATILE.search(text)] == []


def test_a_change_is_a_statement_of_its_own() -> None:
    within = re.compile(r"\bas\s+(not\s+)?(materialized\s+)?\(\s*(insert|update|delete)")
    assert [name for name in STATEMENTS if within.search(said(name))] == []


def test_rows_are_found_by_what_they_say() -> None:
    assert [name for name in STATEMENTS if "ctid" in said(name)] == ["store/scan"]


def test_nothing_rests_on_advisory_locks() -> None:
    assert [name for name in STATEMENTS if "advisory" in said(name)] == []


def test_a_later_migration_puts_triggers_on_its_own_tables_only() -> None:
    """A table that is distributed takes none; those of a new table go when it is distributed."""
    for name in {*statements.names("store/migrations")} - {*OLDER}:
        text = said(f"store/migrations/{name}")
        on = set(re.findall(r"create trigger\s[^;]*?\son\s+([\w.]+)", text))
        assert on <= set(re.findall(r"create table\s+([\w.]+)", text)), name


def test_a_later_migration_adds_each_constraint_in_a_statement_of_its_own() -> None:
    for name in {*statements.names("store/migrations")} - {*OLDER}:
        for statement in said(f"store/migrations/{name}").split(";"):
            if "alter table" in statement and re.search(r"\badd\s+constraint\b", statement):
                assert not re.search(r"\b(drop|alter)\s+(constraint|column)\b", statement), name
