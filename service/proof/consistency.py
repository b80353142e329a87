"""Whether the log of one checkpoint is the beginning of another's, checked offline. Pure."""

from collections.abc import Sequence

from service.proof.merkle import is_consistent
from service.proof.notes import Checkpoint, Key, NoteError, decode_base64, open_checkpoint
from service.proof.tlog_proof import ProofError

_MOST_BYTES = 1 << 16


def check_consistency(
    older: str, newer: str, hashes: str, keys: Sequence[Key]
) -> tuple[Checkpoint, Checkpoint]:
    """Check that nothing before the older checkpoint was changed when the newer was signed.

    Args:
        older: a signed checkpoint.
        newer: another of the same log, at least as large.
        hashes: what ``/v1/checkpoints/{size}/consistency`` answers: one a line, in base64.
        keys: public keys that were kept elsewhere.

    Returns:
        Both checkpoints.

    Raises:
        ProofError: if it does not hold.
    """
    first, last = _opened("older", older, keys), _opened("newer", newer, keys)
    if first.origin != last.origin:
        raise ProofError(f"They are of two logs: {first.origin} and {last.origin}.")
    if first.size > last.size:
        raise ProofError(
            f"The older checkpoint has more events than the newer: {first.size:,} and"
            f" {last.size:,}. Swap them."
        )
    try:
        proof = [decode_base64(line) for line in hashes[:_MOST_BYTES].split()]
    except NoteError:
        raise ProofError("A line of the proof is not base64.") from None
    if not is_consistent(first.size, first.root, last.size, last.root, proof):
        raise ProofError(
            f"These hashes do not show that the {first.size:,} events of the older checkpoint are"
            " the first of the newer. Either they prove it of other sizes, or the log was changed."
        )
    return first, last


def _opened(which: str, note: str, keys: Sequence[Key]) -> Checkpoint:
    try:
        # a terminal may have added a line break at the end
        return open_checkpoint(note.rstrip("\n") + "\n", keys)
    except NoteError as error:
        raise ProofError(f"The {which} checkpoint: {error}") from None
