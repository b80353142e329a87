"""nginx with the configuration that is shipped, in front of a running service."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx

from tests.acceptance.service import Service
from tests.documents import ROOT

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

_SHIPPED = ROOT / "service/operating/nginx"
_MAIN = """
{user}
daemon off;
pid {here}/pid;
error_log {here}/error.log warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/conf.d/*.conf;
}}
"""


class Proxy:
    """The shipped files, changed only where their user must, and as ``changed`` says.

    ``upstream`` is another text of ``upstream.conf``, in which the service is called ``daybook``;
    ``console`` is another text of the location of the console.
    """

    def __init__(
        self,
        here: Path,
        service: Service,
        upstream: str | None = None,
        console: str | None = None,
        **changed: str,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._config = here / "nginx.conf"
        (here / "conf.d").mkdir(parents=True)
        user = "user root;" if os.geteuid() == 0 else ""
        self._config.write_text(_MAIN.format(here=here, user=user))
        _certify(here)
        text = {path.name: path.read_text() for path in _SHIPPED.glob("*.conf")}
        if upstream is not None:
            text["upstream.conf"] = upstream.replace("daybook:8000", "127.0.0.1:8000")
        if console is not None:
            shipped = text["daybook.conf"]
            text["daybook.conf"] = re.sub(
                r"    location /console \{.*?\n    \}", console, shipped, flags=re.DOTALL
            )
        for old, new in {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "daybook.example.com": "localhost",
            "/etc/nginx/tls": str(here),
            "127.0.0.1:8000": f"127.0.0.1:{service.port}",
            **changed,
        }.items():
            assert any(old in shipped for shipped in text.values()), old
            text = {name: shipped.replace(old, new) for name, shipped in text.items()}
        for name, shipped in text.items():
            (here / "conf.d" / name).write_text(shipped)
        self._trusting = ssl.create_default_context(cafile=here / "fullchain.pem")

    def start(self) -> None:
        """Check the configuration, start nginx, and wait until it listens."""
        assert NGINX
        done = subprocess.run(
            [NGINX, "-t", "-q", "-c", self._config], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        self._process = subprocess.Popen([NGINX, "-c", self._config])
        deadline = time.monotonic() + 20
        while True:
            try:
                with self.client() as client:
                    client.get("/")
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """Stop it at once."""
        self._process.terminate()
        assert self._process.wait(20) == 0

    def client(self, sender: str = "127.0.0.1") -> httpx.Client:
        """A client of the proxy that sends from this address."""
        transport = httpx.HTTPTransport(verify=self._trusting, local_address=sender)
        base_url = f"https://localhost:{self.port}"
        return httpx.Client(base_url=base_url, transport=transport, timeout=30)

    def ask(self, target: str) -> bytes:
        """The whole answer to a GET of exactly this target, which no client tidies up."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain,
            self._trusting.wrap_socket(plain, server_hostname="localhost") as sent,
        ):
            head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            sent.sendall(head.encode())
            return _rest(sent)


def _rest(sent: ssl.SSLSocket) -> bytes:
    got = b""
    while more := sent.recv(65536):
        got += more
    return got


def _certify(here: Path) -> None:
    """A certificate that vouches for itself."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    named = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", "privkey.pem", "-out", "fullchain.pem")
    command = ["openssl", "req", "-x509", *curve, *named, *files]
    subprocess.run(command, cwd=here, check=True, capture_output=True)
