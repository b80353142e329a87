"""A timestamp authority: Debian's ``openssl ts`` behind a small HTTP server."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
authorityKeyIdentifier = keyid
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {here}/serial
signer_cert = {here}/signer.pem
signer_key = {here}/signer.key
certs = {here}/root.pem
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """Where it is, its root certificate, and what it answers instead when told to."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.root = here / "root.pem"
        self.url = ""
        self.instead: tuple[int, bytes] | None = None
        (here / "openssl.cnf").write_text(_CONFIG.format(here=here))
        (here / "serial").write_text("01\n")
        new = ("req", "-newkey", "rsa:2048", "-nodes", "-config", "openssl.cnf")
        self.openssl(
            *new, "-x509", "-extensions", "root", "-days", "30", "-subj", "/CN=Root",
            "-keyout", "root.key", "-out", "root.pem",
        )  # fmt: skip
        self.openssl(*new, "-subj", "/CN=TSA", "-keyout", "signer.key", "-out", "signer.csr")
        self.openssl(
            "x509", "-req", "-in", "signer.csr", "-CA", "root.pem", "-CAkey", "root.key",
            "-CAcreateserial", "-days", "30", "-extfile", "openssl.cnf", "-extensions", "signer",
            "-out", "signer.pem",
        )  # fmt: skip

    def openssl(self, *args: str) -> None:
        """Run ``openssl`` in the directory."""
        subprocess.run(["openssl", *args], cwd=self.here, check=True, capture_output=True)

    def answer(self, query: bytes) -> bytes:
        """The answer to a query, both in DER."""
        (self.here / "query.tsq").write_bytes(query)
        self.openssl(
            "ts", "-reply", "-config", "openssl.cnf", "-section", "tsa_config", "-queryfile",
            "query.tsq", "-out", "answer.tsr",
        )  # fmt: skip
        return (self.here / "answer.tsr").read_bytes()


@contextmanager
def authority(here: Path) -> Iterator[Authority]:
    """Run one for the duration of the block."""
    made = Authority(here)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            status, content = made.instead or (200, made.answer(query))
            self.send_response(status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            del args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
