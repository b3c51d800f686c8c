"""A member of two public bodies whose accounts have one name: the body follows the account that is chosen."""

from playwright.sync_api import expect

from tests.browser.visitor import Visit

MONA, NAME = "30857614883", "Felles dokumenter"
BODIES = {"Anne Myhre": "Eksempel kommune", "Siv Holm": "Prøve kommune"}


def register_mona(visit: Visit, administrator: str) -> None:
    """Make an account, and register Mona there."""
    page = visit(administrator, "/konfigurasjon").page
    page.get_by_role("link", name="Kontoer", exact=True).click()
    page.get_by_label("Navn").fill(NAME)
    page.get_by_role("button", name="Opprett kontoen").click()
    page.get_by_role("link", name="Se og registrer brukere").click()
    page.get_by_label("Fødselsnummer eller D-nummer", exact=True).fill(MONA)
    page.get_by_label("Navn", exact=True).fill("Mona Strand")
    page.get_by_role("button", name="Registrer brukeren").click()
    expect(page.get_by_text("1 bruker er registrert.")).to_be_visible()


def test_header_and_summary_name_the_body_of_the_chosen_account(visit: Visit) -> None:
    for administrator in BODIES:
        register_mona(visit, administrator)
    mona = visit("Mona Strand")
    page = mona.page
    for body in BODIES.values():
        mona.open("/del")
        page.get_by_label("Konto").select_option(f"{NAME}, {body}")
        expect(page.locator(".site-header .tenant")).to_have_text(body)
        expect(page.locator(".summary")).to_contain_text(f"Fra {NAME}, {body}")
        page.get_by_label("Tittel").fill("Vedtak")
        expect(page.get_by_text("Utkastet er lagret")).to_be_visible()
        page.reload()
        expect(page.locator(".site-header .tenant")).to_have_text(body)
    mona.examine()
    mona.open("/delinger")
    expect(page.locator(".site-header .tenant")).to_have_count(0)
    for body in BODIES.values():
        expect(page.locator("#main").get_by_text(f"{NAME}, {body}").first).to_be_visible()
    mona.examine()
