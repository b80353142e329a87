"""Loads the statements of ``sql/`` by name, and fills in their placeholders."""

from functools import cache
from importlib.resources import files
from typing import LiteralString

from psycopg.adapt import PyFormat
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from projections.projection import Projection
from service.database.binary import column_types

_ROOT = files("sql")


@cache
def text(name: str) -> LiteralString:
    """The text of ``sql/<name>.sql``, typed as literal because the file is part of the code."""
    literal: LiteralString = _ROOT.joinpath(f"{name}.sql").read_text("utf-8")
    return literal


def names(folder: str) -> tuple[str, ...]:
    """The names of the statements in a folder, without the suffix, sorted."""
    files_ = (entry.name for entry in _ROOT.joinpath(folder).iterdir())
    return tuple(sorted(n.removesuffix(".sql") for n in files_ if n.endswith(".sql")))


def relation(name: str) -> Identifier:
    """The identifier of a table or view of the read models."""
    return Identifier("read", name)


def fill(name: str, **parts: Composable) -> Composed:
    """Fill in the ``{placeholders}`` of a statement."""
    return SQL(text(name)).format(**parts)


@cache
def bind_views(name: str, key: str = "", **views: str) -> LiteralString:
    """Fill in views of the read models, and ``key`` with one of their columns; cached."""
    parts: dict[str, Composable] = {part: relation(view) for part, view in views.items()}
    if key:
        parts["key"] = Identifier(key)
    # safe as a literal: the file and the quoted names are part of the code
    bound: LiteralString = fill(name, **parts).as_string()
    return bound


@cache
def upsert(projection: Projection[object], table: str) -> LiteralString:
    """The statement that upserts whole rows of a projection, sent as one array per column; cached.

    Its parameters are ``book``, and a ``binary.Column`` named like each column.
    """
    columns = projection.column_names
    types = [kind.sql for kind in column_types(projection.columns)]
    # unnest would flatten arrays of arrays: those are sent as text
    sent = ["text" if kind.endswith("[]") else kind for kind in types]
    comma = SQL(", ")
    filled = fill(
        "database/upsert",
        table=relation(table),
        key=comma.join(map(Identifier, ("book", *projection.identity))),
        columns=comma.join(map(Identifier, columns)),
        arrays=comma.join(
            SQL("{}::" + kind + "[]").format(Placeholder(name, PyFormat.BINARY))
            for name, kind in zip(columns, sent, strict=True)
        ),
        values=comma.join(
            SQL("{}::" + kind).format(Identifier("u", name))
            for name, kind in zip(columns, types, strict=True)
        ),
        excluded=comma.join(Identifier("excluded", column) for column in columns),
    )
    # safe as a literal: the file and the quoted names are part of the code
    literal: LiteralString = filled.as_string()
    return literal
