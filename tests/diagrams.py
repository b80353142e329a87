"""The README's lifecycle diagrams, read out of the tables: ``python -m tests.diagrams``."""

import re
from pathlib import Path

from domain.catalog import AGGREGATES

README = Path(__file__).parents[1] / "README.md"

_SECTION = re.compile(r"(<!-- lifecycles -->\n).*?(<!-- /lifecycles -->)", re.DOTALL)


def rendered(text: str) -> str:
    """The README with its diagrams as the tables have them."""
    drawn = "\n".join(
        f"#### {a.category}\n\n```mermaid\n{a.lifecycle.mermaid()}\n```\n" for a in AGGREGATES
    )
    return _SECTION.sub(lambda m: f"{m[1]}\n{drawn}\n{m[2]}", text)


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
