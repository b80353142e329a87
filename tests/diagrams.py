"""The diagrams and tables of domain/README.md: ``python -m tests.diagrams``."""

import re

from domain.access_state import STATES, StateRow
from domain.catalog import AGGREGATES
from domain.confirming import QUESTIONS
from domain.policy import RULES
from tests.documents import DOMAIN


def rendered(text: str) -> str:
    """The text with its diagrams, rules, states and questions as the tables have them."""
    drawn = "\n".join(
        f"#### {a.category}\n\n```mermaid\n{a.lifecycle.mermaid()}\n```\n" for a in AGGREGATES
    )
    rows = "\n".join(
        f"| `{rule}` | {entitled} | {until} | {when} |" for rule, entitled, until, when in RULES
    )
    rules = f"| rule | entitled | until | when |\n|---|---|---|---|\n{rows}\n"
    shown = "\n".join(
        f"| `{row.state}` | {'yes' if row.entitled else 'no'} | {_reasons(row)} | {row.page} |"
        for row in STATES
    )
    states = f"| state | entitled | because of | what a page shows |\n|---|---|---|---|\n{shown}\n"
    text = _put(_put(text, "lifecycles", drawn), "access", rules)
    asked = "\n".join(f"| {against} | {asks} |" for against, asks in QUESTIONS)
    questions = f"| the first reason against | is the provider asked? |\n|---|---|\n{asked}\n"
    return _put(_put(text, "states", states), "questions", questions)


def _reasons(row: StateRow) -> str:
    rules = ", ".join(f"`{rule}`" for rule in row.rules)
    return f"{rules}; {row.also}" if row.also else rules


def _put(text: str, name: str, content: str) -> str:
    section = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return section.sub(lambda m: f"{m[1]}\n{content}\n{m[2]}", text)


if __name__ == "__main__":
    DOMAIN.write_text(rendered(DOMAIN.read_text()))
