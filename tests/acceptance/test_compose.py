"""compose.yaml: Docker's own Compose accepts it, and its services work together as processes."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tests import servers
from tests.acceptance import service as running
from tests.acceptance.proxy import NGINX, Proxy
from tests.acceptance.service import Service
from tests.builders import SECRET
from tests.documents import ROOT

COMPOSE = Path(sys.executable).with_name("docker-compose")
PASSWORDS = {"DAYBOOK_OWNER_PASSWORD": "choose-one", "DAYBOOK_SERVICE_PASSWORD": "choose-another"}


def compose(*args: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    path = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(
        [COMPOSE, "--project-directory", ROOT, *args], env={**path, **env}, cwd="/",
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The whole file as Compose understands it."""
    done = compose("--profile", "*", "config", "--format", "json", env=PASSWORDS)
    assert (done.returncode, done.stderr) == (0, "")
    decoded: dict[str, Any] = msgspec.json.decode(done.stdout)
    return decoded


def test_a_password_that_is_missing_is_named() -> None:
    done = compose("config", "--quiet", env={})
    assert done.returncode != 0
    assert "DAYBOOK_OWNER_PASSWORD" in done.stderr


def test_only_the_proxy_can_be_reached_from_other_hosts(project: dict[str, Any]) -> None:
    ports = {
        (name, port["published"], port.get("host_ip"))
        for name, one in project["services"].items()
        for port in one.get("ports", ())
    }
    mine = "127.0.0.1"
    assert ports == {
        ("proxy", "443", None),
        ("prometheus", "9090", mine),
        ("grafana", "3000", mine),
    }
    assert set(project["services"]["database"]["networks"]) == {"back"}
    assert project["networks"]["back"]["internal"]
    [subnet] = project["networks"]["front"]["ipam"]["config"]
    trusted = project["services"]["daybook"]["environment"]["DAYBOOK_TRUSTED_PROXIES"]
    assert msgspec.json.decode(trusted) == [subnet["subnet"]]


def test_what_is_mounted_from_here_is_here(project: dict[str, Any]) -> None:
    sources = {
        Path(volume["source"])
        for one in project["services"].values()
        for volume in one.get("volumes", ())
        if volume["type"] == "bind"
    }
    written_by_the_user = {ROOT / "configuration", ROOT / "tls"}
    assert written_by_the_user < sources
    assert all(path.is_file() for path in sources - written_by_the_user)


def test_the_image_has_the_version_of_the_package(project: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {name: project["services"][name]["image"] for name in ("daybook", "migrate")}
    assert set(images.values()) == {f"daybook:{version}"}


def test_both_processes_of_ours_are_confined(project: dict[str, Any]) -> None:
    for name in ("daybook", "migrate"):
        one = project["services"][name]
        assert one["read_only"]
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
    assert "DAYBOOK_OWNER_URL" not in project["services"]["daybook"]["environment"]


@pytest.fixture
def database() -> Iterator[str]:
    """The socket of a server with what the image of PostgreSQL 18 makes of its variables."""
    with servers.running(max(servers.installed().items())[1]) as superuser:
        with psycopg.connect(superuser, autocommit=True) as conn:
            conn.execute("create role daybook_owner superuser login password 'choose-one'")
            conn.execute("create database daybook owner daybook_owner")
        yield superuser.partition("host=")[2]


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_the_services_work_together(project: dict[str, Any], database: str, scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n')

    def local(name: str) -> dict[str, str]:
        variables: dict[str, str] = project["services"][name]["environment"]
        here = f"@/daybook?host={database}"
        return {k: v.replace("@database/daybook", here) for k, v in variables.items()}

    migrate = project["services"]["migrate"]["command"]
    assert "applied" in running.command(*migrate, cwd=scratch, env=local("migrate"))
    serve, *arguments = project["services"]["daybook"]["command"]
    assert serve == "serve"
    service = Service(scratch, *arguments, env=local("daybook")).start()
    upstream = project["configs"]["upstream"]["content"]
    proxy = Proxy(scratch / "nginx", service, upstream=upstream)
    proxy.start()
    try:
        with proxy.client() as client:
            assert service.deliver("live", SECRET, b"1", via=client).status_code == 200
        status = running.command("status", cwd=scratch, env=local("daybook"))
        assert "Connected as daybook_service" in status
        assert "could alter" not in status
    finally:
        proxy.stop()
        assert service.stop() == 0


def test_the_scrape_finds_the_service(project: dict[str, Any]) -> None:
    text = (ROOT / "service/operating/prometheus.yaml").read_text()
    [target] = re.findall(r"targets: \[(.*)\]", text)
    host, port = target.split(":")
    assert host in project["services"]
    assert f"EXPOSE {port}" in (ROOT / "Dockerfile").read_text()
