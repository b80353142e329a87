"""An assertion is believed if its issuer signed it, for us, for now; and never otherwise."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from service.console.sso.assertions import MAX_BYTES, Person, Refused, read_signed
from service.console.sso.issuer_keys import IssuerKeys
from service.sso_settings import ConsoleSso
from tests.issuer import AUDIENCE, EC, ED, ISSUER, OTHER, RSA, claims, key_set, signed

SETTINGS = ConsoleSso(
    header="X-Assertion", jwks="-", issuer=ISSUER, audience=AUDIENCE,
    algorithms=["RS256", "PS256", "ES256", "Ed25519"],
)  # fmt: skip
NOW = int(time.time())


@pytest.fixture
def keys(tmp_path: Path) -> IssuerKeys:
    (tmp_path / "keys.json").write_bytes(key_set(RSA, EC, ED))
    return IssuerKeys(str(tmp_path / "keys.json"))


async def read(assertion: str | bytes, keys: IssuerKeys, **changed: Any) -> Person:  # noqa: ANN401
    made = SETTINGS.model_copy(update=changed)
    given = assertion if isinstance(assertion, bytes) else assertion.encode()
    return await read_signed(given, made, keys, int(time.time()))


async def refused(assertion: str | bytes, keys: IssuerKeys, **changed: Any) -> str:  # noqa: ANN401
    with pytest.raises(Refused) as found:
        await read(assertion, keys, **changed)
    return found.value.reason


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims()).encode(), signature)
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    ("key", "alg"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "Ed25519")]
)
async def test_each_kind_of_key_signs(key: Any, alg: str, keys: IssuerKeys) -> None:  # noqa: ANN401
    found = await read(signed(key, alg, groups=["support", 7], aud=AUDIENCE), keys)
    assert found == Person("ada@example.com", frozenset({"support"}))


async def test_other_claims_name_the_person_and_the_groups(keys: IssuerKeys) -> None:
    assertion = signed(upn="Ada", roles="finance", email=None)
    found = await read(assertion, keys, person="upn", groups="roles")
    assert found == Person("Ada", frozenset({"finance"}))


async def test_nothing_is_believed_that_no_key_of_the_issuer_signed(keys: IssuerKeys) -> None:
    assert await refused(unsigned({"alg": "none"}), keys) == "algorithm"
    assert await refused(unsigned({"alg": "none", "kid": "rsa-1"}, b"x"), keys) == "algorithm"
    assert await refused(unsigned({"alg": "RS256", "kid": "rsa-1"}), keys) == "signature"
    assert await refused(signed(OTHER), keys) == "signature"
    head, body, signature = signed().split(".")
    forged = urlsafe_b64encode(json.dumps(claims(email="eve@example.com")).encode()).decode()
    assert await refused(f"{head}.{forged.rstrip('=')}.{signature}", keys) == "signature"
    assert await refused(f"{head}.{body}.", keys) == "signature"


async def test_a_public_key_is_no_password(keys: IssuerKeys) -> None:
    """HS256 with the public key as its secret, in both of the forms in which it is written."""
    for secret in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode()):
        head, body, _ = unsigned({"alg": "HS256", "kid": "rsa-1"}).split(".")
        code = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
        assertion = f"{head}.{body}.{urlsafe_b64encode(code).decode().rstrip('=')}"
        assert await refused(assertion, keys) == "algorithm"
        # and if it were accepted, there is no key that it could be checked with
        assert await refused(assertion, keys, algorithms=["HS256"]) == "signature"


async def test_a_key_signs_only_in_its_own_way(tmp_path: Path) -> None:
    only = tmp_path / "only.json"
    one = RSA.as_dict(private=False, alg="PS256")
    only.write_text(json.dumps({"keys": [one]}))
    keys = IssuerKeys(str(only))
    assert await refused(signed(), keys) == "signature"
    assert (await read(signed(alg="PS256"), keys)).name == "ada@example.com"
    # an elliptic curve's under the name of another key
    assert await refused(signed(EC, "ES256", {"kid": "rsa-1"}), keys) == "signature"


async def test_the_key_is_the_issuers_and_not_the_assertions(keys: IssuerKeys) -> None:
    own = ECKey.generate_key("P-256", {"kid": "own"}, private=True)
    carried = {"jwk": own.as_dict(private=False), "kid": "own"}
    assert await refused(signed(own, "ES256", carried), keys) == "unknown-key"
    carried = {"jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/", "kid": "ec-1"}
    assert await refused(signed(own, "ES256", carried), keys) == "signature"


async def test_without_an_id_only_a_single_key_is_meant(tmp_path: Path, keys: IssuerKeys) -> None:
    nameless = signed(head={"kid": None})
    assert await refused(nameless, keys) == "unknown-key"
    (tmp_path / "one.json").write_bytes(key_set(RSA))
    assert (await read(nameless, IssuerKeys(str(tmp_path / "one.json")))).name


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://id.example.org"}, "issuer"),
        ({"iss": None}, "claims"),
        ({"iss": [ISSUER]}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": None}, "claims"),
        ({"aud": {AUDIENCE: 1}}, "audience"),
        ({"exp": NOW - 120}, "expired"),
        ({"exp": None}, "claims"),
        ({"exp": "never"}, "claims"),
        ({"exp": True}, "claims"),
        ({"nbf": NOW + 3600}, "not-yet-valid"),
        ({"iat": NOW + 3600}, "not-yet-valid"),
        ({"email": None}, "no-person"),
        ({"email": ""}, "no-person"),
        ({"email": ["ada@example.com"]}, "no-person"),
        ({"email": "ada@example.com\nx: y"}, "no-person"),
        ({"email": "\u202eada@example.com"}, "no-person"),
        ({"email": "a" * 300}, "no-person"),
        ({"email_verified": False}, "no-person"),
    ],
)
async def test_what_it_says_must_hold(
    changed: dict[str, Any], reason: str, keys: IssuerKeys
) -> None:
    assert await refused(signed(**changed), keys) == reason


async def test_clocks_may_differ_a_little(keys: IssuerKeys) -> None:
    now = int(time.time())
    assert (await read(signed(exp=now - 10, nbf=now + 10, iat=now + 10), keys)).name
    assert await refused(signed(exp=now - 10), keys, leeway_seconds=0) == "expired"


async def test_what_is_no_assertion_is_refused(keys: IssuerKeys) -> None:
    deep = urlsafe_b64encode(b"[" * 3000).rstrip(b"=")
    for nothing in (b"", b"x", b"..", b"a.b.c", b"\xff.\xff.\xff", b"a.b.c.d.e", deep + b"..",
                    signed().encode() + b".x", b'{"payload": "", "signatures": []}'):  # fmt: skip
        assert await refused(nothing, keys) == "malformed"
    assert await refused(signed(padding="x" * MAX_BYTES), keys) == "too-large"
    long_head = signed(head={"x5c": ["x" * 6000]})
    assert await refused(long_head, keys) == "malformed"
    assert (await read(signed(head={"signer": "an unknown parameter"}), keys)).name


async def test_what_it_calls_critical_must_be_understood(keys: IssuerKeys) -> None:
    header = {"alg": "RS256", "kid": "rsa-1", "crit": ["how"], "how": 1}
    head, body, _ = unsigned(header).split(".")
    signature = RSA.get_op_key("sign").sign(f"{head}.{body}".encode(), PKCS1v15(), SHA256())
    encoded = urlsafe_b64encode(signature).decode().rstrip("=")
    assert await refused(f"{head}.{body}.{encoded}", keys) == "signature"


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 2000), put=st.binary(max_size=3))
def test_a_broken_assertion_says_nothing_else(at: int, put: bytes) -> None:
    keys = IssuerKeys("-")
    keys._keys = {"rsa-1": RSAKey.import_key(RSA.as_dict(private=False))}
    keys._tried = time.monotonic()
    at %= len(GOOD)
    try:
        found = _run(read_signed(GOOD[:at] + put + GOOD[at + 1 :], SETTINGS, keys, NOW))
    except Refused:
        return
    # the last bits of a signature's last letter mean nothing
    assert found == Person("ada@example.com", frozenset())


GOOD = signed().encode()


def _run(coroutine: Coroutine[Any, Any, Person]) -> Person:
    try:
        coroutine.send(None)
    except StopIteration as done:
        found: Person = done.value
        return found
    finally:
        coroutine.close()
    raise AssertionError("it waits for something")
