"""«Kontoer» in a browser: the pages looked at by axe, the way with the keyboard and without script, a lost session."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import Visit, Visitor

FJELL = "312824450"


def to_accounts(visitor: Visitor) -> Page:
    """The list of the administrator's only tenant."""
    visitor.open("/konfigurasjon")
    visitor.page.get_by_role("link", name="Kontoer", exact=True).click()
    return visitor.page


def make(visitor: Visitor, name: str) -> str:
    """A new account; the path of its page."""
    page = to_accounts(visitor)
    page.get_by_label("Navn").fill(name)
    page.get_by_role("button", name="Opprett kontoen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return page.url.removeprefix(visitor.url).split("?")[0]


def test_axe_finds_nothing_on_the_pages_about_accounts(visit: Visit) -> None:
    anne = visit("Anne Myhre")
    page = to_accounts(anne)
    anne.examine()
    page.get_by_role("button", name="Opprett kontoen").click()
    expect(page).to_have_title(re.compile("^Feil: "))
    anne.examine()
    path = make(anne, "Oppmåling, arealplan og byggesaksbehandling for hele kommunen")
    anne.examine()
    page.get_by_label("Organisasjonsnummer i Maskinporten").fill(FJELL)
    page.get_by_role("button", name="Gi tilgang").click()
    page.get_by_label("Kvote i GB").fill("mye")
    page.get_by_label("Lengste tid", exact=False).first.fill("91")
    page.get_by_role("button", name="Lagre endringene").click()
    expect(page.get_by_text("Skriv et antall GB").first).to_be_visible()
    anne.examine()
    anne.open(path)
    page.get_by_role("link", name="Endre FJELL AS").click()
    page.get_by_label("Kan bare lese").check()
    anne.examine()
    page.get_by_role("button", name="Lag passord").click()
    expect(page.get_by_role("heading", name="Det nye passordet")).to_be_visible()
    anne.examine()
    anne.open(path)
    page.get_by_role("link", name="Fjern FJELL AS").click()
    anne.examine()
    anne.open(f"{path}/sletting")
    anne.examine()
    page.get_by_role("button", name="Slett kontoen").click()
    expect(page.get_by_text("Det er ikke navnet på kontoen").first).to_be_visible()
    anne.examine()
    page.get_by_label("Skriv navnet på kontoen").fill("Oppmåling, arealplan og byggesaksbehandling for hele kommunen")
    page.get_by_role("button", name="Slett kontoen").click()
    expect(page.get_by_text("Kontoen er slettet")).to_be_visible()
    anne.examine()
    to_accounts(anne)
    expect(page.get_by_role("heading", name="Slettet siste 24 timer")).to_be_visible()
    anne.examine()


def test_a_double_click_shows_the_result_of_the_first_click(visit: Visit, demo: Demo) -> None:
    anne = visit("Anne Myhre")
    page = to_accounts(anne)
    page.get_by_label("Navn").fill("Dobbeltklikk")
    # Both clicks come before the first response, and the first request is sent before the second.
    twice = """const button = document.querySelector('.new-account button');
        button.click();
        requestAnimationFrame(() => requestAnimationFrame(() => button.click()));"""
    protocol = anne.context.new_cdp_session(page)
    demo.let_work(False)
    with page.expect_request(lambda request: request.method == "POST"):
        protocol.send("Runtime.evaluate", {"expression": twice})
    demo.let_work(True)
    expect(page.get_by_role("heading", level=1)).to_have_text("Dobbeltklikk")
    expect(page.get_by_role("status").filter(has_text="Kontoen er opprettet.")).to_be_visible()


def test_rules_and_privacy_contact_are_set_by_the_keyboard_alone(visit: Visit) -> None:
    anne = visit("Anne Myhre")
    page, keys = anne.page, Keyboard(anne.page)
    make(anne, "Tastaturkonto")
    keys.tab_to("Angrefrist i minutter")
    page.keyboard.type("61")
    keys.press("Enter")
    expect(page.locator("ds-error-summary")).to_be_focused()
    keys.tab_to("Angrefrist: Oppgi hele minutter fra 0 til 60")
    keys.press("Enter")
    expect(page.get_by_label("Angrefrist i minutter")).to_be_focused()
    keys.press("ControlOrMeta+a")
    page.keyboard.type("5")
    keys.tab_to("Ja")
    keys.press("ArrowDown")
    expect(page.get_by_role("group", name="Skal mottakerne varsles?").get_by_label("Nei")).to_be_checked()
    keys.tab_to("Lagre endringene")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Endringene er lagret.")).to_be_visible()
    expect(page.get_by_label("Angrefrist i minutter")).to_have_value("5")
    keys.tab_to("Personvern")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Personvernkontakt")
    keys.tab_to("Kontakt ved brudd på personopplysningssikkerheten")
    page.keyboard.type("Personvernombud Ida Vik, 22 00 00 01")
    anne.examine()
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Kontakten er lagret.")).to_be_visible()
    anne.examine()
    keys.tab_to("Viruskontroll")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Viruskontroll")
    anne.examine()
    keys.tab_to("Lagre")
    keys.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Reglene er lagret.")).to_be_visible()


def test_two_administrators_at_once_see_both_values(visit: Visit) -> None:
    anne, also_anne = visit("Anne Myhre"), visit("Anne Myhre")
    path = make(anne, "To på en gang")
    for visitor in (anne, also_anne):
        visitor.open(path)
    anne.page.get_by_label("Telefon").fill("55 00 00 00")
    anne.page.get_by_role("button", name="Lagre endringene").click()
    expect(anne.page.get_by_text("Endringene er lagret")).to_be_visible()
    also_anne.page.get_by_label("Telefon").fill("77 00 00 00")
    also_anne.page.get_by_label("Kvote i GB").fill("2,5")
    also_anne.page.get_by_role("button", name="Lagre endringene").click()
    expect(also_anne.page.get_by_role("heading", level=1)).to_have_text("Noen andre har endret kontoen")
    also_anne.examine()
    also_anne.page.get_by_label("Lagret nå: 55 00 00 00").check()
    also_anne.page.get_by_label("Din: 2,5 GB").check()
    also_anne.page.get_by_role("button", name="Lagre det jeg har valgt").click()
    expect(also_anne.page.get_by_label("Telefon")).to_have_value("55 00 00 00")
    expect(also_anne.page.get_by_label("Kvote i GB")).to_have_value("2,5")


@pytest.mark.parametrize("script", [True, False])
def test_a_form_of_an_ended_session_is_sent_after_a_login(visit: Visit, script: bool) -> None:
    anne = visit(java_script_enabled=script)
    anne.log_in("Anne Myhre")
    page = anne.page
    path = make(anne, f"Utløpt økt {'med' if script else 'uten'} script")
    page.get_by_label("Åpningstid").fill("mandag–fredag, 9–15")
    anne.context.clear_cookies(name="deldokument")
    page.get_by_role("button", name="Lagre endringene").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Du er logget ut")
    if script:
        anne.examine()
    with anne.context.expect_page() as opened:
        page.get_by_role("link", name="Logg inn igjen").click()
    elsewhere = opened.value
    elsewhere.wait_for_load_state()
    if not elsewhere.url.startswith(anne.url):
        elsewhere.get_by_role("link", name="Anne Myhre").click()
        elsewhere.get_by_role("button", name="Logg inn").click()
    expect(elsewhere.get_by_role("heading", level=1)).to_contain_text("Du er logget inn igjen")
    elsewhere.close()
    page.get_by_role("button", name="Send på nytt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vil du sende det du skrev?")
    if script:
        anne.examine()
    page.get_by_role("button", name="Send på nytt").click()
    expect(page.get_by_text("Endringene er lagret")).to_be_visible()
    anne.open(path)
    expect(page.get_by_label("Åpningstid")).to_have_value("mandag–fredag, 9–15")


def test_the_form_of_a_share_takes_the_proposals_of_the_account_that_is_chosen(visit: Visit) -> None:
    anne, kari = visit("Anne Myhre"), visit("Kari Lunde")
    page = to_accounts(anne)
    page.get_by_role("link", name="Byggesak", exact=True).click()
    page.get_by_label("Vanlig tid", exact=False).first.fill("7")
    page.get_by_role("group", name="Er innholdet som regel taushetsbelagt?").get_by_label("Nei").check()
    page.get_by_role("button", name="Lagre endringene").click()
    expect(page.get_by_text("Endringene er lagret")).to_be_visible()
    try:
        kari.open("/del")
        account, end = kari.page.get_by_label("Konto"), kari.page.get_by_label("Tilgjengelig til")
        confidential = kari.page.get_by_role("group", name="Taushetsbelagt")
        # The form suggests the account that was last shared from.
        account.select_option("Avtaledokumenter")
        expect(confidential.get_by_label("Ja")).to_be_checked()
        usual = end.input_value()
        account.select_option("Byggesak")
        expect(confidential.get_by_label("Nei")).to_be_checked()
        expect(end).not_to_have_value(usual)
        kari.page.get_by_label("Klokkeslett").fill("11:15")
        chosen = end.input_value()
        account.select_option("Avtaledokumenter")
        expect(confidential.get_by_label("Ja")).to_be_checked()
        expect(end).to_have_value(chosen)
    finally:
        page.get_by_label("Vanlig tid", exact=False).first.fill("")
        page.get_by_role("group", name="Er innholdet som regel taushetsbelagt?").get_by_label("Ja").check()
        page.get_by_role("button", name="Lagre endringene").click()
        expect(page.get_by_text("Endringene er lagret")).to_be_visible()
