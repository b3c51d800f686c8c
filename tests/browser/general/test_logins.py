"""«Dine innlogginger», and an act that needs a fresh login: the whole way, by keyboard, and in every look."""

from datetime import timedelta

from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.visitor import Visit

OLA = "21879498012"


def test_a_person_logs_out_elsewhere(visit: Visit) -> None:
    here, there = visit("Siv Holm", "/mine"), visit("Siv Holm")
    here.page.get_by_role("link", name="Dine innlogginger").click()
    logins = here.page.get_by_role("list", name="Dine innlogginger").get_by_role("listitem")
    expect(logins.first).to_contain_text("Denne innloggingen")
    expect(logins.first).to_contain_text("Chrome")
    before = logins.count()
    assert before > 1
    here.examine()
    button = here.page.get_by_role("button", name="Logg ut der").first
    button.focus()
    here.page.keyboard.press("Enter")
    expect(here.page.get_by_role("status").filter(has_text="Du er logget ut der.")).to_be_visible()
    expect(logins).to_have_count(before - 1)
    # Without following redirects: ID-porten still knows that browser, and would log it in again at once.
    assert there.context.request.get("/innlogginger", max_redirects=0).status == 303


def test_an_administrator_is_added_after_a_fresh_login_and_nothing_typed_is_lost(visit: Visit, demo: Demo) -> None:
    anne = visit("Anne Myhre", "/konfigurasjon")
    page = anne.page
    page.get_by_role("link", name="Administratorer").click()
    path = page.url
    page.get_by_label("Fødselsnummer eller D-nummer").fill(OLA)
    page.get_by_label("Navn", exact=True).fill("Ola Nordmann")
    demo.move_clock(timedelta(minutes=16))
    page.get_by_label("Navn", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Logg inn på nytt for å gå videre")).to_be_visible()
    anne.examine()
    page.get_by_role("link", name="Logg inn på nytt").focus()
    page.keyboard.press("Enter")
    anne.choose_person("Anne Myhre")
    expect(page.get_by_role("heading", name="Vil du gjennomføre dette?")).to_be_visible()
    expect(page.locator("dl")).to_contain_text("Ola Nordmann")
    expect(page.locator("dl")).to_contain_text(OLA)
    anne.examine()
    page.get_by_role("button", name="Bekreft").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{path}?lagt-til=1")
    row = page.get_by_role("listitem").filter(has_text="Ola Nordmann")
    row.get_by_role("link", name="Fjern").click()
    page.get_by_role("button", name="Fjern administratoren").click()
    expect(page).to_have_url(f"{path}?fjernet=1")
