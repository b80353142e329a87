"""RFC 3161 timestamps of notes: asks for them and checks them. Needs the extra ``timestamp``."""

from datetime import datetime
from hashlib import sha512

from cryptography.x509 import load_pem_x509_certificates
from rfc3161_client import (
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)


class TimestampError(Exception):
    """A token is not one, or of something else; the text says why."""


def request(message: bytes) -> TimeStampRequest:
    """The request for a token of a message, with a nonce."""
    return TimestampRequestBuilder().data(message).build()


def check(
    content: bytes, message: bytes, roots: bytes | None, asked: TimeStampRequest | None = None
) -> datetime:
    """Check an answer of a timestamp authority; returns the time that it states.

    Args:
        content: the answer, in DER.
        message: what it must be of.
        roots: the authority's root certificates in PEM; without them its signature is not checked.
        asked: the request, if the answer is to it.

    Raises:
        TimestampError: if it is none, or of something else.
    """
    try:
        answer = decode_timestamp_response(content)
    except ValueError:
        raise TimestampError("The answer is not a timestamp.") from None
    if PKIStatus(answer.status) not in {PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS}:
        words = "; ".join(answer.status_string) or PKIStatus(answer.status).name
        raise TimestampError(f"The timestamp authority refused: {words}.")
    if answer.tst_info.message_imprint.message != sha512(message).digest():
        raise TimestampError("The timestamp is of something else than the checkpoint.")
    if asked is not None and answer.tst_info.nonce != asked.nonce:
        raise TimestampError("The timestamp is an answer to another request.")
    if roots is not None:
        _check_signature(answer, message, roots)
    at: datetime = answer.tst_info.gen_time
    return at


def _check_signature(answer: TimeStampResponse, message: bytes, roots: bytes) -> None:
    builder = VerifierBuilder()
    try:
        for certificate in load_pem_x509_certificates(roots):
            builder = builder.add_root_certificate(certificate)
        builder.build().verify_message(answer, message)
    except (VerificationError, ValueError) as error:
        raise TimestampError(f"The timestamp's signature does not verify: {error}.") from None
