"""Work after publication by keyboard alone: corrections, recipients' requests and their answers, and a wrong
recipient.
"""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import SharePage, Visit, Visitor

OLA, SIV = "21879498012", "14839114193"


def test_a_share_is_corrected_and_gains_and_loses_a_recipient_by_the_keyboard_alone(
    visit: Visit, tmp_path: Path
) -> None:
    kari = visit("Kari Lunde")
    link = SharePage(kari).share(noise(tmp_path / "kart.pdf", 100), OLA, title="Vedtk")
    kari.open(link.replace("/d/", "/delinger/"))
    page, keys = kari.page, Keyboard(kari.page)
    keys.tab_to("Endre delingen")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Endre delingen")).to_be_visible()
    kari.examine()
    keys.tab_to("Tittel")
    keys.press("ControlOrMeta+a")
    page.keyboard.type("Vedtak")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Vedtak", exact=True)).to_be_visible()
    expect(page.get_by_text("Endringene er lagret.")).to_be_visible()
    keys.tab_to("Legg til en mottaker")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Legg til en mottaker")).to_be_visible()
    keys.tab_to("Fødselsnummer, D-nummer eller organisasjonsnummer")
    page.keyboard.type(SIV)
    keys.press("Enter")
    expect(page.locator("ds-error-summary")).to_be_focused()
    kari.examine()
    keys.tab_to("Jeg har kontrollert nummeret")
    keys.press("Space", "Enter")
    expect(page.get_by_text("Mottakeren er lagt til.")).to_be_visible()
    keys.tab_to("Endre eller fjern 218794")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Endre mottakeren")).to_be_visible()
    kari.examine()
    keys.tab_to("Fjern mottakeren")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Fjernede mottakere")).to_be_visible()
    kari.examine()
    add_document(kari, keys, tmp_path)
    keys.tab_to("Fjern kart.pdf")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Fjern dokumentet")).to_be_visible()
    kari.examine()
    keys.tab_to("Fjern dokumentet")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Fjernede dokumenter")).to_be_visible()


def refuse_by_keys(kari: Visitor, title: str) -> None:
    """From «Venter på deg»: the answer lies where the link leads, and no is said with a reason."""
    page, keys = kari.page, Keyboard(kari.page)
    keys.tab_to(f"Svar {title}")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="En mottaker ber om mer tid")).to_be_in_viewport()
    keys.press("Tab")
    expect(page.get_by_role("button", name="Forleng til")).to_be_focused()
    keys.tab_to("Begrunnelse for å si nei")
    page.keyboard.type("Fristen er lovbestemt.")
    kari.examine()
    keys.tab_to("Si nei")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Du har sagt nei.")).to_be_visible()


def stop_by_keys(kari: Visitor) -> None:
    """From the share's page over «Feil mottaker» to the withdrawal."""
    page, keys = kari.page, Keyboard(kari.page)
    keys.tab_to("Delt med feil mottaker?")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Feil mottaker")
    keys.tab_to("Kopier teksten")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Kopiert")).to_be_attached()
    keys.tab_to("Trekk tilbake delingen", back=True)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Trekke tilbake delingen?")).to_be_visible()
    keys.tab_to("Mottakerne kan be om en ny deling")
    keys.press("Space")
    keys.tab_to("Trekk tilbake delingen")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Delingen er trukket tilbake.")).to_be_visible()


def test_recipient_and_sharer_ask_answer_and_stop_by_the_keyboard_alone(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    title = "Vedtak om mer tid"
    path = demo.share(noise(tmp_path / "vedtak.pdf", 100), OLA, title=title, days=6)
    ola, kari = visit("Ola Nordmann", path), visit()
    keys = Keyboard(ola.page)
    keys.tab_to("Be om mer tid")
    keys.press("Enter")
    expect(ola.page.get_by_role("status").filter(has_text="Svaret kommer her.")).to_be_visible()
    ola.examine()
    kari.enter("Kari Lunde", "/delinger")
    refuse_by_keys(kari, title)
    stop_by_keys(kari)
    assert ola.open(path) == 410
    keys.tab_to("Be om ny deling")
    keys.press("Enter")
    expect(ola.page.get_by_role("status").filter(has_text="Svaret kommer her.")).to_be_visible()
    kari.open("/delinger")
    keys = Keyboard(kari.page)
    keys.tab_to(f"Svar {title}")
    keys.press("Enter")
    expect(kari.page.get_by_role("heading", name="En mottaker ber om en ny deling")).to_be_in_viewport()
    keys.tab_to("Lag ny deling til dem som ber om det")
    keys.press("Enter")
    expect(SharePage(kari).recipient("218794")).to_be_visible()


def add_document(kari: Visitor, keys: Keyboard, folder: Path) -> None:
    """Upload a document beside the share, correct what is missing, and add it."""
    page = kari.page
    keys.tab_to("Legg til dokumenter")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Legg til dokumenter")).to_be_visible()
    keys.tab_to("Legg til dokumentene")
    keys.press("Enter")
    expect(page.locator("ds-error-summary")).to_be_focused()
    kari.examine()
    late = folder / "ettersendt.pdf"
    noise(late, 100)
    page.locator("#files").set_input_files(late)
    row = page.get_by_role("listitem").filter(has_text="ettersendt.pdf")
    expect(row.get_by_text("Lastet opp")).to_be_visible()
    kari.examine()
    page.reload()
    expect(row.get_by_text("Lastet opp")).to_be_visible()
    keys.tab_to("Legg til dokumentene")
    keys.press("Enter")
    expect(page.get_by_text("Dokumentene er lagt til.")).to_be_visible()
    expect(page.locator("#documents .row-name").filter(has_text="ettersendt.pdf")).to_be_visible()
