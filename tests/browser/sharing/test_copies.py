"""A new share is made from an old one, with its documents, by the keyboard alone."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.files import noise
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import SharePage, Visit

OLA = "21879498012"


def test_a_share_with_its_documents_can_be_copied_by_keyboard_alone(visit: Visit, tmp_path: Path) -> None:
    noise(tmp_path / "vedtak.pdf", 100)
    kari = visit("Kari Lunde")
    link = SharePage(kari).share(tmp_path / "vedtak.pdf", OLA, title="Vedtak")
    kari.open_checked(link.removeprefix(kari.url).replace("/d/", "/delinger/"))
    page, keys = kari.page, Keyboard(kari.page)
    keys.tab_to("Ta med dokumentene")
    keys.press("Space")
    kari.examine()
    keys.tab_to("Lag ny deling fra denne")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Del dokumenter")).to_be_visible()
    form = SharePage(kari)
    # It is copied by now, or will be while the page is open.
    row = form.file("vedtak.pdf")
    expect(row).to_have_attribute("data-state", "complete", timeout=60_000)
    kari.examine()
    keys.tab_to("Jeg har kontrollert nummeret")
    keys.press("Space")
    keys.tab_to("Originalene er arkivert")
    keys.press("Space")
    keys.tab_to("Del dokument")
    keys.press("Enter")
    page.wait_for_url("**/delinger/*/delt", timeout=60_000)
    link = page.locator("#share-link").inner_text().removeprefix(kari.url)
    ola = visit("Ola Nordmann")
    ola.open_checked(link)
    expect(ola.page.get_by_text("vedtak.pdf").first).to_be_visible()
