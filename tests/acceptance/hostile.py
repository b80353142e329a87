"""A service that strangers send to, and what must never be seen of what they sent."""

import base64
import hmac
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import httpx
import psycopg

from tests.acceptance import raw
from tests.acceptance.service import Service
from tests.builders import SECRET

CONFIG = f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'

MARK = b"what-only-a-body-says"
"""Put it into bodies: neither an answer nor the log may repeat it."""

Headers = dict[str, str]


class Hostile:
    """Signs by the book rather than by our own code, and looks at every answer."""

    def __init__(self, service: Service, key: str, url: str, log: Path) -> None:
        self.service = service
        self.key = key
        self._url = url
        self._log = log
        self._signatures: set[str] = set()

    def sign(self, content: bytes, stamp: str | None = None, webhook_id: str = "m") -> Headers:
        """The headers of a signature that is right for this time stamp, by default for now."""
        stamp = str(int(time.time())) if stamp is None else stamp
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        signed = f"{webhook_id}.{stamp}.".encode() + content
        signature = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
        self._signatures.add(signature)
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{signature}",
        }

    def post(self, content: bytes, headers: Headers | list[tuple[bytes, bytes]]) -> httpx.Response:
        """Send it with a polite client."""
        answer = self.service.client.post("/webhooks/live", content=content, headers=headers)
        self._betrays_nothing(answer.content)
        return answer

    def raw(self, request: bytes, seconds: float = 60) -> int:
        """Send these bytes, and nothing after them; the answer's status, 0 if none came by then."""
        with raw.connection(self.service) as sent:
            sent.settimeout(seconds)
            with suppress(ConnectionError):
                sent.sendall(request)
            answered = raw.answer(sent)
        self._betrays_nothing(answered)
        return raw.status(answered)

    def stored(self) -> list[str]:
        """The digests of everything that was stored: bodies are large, and asked about often."""
        with psycopg.connect(self._url) as conn:
            rows = conn.execute(
                "select encode(sha256(body), 'hex') from store.event order by position"
            ).fetchall()
        return [row[0] for row in rows]

    def body(self, position: int | None = None) -> bytes:
        """What was stored there, or last."""
        with psycopg.connect(self._url) as conn:
            row = conn.execute(
                "select body from store.event where position = coalesce(%s, position)"
                " order by position desc limit 1",
                [position],
            ).fetchone()
        assert row
        return bytes(row[0])

    def check_log(self) -> None:
        """No defect, and nothing secret, in the log of the whole run."""
        log = self._log.read_bytes()
        assert b"unhandled exception" not in log
        assert b"Traceback" not in log
        assert b"webhook refused" in log
        self._betrays_nothing(log)

    def _betrays_nothing(self, text: bytes) -> None:
        assert SECRET.removeprefix("whsec_").encode() not in text
        assert MARK not in text
        assert not any(signature.encode() in text for signature in self._signatures)
