"""Sharing and receiving in Firefox and WebKit, though the connection breaks on the way up and on the way down."""

from pathlib import Path

import pytest

from tests.browser.demo import Demo
from tests.browser.driver import PATIENCE_SECONDS, Driver
from tests.browser.files import noise, sha256
from tests.browser.firefox import Firefox
from tests.browser.network import Network
from tests.browser.webkit import WebKit
from tests.support.deployment.deployment import wait_until

pytestmark = [pytest.mark.large, pytest.mark.timeout(900)]
KARI, OLA = "12838514837", "21879498012"
LENGTH = 40_000_000
_SLOW = 4_000_000


def log_in(window: Driver, number: str) -> None:
    """From the page's own link, at the simulated ID-porten."""
    window.press("link", "Logg inn med ID-porten")
    window.fill("Fødselsnummer", number)
    window.press("button", "Logg inn")
    window.wait_for("Logg ut")


def share_through_a_cut(window: Driver, network: Network, file: Path) -> str:
    """Share a file whose upload breaks a third or more on its way, and goes on from there; the link."""
    window.press("link", "Del dokumenter")
    window.wait_for("Alle slags filer")
    network.slow(_SLOW)
    window.choose_file("#files", file)
    window.wait_for(r"[3-9]\d %")
    network.cut()
    window.wait_for("Det som er lastet opp, er trygt")
    network.mend()
    window.fill("Mottakere", OLA)
    window.press("button", "Legg til")
    window.press("checkbox", "Jeg har kontrollert nummeret 218794 *****")
    window.fill("Tittel (valgfritt)", "Vedtak")
    window.press("checkbox", "Originalene er arkivert")
    window.press("button", "Del dokument")
    window.wait_for("Delingen er klar")
    assert network.sent < LENGTH * 7 // 8, "the upload began again from the start"
    return str(window.evaluate("document.querySelector('#share-link').innerText"))


def receive_through_a_cut(window: Driver, network: Network, file: Path) -> Path:
    """Download the file; the connection breaks after a quarter, and the browser goes on as it can."""
    network.cut_after(LENGTH // 4)
    window.press("link", f"Last ned {file.name}")
    network.wait_until_cut()
    saved = window.downloads / file.name
    assert not saved.exists() or saved.stat().st_size < LENGTH
    network.mend()
    if isinstance(window, Firefox):
        window.resume_download()
    else:
        window.press("link", f"Last ned {file.name}")
    wait_until(
        lambda: saved.exists() and saved.stat().st_size == LENGTH, PATIENCE_SECONDS, f"{saved} was never complete"
    )
    assert not isinstance(window, Firefox) or network.received < LENGTH * 7 // 8, "the download began again"
    return saved


@pytest.mark.parametrize("browser", [Firefox, WebKit])
def test_a_file_is_shared_and_received_though_both_connections_break(
    browser: type[Firefox | WebKit], demo: Demo, network: Network, tmp_path: Path
) -> None:
    file = noise(tmp_path / "plan.bin", LENGTH)
    folder = tmp_path / "browser"
    folder.mkdir()
    with browser(folder, network.address) as window:
        window.open(f"{demo.url}/sprak/nb?neste=/")
        log_in(window, KARI)
        link = share_through_a_cut(window, network, file)
        window.press("button", "Logg ut")
        # On the last of the pages through which logging out leads.
        window.wait_for("Logg inn med ID-porten")

        window.open(link)
        log_in(window, OLA)
        assert sha256(receive_through_a_cut(window, network, file)) == sha256(file)
        window.open(link)
        window.press("button", "Jeg har fått dokumentene")
        window.wait_for("Bekreftet av deg")
