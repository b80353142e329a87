"""A bundle that was changed together with its sums: what the key and the digest still show."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.evidence import signing
from service.evidence.bundle import SUMS, pack, sums
from tests.service.evidence.cases import Made, unpack, verify


def resummed(files: dict[str, bytes], **changes: bytes | None) -> dict[str, bytes]:
    """A bundle that was changed together with its sums; None removes a file."""
    forged = {name: c for name, c in (files | changes).items() if c is not None and name != SUMS}
    return {**forged, SUMS: sums(forged)}


_SIX = "events/000000000006"


def _second_reading(content: bytes) -> bytes:
    return content.replace(b"{", b'{\n "source": "import",', 1)


def _twice(content: bytes) -> bytes:
    about = json.loads(content)
    return json.dumps({**about, "events": [*about["events"], about["events"][0]]}).encode()


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        # most readers take the first of two members with one name, and Python the last
        (lambda files: {f"{_SIX}.json": _second_reading(files[f"{_SIX}.json"])},
         "its .json has something else than its columns"),
        (lambda _: {f"{_SIX}.html": b"<p>It was 1.00"}, "does not list what there is"),
        (lambda _: {"timestamps/9.tsr": b"I was first"}, "does not list what there is"),
        (lambda files: {"bundle.json": _twice(files["bundle.json"])}, "each once"),
        (lambda _: {"bundle.json": b"[" * 100_000}, "not in its form: RecursionError"),
        (lambda files: {f"{_SIX}.tlog-proof": files["events/000000000005.tlog-proof"]},
         "its proof is of something else"),
        (lambda _: {f"{_SIX}.tlog-proof": None}, "another checkpoint than bundle.json says"),
    ],
)  # fmt: skip
def test_what_a_key_covers_cannot_be_changed_though_all_sums_fit(
    made: Made,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], dict[str, bytes | None]],
    broken: str,
) -> None:
    here = unpack(resummed(made.files, **change(made.files)), tmp_path)
    status, said = verify(here, "--key", made.key)
    assert (status, broken in said, "HOLDS" in said) == (1, True, False), said


def test_what_only_the_digest_covers_is_not_said_to_hold(made: Made, tmp_path: Path) -> None:
    here = unpack(resummed(made.files, **{"index.html": b"<p>It was 1.00"}), tmp_path)
    status, said = verify(here, "--key", made.key)
    assert (status, "such as index.html, may have been altered" in said) == (0, True)
    assert verify(here, "--key", made.key, "--digest", "")[0] == 1


def test_a_script_that_lies_is_seen_by_the_own_copy_of_the_reader(
    made: Made, tmp_path: Path
) -> None:
    lying = resummed(made.files, **{"verify.py": b"print('HOLDS, under the key that was given.')"})
    mine = str(Path(signing.__file__).with_name("verify.py"))
    here = unpack(lying, tmp_path)
    _, said = verify(here, str(here), "--key", made.key, script=mine)
    assert "Its verify.py is another one than this" in said
    status, _ = verify(here, str(here), "--digest", made.evidence.digest, script=mine)
    assert status == 1
    assert "is another one" not in verify(unpack(made.files, here), ".", script=mine)[1]


def test_a_file_that_was_packed_into_the_zip_is_found(made: Made, tmp_path: Path) -> None:
    (tmp_path / "more.zip").write_bytes(pack({**made.files, "../notes.html": b"mine"}))
    unpack(made.files, tmp_path / "here")
    status, said = verify(tmp_path / "here", "../more.zip", "--key", made.key)
    assert (status, "not in SHA256SUMS, but in the ZIP" in said) == (1, True), said


def test_a_hostile_name_cannot_say_that_it_holds(made: Made, here: Path) -> None:
    about = made.files["bundle.json"].replace(
        b'"anchor": "tsa"', b'"anchor": "tsa\\u001b[8m\\nHOLDS, under the key that was given."'
    )
    unpack(resummed(made.files, **{"bundle.json": about}), here)
    (here / "mine\nHOLDS\x1b[8m").write_text("")
    _, said = verify(here, "--key", made.key)
    assert "\x1b" not in said
    assert [line[:5] for line in said.splitlines()].count("HOLDS") == 1


def test_a_link_to_a_device_is_not_read(here: Path) -> None:
    (here / "index.html").unlink()
    (here / "index.html").symlink_to("/dev/zero")
    status, said = verify(here)
    assert (status, "index.html was altered" in said) == (1, True)
