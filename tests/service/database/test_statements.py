"""Every statement is prepared by PostgreSQL itself, so that SQL is type-checked."""

import re
from pathlib import Path

import pytest
from psycopg.sql import SQL, Composable, Identifier, Literal, Placeholder

import service
import sql
from projections.catalog import COUNTS, PROJECTIONS
from projections.payments import PAYMENTS
from projections.projection import Projection
from service.database import statements
from service.database.connections import Connection
from service.readmodels.checkpoints import live_tables
from service.readmodels.tables import index_statements
from service.readmodels.writing import counted

SQL_ROOT = Path(sql.__file__).parent
NAMED_ELSEWHERE = {
    *(f"readmodels/{p.name}" for p in PROJECTIONS), "readmodels/by_day", "store/migrations"
}  # fmt: skip
STATEMENTS = [
    name
    for path in sorted(SQL_ROOT.rglob("*.sql"))
    if (name := path.relative_to(SQL_ROOT).with_suffix("").as_posix()).rpartition("/")[0]
    not in NAMED_ELSEWHERE
]

# DDL cannot be prepared; each of these runs in every test that has a database
UTILITY = {
    "store/append", "store/migration_schema", "store/migration_table", "store/begin",
    "store/commit", "database/listen", "store/scan", "store/scan_positions", "readmodels/view",
    "readmodels/drop", "database/upsert", "readmodels/analyze", "readmodels/copy",
    "readmodels/primary_key", "readmodels/borrow", "readmodels/drop_view", "store/roles/create",
    "store/roles/allow", "store/roles/act_for", "store/roles/hand_over",
    "queries/one_book", "queries/keep_views", "store/lock_migrations",
    # in tests/service/store/test_distribution.py
    "database/undistributed", "database/distribute", "database/replicate", "database/free_local",
    "database/distribute_function", "database/triggers", "database/drop_trigger",
    # parts of others, or put together; each runs with the metrics, or with every projected event
    *(f"queries/metrics/{name}" for name in (
        "begun", "by_day", "changed", "changed_movements", "changed_payments",
        "changed_products", "changed_rows", "folded_rows", "in_currency", "known_movements",
        "known_payments", "known_products", "known_rows", "listed", "moved", "moved_one_by_one",
        "moved_with", "one_by_one", "paid_for", "payment_paid_for", "payments_of", "row_by_row",
        "shared",
    )),
    *(f"readmodels/{name}" for name in (
        "add_counts", "clear", "count_by_day", "drop_counts", "fill_counts", "written",
    )),
    # parts of searches, and of what needs attention
    "queries/attention_groups", "queries/customers_of_term", "queries/product_name",
    # in tests/acceptance/test_backup.py
    "server/restore/create", "server/restore/drop", "server/restore/rename",
}  # fmt: skip


async def test_postgresql_accepts_each_statement(
    conn: Connection, subtests: pytest.Subtests
) -> None:
    for name in sorted(set(STATEMENTS) - UTILITY):
        with subtests.test(name):
            suited = [p for p in PROJECTIONS if _speaks_of(name) <= set(p.column_names)]
            assert suited
            for projection in suited if _of_any(name) else suited[:1]:
                statement = _filled(name, projection)
                await conn.execute(SQL("prepare s as ") + _numbered(statement.as_string(conn)))
                await conn.execute("deallocate s")


async def test_a_row_has_the_columns_of_its_table(
    conn: Connection, subtests: pytest.Subtests
) -> None:
    tables = await live_tables(conn)
    for projection in PROJECTIONS:
        with subtests.test(projection.name):
            found = await conn.execute(
                "select column_name from information_schema.columns where table_schema = 'read'"
                " and table_name = %s order by ordinal_position",
                (tables[projection.name],),
            )
            columns = [row["column_name"] for row in await found.fetchall()]
            assert columns == ["book", *projection.column_names]


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.name)
def test_indexes_that_are_made_at_once_have_names_of_their_own(
    projection: Projection[object],
) -> None:
    _, *indexes = [s.as_string(None) for s in index_statements(projection, "t")]
    names = [re.findall(r'create index "(\w+)" on', statement) for statement in indexes]
    assert all(names)
    assert len({name for (name,) in names}) == len(indexes)


@pytest.mark.parametrize(
    "name",
    [*STATEMENTS, *(f"store/migrations/{n}" for n in statements.names("store/migrations"))],
)
def test_each_begins_with_what_it_is_for(name: str) -> None:
    assert re.match(r"-- [A-Z].*\.\n", statements.text(name))


def test_every_statement_is_spoken_by_the_service() -> None:
    said = "".join(path.read_text() for path in Path(service.__file__).parent.rglob("*.py"))
    assert [name for name in STATEMENTS if f'"{name}"' not in said] == []


def _of_any(name: str) -> bool:
    """Whether a statement is spoken of one projection or another."""
    return re.search(r"{(view|table|key|events)}", statements.text(name)) is not None


def _speaks_of(name: str) -> set[str]:
    """The columns of some projections only that a statement names."""
    if not _of_any(name):
        return set()
    columns = {
        "created_at",
        "customer_id",
        "stream",
        "memo",
        "verdict",
        "unread",
        "payment_id",
        "subscription_ids",
        "paid_until",
        "status",
    }
    # what it records of parked streams does not belong to the projection
    said = statements.text(name).replace("k.stream", "")
    return {column for column in columns if re.search(rf"\b{column}\b", said)}


def _filled(name: str, projection: Projection[object]) -> Composable:
    parts = {
        "table": statements.relation(projection.view),
        "index": Identifier("an_index"),
        "view": statements.relation(projection.view),
        **{p.name: statements.relation(p.view) for p in PROJECTIONS},
        "key": Identifier(projection.key),
        "conditions": SQL("true"),
        "live": statements.relation(projection.view),
        "fresh": statements.relation(projection.view),
        "sort": Identifier(projection.key),
        "date": Identifier("created_at"),
        "book": Literal("test"),
        "direction": SQL("desc"),
    }
    # what a statement adds up or lists, which is a statement of its own
    parts["condition"] = parts["in_currency"] = parts["begun"] = SQL("true")
    parts["counted"] = counted(PAYMENTS, statements.relation(PAYMENTS.view))
    parts["found"] = SQL("select day as at, currency, kind, count, amount, fee from {}").format(
        statements.relation(COUNTS[PAYMENTS.name].view)
    )
    parts["groups"] = statements.fill("queries/attention_groups", **parts)
    parts["by_name"] = parts["by_email"] = statements.fill(
        "queries/customers_of_term", **parts, field=Literal("name"), begins=Placeholder("term")
    )
    for product in ("of_subscription", "of_license_key"):
        parts[product] = statements.fill("queries/product_name", **parts, product=Literal("pdt_1"))
    moved = statements.fill("queries/metrics/moved", **parts, rows=parts["movements"])
    parts["moved"] = parts["moved_with"] = moved
    return statements.fill(name, **parts)


def _numbered(statement: str) -> SQL:
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return SQL(re.sub(r"%\((\w+)\)s", number, statement))
