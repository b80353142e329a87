"""The files of a bundle, and the ZIP of them: the same files make the same bytes. Pure.

Nothing is compressed, since another version of a compressor would make other bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from service.evidence.case import Question
from service.evidence.proving import Proved, Signed

SUMS = "SHA256SUMS"
"""The file that has the hash of every other one, as ``sha256sum --check`` takes it."""

_KEYS = (
    "# The public keys of the checkpoints. DO NOT TRUST THEM BECAUSE THEY ARE HERE: those who can\n"
    "# make up a bundle can make up a key too. Give verify.py a --key that you got elsewhere\n"
    "# and earlier, and compare it with these.\n"
)


def event_files(book: str, proved: Iterable[Proved]) -> dict[str, bytes]:
    """The files of some events: what is stored, the exact body, and the proof."""
    files: dict[str, bytes] = {}
    for one in proved:
        name = event_name(one.record.position)
        files[f"{name}.json"] = _json(_columns(book, one))
        files[f"{name}.body"] = one.record.body
        if one.proof is not None:
            files[f"{name}.tlog-proof"] = one.proof.encode()
    return files


def event_name(position: int) -> str:
    """What the files of an event are called, without their suffix."""
    return f"events/{position:012}"


def checkpoint_files(signed: Sequence[Signed]) -> dict[str, bytes]:
    """The checkpoints, their tokens, and the public keys."""
    files = {one.file: one.checkpoint.note.encode() for one in signed}
    files |= {token.file: token.content for one in signed for token in one.tokens}
    keys = dict.fromkeys(one.checkpoint.key for one in signed)
    return {**files, "public-keys.txt": (_KEYS + "".join(f"{key}\n" for key in keys)).encode()}


def index_file(
    book: str, position: str, question: Question, proved: Sequence[Proved], signed: Sequence[Signed]
) -> dict[str, bytes]:
    """What the bundle has, for programs."""
    about = {
        "format": "daybook-evidence-1",
        "about": {"kind": question.kind, "id": question.id},
        "book": book,
        "position": position,
        "checkpoints": [
            {
                "file": one.file,
                "origin": one.checkpoint.origin,
                "size": one.checkpoint.size,
                "tokens": [
                    {
                        "file": token.file,
                        "anchor": token.anchor,
                        "at": f"{token.at:%Y-%m-%d %H:%M:%S} UTC",
                    }
                    for token in one.tokens
                ],
            }
            for one in signed
        ],
        "events": [
            {
                "position": one.record.position,
                "stream": one.record.entry.stream,
                "checkpoint": one.signed.file if one.signed else None,
            }
            for one in proved
        ],
    }
    return {"bundle.json": _json(about)}


def sums(files: Mapping[str, bytes]) -> bytes:
    """The hashes of some files, a line each."""
    lines = (f"{sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def pack(files: Mapping[str, bytes]) -> bytes:
    """The ZIP of some files. Nothing in it depends on when or where it is made."""
    content = BytesIO()
    with ZipFile(content, "w", ZIP_STORED) as archive:
        for name in sorted(files):
            # the earliest time that a ZIP can have
            entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, files[name])
    return content.getvalue()


def _columns(book: str, one: Proved) -> dict[str, Any]:
    record, columns = one.record, one.record.columns
    return {
        "book": book,
        "position": record.position,
        "source": columns.source,
        "webhook_id": columns.webhook_id,
        "revision": record.revision,
        "sent_at": _exact(columns.sent_at),
        "recorded_at": _exact(record.recorded_at),
        "webhook_timestamp": columns.webhook_timestamp,
        "webhook_signature": columns.webhook_signature,
        "headers": columns.headers,
        "verified_by": columns.verified_by,
        "body_sha256": columns.body_sha256.hex(),
        "salt": columns.salt.hex() if columns.salt is not None else None,
        "previous_link": record.previous.hex(),
        "link": record.link.hex(),
    }


def _exact(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def _json(document: object) -> bytes:
    return (json.dumps(document, ensure_ascii=True, indent=1) + "\n").encode()
