"""«Varsler til meg»: from the front page to a letter about a download, with axe on every page met."""

import re
import secrets
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.visitor import SharePage, Visit, Visitor
from tests.support.deployment.deployment import wait_until

OLA = "21879498012"


class Post:
    """What the demo's mail server has taken, found as a newcomer finds it: by the link on the demo's page."""

    def __init__(self, visitor: Visitor) -> None:
        visitor.open("/demo")
        link = visitor.page.get_by_role("link", name="E-post til dem som deler og administrerer")
        self.url = link.get_attribute("href") or ""
        visitor.examine()

    def letters(self, address: str) -> list[dict[str, Any]]:
        """Those to one address."""
        return [letter for letter in httpx.get(f"{self.url}/letters").json() if letter["to"] == address]

    def wait_for(self, address: str, count: int) -> dict[str, Any]:
        """The last letter to an address, when so many have come."""
        wait_until(lambda: len(self.letters(address)) >= count, 60, "no letter came")
        return self.letters(address)[count - 1]


def code_in(letter: dict[str, Any]) -> str:
    found = re.search(r"\b\d{8}\b", letter["text"])
    assert found
    return found.group()


def test_kari_gets_an_e_mail_when_ola_has_downloaded(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    address = f"kari.{secrets.token_hex(4)}@eksempel.example"
    kari = visit("Kari Lunde")
    page, post = kari.page, Post(kari)
    kari.open("/")
    page.get_by_role("link", name="Varsler til meg").click()
    expect(page.get_by_role("heading", name="Varsler til meg")).to_be_visible()
    kari.examine()

    # An error is shown at its field, and the summary has the focus.
    page.get_by_label("adresse").fill("kari")
    page.get_by_role("button", name="Send meg en kode").click()
    expect(page.get_by_role("link", name="E-postadressen er ikke fullstendig.")).to_be_visible()
    kari.examine()
    page.get_by_label("adresse").fill(address)
    page.get_by_role("button", name="Send meg en kode").click()
    expect(page.get_by_text("Vi har sendt deg en kode.")).to_be_visible()
    expect(page.get_by_text(address)).to_be_visible()
    kari.examine()

    letter = post.wait_for(address, 1)
    assert letter["subject"] == "Kode fra Del dokument"
    assert f"{demo.url}/varsler" in letter["text"]
    page.get_by_label("Koden").fill("1")
    page.get_by_role("button", name="Bekreft adressen").click()
    expect(page.get_by_role("link", name="Feil kode.")).to_be_visible()
    kari.examine()
    page.get_by_label("Koden").fill(code_in(letter))
    page.get_by_role("button", name="Bekreft adressen").click()
    expect(page.get_by_text("Adressen er bekreftet.")).to_be_visible()
    kari.examine()

    page.get_by_label("En deling utløper om tre dager").uncheck()
    page.get_by_label("Språket i e-postene").select_option("Nynorsk")
    page.get_by_role("button", name="Lagre valgene").click()
    expect(page.get_by_text("Endringene er lagret.")).to_be_visible()
    expect(page.get_by_label("En deling utløper om tre dager")).not_to_be_checked()

    path = SharePage(kari).share(noise(tmp_path / "hemmelig vedtak.pdf", 20_000), OLA, title="Barnevernssak")
    kari.open(path.replace("/d/", "/delinger/") + "/delt")
    expect(page.get_by_text(f"Du får e-post til {address} når en mottaker har hentet noe.")).to_be_visible()
    kari.examine()
    ola = visit("Ola Nordmann")
    ola.open_checked(path)
    with ola.page.expect_download() as started:
        ola.page.get_by_role("link", name="Last ned hemmelig vedtak.pdf").click()
    started.value.save_as(tmp_path / "fetched.pdf")
    letter = post.wait_for(address, 2)
    assert letter["subject"] == "Ein mottakar har henta eit dokument"
    share_path = path.replace("/d/", "/delinger/")
    assert f"{demo.url}{share_path}\n" in letter["text"]
    assert not re.search("hemmelig|Barnevern|Ola|218794", letter["text"])
    kari.open(share_path)
    expect(page.get_by_role("heading", name="Barnevernssak")).to_be_visible()

    # The demo shows what was sent on a page of its own.
    reader = visit()
    reader.page.goto(post.url)
    expect(reader.page.get_by_text(address).first).to_be_visible()
    reader.examine()

    kari.open("/varsler")
    page.get_by_role("button", name="Fjern adressen").click()
    expect(page.get_by_text("Adressen er fjernet.")).to_be_visible()
    expect(page.get_by_text(address)).to_have_count(0)
