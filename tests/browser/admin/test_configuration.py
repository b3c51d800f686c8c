"""From an empty database to the first share, at the pages: the operator, the administrator, the member, the recipient.

Steps out of order are refused and name the missing step, at the page and in a forged request.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import APIResponse, Browser, expect

from tests.browser.files import noise, sha256
from tests.browser.visitor import SharePage, Visitor
from tests.support.deployment.deployment import Deployment

TORA, ANNE, KARI, OLA = "Odd Bakken", "Anne Myhre", "Kari Lunde", "Ola Nordmann"
NUMBERS = {TORA: "03897214198", ANNE: "26866814820", KARI: "12838514837", OLA: "21879498012"}
MUNICIPALITY = "310240001"
PAPER = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment in which there is nothing but an operator, made at the command line."""
    with Deployment(tmp_path / "deployment", seeded=False) as running:
        command = [sys.executable, "-m", "deldokument.cli.main", "operator", "add", "Tora Drift"]
        subprocess.run(
            command, env=running.environment(), input=f"{NUMBERS[TORA]}\n", text=True, check=True, capture_output=True
        )
        yield running


def post(visitor: Visitor, path: str, **fields: str) -> APIResponse:
    """A form that no page offers now, with the token of the page."""
    token = visitor.page.locator('meta[name="csrf-token"]').get_attribute("content")
    return visitor.context.request.post(path, form={"csrf_token": token or "", **fields}, max_redirects=0)


def publish_texts(tora: Visitor) -> None:
    """All four, at /drift."""
    tora.open("/drift")
    tora.examine()
    while (waiting := tora.page.get_by_role("button", name=re.compile("Publiser versjon"))).count():
        waiting.first.click()
    expect(tora.page.get_by_text("Ikke publisert")).to_have_count(0)


def make_tenant(tora: Visitor) -> str:
    """The municipality with Anne as its administrator; its id."""
    page = tora.page
    tora.open("/drift/ny")
    tora.examine()
    page.get_by_role("button", name="Registrer virksomheten").click()
    expect(page.get_by_role("heading", name="Noe må rettes")).to_be_visible()
    tora.examine()
    page.get_by_label("Organisasjonsnummer").fill(MUNICIPALITY)
    page.get_by_label("Fødselsnummer eller D-nummer").fill(NUMBERS[ANNE])
    page.get_by_label("Navn", exact=True).fill("Anne Myhre")
    page.get_by_label("E-post").fill("post@eksempel.example")
    page.get_by_role("button", name="Registrer virksomheten").click()
    expect(page.get_by_role("heading", name="EKSEMPEL KOMMUNE", level=1)).to_be_visible()
    tora.examine()
    return urlsplit(page.url).path.rpartition("/")[2]


def record_main_agreement(tora: Visitor, tenant_id: str, folder: Path) -> None:
    """The signed paper has come in."""
    paper = folder / "signert.pdf"
    paper.write_bytes(PAPER)
    page = tora.page
    tora.open(f"/drift/kunder/{tenant_id}")
    page.get_by_label("Signert dato").fill("2026-01-15")
    page.get_by_label("Signert av").fill("Liv Moe, kommunedirektør")
    page.get_by_label("Den signerte avtalen").set_input_files(paper)
    page.get_by_role("button", name="Registrer hovedavtalen").click()
    expect(page.get_by_text("signert 15. januar 2026 av Liv Moe")).to_be_visible()
    tora.examine()


def sign(anne: Visitor, base: str) -> None:
    """Read and sign the service agreement, with a new login."""
    page = anne.page
    anne.open(f"{base}/avtaler/tjenesteavtale")
    anne.examine()
    page.get_by_role("link", name="Signer tjenesteavtalen").click()
    anne.examine()
    page.get_by_label("Din stilling eller rolle").fill("Leder for dokumentsenteret")
    page.get_by_role("checkbox", name=re.compile("fullmakt")).check()
    page.get_by_role("button", name="Logg inn og signer").click()
    page.get_by_role("link", name=ANNE).click()
    page.get_by_role("button", name="Logg inn").click()
    expect(page.get_by_role("link", name="Last ned den signerte avtalen")).to_be_visible()
    anne.examine()


def record_assessment(anne: Visitor, base: str) -> None:
    page = anne.page
    anne.open(f"{base}/dpia")
    anne.examine()
    page.get_by_label("Hvem var ansvarlig for vurderingen?").fill("Anne Myhre")
    page.get_by_label("Rolle").fill("Leder for dokumentsenteret")
    page.get_by_label("Når ble den gjort?").fill("2026-01-10")
    page.get_by_label("Lav", exact=True).check()
    page.get_by_role("button", name="Registrer DPIA").click()
    expect(page.get_by_text("10. januar 2026").first).to_be_visible()
    anne.examine()


def test_from_an_empty_database_to_the_first_share(chromium: Browser, empty: Deployment, tmp_path: Path) -> None:
    tora, anne, kari, ola = (Visitor(chromium, empty.url) for _ in range(4))
    for visitor in (tora, anne, kari, ola):
        visitor.context.set_default_timeout(20_000)
    tora.log_in(TORA)
    publish_texts(tora)
    tenant_id = make_tenant(tora)
    base = f"/konfigurasjon/{tenant_id}"

    # Before signing, she can see only the agreements.
    anne.log_in(ANNE, "/konfigurasjon")
    expect(anne.page.get_by_role("heading", name="Avtaler", level=1)).to_be_visible()
    anne.examine()
    assert post(anne, f"{base}/ta-i-bruk").status == 404
    sign(anne, base)

    # Every later step is refused, with a list of what is missing.
    anne.open("/konfigurasjon")
    expect(anne.page.get_by_role("heading", name="Veien til den første delingen")).to_be_visible()
    anne.examine()
    early = post(anne, f"{base}/ta-i-bruk")
    assert early.status == 409
    for missing in ("Hovedavtalen er ikke mottatt", "ikke registrert"):
        assert missing in early.text()
    assert post(anne, f"{base}/kontoer", name="Avtaledokumenter").status == 409
    assert anne.open(f"{base}/kontoer") == 200
    expect(anne.page.get_by_text("Kontoer kan opprettes når virksomheten har tatt tjenesten i bruk")).to_be_visible()
    anne.examine()
    kari.log_in(KARI)
    assert kari.open("/del") == 404
    assert kari.open(base) == 404

    record_main_agreement(tora, tenant_id, tmp_path)
    assert post(anne, f"{base}/ta-i-bruk").status == 409
    record_assessment(anne, base)
    anne.open(base)
    anne.page.get_by_role("button", name="Ta i bruk").click()
    expect(anne.page.get_by_text("Tatt i bruk").first).to_be_visible()
    anne.examine()

    # «Avtaledokumenter» and its first user.
    page = anne.page
    anne.open(f"{base}/kontoer")
    page.get_by_label("Navn").fill("Avtaledokumenter")
    page.get_by_role("button", name="Opprett kontoen").click()
    expect(page.get_by_role("heading", name="Avtaledokumenter", level=1)).to_be_visible()
    anne.examine()
    page.get_by_role("link", name="Se og registrer brukere").click()
    anne.examine()
    page.get_by_label("Fødselsnummer eller D-nummer", exact=True).fill(NUMBERS[KARI])
    page.get_by_label("Navn").fill("Kari Lunde")
    page.get_by_role("button", name="Registrer brukeren").click()
    expect(page.get_by_text("128385 *****")).to_be_visible()
    anne.examine()
    assert anne.open("/del") == 404, "an administrator is no user for that"

    file = noise(tmp_path / "avtale.pdf", 5000)
    link = SharePage(kari).share(file, NUMBERS[OLA])
    ola.log_in(OLA, link)
    while (download := ola.page.get_by_role("link", name="Last ned avtale.pdf")).count() == 0:
        ola.page.reload()
    with ola.page.expect_download() as started:
        download.click()
    started.value.save_as(tmp_path / "fetched")
    assert sha256(tmp_path / "fetched") == sha256(file)
    anne.open(base)
    anne.examine()
    for visitor in (tora, anne, kari, ola):
        visitor.close()
