"""The host on which the commands of docs/containers.md are typed, as they stand."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Locator, expect

from deldokument.bootstrap.runtime import Runtime, build_runtime
from deldokument.config.settings import load_settings
from tests.architecture.rules import ROOT
from tests.browser.visitor import SharePage, Visitor
from tests.support.deployment.deployment import wait_until
from tests.support.deployment.machine_setup import KEYS, serves
from tests.support.deployment.operating_page import fenced, section
from tests.support.servers.podman import Podman

START, BOOT, OPERATE, WITH_OPENBAO, ADMINISTER, WATCH, SCAN, BACK_UP, RESTORE, CERTIFY, UPDATE, UPGRADE = fenced(
    section("The whole service on one host", (ROOT / "docs/containers.md").read_text("utf-8")), "bash"
)
BOOT_UNIT = Path("/usr/lib/systemd/system/podman-restart.service")
DATABASES, NODES = ("database", "keyring"), ("serve-1", "serve-2")
RUNNING = (*DATABASES, *NODES, "worker", "proxy")
USERS = {"10001:10001", "10002:10002", "10003:10003"}
KARI, OLA = "12838514837", "21879498012"


def typed(host: Podman, block: str) -> str:
    """What a block of the page prints, with another folder for the deployment."""
    return host.run(block.replace("/srv/deldokument", f"{host.folder}/srv"))


def operate(host: Podman, commands: str) -> str:
    """What the operator's commands print, in a container as the page says."""
    return typed(host, OPERATE.replace("del doctor", commands))


@contextmanager
def opened(host: Podman) -> Iterator[Runtime]:
    """The deployment, past its containers: with the owner's secrets, and through the databases' sockets."""
    srv = host.folder / "srv"
    lines = [line for line in (srv / "env").read_text().splitlines() if line.startswith("DELDOKUMENT_")]
    lines += [f"{secret.name}={secret.read_text().strip()}" for secret in (srv / "secrets/del").iterdir()]
    given = {name.removeprefix("DELDOKUMENT_").lower(): value for name, _, value in (x.partition("=") for x in lines)}
    for name, value in given.items():
        given[name] = value.replace(KEYS, f"{srv}/keys").replace("host=/run/", f"host={srv}/run/")
    with closing(build_runtime(load_settings(**given, data_dir=srv / "data"))) as node:
        yield node


def has_recovered(host: Podman, browser: httpx.Client) -> None:
    """Wait until the service serves, and the doctor finds nothing critical."""
    serves(browser)
    wait_until(lambda: "CRITICAL" not in operate(host, "del doctor || true"), 120, "no worker")


def inspected(host: Podman, field: str, services: tuple[str, ...] = RUNNING) -> list[str]:
    """A field of each container."""
    names = " ".join(f"deldokument_{service}_1" for service in services)
    return host.run(f"podman inspect --format '{{{{{field}}}}}' {names}").split()


def assert_confined(host: Podman, services: tuple[str, ...], users: set[str]) -> None:
    assert set(inspected(host, ".Config.User", services)) == users
    assert set(inspected(host, ".HostConfig.ReadonlyRootfs", services)) == {"true"}
    assert set(inspected(host, ".EffectiveCaps", services)) == {"[]"}


def start_with_the_host(host: Podman) -> None:
    """Stop and start by the commands of the unit that the page enables: there is no systemd here."""
    assert f"systemctl enable {BOOT_UNIT.name}\n" == BOOT
    of_unit = dict(line.split("=", 1) for line in BOOT_UNIT.read_text("utf-8").splitlines() if "=" in line)
    stop, start = (of_unit[name].replace("/usr/bin/podman", "podman") for name in ("ExecStop", "ExecStart"))
    host.run(f"LOGGING=--log-level=info; {stop}")
    assert host.run("podman ps --quiet") == ""
    host.run(f"LOGGING=--log-level=info; {start}")


def published(form: SharePage) -> str:
    """The path of the link, when the share with its uploaded file has been published to Ola."""
    form.add(OLA)
    expect(form.recipient("218794")).to_be_visible()
    form.confirm_all()
    return form.publish().removeprefix(form.visitor.url)


def link_to(ola: Visitor, path: str, file: Path) -> Locator:
    """The link of the document on the share's page."""
    ola.log_in("Ola Nordmann", path)
    # The page renews itself when the documents are ready.
    expect(ola.page.get_by_text("Gjøres klart")).to_have_count(0)
    return ola.page.get_by_role("link", name=f"Last ned {file.name}")


def downloaded(visitor: Visitor, link: Locator) -> Path:
    """The document, as the browser has stored it."""
    with visitor.page.expect_download() as started:
        link.click()
    return started.value.path()
