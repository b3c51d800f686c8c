"""A malware scanner at work: what sharer and recipient see of each verdict, and what the report says afterwards."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Browser, expect

from deldokument.adapters.scan_samples import ENCRYPTED_ARCHIVE, TEST_VIRUS
from deldokument.domain.errors import existing
from tests.browser.files import noise
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import SharePage, Visitor
from tests.support.bulk.sample_files import text_of
from tests.support.deployment.deployment import KARI, OLA, OLA_NUMBER, Deployment, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.clamd import running_clamd

CLEAN, LARGE, LOCKED = "Vedtak.txt", "Opptak fra befaringen.bin", "Lønnsslipper.zip"
WAITING = "Venter på viruskontroll"


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """With a scanner that takes files of 1 MB at most, of an operator that holds what has a password."""
    with folder_in_memory() as folder, running_clamd(folder / "clamd", MaxFileSize="1M") as clamd:
        settings = {"scanner_url": f"unix://{clamd.socket}", "scan_policy": "encrypted=held"}
        with Deployment(folder / "del", settings=settings) as running:
            yield running


def written(path: Path, content: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(content)
    return path


def meet_malware(kari: Visitor, form: SharePage, folder: Path) -> None:
    """Fill in the form with an infected file, be refused, and remove it."""
    page = kari.page
    form.open()
    form.choose(written(folder / "Faktura.com", TEST_VIRUS))
    form.add(OLA_NUMBER)
    expect(form.file("Faktura.com")).to_contain_text("Lastet opp")
    page.get_by_label("Tittel").fill("Vedtak og grunnlag")
    form.confirm_all()
    expect(page.get_by_text("Utkastet er lagret")).to_be_visible()
    draft = form.draft_path
    finding = page.get_by_text("Det er funnet et virus (Test.EICAR")
    kari.open(draft.replace("/del?utkast=", "/delinger/"))
    kari.reload_until(finding)
    kari.examine()
    kari.open(draft)
    # The ticks are kept too: otherwise the share could not be published at the end.
    expect(form.rows("De som kan åpne delingen").get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_label("Originalene er arkivert")).to_be_checked()
    expect(finding).to_be_visible()
    expect(form.file("Faktura.com")).to_contain_text("Virus funnet")
    page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(page.locator("ds-error-summary")).to_contain_text("Fjern Faktura.com, som har virus")
    kari.examine()
    form.file("Faktura.com").get_by_role("button", name="Fjern").click()
    expect(form.file("Faktura.com")).to_have_count(0)
    expect(finding).to_be_hidden()


def confirm_the_warning(ola: Visitor) -> None:
    """By the keyboard: read the warning about the large file, and download it all the same."""
    keys = Keyboard(ola.page)
    keys.tab_to(f"Last ned med advarsel {LARGE}")
    keys.press("Enter")
    ola.examine()
    keys.tab_to(f"Jeg forstår, last ned likevel {LARGE}")
    with ola.page.expect_download() as download:
        keys.press("Enter")
    assert download.value.path().stat().st_size == 2_000_000


def read_the_report(kari: Visitor, folder: Path) -> str:
    """Download the sealed PDF that the page links to; its text."""
    path = kari.page.get_by_role("link", name="Rapport som PDF").get_attribute("href")
    answers = list[APIResponse]()

    def is_sealed() -> bool:
        answers.append(kari.context.request.get(existing(path), timeout=120_000))
        return answers[-1].ok

    # The worker's first seal takes a moment; until then the service answers that the client should retry.
    wait_until(is_sealed, 120, "the report was not sealed")
    pdf = written(folder / "rapport.pdf", answers[-1].body())
    output = subprocess.run(["pdfsig", "-nocert", str(pdf)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in output
    assert "Total document signed" in output
    return " ".join(text_of(pdf.read_bytes()).split())


@pytest.mark.timeout(400)
def test_sharer_and_recipient_see_verdicts_and_unexamined_documents(
    chromium: Browser, deployment: Deployment, tmp_path: Path
) -> None:
    kari, ola = Visitor(chromium, deployment.url), Visitor(chromium, deployment.url)
    kari.enter(KARI)
    form = SharePage(kari)
    meet_malware(kari, form, tmp_path)
    deployment.stop_worker()
    form.choose(
        written(tmp_path / CLEAN, b"vedtak"),
        noise(tmp_path / LARGE, 2_000_000),
        written(tmp_path / LOCKED, ENCRYPTED_ARCHIVE),
    )
    link = form.publish().removeprefix(deployment.url)
    share_path = link.replace("/d/", "/delinger/")
    ola.enter(OLA, link)
    expect(ola.page.get_by_text(WAITING)).to_have_count(3)
    ola.examine()
    kari.open(share_path)
    expect(kari.page.get_by_text(WAITING)).to_have_count(3)
    kari.examine()
    deployment.start_worker()
    ola.open_checked(link)
    for words in ("Kontrollert for virus, ingenting funnet", "Avsenderen avgjør om du kan laste det ned."):
        expect(ola.page.get_by_text(words)).to_be_visible()
    confirm_the_warning(ola)
    kari.open(share_path)
    expect(kari.page.get_by_text("Mottakerne får ingenting før en bruker på kontoen slipper det fri.")).to_be_visible()
    kari.examine()
    keys = Keyboard(kari.page)
    keys.tab_to("Slipp fri")
    keys.press("Enter")
    expect(kari.page.get_by_text("Sluppet fri. Mottakerne må bekrefte en advarsel først.")).to_be_visible()
    # The focus continues after the documents, not at the top of the page.
    keys.press("Tab")
    expect(kari.page.locator("#documents :focus")).to_have_count(1)
    ola.open(link)
    expect(ola.page.get_by_text("Last ned med advarsel").first).to_be_visible()
    ola.examine()
    ola.reload_until(ola.page.get_by_text("Du hentet hele filen"))
    report = read_the_report(kari, tmp_path)
    for words in (
        "Vedtak og grunnlag",
        "Ingenting funnet",
        "For stort til å kontrolleres",
        "Har passord, ikke kontrollert",
    ):
        assert words in report
    kari.close()
    ola.close()
