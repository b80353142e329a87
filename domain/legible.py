"""Bodies as text that every JSON parser reads.

A body is stored as it came, and it may hold what no parser accepts: bytes that are not UTF-8, half
of a surrogate pair, a number that no float holds, nesting without end. Here only that is replaced,
in a copy, so that one broken value costs one field and not the event. The structure stays: a body
without a closing brace is not JSON in its copy either. A body that was compressed, or is in UTF-16,
is read as what it says.
"""

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import NamedTuple

import msgspec
from msgspec import Raw

Path = tuple[str, ...]
"""The keys that lead from the top of a body to a value, the outermost first; three at most."""

MARK = '"\\u0000"'
"""Stands for a value that cannot be read: a text that fits into no column, so nobody takes it."""

_GZIP = b"\x1f\x8b"
_LARGEST = 2 << 20
"""Bytes that a compressed body may have when it is inflated: twice what comes plain by default.

A few kilobytes can hold gigabytes; what is larger is not read, and kept like all that cannot be."""

_DEEPEST = 100
"""How deep values nest in a copy; the stack of every parser holds more."""

_NESTED = 750
"""How deep they may nest in a body that is read as it came.

Each version of Python has a limit of its own, the lowest 995 less the calls that led here. If that
were a body's limit, the same event would be read otherwise after an upgrade of Python."""

_NAMED = 3  # as data, customer, email

_LONGEST_NAME = 200

# the longer marks first: that of UTF-32 begins with that of UTF-16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_LEXEME = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+|"', re.DOTALL | re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DIGITS = 4300  # of the longest number that Python reads

_SUSPECT = re.compile(r"[\\\x00-\x1f\ud800-\udfff]")
_PIECE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    r'|\\["\\/bfnrt]'
    r"|(?P<broken>\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\|[\x00-\x1f\ud800-\udfff])"
)

_FIELDS = msgspec.json.Decoder(dict[str, Raw])

_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BRACKETS = b"[]{}"
_OTHERS = bytes(n for n in range(256) if n not in _BRACKETS)

# what the decoder raises: bad JSON, bad UTF-8, nesting beyond its stack
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def readable(body: bytes) -> tuple[bytes, tuple[Path, ...]]:
    """The body, or a copy with ``MARK`` for each value that cannot be read, and their paths."""
    if nests_too_deep(body):
        return _repaired(body, mark=True)
    try:
        # skipping a value checks its form, but not whether its text is UTF-8
        body.decode()
        _FIELDS.decode(body)
    except UNREADABLE:
        return _repaired(body, mark=True)
    return body, ()


def nests_too_deep(body: bytes) -> bool:
    """Whether values nest deeper than in a body that is read as it came."""
    # one more level takes two bytes more: most bodies are too short, and are not looked through
    if len(body) <= 2 * _NESTED or body.count(b"{") + body.count(b"[") <= _NESTED:
        return False
    depth = 0
    for bracket in _TEXTS.sub(b"", body).translate(None, _OTHERS):
        depth += 1 if bracket in b"[{" else -1
        if depth > _NESTED:
            return True
    return False


def presentable(body: bytes) -> bytes:
    """The body, or a copy of it that is valid JSON to every reader, where it can be made.

    A broken text keeps the rest of it around U+FFFD; any other value that cannot be read is null.
    """
    if body.count(b"{") + body.count(b"[") <= _DEEPEST:
        try:
            msgspec.json.decode(body)
        except UNREADABLE:
            pass
        else:
            return body
    return _repaired(body, mark=False)[0]


def _repaired(body: bytes, *, mark: bool) -> tuple[bytes, tuple[Path, ...]]:
    repair = _Repair(_text(_inflated(body)), mark=mark)
    copy = "".join(repair.pieces()).encode(errors="replace")
    return copy, tuple(dict.fromkeys(repair.broken))


def _inflated(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = inflater.decompress(body, _LARGEST)
    except zlib.error:
        return body
    return content if inflater.eof else body


def _text(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            # what cannot be decoded becomes half a surrogate pair, and is found as one
            errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
            try:
                return content[len(bom) :].decode(encoding, errors)
            except UnicodeDecodeError:
                return content[len(bom) :].decode(encoding, "replace")
    return content.decode(errors="surrogateescape")


class _Container(NamedTuple):
    """An object or an array that is not closed yet, and the lexeme of the key that it stands under.

    An array, and what stands in it, has the name of the object's key above it.
    """

    opened: str
    key: str | None


class _Repair:
    """One pass over the lexemes of a body; ``broken`` are the paths of what was replaced."""

    def __init__(self, text: str, *, mark: bool) -> None:
        self.broken: list[Path] = []
        self._text = text
        self._mark = mark
        self._open: list[_Container] = []
        self._key: str | None = None
        self._key_next = False

    def pieces(self) -> Iterator[str]:
        """The text of the copy, piece by piece, spaces between lexemes included."""
        end = depth = 0
        for found in _LEXEME.finditer(self._text):
            lexeme, start = found[0], found.start()
            if depth:
                # within what is too deep
                depth += (lexeme in "[{") - (lexeme in "]}")
            elif lexeme in "[{" and len(self._open) == _DEEPEST:
                yield self._replaced("null")
                depth = 1
            elif lexeme == '"':
                # a text without an end: nothing after it can be told apart
                yield self._text[start:]
                return
            else:
                yield self._text[end:start] + self._piece(lexeme)
            end = found.end()

    def _piece(self, lexeme: str) -> str:
        if lexeme in "[{":
            self._open.append(_Container(lexeme, self._key))
            self._key, self._key_next = None, lexeme == "{"
        elif lexeme in "]}":
            if self._open:
                self._open.pop()
            self._key_next = False
        elif lexeme == ",":
            self._key_next = bool(self._open) and self._open[-1].opened == "{"
            self._key = None
        elif lexeme == ":":
            self._key_next = False
        elif lexeme[0] == '"':
            return self._string(lexeme)
        elif lexeme not in {"true", "false", "null"} and not _is_number(lexeme):
            return self._replaced("null")
        return lexeme

    def _string(self, lexeme: str) -> str:
        whole = _PIECE.sub(_whole, lexeme) if _SUSPECT.search(lexeme) else lexeme
        if self._key_next:
            self._key = whole
        if whole == lexeme:
            return lexeme
        replaced = self._replaced(whole)
        return whole if self._key_next else replaced

    def _replaced(self, shown: str) -> str:
        keys = [*(one.key for one in self._open), self._key]
        named = [key for key in keys if key is not None][:_NAMED]
        self.broken.append(tuple(msgspec.json.decode(key.encode()) for key in named))
        return MARK if self._mark else shown


def _whole(piece: re.Match[str]) -> str:
    if piece["broken"] is None:
        return piece[0]
    # a control character is told by its escape; all else has no meaning
    return f"\\u{ord(piece[0]):04x}" if piece[0] < " " else "\ufffd"


def _is_number(lexeme: str) -> bool:
    known = len(lexeme) <= _DIGITS and _NUMBER.fullmatch(lexeme) is not None
    return known and isfinite(float(lexeme))


def unread_names(named: Iterable[str], broken: Iterable[Path]) -> tuple[str, ...]:
    """The names of the fields that could not be read, and of those that nobody reads."""
    names = dict.fromkeys(named)
    for path in broken:
        within = path[1:] if path[:1] == ("data",) else path
        # of a customer each field is named for itself
        name = ".".join(within[: 2 if within[:1] == ("customer",) else 1])
        # it is shown, and stored in a column
        name = name.replace("\0", "\ufffd")[:_LONGEST_NAME]
        if name and not names.keys() & {name, within[0]}:
            names[name] = None
    return tuple(names)
