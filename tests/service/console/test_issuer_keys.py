"""The issuer's keys: read within limits, again when it changes them, and kept while it is away."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import OctKey, RSAKey

from service.console.sso import issuer_keys
from service.console.sso.issuer_keys import MAX_BYTES, IssuerKeys
from tests.issuer import EC, ED, RSA, Keys, key_set, keys_served


@pytest.fixture
def served() -> Iterator[Keys]:
    with keys_served(RSA) as keys:
        yield keys


async def test_a_new_key_is_found_by_its_name(served: Keys) -> None:
    keys = IssuerKeys(served.url, pause=0)
    assert await keys.find("rsa-1")
    assert await keys.find("rsa-1")
    assert served.asked == 1
    served.content = key_set(EC)
    assert await keys.find("ec-1")
    # and what the issuer does not have any more is not believed
    assert await keys.find("rsa-1") is None


async def test_strangers_cannot_make_it_ask_often(served: Keys) -> None:
    keys = IssuerKeys(served.url)
    found = await asyncio.gather(*(keys.find(f"made-up-{n}") for n in range(100)))
    assert set(found) == {None}
    assert await keys.find("made-up") is None
    assert served.asked == 1
    assert await keys.find("rsa-1")


@pytest.mark.parametrize("fault", ["down", "status", "redirect", "no set", "empty", "huge", "slow"])
async def test_the_last_keys_stay_while_the_set_cannot_be_read(
    fault: str, served: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = IssuerKeys(served.url, pause=0)
    await keys.refresh()
    match fault:
        case "down":
            keys._source = "http://127.0.0.1:9/keys"
        case "status":
            served.status = 500
        case "redirect":
            served.status, served.location = 302, served.url
        case "no set":
            served.content = b"<html>"
        case "empty":
            served.content = b'{"keys": []}'
        case "huge":
            # which is valid, and would be the only key
            served.content = key_set(EC).replace(b"{", b"{" + b" " * MAX_BYTES, 1)
        case _:
            monkeypatch.setattr(issuer_keys, "_SECONDS", 0.2)
            served.content, served.seconds = key_set(EC), 1
    await keys.refresh()
    assert await keys.find("rsa-1")
    assert await keys.find("ec-1") is None
    assert keys.are_known


async def test_a_file_is_read_again_too(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = IssuerKeys(str(path), pause=0)
    assert await keys.find("rsa-1") is None
    assert not keys.are_known
    path.write_bytes(key_set(RSA))
    assert await keys.find("rsa-1")
    path.write_bytes(b" " * (MAX_BYTES + 1))
    await keys.refresh()
    assert await keys.find("rsa-1")


async def test_it_reads_again_when_it_is_time(
    served: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = IssuerKeys(served.url, pause=0)
    await keys.keep_fresh()
    await keys.keep_fresh()
    assert served.asked == 1
    monkeypatch.setattr(issuer_keys, "_EVERY_SECONDS", 0.0)
    served.content = key_set(ED)
    await keys.refresh()
    await keys.keep_fresh()
    assert served.asked == 3
    assert await keys.find("rsa-1") is None


async def test_only_keys_that_verify_signatures_are_taken(served: Keys) -> None:
    short = RSA.as_dict(private=False, kid="short")
    short["n"] = str(short["n"])[:170]
    others = [
        {"kty": "ML-DSA", "kid": "unknown"},
        {"kty": ["RSA"], "kid": "odd"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "EC", "kid": "nowhere", "crv": "P-1", "x": "AA", "y": "AA"},
        OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True),
        RSAKey.import_key(RSA.as_dict(private=False)).as_dict(kid="enc", use="enc"),
        short,
    ]
    good = EC.as_dict(private=False)
    served.content = json.dumps({"keys": [*others, good]}).encode()
    keys = IssuerKeys(served.url)
    await keys.refresh()
    assert list(keys._keys) == ["ec-1"]
