"""The keyboard alone suffices to share and to receive; where the focus is shows, and nothing holds it fast."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.demo import Demo
from tests.browser.files import noise, sha256
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import SharePage, Visit, Visitor

OLA = "21879498012"
WIDTHS = pytest.mark.parametrize("width", [1440, 360])


def log_in_by_keys(visitor: Visitor, name: str) -> None:
    """At the simulated ID-porten."""
    keys = Keyboard(visitor.page)
    expect(visitor.page.get_by_role("heading", name="Logg inn")).to_be_visible()
    keys.tab_to(name)
    keys.press("Enter")
    visitor.page.wait_for_url("**person=**")
    keys.tab_to("Logg inn")
    keys.press("Enter")
    visitor.page.wait_for_url(f"{visitor.url}/**")


def undo_and_share_again(kari: Visitor, keys: Keyboard) -> None:
    """While it can be undone: back to the draft, with everything in it and the number to check, and out again."""
    expect(kari.page.get_by_text("218794 98012")).to_be_visible()
    keys.tab_to("Angre")
    keys.press("Enter")
    expect(kari.page.get_by_role("status").filter(has_text="Delingen er et utkast igjen.")).to_be_visible()
    kari.examine()
    keys.tab_to("Fortsett")
    keys.press("Enter")
    expect(SharePage(kari).file("vedtak.pdf")).to_contain_text("Lastet opp")
    expect(SharePage(kari).recipient("218794 98012")).to_be_visible()
    keys.tab_to("Jeg har kontrollert nummeret")
    keys.press("Space")
    keys.tab_to("Originalene er arkivert")
    keys.tab_to("Del dokument")
    keys.press("Enter")
    kari.page.wait_for_url("**/delinger/*/delt")


@WIDTHS
def test_a_file_is_shared_and_fetched_by_the_keyboard_alone(
    request: pytest.FixtureRequest, visit: Visit, tmp_path: Path, width: int
) -> None:
    browser: Browser = request.getfixturevalue("whole_chromium" if width == 1440 else "chromium")
    file = noise(tmp_path / "vedtak.pdf", 2000)
    kari = visit(browser=browser, viewport={"width": width, "height": 740})
    page, keys = kari.page, Keyboard(kari.page)
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    kari.open("/")
    keys.tab_to("Logg inn med ID-porten")
    keys.press("Enter")
    log_in_by_keys(kari, "Kari Lunde")
    keys.tab_to("Del dokumenter")
    keys.press("Enter")
    form = SharePage(kari)
    expect(page.get_by_role("heading", name="Del dokumenter")).to_be_visible()
    keys.stops.clear()
    keys.tab_to("Konto")
    keys.tab_to("Filer")
    keys.press("Enter")
    expect(form.file("vedtak.pdf")).to_contain_text("Lastet opp")
    keys.tab_to("Mottakere")
    page.keyboard.type(OLA)
    keys.press("Enter")
    expect(form.recipient("218794 98012")).to_be_visible()
    keys.tab_to("Jeg har kontrollert nummeret")
    keys.press("Space")
    keys.tab_to("Egen merkelapp")
    page.keyboard.type("søker")
    for field in ("Tilgjengelig til", "Klokkeslett", "Tittel", "Melding", "Saksnummer", "Ja"):
        keys.tab_to(field)
    keys.press("ArrowDown")
    expect(page.get_by_label("Nei", exact=True)).to_be_checked()
    keys.tab_to("Originalene er arkivert")
    keys.press("Space")
    keys.tab_to("Del dokument")
    keys.press("Enter")
    page.wait_for_url("**/delinger/*/delt")
    if width == 360:
        undo_and_share_again(kari, keys)
    keys.tab_to("Kopier lenken")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Kopiert")).to_be_attached()
    # One Tab moves into the tabs, arrows move between them, and the next Tab moves out.
    keys.tab_to("Bokmål")
    keys.press("ArrowRight", "Enter")
    expect(page.get_by_role("tab", name="Nynorsk")).to_have_attribute("aria-selected", "true")
    path = page.locator("#share-link").inner_text().removeprefix(kari.url)
    keys.tab_to("Se delingen")
    keys.press("Enter")
    expect(page.get_by_text("søker")).to_be_visible()

    # Ola, its recipient.
    ola = visit(browser=browser, viewport={"width": width, "height": 740})
    keys = Keyboard(ola.page)
    ola.open(path)
    keys.tab_to("Logg inn med ID-porten")
    keys.press("Enter")
    log_in_by_keys(ola, "Ola Nordmann")
    ola.open_checked(path)
    keys.tab_to("Last ned vedtak.pdf")
    with ola.page.expect_download() as started:
        keys.press("Enter")
    started.value.save_as(tmp_path / "fetched")
    assert sha256(tmp_path / "fetched") == sha256(file)
    ola.page.reload()
    keys.tab_to("Logg ut")
    keys.press("Enter")
    ola.is_logged_out()


@WIDTHS
def test_tab_begins_at_the_skip_link_to_the_content_and_leads_through_the_whole_page_and_back(
    visit: Visit, width: int
) -> None:
    kari = visit("Kari Lunde", viewport={"width": width, "height": 740})
    keys = Keyboard(kari.page)
    kari.open("/del")
    keys.press("Tab")
    skip = kari.page.get_by_role("link", name="Hopp til hovedinnholdet")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    keys.press("Enter")
    expect(kari.page.locator("#main")).to_be_focused()
    keys.press("Tab")
    expect(kari.page.get_by_label("Konto")).to_be_focused()
    kari.open("/del")
    keys.tab_to("English")
    keys.tab_to("Hopp til hovedinnholdet", back=True)


def test_the_questions_of_a_dialog_can_be_answered_and_left_by_keys(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    path = demo.share(noise(tmp_path / "vedtak.pdf", 100), OLA)
    kari = visit("Kari Lunde", path.replace("/d/", "/delinger/"))
    keys = Keyboard(kari.page)
    keys.tab_to("Trekk tilbake delingen")
    keys.press("Enter")
    dialog = kari.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Behold delingen")).to_be_focused()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(kari.page.get_by_role("button", name="Trekk tilbake delingen")).to_be_focused()
    keys.press("Enter")
    expect(dialog).to_be_visible()
    keys.tab_to("Trekk tilbake delingen")
    keys.press("Enter")
    expect(kari.page.get_by_text("Trukket tilbake", exact=True)).to_be_visible()


def test_the_focus_moves_to_the_error_summary_when_the_server_refuses(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    path = demo.share(noise(tmp_path / "vedtak.pdf", 100), OLA)
    kari = visit("Kari Lunde", path.replace("/d/", "/delinger/"))
    keys = Keyboard(kari.page)
    kari.page.get_by_label("Dato").fill("2020-01-01")
    kari.page.get_by_label("Dato").focus()
    keys.tab_to("Endre sluttidspunkt")
    with kari.page.expect_response("**/sluttidspunkt") as answered:
        keys.press("Enter")
    assert answered.value.status == 422
    expect(kari.page).to_have_title("Feil: vedtak.pdf – Del dokument")
    expect(kari.page.locator("ds-error-summary")).to_be_focused()
    keys.tab_to("Tidspunktet er allerede passert")
    keys.press("Enter")
    expect(kari.page.get_by_label("Dato")).to_be_focused()
    expect(kari.page.get_by_label("Dato")).to_have_value("2020-01-01")
    kari.examine()
