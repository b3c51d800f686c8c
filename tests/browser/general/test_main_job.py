"""The main job from end to end: files to a person and an organisation until it is over, with axe on every page met."""

import re
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.files import noise, sha256, sha256_in_zip
from tests.browser.network import Network, assert_gone_on, uploads_of
from tests.browser.visitor import SharePage, Visit, Visitor

OLA, FJELL = "218794 98012", "312 824 450"
LARGE = 80_000_000


def download(page: Page, name: str, folder: Path) -> Path:
    """Follow a download's link; the file as the browser saved it, under the name that it was given."""
    with page.expect_download() as started:
        page.get_by_role("link", name=name).click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def share_through_an_interruption(kari: Visitor, network: Network, small: Path, large: Path, tomorrow: date) -> str:
    """Fill in the form while the large file goes up, is cut off at a tenth and goes on; the link."""
    page, form, uploads = kari.page, SharePage(kari), uploads_of(kari.page)
    form.open()
    network.slow(4_000_000)
    form.choose(small)
    expect(form.file(small.name)).to_contain_text("Lastet opp", timeout=60_000)
    done = {sent.url for sent in uploads}
    form.choose(large)
    expect(form.file(large.name)).to_contain_text("Lastes opp")
    expect(form.file(large.name)).to_contain_text(re.compile(r"[1-9]\d %"))
    network.cut()
    expect(form.file(large.name)).to_contain_text("Forbindelsen ble brutt")
    kari.examine()
    network.mend()
    form.add(OLA, FJELL)
    expect(form.recipient("FJELL AS")).to_be_visible()
    page.get_by_label("Tilgjengelig til").fill(tomorrow.isoformat())
    page.get_by_label("Tittel").fill("Vedtak i byggesak")
    page.get_by_label("Melding").fill("Her er vedtaket med tegninger.")
    form.confirm_all()
    kari.examine()
    link = form.publish()
    assert_gone_on([sent for sent in uploads if sent.url not in done], LARGE)
    return link


def withdraw(kari: Visitor) -> None:
    """«Trekk tilbake delingen», on the page of a share."""
    kari.page.get_by_role("button", name="Trekk tilbake delingen").click()
    dialog = kari.page.get_by_role("dialog", name="Trekke tilbake delingen?")
    expect(dialog.get_by_role("button", name="Behold delingen")).to_be_focused()
    kari.examine()
    dialog.get_by_role("button", name="Trekk tilbake delingen").click()
    expect(kari.page.get_by_text("Trukket tilbake", exact=True)).to_be_visible()


def test_a_share_of_kari_reaches_only_ola_and_per_and_ends(
    visit: Visit, demo: Demo, network: Network, tmp_path: Path
) -> None:
    small, large = noise(tmp_path / "vedtak æøå.pdf", 5000), noise(tmp_path / "tegninger.bin", LARGE)
    sums = {file.name: sha256(file) for file in (small, large)}
    kari = visit(proxy=network.proxy)
    kari.log_in("Kari Lunde")
    kari.examine()
    tomorrow = (demo.now() + timedelta(days=1)).date()
    link = share_through_an_interruption(kari, network, small, large, tomorrow)
    path = link.removeprefix(demo.url)
    assert link.startswith(f"{demo.url}/d/")
    kari.examine()

    # Before login, the link explains the service and reveals nothing about the share.
    ola = visit()
    assert ola.open(path) == 200
    ola.examine()
    expect(ola.page.get_by_text("Vedtak i byggesak")).to_have_count(0)
    ola.page.get_by_role("link", name="Logg inn med ID-porten").click()
    ola.choose_person("Ola Nordmann")
    # The page reloads itself when the documents are ready.
    expect(ola.page.get_by_text("Gjøres klart")).to_have_count(0, timeout=60_000)
    expect(ola.page.get_by_role("heading", name="Vedtak i byggesak")).to_be_visible()
    ola.examine()
    for name, expected in sums.items():
        got = download(ola.page, f"Last ned {name}", tmp_path / "ola")
        assert (got.name, sha256(got)) == (name, expected)
    ola.reload_until(ola.page.get_by_text("Du hentet hele filen"), 2)
    ola.examine()
    ola.page.get_by_role("button", name="Jeg har fått dokumentene").click()
    expect(ola.page.get_by_text("Bekreftet av deg")).to_have_count(2)
    ola.examine()
    ola.open("/mine")
    expect(ola.page.get_by_role("link", name="Vedtak i byggesak")).to_be_visible()
    ola.examine()

    per = visit("Per Fjellstad", path)
    expect(per.page.get_by_text("Du åpner dette for FJELL AS")).to_be_visible()
    per.examine()
    assert sha256_in_zip(download(per.page, "Last ned alt (zip, 80 MB)", tmp_path / "per")) == sums
    per.open("/mine")
    per.examine()

    siv = visit("Siv Holm")
    assert siv.open(path) == 404
    expect(siv.page.get_by_text("Vedtak i byggesak")).to_have_count(0)
    siv.examine()
    assert siv.open("/d/finnes-ikke") == 404

    # The receipts show who has downloaded each document.
    kari.page.get_by_role("link", name="Se delingen").click()
    rows = kari.page.get_by_role("main").get_by_role("listitem")
    kari.reload_until(rows.filter(has_text="FJELL AS").get_by_text("Hentet, ikke bekreftet", exact=True))
    expect(rows.filter(has_text="218794 *****").get_by_text("Bekreftet av mottakeren")).to_be_visible()
    # In print they are expanded, and have no buttons.
    by_hand = kari.page.get_by_text("av 058779 *****")
    for event, media, shown in (("beforeprint", "print", True), ("afterprint", "screen", False)):
        kari.page.evaluate("name => window.dispatchEvent(new Event(name))", event)
        kari.page.emulate_media(media=media)
        expect(by_hand.first).to_be_visible(visible=shown)
        expect(kari.page.get_by_role("button", name="Trekk tilbake delingen")).to_be_visible(visible=not shown)
    for receipts in kari.page.get_by_text("3 kvitteringer").all():
        receipts.click()
    expect(kari.page.get_by_text("av 058779 *****")).to_have_count(3)
    kari.examine()

    # Another share is withdrawn.
    form = SharePage(kari)
    form.open()
    form.choose(small)
    form.add(OLA)
    expect(form.recipient("218794")).to_be_visible()
    form.confirm_all()
    second = form.publish().removeprefix(demo.url)
    assert ola.open(second) == 200
    kari.page.get_by_role("link", name="Se delingen").click()
    withdraw(kari)
    kari.examine()
    kari.page.get_by_role("link", name="Delt med feil mottaker?").click()
    expect(kari.page.get_by_role("heading", level=1)).to_have_text("Feil mottaker")
    kari.examine()
    assert ola.open(second) == 410
    expect(ola.page.get_by_text("Avsenderen trakk dokumentene tilbake")).to_be_visible()
    ola.examine()
    kari.open("/delinger")
    kari.examine()

    # Move the clock past the end of the first share, but no further. Other tests' shares and the demo's printed
    # commands must stay valid.
    kari.open("/demo")
    kari.examine()
    for _ in range(2):
        kari.page.get_by_label("Hvor langt?").select_option("24")
        with kari.page.expect_navigation():
            kari.page.get_by_role("button", name="Flytt klokken fram").click()
        expect(kari.page.get_by_text("Klokken går")).to_be_visible()
    ola.log_in("Ola Nordmann")
    assert ola.open(path) == 410
    expect(ola.page.get_by_text("Dokumentene var tilgjengelige til")).to_be_visible()
    expect(ola.page.get_by_role("link", name="22 00 00 00")).to_be_visible()
    ola.examine()
    siv.log_in("Siv Holm")
    assert siv.open(path) == 404
    kari.log_in("Kari Lunde", "/delinger")
    kari.page.get_by_role("link", name="Vedtak i byggesak").first.click()
    expect(kari.page.get_by_text("Delingen utløp", exact=True)).to_be_visible()
    kari.examine()
