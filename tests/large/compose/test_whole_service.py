"""The whole service on one host, by the commands of docs/containers.md as they stand."""

import json
import os
import re
import signal
import stat
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import CDPSession, expect

from deldokument import __version__
from deldokument.bootstrap.runtime import Runtime
from deldokument.domain.errors import existing
from tests.browser.files import noise, sha256
from tests.browser.network import Sent, assert_gone_on, uploads_of
from tests.browser.visitor import SharePage, Visitor
from tests.large.compose.composed import (
    BACK_UP,
    CERTIFY,
    DATABASES,
    NODES,
    OLA,
    OPERATE,
    RESTORE,
    RUNNING,
    SCAN,
    UPDATE,
    UPGRADE,
    USERS,
    WATCH,
    assert_confined,
    downloaded,
    has_recovered,
    inspected,
    link_to,
    opened,
    operate,
    published,
    start_with_the_host,
    typed,
)
from tests.support.deployment.deployment import wait_until
from tests.support.deployment.machine_setup import HOST, serves
from tests.support.deployment.operating_page import section
from tests.support.servers.clamd import write_signatures
from tests.support.servers.podman import Podman

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

LENGTH = 80_000_000
_ADDRESS = "(index .NetworkSettings.Networks `deldokument_inside`).IPAddress"
_PIECE, _UNLIMITED = 64 * 1024, -1


def test_two_commands_lead_to_a_login_page_over_tls(browser: httpx.Client) -> None:
    serves(browser)
    assert "Logg inn" in browser.get("/").text
    unencrypted = httpx.get("http://127.0.0.1/", headers={"Host": HOST})
    assert (unencrypted.status_code, unencrypted.headers["location"]) == (308, f"https://{HOST}/")


def test_no_container_has_root_a_capability_or_a_writable_root_filesystem(host: Podman) -> None:
    assert_confined(host, RUNNING, USERS)


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
        listener = (host.folder / f"srv/run/serve/{number}.sock").stat()
        assert (stat.S_IMODE(listener.st_mode), listener.st_uid, listener.st_gid) == (0o660, 10001, 10003)


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


def offset_of(node: Runtime, upload: str) -> int:
    """How much of an upload is stored."""
    with node.deps.database.read() as tx:
        return existing(tx.uploads.get(upload)).offset


def limit_rate(network: CDPSession, bytes_per_second: int) -> None:
    """Limit what the page sends, from now on."""
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    network.send("Network.emulateNetworkConditions", limits)


def assert_kept(stored: dict[str, int], after: list[Sent]) -> None:
    """No HEAD response gives a lower offset than was stored when the nodes were killed."""
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
    operate(host, "del audit restored --confirm && del audit verify")
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


def test_the_sbom_of_the_services_names_exactly_the_packages_in_their_image(host: Podman) -> None:
    listed = host.run("podman exec deldokument_proxy_1 dpkg-query --show --showformat='${Package}=${Version}\n'")
    document = json.loads((host.folder / "srv/services.cdx.json").read_text("utf-8"))
    assert {f"{one['name']}={one['version']}" for one in document["components"]} == set(listed.split())


@pytest.mark.usefixtures("account")
def test_an_upgrade_refuses_no_request_and_running_transfers_go_on_afterwards(
    host: Podman, browser: httpx.Client, people: list[Visitor], tmp_path: Path
) -> None:
    """To the same program by another name."""
    host.run(f"podman tag localhost/deldokument:{__version__} {(newer := 'localhost/deldokument:1.0.1')}")
    host.run(f"podman save --quiet --format oci-archive --output deldokument-1.0.1-image.tar {newer}")
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
    # Both transfers outlast the upgrade: they are throttled until its end.
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
    assert {image.rpartition(":")[2] for image in inspected(host, ".ImageName", (*NODES, "worker"))} == {"1.0.1"}
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
