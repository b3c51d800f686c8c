"""The whole service on one host with its keyring in OpenBao, by the commands of docs/containers.md as they stand."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.browser.files import noise, sha256
from tests.browser.visitor import SharePage, Visitor
from tests.large.compose.composed import (
    NODES,
    OLA,
    RUNNING,
    USERS,
    WITH_OPENBAO,
    assert_confined,
    downloaded,
    has_recovered,
    link_to,
    operate,
    start_with_the_host,
)
from tests.support.machine_setup import serves
from tests.support.podman import Podman

# The tests open the deployment from outside of its containers, too: OpenBao has an address.
pytestmark = [pytest.mark.large, pytest.mark.timeout(3600), pytest.mark.allow_hosts(["127.0.0.1", "10.89.30.13"])]
PREPARE = WITH_OPENBAO
"""Read by the fixture ``host``."""


def test_two_commands_lead_to_a_service_in_which_nothing_is_missing(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    has_recovered(host, browser)
    assert_confined(host, RUNNING, USERS)
    host.run("podman healthcheck run deldokument_keyring_1")
    assert "postgres" not in host.run("podman top deldokument_keyring_1 args")


def test_openbao_gives_its_clients_no_more_than_the_keyring(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    logged_in = (
        "BAO_TOKEN=$(bao write -field=token auth/approle/login"
        " role_id=@/etc/openbao/role-id secret_id=@/etc/openbao/secret-id) bao"
    )
    tried = "podman exec deldokument_keyring_1 sh -euc '{} 2>&1 || echo refused'"
    assert "refused" not in host.run(tried.format(f"{logged_in} read deldokument/data/root"))
    for command in ("secrets list", "policy list", "write -f auth/approle/role/deldokument/secret-id"):
        assert "permission denied" in host.run(tried.format(f"{logged_in} {command}"))
    assert "refused" in host.run(tried.format("bao operator generate-root -init"))


@pytest.mark.usefixtures("account")
def test_what_was_shared_is_received_after_the_host_has_started_again(
    host: Podman, browser: httpx.Client, people: list[Visitor], tmp_path: Path
) -> None:
    serves(browser)
    kari, ola = people
    file = noise(tmp_path / "tegninger.bin", 1_000_000)
    kari.log_in("Kari Lunde")
    path = SharePage(kari).share(file, OLA)
    start_with_the_host(host)
    has_recovered(host, browser)
    assert "keys re-encrypted" in operate(host, "del keys rotate-root")
    host.run(f"podman restart {' '.join(f'deldokument_{service}_1' for service in (*NODES, 'worker'))}")
    has_recovered(host, browser)
    assert sha256(downloaded(ola, link_to(ola, path, file))) == sha256(file)
