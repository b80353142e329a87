"""HTML out of texts that anybody may have written: escaped, with nothing hidden in it. Pure."""

import re
from collections.abc import Sequence
from html import escape

MOST_CHARACTERS = 400
"""Of one text on the page; the exact bytes are in the event's own file."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U000e0000-\U000e0fff]"
)
"""What turns the direction of a text, joins, or takes no room: it could make a text say another."""


class Html(str):
    """HTML, whose texts are escaped already."""

    __slots__ = ()


Part = str | None


def text(content: object, most: int = MOST_CHARACTERS) -> Html:
    """A text as it is shown: escaped, with hidden characters by their numbers, and cut."""
    if isinstance(content, Html):
        return content
    whole = str(content)
    shown = escape(whole[:most])
    shown = _HIDDEN.sub(lambda found: f"<code>[U+{ord(found[0]):04X}]</code>", shown)
    if len(whole) > most:
        shown += f"<em>… ({len(whole) - most:,} more characters)</em>"
    return Html(shown)


def tag(name: str, /, *parts: Part, **attributes: str) -> Html:
    """An element; a part that is ``None`` is left out, and ``_`` is ``-`` in an attribute."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    given = "".join(f' {key}="{escape(value)}"' for key, value in named.items())
    inner = "".join(text(part) for part in parts if part is not None)
    return Html(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{inner}</{name}>")


_VOID = frozenset({"br", "meta"})


def joined(*parts: Html | None) -> Html:
    """Some elements, one after another."""
    return Html("".join(part for part in parts if part is not None))


def terms(*pairs: tuple[str, Part]) -> Html:
    """A list of terms and what they are; one that is not known is left out."""
    rows = [
        tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value is not None
    ]
    return tag("dl", *rows)


def table(heads: tuple[str, ...], rows: Sequence[tuple[Part, ...]], kind: str) -> Html:
    """A table with its heads, of a class; each cell has the label of its column."""
    head = tag("thead", tag("tr", *(tag("th", one, scope="col") for one in heads)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell or "") for cell in row)) for row in rows))
    return tag("table", head, body, class_=kind)


def section(title: str, *parts: Part, kind: str = "") -> Html:
    """A section of the page."""
    return tag("section", tag("h2", title), *parts, class_=kind or "plain")
