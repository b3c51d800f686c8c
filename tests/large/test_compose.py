"""The whole service on one host, by the commands of docs/containers.md as they stand; the registers are not there."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.architecture.rules import ROOT
from tests.support.machine_setup import HOST, serves, trusting
from tests.support.operating_page import fenced, section
from tests.support.podman import Podman, podman
from tests.support.server import wait_until

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

START, OPERATE, UPGRADE = fenced(
    section("The whole service on one host", (ROOT / "docs/containers.md").read_text("utf-8")), "bash"
)
DATABASES, NODES = ("database", "keyring"), ("serve-1", "serve-2")
RUNNING = (*DATABASES, *NODES, "worker", "proxy")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[Podman]:
    """A host on which the page's two commands have been typed."""
    folder = tmp_path_factory.mktemp("compose")
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / image.name).symlink_to(image)
    with podman(folder) as host:
        typed(host, START)
        yield host


@pytest.fixture
def browser(host: Podman) -> Iterator[httpx.Client]:
    """Somebody's, who has not logged in."""
    with trusting(host.folder / f"srv/tls/{HOST}.pem") as client:
        yield client


def typed(host: Podman, block: str) -> str:
    """What a block of the page prints, with another folder for the deployment."""
    return host.run(block.replace("/srv/deldokument", f"{host.folder}/srv"))


def inspected(host: Podman, field: str, services: tuple[str, ...] = RUNNING) -> list[str]:
    """A field of each container."""
    names = " ".join(f"deldokument_{service}_1" for service in services)
    return host.run(f"podman inspect --format '{{{{{field}}}}}' {names}").split()


def test_two_commands_lead_to_a_login_page_over_tls(browser: httpx.Client) -> None:
    serves(browser)
    assert "Logg inn" in browser.get("/").text
    unencrypted = httpx.get("http://127.0.0.1/", headers={"Host": HOST})
    assert (unencrypted.status_code, unencrypted.headers["location"]) == (308, f"https://{HOST}/")


def test_no_container_has_root_a_capability_or_a_writable_root_filesystem(host: Podman) -> None:
    assert set(inspected(host, ".Config.User")) == {"10001:10001", "10002:10002", "10003:10003"}
    assert set(inspected(host, ".HostConfig.ReadonlyRootfs")) == {"true"}
    assert set(inspected(host, ".EffectiveCaps")) == {"[]"}


def test_only_the_proxy_is_published_and_the_databases_have_no_network(host: Podman) -> None:
    published = host.run("podman ps --format '{{.Ports}}'").split()
    assert sorted(port.strip(",") for port in published) == ["0.0.0.0:443->443/tcp", "0.0.0.0:80->80/tcp"]
    assert set(inspected(host, ".HostConfig.NetworkMode", DATABASES)) == {"none"}


def test_the_health_checks_succeed_and_the_doctor_finds_nothing_critical(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    for service in (*DATABASES, *NODES):
        host.run(f"podman healthcheck run deldokument_{service}_1")
    wait_until(lambda: "CRITICAL" not in typed(host, f"{OPERATE.strip()} || true"), 120, "no worker")


def test_a_node_that_is_killed_is_there_again(host: Podman, browser: httpx.Client) -> None:
    [before] = inspected(host, ".State.Pid", NODES[:1])
    os.kill(int(before), signal.SIGKILL)
    wait_until(lambda: inspected(host, ".State.Pid", NODES[:1]) not in (["0"], [before]), 60, "it was not started")
    serves(browser)


def test_an_upgrade_refuses_no_request(host: Podman, browser: httpx.Client) -> None:
    """To the same program by another name."""
    prepare, replace = UPGRADE.split("\n", 1)
    assert "prepare" in prepare
    host.run("podman tag localhost/deldokument:0.3.0 localhost/deldokument:0.3.1; sed -i s/0.3.0/0.3.1/ srv/.env")
    serves(browser)
    with asking(browser) as answers:
        typed(host, replace)
    assert {image.rpartition(":")[2] for image in inspected(host, ".ImageName", (*NODES, "worker"))} == {"0.3.1"}
    assert answers.keys() == {200}


@contextmanager
def asking(browser: httpx.Client) -> Iterator[Counter[int]]:
    """Ask for the login page all the time; how often with which status."""
    answers, over = Counter[int](), threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers[browser.get("/").status_code] += 1

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield answers
    finally:
        over.set()
        asker.join()
