import base64
import hmac
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from service.ingest import signature
from service.ingest.signature import Verifier, signed_by, signed_headers
from service.problems import Problem
from service.store.chain import Delivery, fingerprint
from tests.builders import OTHER_SECRET, SECRET

VERIFIER = Verifier([SECRET, OTHER_SECRET])


def verify(headers: dict[str, str], body: bytes) -> Delivery:
    return VERIFIER.verify(signed_by(headers), body)


def signed(body: bytes, secret: str = SECRET, seconds: float | None = None) -> dict[str, str]:
    """Signed by hand, from the words of the specification and not by our own code."""
    stamp = str(int(time.time() if seconds is None else seconds))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, b"msg_1." + stamp.encode() + b"." + body, sha256).digest()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


@pytest.mark.parametrize("body", [b"{}", b"", b"\xff\xfe\x00", "é".encode(), b"x" * 1_000_000])
def test_any_signed_body_is_a_delivery_to_the_byte(body: bytes) -> None:
    headers = signed(body) | {"content-type": "application/json", "authorization": "Basic eA=="}
    delivery = verify(headers, body)
    assert (delivery.body, delivery.body_sha256) == (body, sha256(body).digest())
    assert delivery.headers == '{"content-type":"application/json"}'
    assert delivery.webhook_signature == headers["webhook-signature"]


def test_which_secret_verified_it_is_kept_as_a_fingerprint() -> None:
    assert verify(signed(b"1", OTHER_SECRET), b"1").verified_by == fingerprint(OTHER_SECRET)
    assert OTHER_SECRET.removeprefix("whsec_") not in fingerprint(OTHER_SECRET)


@pytest.mark.parametrize("before", ["v1,AAAA", "v1a,xyz", "junk", "v1,", "v1,a,b", " ", "v1,é"])
def test_any_of_several_signatures_will_do(before: str) -> None:
    headers = signed(b"1")
    headers["webhook-signature"] = f"{before} {headers['webhook-signature']}"
    assert verify(headers, b"1").webhook_id == "msg_1"


def test_what_we_sign_the_library_verifies() -> None:
    headers = signed_headers(SECRET, "msg_1", datetime.now(UTC), b'{"a":1}')
    assert Webhook(SECRET).verify(b'{"a":1}', headers) == {"a": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-signature": ""}, "Missing header: webhook-signature"),
        ({"webhook-id": ""}, "Missing header: webhook-id"),
        ({"webhook-id": "msg_2"}, "None of the webhook's signatures"),
        ({"webhook-signature": "v1,AAAA"}, "None of the webhook's signatures"),
        ({"webhook-signature": "v2,AAAA"}, "malformed"),
        ({"webhook-signature": "garbage"}, "malformed"),
        ({"webhook-signature": "v1,a,b"}, "malformed"),
        ({"webhook-signature": "v1,AAAA  v1,AAAA"}, "None of the webhook's signatures"),
        ({"webhook-signature": "v1,é"}, "malformed"),
        ({"webhook-timestamp": "soon"}, "not a number"),
        ({"webhook-timestamp": "nan"}, "not a number"),
        ({"webhook-timestamp": "1e99"}, "not a number"),
        ({"webhook-timestamp": "-5"}, "not a number"),
        ({"webhook-timestamp": "5"}, "too old"),
        ({"webhook-timestamp": "1_785_276_097"}, "not a number"),
        ({"webhook-timestamp": "1785276097.5"}, "not a number"),
        ({"webhook-timestamp": "99999999999"}, "too new"),
    ],
)
def test_a_refusal_says_why(change: dict[str, str], reason: str) -> None:
    with pytest.raises(Problem, match=reason) as refused:
        verify(signed(b"1") | change, b"1")
    assert refused.value.kind.status == 401


@pytest.mark.parametrize(("seconds", "reason"), [(-301, "too old"), (302, "too new")])
def test_a_signature_holds_for_five_minutes(seconds: float, reason: str) -> None:
    with pytest.raises(Problem, match=reason):
        verify(signed(b"1", seconds=time.time() + seconds), b"1")
    verify(signed(b"1", seconds=time.time() + seconds * 0.98), b"1")


def test_a_book_may_accept_older_stamps_but_none_of_the_future() -> None:
    day = 86_400
    patient = Verifier([SECRET], timedelta(days=90))
    for ago in (89.9 * day, 400, 0):
        headers = signed(b"1", seconds=time.time() - ago)
        assert patient.verify(signed_by(headers, patient.max_age), b"1").webhook_id == "msg_1"
    with pytest.raises(Problem, match="too old: more than 90 days"):
        signed_by(signed(b"1", seconds=time.time() - 91 * day), patient.max_age)
    with pytest.raises(Problem, match="too new: more than five minutes"):
        signed_by(signed(b"1", seconds=time.time() + 302), patient.max_age)


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


@given(HEADER, HEADER, HEADER, st.binary(max_size=40))
def test_nothing_unsigned_is_accepted_or_fails_otherwise(
    a: str, b: str, c: str, body: bytes
) -> None:
    headers = {"webhook-id": a, "webhook-timestamp": b, "webhook-signature": c}
    with pytest.raises(Problem):
        verify(headers, body)


def test_eight_signatures_cost_one_pass_over_the_body_for_each_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passes: list[bytes] = []

    def counted(key: bytes, data: bytes) -> bytes:
        passes.append(data)
        return hmac.new(key, data, sha256).digest()

    monkeypatch.setattr(signature, "hmac_data", counted)
    headers = signed(b"1")
    right = headers["webhook-signature"]
    wrong = "v1," + base64.b64encode(b"x" * 32).decode()
    headers["webhook-signature"] = " ".join([wrong] * signature.MAX_SIGNATURES)
    with pytest.raises(Problem, match="None of the webhook"):
        verify(headers, b"1")
    assert len(passes) == 2
    headers["webhook-signature"] = " ".join([wrong] * (signature.MAX_SIGNATURES - 1) + [right])
    assert verify(headers, b"1").body == b"1"
    headers["webhook-signature"] = " ".join([wrong] * signature.MAX_SIGNATURES + [right])
    with pytest.raises(Problem, match="None of the webhook"):
        verify(headers, b"1")


def test_a_stamp_with_leading_zeros_is_the_number_that_was_signed() -> None:
    headers = signed(b"1")
    headers["webhook-timestamp"] = f"0{headers['webhook-timestamp']}"
    assert verify(headers, b"1").sent_at.timestamp() == int(headers["webhook-timestamp"])
