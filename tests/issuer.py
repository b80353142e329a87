"""A stand-in for an identity provider: its keys, what it signs with them, a server of the keys."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ISSUER, AUDIENCE = "https://id.example.com", "daybook-console"

# made once: an RSA key takes a second
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "rsa-1"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec-1"}, private=True)
ED = OKPKey.generate_key("Ed25519", {"kid": "ed-1"}, private=True)


def claims(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON is
    """What an assertion says; one that is None is left out."""
    now = int(time.time())
    said = {
        "iss": ISSUER, "aud": [AUDIENCE, "another"], "sub": "1", "email": "ada@example.com",
        "iat": now, "nbf": now, "exp": now + 600, **changed,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def signed(
    key: Key = RSA,
    alg: str = "RS256",
    head: dict[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401
) -> str:
    """An assertion, signed with a key of the issuer's."""
    header = {"alg": alg, "kid": key.kid, **(head or {})}
    header = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(header, claims(**changed), key, algorithms=[alg], registry=_lenient(alg))


def _lenient(alg: str) -> JWSRegistry:
    made = JWSRegistry(algorithms=[alg], strict_check_header=False)
    made.max_header_length = made.max_payload_length = 1 << 20
    return made


def key_set(*keys: Key) -> bytes:
    """The issuer's JSON Web Key Set: the public half of each."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


class Keys:
    """A server of a set of keys: what it answers, how slowly, and how often it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content, self.status, self.asked = content, 200, 0
        self.seconds = 0.0
        self.location: str | None = None
        self.url = ""


@contextmanager
def keys_served(*keys: Key) -> Iterator[Keys]:
    """Serve the keys on this machine."""
    served = Keys(key_set(*keys))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked += 1
            time.sleep(served.seconds)
            self.send_response(served.status)
            if served.location:
                self.send_header("location", served.location)
            self.end_headers()
            try:
                self.wfile.write(served.content)
            except OSError:
                # the reader had enough
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/keys"
    running = threading.Thread(target=server.serve_forever, args=(0.05,))
    running.start()
    try:
        yield served
    finally:
        server.shutdown()
        running.join()
        server.server_close()
