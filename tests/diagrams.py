"""The diagrams and access rules of domain/README.md: ``python -m tests.diagrams``."""

import re

from domain.catalog import AGGREGATES
from domain.policy import RULES
from tests.documents import DOMAIN


def rendered(text: str) -> str:
    """The text with its diagrams and rules as the tables have them."""
    drawn = "\n".join(
        f"#### {a.category}\n\n```mermaid\n{a.lifecycle.mermaid()}\n```\n" for a in AGGREGATES
    )
    rows = "\n".join(
        f"| `{rule}` | {entitled} | {until} | {when} |" for rule, entitled, until, when in RULES
    )
    rules = f"| rule | entitled | until | when |\n|---|---|---|---|\n{rows}\n"
    return _put(_put(text, "lifecycles", drawn), "access", rules)


def _put(text: str, name: str, content: str) -> str:
    section = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return section.sub(lambda m: f"{m[1]}\n{content}\n{m[2]}", text)


if __name__ == "__main__":
    DOMAIN.write_text(rendered(DOMAIN.read_text()))
