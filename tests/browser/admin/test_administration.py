"""Those who administer and operate: the operator's brake by the keyboard, and a telephone in nynorsk and English."""

from playwright.sync_api import expect

from tests.browser.keyboard import Keyboard
from tests.browser.touch import TELEPHONE, Finger
from tests.browser.visitor import Visit, Visitor


def test_the_operator_stops_and_resumes_an_organisation_by_the_keyboard_alone(visit: Visit) -> None:
    tora = visit("Tora Vik", "/drift")
    page, keys = tora.page, Keyboard(tora.page)
    keys.tab_to("NYBY KOMMUNE")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("NYBY KOMMUNE")
    dialog = page.get_by_role("dialog", name="Stanse NYBY KOMMUNE?")
    keys.tab_to("Stans virksomheten")
    keys.press("Enter")
    expect(dialog.get_by_role("button", name="Avbryt")).to_be_focused()
    tora.examine()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Stans virksomheten")).to_be_focused()
    keys.press("Enter")
    keys.tab_to("Stans virksomheten")
    keys.press("Enter")
    expect(page.locator("ds-error-summary")).to_be_focused()
    keys.press("Tab", "Enter")
    expect(page.get_by_label("Hvorfor")).to_be_focused()
    page.keyboard.type("Mistanke")
    tora.examine()
    keys.tab_to("Stans virksomheten")
    keys.press("Enter")
    keys.tab_to("Stans virksomheten")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Stansen gjelder fra nå.")).to_be_visible()
    tora.examine()
    keys.tab_to("Opphev stansen av virksomheten")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Stansen er opphevet.")).to_be_visible()


def speak(anne: Visitor, language: str, heading: str) -> None:
    """Choose the language at the foot of the page, and look at the page in it."""
    Finger(anne.page).press(language)
    expect(anne.page.get_by_role("heading", level=1)).to_have_text(heading)
    anne.examine()


def test_accounts_statistics_and_event_log_are_used_by_touch_in_nynorsk_and_english(visit: Visit) -> None:
    anne = visit(**TELEPHONE)
    anne.enter("Anne Myhre", "/konfigurasjon")
    page, hand = anne.page, Finger(anne.page)
    speak(anne, "Nynorsk", "Oversikt")
    hand.press("Kontoar")
    # A click anywhere on the row works, because its link covers the whole row.
    page.get_by_role("row", name="Byggesak").get_by_role("cell").last.tap(force=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Byggesak")
    anne.examine()
    hand.write("Angrefrist i minutt", "99")
    hand.press("Lagre endringane")
    expect(page.locator("ds-error-summary")).to_contain_text("Oppgi heile minutt frå 0 til 60.")
    anne.examine()
    hand.press("Hendingslogg")
    speak(anne, "English", "Event log")
    page.get_by_label("Event", exact=True).select_option("The event log was opened")
    hand.press("Find")
    expect(page.get_by_role("row").filter(has_text="The event log was opened").first).to_be_visible()
    anne.examine()
    hand.press("Statistics")
    expect(page.get_by_role("heading", level=1)).to_have_text("Statistics")
    anne.examine()
