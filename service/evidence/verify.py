"""Check a bundle of evidence with nothing but Python's standard library (3.9 or later).

    python3 -I -S verify.py [BUNDLE.zip] [--key KEY]... [--digest DIGEST]

Without BUNDLE.zip it checks the directory in which it lies. KEY is a public key that you got from
somewhere else than this bundle; DIGEST is the one that the bundle's maker gave you. Exit status 0:
all of it holds; 1: something is broken; 2: something could not be checked.

It shares no code with the service that made the bundle. It sees that no file differs from
SHA256SUMS; computes the hash of each body, the link of each event and its place in the Merkle tree
of a checkpoint; verifies the Ed25519 signature of each checkpoint; and sees that each timestamp
token is of a checkpoint. The token's own signature needs `openssl ts -verify`; see README.txt.
"""

from __future__ import annotations

import argparse
import atexit
import base64
import binascii
import calendar
import contextlib
import hashlib
import json
import os
import re
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Point = tuple[int, int, int, int]
Key = tuple[str, bytes, bytes]

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
SUMS, ITSELF = "SHA256SUMS", "verify.py"
FIELDS = (
    "book", "position", "source", "webhook_id", "revision", "sent_at", "recorded_at",
    "webhook_timestamp", "webhook_signature", "headers", "verified_by", "body_sha256", "salt",
)  # fmt: skip
HASHES = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
STATUS = [2]


class BrokenError(Exception):
    """Something is not as it should be; the text says what."""


class UnknownOriginError(BrokenError):
    """A checkpoint is of an origin whose key was not given: it may be true, or made up."""


@contextlib.contextmanager
def naming(name: str) -> Iterator[None]:
    """Say of which file something is broken."""
    try:
        yield
    except BrokenError as error:
        raise type(error)(f"{name}: {error}") from None


def demand(condition: object, text: str) -> None:
    """Refuse what does not hold."""
    if not condition:
        raise BrokenError(text)


# the files: a ZIP without compression, whose bytes follow from its files; or a directory


def pack(files: Mapping[str, bytes]) -> bytes:
    """The ZIP of some files."""
    entries, directory, at = [], [], 0
    for name in sorted(files):
        content, encoded = files[name], name.encode("ascii")
        sizes = (binascii.crc32(content), len(content), len(content), len(encoded))
        local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0x21, *sizes, 0)
        entries.append(local + encoded + content)
        head = struct.pack("<4s6H3I5H2I", b"PK\1\2", 788, 20, 0, 0, 0, 0x21, *sizes, 0, 0, 0, 0,
                           0o100644 << 16, at)  # fmt: skip
        directory.append(head + encoded)
        at += len(entries[-1])
    listed = b"".join(directory)
    count = len(directory)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(listed), at, 0)
    return b"".join(entries) + listed + end


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a ZIP, which must be the one that was made."""
    files: dict[str, bytes] = {}
    at = 0
    try:
        while data[at : at + 4] == b"PK\3\4":
            size, length = struct.unpack_from("<IH", data, at + 22)
            start = at + 30 + length
            files[data[at + 30 : start].decode("ascii")] = data[start : start + size]
            at = start + size
        whole = pack(files) == data
    except (struct.error, ValueError):
        whole = False
    demand(whole, "the ZIP was altered or packed again. If again: unpack it, and run verify.py.")
    return files


def read(path: Path) -> dict[str, bytes]:
    """The files of a ZIP or of a directory, by their names; what is not listed counts as empty."""
    if not path.is_dir():
        return unpack(path.read_bytes())
    sums = path / SUMS
    listed = {SUMS, *(sums.read_text("ascii", "replace").split() if sums.is_file() else ())}
    found = (one for one in sorted(path.rglob("*")) if one.is_file() or one.is_symlink())
    named = ((one.relative_to(path).as_posix(), one) for one in found)
    # a link may lead to a device without an end
    return {
        name: one.read_bytes() if name in listed and one.is_file() else b"" for name, one in named
    }


def check_sums(files: Mapping[str, bytes], digest: str | None) -> list[str]:
    """See that the files are those of SHA256SUMS; returns the names of what is not among them."""
    text = files.get(SUMS, b"").decode("ascii", "replace")
    listed = re.findall(r"([0-9a-f]{64})  ([\w./-]+)\n", text)
    demand(text, "there is no SHA256SUMS: this is not a bundle of evidence.")
    names = [name for _, name in listed]
    written = "".join(f"{total}  {name}\n" for total, name in listed)
    demand(written == text and names == sorted(set(names)), "SHA256SUMS was altered.")
    for total, name in listed:
        demand(name in files, f"{name} is missing.")
        demand(hashlib.sha256(files[name]).hexdigest() == total, f"{name} was altered.")
    own = hashlib.sha256(files[SUMS]).hexdigest()
    if digest is not None:
        same = own == digest.strip().lower()
        demand(same, f"the digest of SHA256SUMS is {own}, not the one given.")
    say(f"{len(listed)} files are as SHA256SUMS says. Its digest is")
    say(f"  {own}")
    say("  Compare it with the one that the maker gave you." if digest is None else "  as given.")
    return sorted(set(files) - set(names) - {SUMS})


# Ed25519, as RFC 8032 has it


def added(a: Point, b: Point) -> Point:
    """The sum of two points in extended coordinates."""
    e = (a[1] - a[0]) * (b[1] - b[0])
    f = (a[1] + a[0]) * (b[1] + b[0])
    g, h = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiplied(number: int, point: Point) -> Point:
    """A multiple of a point."""
    total: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = added(total, point)
        point, number = added(point, point), number >> 1
    return total


def point_of(encoded: bytes) -> Point:
    """The point that 32 bytes encode."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    demand(y < P, "an Ed25519 point is not one.")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    demand((x * x - square) % P == 0 and (x or not sign), "an Ed25519 point is not one.")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature holds."""
    number = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or number >= L:
        return False
    content = signature[:32] + public + message
    factor = int.from_bytes(hashlib.sha512(content).digest(), "little") % L
    base = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    left = multiplied(number, base)
    right = added(point_of(signature[:32]), multiplied(factor, point_of(public)))
    return (
        (left[0] * right[2] - right[0] * left[2]) % P
        == 0
        == (left[1] * right[2] - right[1] * left[2]) % P
    )


# checkpoints: C2SP signed notes


def decoded(text: str) -> bytes:
    """The bytes of base64 in its one canonical form."""
    content = base64.b64decode(text)
    demand(base64.b64encode(content).decode() == text, "base64 is not canonical.")
    return content


def parse_key(text: str) -> Key:
    """The name and the bytes of a public key: name+hash+base64."""
    name, total, encoded = text.strip().split("+", 2)
    content = decoded(encoded)
    whole = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    fits = content[:1] == b"\1" and len(content) == 33 and whole.hex() == total
    demand(fits, f"{text} is not a public key.")
    return name, whole, content[1:]


def check_note(note: str, keys: Sequence[Key]) -> tuple[int, bytes]:
    """The size and the root of a checkpoint that the key of its origin has signed."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    told = re.fullmatch(r"(\S+)\n([1-9][0-9]*)\n([\w+/]{43}=)\n", text)
    entries = [re.fullmatch(r"\u2014 (\S+) ([\w+/]+=*)", one) for one in lines[:-1].split("\n")]
    if told is None or not lines.endswith("\n"):
        raise BrokenError("it is not a checkpoint.")
    good = False
    for entry in entries:
        if entry is None:
            raise BrokenError("it has a line that is not a signature.")
        content = decoded(entry[2])
        for name, total, public in keys:
            if (name, total) == (entry[1], content[:4]):
                demand(signed(public, text.encode(), content[4:]), "its signature is wrong.")
                good |= name == told[1]
    if told[1] not in {name for name, _, _ in keys}:
        raise UnknownOriginError(
            f"it is signed under {told[1]}, and no key of that origin was given. Get one from"
            " elsewhere, as you got the other: the one inside shows nothing."
        )
    demand(good, f"none of the keys has signed it; its origin is {told[1]}.")
    return int(told[2]), decoded(told[3])


# events: their links, and their places in the tree as RFC 6962 has it


def micros(text: str) -> int:
    """A time in the encoding of a link: microseconds since 1970."""
    form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    demand(re.fullmatch(form, text, re.ASCII), "a time is not one.")
    seconds = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    return seconds * 1000000 + int(text[20:26])


def preimage(event: Mapping[str, Any]) -> bytes:
    """What the link of an event is the SHA-256 of."""
    parts = [b"daybook-link-1", bytes.fromhex(event["previous_link"])]
    for name in FIELDS:
        value = event[name]
        if name in {"sent_at", "recorded_at"}:
            value = micros(value)
        if value is None:
            parts.append(b"\xff" * 8)
            continue
        binary = name in {"body_sha256", "salt"}
        content = bytes.fromhex(value) if binary else str(value).encode()
        parts += [struct.pack(">Q", len(content)), content]
    return b"".join(parts)


def root_of(leaf: bytes, index: int, size: int, hashes: list[bytes]) -> bytes:
    """The root to which an inclusion proof leads."""
    last = size - 1
    demand(index <= last, "it is beyond the checkpoint.")
    while last:
        if index & 1 or index < last:
            demand(hashes, "the proof is too short.")
            other = hashes.pop(0)
            pair = other + leaf if index & 1 else leaf + other
            leaf = hashlib.sha256(b"\1" + pair).digest()
        index, last = index >> 1, last >> 1
    demand(not hashes, "the proof is too long.")
    return leaf


def parse_event(content: bytes) -> dict[str, Any]:
    """The columns of an event, out of a file that has these and nothing else."""
    event = json.loads(content)
    columns = {name: event[name] for name in (*FIELDS, "previous_link", "link")}
    written = json.dumps(columns, indent=1) + "\n"
    demand(written.encode() == content, "its .json has something else than its columns.")
    return columns


def check_event(
    event: Mapping[str, Any],
    body: bytes,
    proof: str | None,
    roots: Mapping[str, tuple[int, bytes]],
) -> str | None:
    """See that an event is whole, and in the tree of the checkpoint that its proof names.

    Returns:
        The note of that checkpoint; None if no checkpoint covers the event.
    """
    content = preimage(event)
    demand(hashlib.sha256(body).hexdigest() == event["body_sha256"], "its body was altered.")
    link = hashlib.sha256(content).digest()
    demand(link.hex() == event["link"], "its link does not fit its columns.")
    if proof is None:
        return None
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    written = [
        "c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(content).decode()}",
        f"index {event['position'] - 1}",
    ]  # fmt: skip
    demand(lines[:3] == written, "its proof is of something else.")
    demand(note in roots, "its proof has a checkpoint that is not in the bundle.")
    size, root = roots[note]
    leaf = hashlib.sha256(b"\0" + link).digest()
    found = root_of(leaf, event["position"] - 1, size, [decoded(one) for one in lines[3:]])
    demand(found == root, "it is not in the tree of its checkpoint.")
    return note


# timestamp tokens: RFC 3161, in DER


def children(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of DER, as tag and content."""
    found, at = [], 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size > 127:
            start += size - 128
            size = int.from_bytes(data[at + 2 : start], "big")
        found.append((data[at], data[start : start + size]))
        at = start + size
    demand(at == len(data), "it is not whole.")
    return found


def check_token(token: bytes, note: str) -> str:
    """See that a timestamp token is of a note; returns the time that it states, in UTC."""
    try:
        response = children(children(token)[0][1])
        contents = children(children(children(response[1][1])[1][1])[0][1])
        stated = children(children(children(contents[2][1])[1][1])[0][1])
        _, _, imprint, _, moment = children(stated[0][1])[:5]
        algorithm, total = children(imprint[1])
        name = HASHES[children(algorithm[1])[0][1]]
        text = moment[1].decode("ascii")
        at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.strptime(text[:14], "%Y%m%d%H%M%S"))
    except (IndexError, KeyError, ValueError):
        raise BrokenError("it is not a timestamp token that this script can read.") from None
    whole = hashlib.new(name, note.encode()).digest() == total[1]
    demand(whole and text.endswith("Z"), "it is of something else than the checkpoint.")
    return at


def check_checkpoints(
    files: Mapping[str, bytes], about: Mapping[str, Any], keys: Sequence[Key]
) -> tuple[dict[str, str], dict[str, tuple[int, bytes]]]:
    """Check all checkpoints and tokens: the note of each file, and what each note says."""
    notes: dict[str, str] = {}
    roots: dict[str, tuple[int, bytes]] = {}
    for one in about["checkpoints"]:
        note = notes[one["file"]] = files[one["file"]].decode()
        with naming(one["file"]):
            roots[note] = check_note(note, keys)
        say(f"{one['file']}: {roots[note][0]} events, signed by {note.partition(chr(10))[0]}.")
        for token in one["tokens"]:
            with naming(token["file"]):
                at = check_token(files[token["file"]], note)
                demand(at == token["at"], f"it states {at}, and bundle.json {token['at']}.")
            say(f"  It existed on {at}, says {token['anchor']}: {token['file']}")
    if any(one["tokens"] for one in about["checkpoints"]):
        say("  Whether an authority signed that is not checked here: see openssl in README.txt.")
    return notes, roots


def check_events(files: Mapping[str, bytes], keys: Sequence[Key]) -> tuple[int, list[int]]:
    """Check what the files say; how many events were proved, and the positions of the others."""
    about = json.loads(files["bundle.json"])
    notes, roots = check_checkpoints(files, about, keys)
    used = [one["file"] for one in about["checkpoints"]]
    used += [token["file"] for one in about["checkpoints"] for token in one["tokens"]]
    uncovered: list[int] = []
    for one in about["events"]:
        name = f"events/{one['position']:012}"
        proof = files.get(f"{name}.tlog-proof")
        with naming(name):
            event = parse_event(files[f"{name}.json"])
            place = event["position"], event["book"]
            demand(place == (one["position"], about["book"]), "it is another event.")
            text = None if proof is None else proof.decode()
            note = check_event(event, files[f"{name}.body"], text, roots)
            wanted = None if one["checkpoint"] is None else notes[one["checkpoint"]]
            demand(note == wanted, "it has another checkpoint than bundle.json says.")
        used += [f"{name}.json", f"{name}.body", *([f"{name}.tlog-proof"] if proof else [])]
        uncovered += [one["position"]] * (note is None)
    found = [name for name in files if name.startswith(("checkpoints/", "events/", "timestamps/"))]
    demand(sorted(found) == sorted(used), "bundle.json does not list what there is, each once.")
    return len(about["events"]) - len(uncovered), uncovered


def say(text: str) -> None:
    """Print a line; what a terminal would obey is shown instead."""
    shown = (one if " " <= one <= "~" else ascii(one)[1:-1] for one in text)
    sys.stdout.write("".join(shown) + "\n")


def run(arguments: argparse.Namespace, own: Path) -> int:
    """Check all of it; returns the exit status."""
    bundle = arguments.bundle or own.parent
    files = read(bundle)
    extra = check_sums(files, arguments.digest)
    demand(bundle.is_dir() or not extra, f"{', '.join(extra)}: not in SHA256SUMS, but in the ZIP.")
    if files.get(ITSELF) != own.read_bytes():
        say("Its verify.py is another one than this: of another version, or made to lie.")
    files = {name: content for name, content in files.items() if name not in extra}
    inside = files["public-keys.txt"].decode().split("\n")
    given = arguments.key or [parse_key(one) for one in inside if one and one[0] != "#"]
    proved, uncovered = check_events(files, given)
    say(f"{proved} events: bodies, links and places in the tree were computed again.")
    if fetched := sum(name.startswith("provider/") for name in files):
        say(f"Files of provider/, which are in no chain and covered by SHA256SUMS only: {fetched}")
    for name in extra:
        say(f"Not part of the bundle, and not checked: {name}")
    if uncovered:
        say(f"NOT PROVED: no checkpoint covers positions {', '.join(map(str, uncovered))}.")
    if not proved + len(uncovered):
        say("NOTHING TO CHECK: the bundle has no events.")
    if uncovered or not proved:
        return 2
    rest = "" if arguments.digest is not None else (
        " Without --digest that is said of the events and the checkpoints alone: any other file,"
        " such as index.html, may have been altered together with SHA256SUMS.")  # fmt: skip
    say(f"HOLDS, under the key that was given.{rest}" if arguments.key else
        "INTERNALLY CONSISTENT ONLY: give --key with a public key from elsewhere. Those who made up"
        " all of it could have made up the key inside, too.")  # fmt: skip
    return 0


def last_word(own: Path) -> None:
    """See again that this script is the one of the bundle: a changed one may not say so."""
    sums = own.with_name(SUMS)
    line = hashlib.sha256(own.read_bytes()).hexdigest() + "  " + ITSELF + "\n"
    if sums.exists() and line not in sums.read_text("ascii", "replace"):
        STATUS[0] = 1
    sys.stdout.flush()
    os._exit(STATUS[0])


def given_key(text: str) -> Key:
    """A public key that was typed."""
    try:
        return parse_key(text)
    except (BrokenError, ValueError):
        raise argparse.ArgumentTypeError("this is not a public key: name+hash+base64") from None


def main() -> None:
    """Run as a script."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("bundle", nargs="?", type=Path, help="a ZIP or a directory")
    parser.add_argument(
        "--key", action="append", type=given_key, help="a public key from elsewhere"
    )
    parser.add_argument("--digest", help="of SHA256SUMS, as the maker gave it")
    arguments, own = parser.parse_args(), Path(__file__).resolve()
    atexit.register(last_word, own)
    try:
        STATUS[0] = run(arguments, own)
    except UnknownOriginError as error:
        say(f"COULD NOT BE CHECKED: {error}")
    except BrokenError as error:
        STATUS[0] = 1
        say(f"BROKEN: {error}")
    except (OSError, UnicodeError) as error:
        say(f"It could not be read: {error}")
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        STATUS[0] = 1
        say(f"BROKEN: a file is not in its form: {type(error).__name__} {error}")
    sys.exit(STATUS[0])


main()
