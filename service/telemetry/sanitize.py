"""Makes foreign text safe for terminals and logs: escaped, masked and truncated.

Text from strangers ends up in log lines, error messages and tables. Escape sequences would control
the operator's terminal, direction marks and line ends would forge a line, a long value would fill
the disk, and a secret in the wrong place would be kept for ever.
"""

import re
import unicodedata
from typing import Any

MASK = "…"

_CUT = 512
"""The longest value, in characters."""

_ITEMS = 32
"""The most items of a list or a mapping."""

_DEPTH = 3
_BITS = 1024

_UNSAFE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Unicode's controls, formats (direction marks), private use, surrogates, line separators."""

_PLAIN = re.compile(r"[\x20-\x7e]*")

# each repetition is bounded: a text with many near misses must not take long
_SECRETS = re.compile(
    r"whsec_[A-Za-z0-9+/=_-]+"
    r"|dbk_[a-z0-9_-]{1,63}_[0-9a-f]{8}_[A-Za-z0-9_-]{8,64}"
    r"|(?<=[Bb]earer )[!-~]{8,512}"
    r"|(?<=://)[^\s/@]{0,128}:\S{0,256}@"
    r"|(?<=password=)('(?:\\.|[^'\\]){0,256}'?|[^\s&]{1,256})"
)


def escape(text: str, keep: str = "") -> str:
    r"""Text with control characters and direction marks written out, such as ``\x1b``.

    Args:
        text: any text.
        keep: characters to leave unescaped, such as line ends.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escape_sequence(c) if c not in keep and _is_unsafe(c) else c for c in text)


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE


def _escape_sequence(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def mask_secrets(text: str) -> str:
    """Text without webhook secrets, API keys, and the credentials and passwords of URLs."""
    return _SECRETS.sub(MASK, text)


def truncate(text: str, limit: int = _CUT, tail: int = 0) -> str:
    """Text of at most ``limit`` characters, plus a note of how many are left out.

    Args:
        text: any text.
        limit: how many characters are kept.
        tail: how many of them come from the end.
    """
    if (more := len(text) - limit) <= 0:
        return text
    note = f"… ({more} characters more)"
    return f"{text[: limit - tail]}{note}{text[len(text) - tail :] if tail else ''}"


def sanitize_text(text: str) -> str:
    """Untrusted text made readable for a person: truncated, masked and escaped."""
    return escape(mask_secrets(truncate(text, 4 * _CUT)), "\n")


def sanitize_value(value: object, limit: int = _CUT, depth: int = 0) -> Any:  # noqa: ANN401
    """A value for a log line: bounded in size, and unable to control a terminal."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _BITS else f"a number of {value.bit_length()} bits"
    if isinstance(value, str):
        return _clean_text(value, limit)
    if isinstance(value, dict | list | tuple | set | frozenset) and depth < _DEPTH:
        return _clean_items(value, limit, depth + 1)
    try:
        return _clean_text(repr(value), limit)
    except Exception as error:  # noqa: BLE001 - a failing repr must not lose the line
        return f"a {type(value).__name__} ({type(error).__name__} in its repr)"


def _clean_text(text: str, limit: int) -> str:
    # a secret that the first cut divides is still recognised by its beginning
    return truncate(escape(mask_secrets(truncate(text, 4 * limit))), limit)


def _clean_items(value: Any, limit: int, depth: int) -> Any:  # noqa: ANN401
    more = len(value) - _ITEMS
    if isinstance(value, dict):
        pairs = [*value.items()][:_ITEMS]
        safe = {
            str(sanitize_value(k, limit, depth)): sanitize_value(v, limit, depth) for k, v in pairs
        }
        return safe | ({"…": f"{more} more"} if more > 0 else {})
    items = [sanitize_value(item, limit, depth) for item in [*value][:_ITEMS]]
    return [*items, f"… ({more} more)"] if more > 0 else items
