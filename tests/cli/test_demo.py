"""`deldokument demo` as a newcomer starts it: one command, this machine only, data that stay, a clock that moves."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.simulators.common.cast import load_cast
from tests.support.deployment.simulators import log_in
from tests.support.servers.ports import listening_at

# The command keeps everything in files.
pytestmark = pytest.mark.embedded

LOOPBACK = "127.0.0.1"
SCREEN_LINES = 32
AHEAD = "Klokken går"
BANNER = "Dette er en demo"
_TOKEN = re.compile(r'name="demo_token" value="([^"]+)"')
_CSRF = re.compile(r'<meta name="csrf-token" content="([^"]+)">')


class Demo:
    """A running demo and what it printed before it answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.printed = ""
        self.open: list[httpx.Client] = []

    def browser(self, person: str | None = None) -> httpx.Client:
        """A browser, logged in through the simulated ID-porten when a person is named."""
        browser = httpx.Client(base_url=self.url, timeout=30)
        self.open.append(browser)
        if person is not None:
            back = log_in(browser, browser.get("/logg-inn").headers["location"], person=person)
            assert browser.get(back).status_code == 303
        return browser


@contextmanager
def running(
    data: Path, port: int, end: signal.Signals = signal.SIGINT, environment: Mapping[str, str] | None = None
) -> Iterator[Demo]:
    """The demo until the end of the block, then interrupted as with Ctrl-C or ended as said; no process is left."""
    command = [sys.executable, "-u", "-m", "deldokument.cli.main", "demo", "--port", str(port), "--data", str(data)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DELDOKUMENT_")}
    log = data.with_suffix(".log").open("a")
    process = subprocess.Popen(
        command,
        env={**kept, "COLUMNS": "120", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    children: list[str] = []
    demo = Demo(f"http://127.0.0.1:{port}")
    try:
        demo.printed = _until_it_serves(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 7
        yield demo
    finally:
        for browser in demo.open:
            browser.close()
        process.send_signal(end)
        process.communicate(timeout=30)
        log.close()
    assert [child for child in children if Path(f"/proc/{child}").exists()] == []


def _until_it_serves(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "Stop with Ctrl-C" in line:
            return printed
    raise AssertionError(f"the demo ended: {printed}")


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "data"


def test_the_demo_shows_its_cast_keeps_its_data_and_leaves_no_process(data: Path, port: int) -> None:
    elsewhere = data.parent / "production.sqlite3"
    with running(data, port, environment=production(elsewhere)) as demo:
        everybody_is_printed(demo)
        a_newcomer_sees_it_all_on_one_screen(demo, data)
        the_printed_command_shares_a_file(demo)
        every_page_says_that_it_is_a_demo(demo)
        only_this_machine_is_served(demo, port)
        the_municipality_has_signed(demo)
        the_leader_and_not_the_data_protection_officer_answers_for_the_assessment(demo)
        its_own_login_is_in_its_name(demo)
        link = create_draft(demo)
        the_clock_moves_with_its_token_only(demo)
    assert not elsewhere.exists()
    with running(data, port, signal.SIGTERM) as again:
        everybody_is_printed(again)
        assert again.browser("Kari Lunde").get(link).status_code == 200
        assert AHEAD in again.browser().get("/demo").text
    assert_nothing_is_left_running(port)


def production(database: Path) -> dict[str, str]:
    """The settings of a deployment in the same environment."""
    settings = {
        "DATABASE_URL": f"sqlite:///{database}",
        "HOST": "0.0.0.0",
        "BLOBS_S3_ENDPOINT": "https://s3.example",
        "BLOBS_S3_BUCKET": "production",
        "BLOBS_S3_ACCESS_KEY_ID": "production",
        "BLOBS_S3_SECRET_ACCESS_KEY": "secret",
        "KEYRING": "postgresql",
        "KEYRING_DATABASE_URL": "postgresql://keys.example/production",
    }
    return {f"DELDOKUMENT_{name}": value for name, value in settings.items()}


def everybody_is_printed(demo: Demo) -> None:
    cast = load_cast()
    assert demo.url in demo.printed
    for person in cast.people:
        assert person.name in demo.printed
        assert person.identifier in demo.printed
    shown = demo.browser().get("/demo").text
    for organization in cast.organizations:
        assert organization.number in shown


def a_newcomer_sees_it_all_on_one_screen(demo: Demo, data: Path) -> None:
    assert len(demo.printed.splitlines()) <= SCREEN_LINES
    assert "alembic" not in data.with_suffix(".log").read_text()


def the_printed_command_shares_a_file(demo: Demo) -> None:
    command = next(line for line in demo.printed.splitlines() if line.startswith("DELDOKUMENT_CLIENT_CONFIG="))
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{demo.url}/d/")


def the_municipality_has_signed(demo: Demo) -> None:
    anne = demo.browser("Anne Myhre")
    agreements = anne.get("/konfigurasjon").headers["location"] + "/avtaler"
    page = anne.get(agreements).text
    papers = re.findall(r'href="([^"]+/(?:kopi|signert)\.pdf)"', page)
    assert len(papers) == 2
    for paper in papers:
        assert anne.get(paper).content.startswith(b"%PDF-")
    newest = PackageLibrary().versions(AgreementKind.SERVICE)[-1]
    assert f"<dt>Signert versjon</dt><dd>{newest}</dd>" in page
    assert "Du trenger ikke å gjøre noe." in page


def the_leader_and_not_the_data_protection_officer_answers_for_the_assessment(demo: Demo) -> None:
    anne = demo.browser("Anne Myhre")
    assessed = anne.get(anne.get("/konfigurasjon").headers["location"] + "/dpia").text
    responsible = re.findall(r"<dt>Av</dt><dd>([^<]+)</dd>", assessed)
    assert responsible == ["Anne Myhre, Kommunedirektør"]


def its_own_login_is_in_its_name(demo: Demo) -> None:
    """Signed in its name as well: the login that confirmed the signature would not have begun otherwise."""
    for path, named in (("/logg-inn?for=310240001", True), ("/logg-inn", False)):
        login = httpx.get(demo.browser().get(path).headers["location"]).text
        assert ("På vegne av eksempel_kommune" in login) == named


def every_page_says_that_it_is_a_demo(demo: Demo) -> None:
    nobody, kari = demo.browser(), demo.browser("Kari Lunde")
    for browser, path in [
        (nobody, "/"), (nobody, "/demo"), (nobody, "/kontakt"), (nobody, "/personvern"), (nobody, "/tilgjengelighet"),
        (nobody, "/d/AAAAAAAAAAAAAAAAAAAAAA"), (nobody, "/finnes-ikke"), (nobody, "/logget-ut"),
        (nobody, "/logg-inn/svar"), (kari, "/"), (kari, "/del"), (kari, "/delinger"), (kari, "/mine"),
        (kari, "/d/AAAAAAAAAAAAAAAAAAAAAA"), (kari, "/logget-inn"),
    ]:  # fmt: skip
        page = browser.get(path)
        assert BANNER in page.text, path
        assert 'href="/demo"' in page.text


def only_this_machine_is_served(demo: Demo, port: int) -> None:
    provider = httpx.URL(demo.browser().get("/logg-inn").headers["location"])
    health = httpx.URL(re.findall(r"http\S+/helse/klar", demo.printed)[0])
    assert httpx.get(health).text == "ok"
    for other in (provider, health):
        assert other.host == LOOPBACK
        assert listening_at(other.port or 0) == {LOOPBACK}
    assert listening_at(port) == {LOOPBACK}
    assert demo.browser().get("/helse/klar").status_code == 404


def create_draft(demo: Demo) -> str:
    """Kari's draft with Ola in it; returns its page."""
    kari = demo.browser("Kari Lunde")
    page = kari.get("/del").text
    found = _CSRF.search(page)
    account = re.search(r'<option value="([^"]+)">', page)
    assert found
    assert account
    headers = {"X-CSRF-Token": found[1]}
    draft = kari.post("/del/utkast", json={"account_id": account[1]}, headers=headers).json()["draft"]["id"]
    answer = kari.post(f"/del/utkast/{draft}/mottakere", json={"text": "21879498012 312824450"}, headers=headers)
    assert [r["name"] for r in answer.json()["draft"]["recipients"]] == [None, "FJELL AS"]
    return f"/delinger/{draft}"


def the_clock_moves_with_its_token_only(demo: Demo) -> None:
    browser, kari = demo.browser(), demo.browser("Kari Lunde")
    page = browser.get("/demo").text
    found = _TOKEN.search(page)
    assert found
    for token in ("", "x", found[1][:-1]):
        assert browser.post("/demo/klokke", data={"demo_token": token, "hours": "1"}).status_code == 403
    assert browser.post("/demo/klokke", data={"demo_token": found[1], "hours": "-1"}).status_code == 422
    assert AHEAD not in browser.get("/demo").text
    moved = browser.post("/demo/klokke", data={"demo_token": found[1], "hours": "1"})
    assert (moved.status_code, moved.headers["location"]) == (303, "/demo")
    assert AHEAD in browser.get("/demo").text
    assert kari.get("/mine").status_code == 303


def assert_nothing_is_left_running(port: int) -> None:
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port), timeout=5):
        pass
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_in_use_is_reported_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "deldokument.cli.main", "demo", "--port", str(taken.getsockname()[1])]
        done = subprocess.run([*command, "--data", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "in use" in done.stderr


def test_the_demo_without_its_extra_packages_names_the_command_that_installs_them(tmp_path: Path) -> None:
    program = "import sys; sys.modules['aiosmtpd'] = None; from deldokument.cli.entry import main; main()"
    command = [sys.executable, "-c", program, "demo", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'deldokument[demo]'" in done.stderr
    assert not (tmp_path / "data").exists()
