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

from service.proof.der import children


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
        answer = decode_timestamp_response(_in_order(content))
    except (ValueError, IndexError):
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


def _in_order(content: bytes) -> bytes:
    """The answer with its certificates in the order that DER prescribes, which no signature covers.

    OpenSSL and those who use it leave them in another one, and the library refuses that.
    """
    response = children(content, 0, len(content))[0]
    _, token, *_ = children(content, response.content, response.end)
    _, explicit, *_ = children(content, token.content, token.end)
    signed = children(content, explicit.content, explicit.end)[0]
    for part in children(content, signed.content, signed.end):
        if part.tag == _CERTIFICATES:
            found = children(content, part.content, part.end)
            ordered = sorted(content[one.start : one.end] for one in found)
            return content[: part.content] + b"".join(ordered) + content[part.end :]
    return content


_CERTIFICATES = 0xA0


def _check_signature(answer: TimeStampResponse, message: bytes, roots: bytes) -> None:
    builder = VerifierBuilder()
    try:
        for certificate in load_pem_x509_certificates(roots):
            builder = builder.add_root_certificate(certificate)
        builder.build().verify_message(answer, message)
    except (VerificationError, ValueError) as error:
        raise TimestampError(f"The timestamp's signature does not verify: {error}.") from None
