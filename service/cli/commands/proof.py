"""``daybook proof``: proofs, checked offline."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from service.cli import proof_screens
from service.cli.app import app
from service.cli.options import ERR, OUT, Keys
from service.errors import SettingsError
from service.proof.consistency import check_consistency
from service.proof.notes import Key, NoteError, parse_key
from service.proof.tlog_proof import ProofError, check_proof

proof = typer.Typer(
    help="Proofs of events and of checkpoints: check them without the service.",
    no_args_is_help=True,
)
app.add_typer(proof, name="proof")


@proof.command()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What /v1/events/{position}/proof answered.")
    ],
    key: Keys = None,
    body: Annotated[
        Path | None, typer.Option(help="The event's body, whose hash the proof has.")
    ] = None,
) -> None:
    """Check a proof offline: with the file and a public key, and nothing else.

    The key must not come with the file: `daybook books list` printed it when the book began. Exit
    status 1 if the proof does not hold, 2 if it could not be read.
    """
    keys = _keys(key)
    # a terminal may have added a line break at the end
    text = _text(file).rstrip("\n") + "\n"
    with _refuted():
        proved = check_proof(text, keys)
    content = b"" if body is None else body.read_bytes()
    if body is not None and sha256(content).digest() != proved.body_sha256:
        text = f"The proof holds, but {body} is not the body of this event."
        if sha256(content.removesuffix(b"\n")).digest() == proved.body_sha256:
            text = (
                f"The proof holds, but {body} ends with a line break that the body does not have."
            )
        ERR.print(text, style="red", soft_wrap=True)
        raise typer.Exit(1)
    proof_screens.proved(OUT, proved, body)


@proof.command()
def consistency(
    older: Annotated[
        Path, typer.Argument(metavar="OLDER", help="A checkpoint that was kept elsewhere.")
    ],
    newer: Annotated[
        Path, typer.Argument(metavar="NEWER", help="A later one: /v1/checkpoints/{size}.")
    ],
    hashes: Annotated[
        Path,
        typer.Argument(
            metavar="HASHES", help="What /v1/checkpoints/{size}/consistency?from= answered."
        ),
    ],
    key: Keys = None,
) -> None:
    """Check offline that a checkpoint goes on from an older one: nothing before it was changed.

    The key and the older checkpoint must come from where they were kept, not with the others. Exit
    status 1 if the proof does not hold, 2 if it could not be read.
    """
    keys = _keys(key)
    before, after, between = _text(older), _text(newer), _text(hashes)
    with _refuted():
        first, last = check_consistency(before, after, between, keys)
    proof_screens.consistent(OUT, first, last)


def _keys(given: list[str] | None) -> list[Key]:
    if not given:
        raise SettingsError(
            "Give --key: without a public key that was kept elsewhere, a proof proves nothing."
        )
    try:
        return [parse_key(one) for one in given]
    except NoteError as error:
        raise SettingsError(f"--key: {error}") from None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: this is not a proof.") from None


@contextmanager
def _refuted() -> Iterator[None]:
    try:
        yield
    except ProofError as error:
        ERR.print(f"The proof does not hold: {error}", style="red", soft_wrap=True)
        raise typer.Exit(1) from None
