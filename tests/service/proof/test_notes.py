"""Signed notes: known vectors, and what a verifier must refuse."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.proof.notes import (
    Checkpoint,
    Key,
    NoteError,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_key,
    sign,
)

# of golang.org/x/mod/sumdb/note, whose format C2SP has written down
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb"
    "6KE6RyyBwJnAM=\n"
)
OTHER = f"— somebody {b64encode(b'1234' + bytes(64)).decode()}\n"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = "daybook/0123/live"
OURS = Key(NAME, PRIVATE.public_key().public_bytes_raw())


def test_a_note_of_another_implementation_opens() -> None:
    key = parse_key(KEY)
    assert str(key) == KEY
    assert open_note(f"{TEXT}\n{SIGNATURE}", [key]) == TEXT
    assert open_note(f"{TEXT}\n{OTHER}{SIGNATURE}{OTHER}", [OURS, key]) == TEXT


@pytest.mark.parametrize(
    "note",
    [
        f"{TEXT}\n{OTHER}",
        f"{TEXT}x\n{SIGNATURE}",
        f"{TEXT}\n{SIGNATURE}".replace("then", "than"),
        f"{TEXT}\n{SIGNATURE}".removesuffix("\n"),
        f"{TEXT}{SIGNATURE}",
        f"{TEXT}\n{SIGNATURE}\n",
        f"{TEXT}\t\n\n{SIGNATURE}",
        TEXT,
        "",
        f"{TEXT}\n{SIGNATURE.replace('J', 'K')}",
    ],
)
def test_what_no_known_key_has_signed_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        open_note(note, [parse_key(KEY)])


@pytest.mark.parametrize(
    "key", ["", "PeterNeumann", KEY.replace("c74", "c75"), KEY[:-4], KEY.replace("Peter", "Paul")]
)
def test_a_key_that_is_not_whole_is_refused(key: str) -> None:
    with pytest.raises(NoteError):
        parse_key(key)


def test_a_checkpoint_comes_back() -> None:
    made = Checkpoint(NAME, 1000, bytes(32))
    note = sign(made.text, NAME, PRIVATE)
    assert open_checkpoint(note, [parse_key(str(OURS))]) == made
    assert note == sign(made.text, NAME, PRIVATE)
    with pytest.raises(NoteError, match="origin"):
        open_checkpoint(sign(Checkpoint("another", 1, bytes(32)).text, NAME, PRIVATE), [OURS])


@pytest.mark.parametrize("text", ["", "a\n1\n", "a\n01\nAA==\n", "a\n1\nAA==\n", "\n1\nAA==\n\n"])
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)
