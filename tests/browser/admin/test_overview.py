"""The overview, «DPIA» and «Avslutning» in a browser: looked at by axe, and walked with the keyboard."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.visitor import Visit, Visitor
from tests.support.bulk.sample_files import PDF


def to_section(visitor: Visitor, name: str) -> Page:
    """A section of the administrator's only tenant."""
    visitor.open("/konfigurasjon")
    visitor.page.get_by_label("Konfigurasjon av").get_by_role("link", name=name, exact=True).click()
    return visitor.page


def fill_in(page: Page, assessor: str) -> None:
    """The form about the assessment, as it should be."""
    page.get_by_label("Hvem var ansvarlig for vurderingen?").fill(assessor)
    page.get_by_label("Rolle").fill("Enhetsleder")
    page.get_by_label("Når ble den gjort?").fill("2026-01-15")
    page.get_by_label("Middels").check()


def test_axe_finds_nothing_on_the_pages_of_the_checklist(visit: Visit, tmp_path: Path) -> None:
    anne = visit("Anne Myhre")
    page = to_section(anne, "Oversikt")
    expect(page.get_by_role("heading", level=1)).to_have_text("Oversikt")
    anne.examine()
    to_section(anne, "DPIA")
    anne.examine()
    page.get_by_role("button", name="Registrer DPIA").click()
    expect(page).to_have_title(re.compile("^Feil: "))
    anne.examine()
    fill_in(page, "Berit Ås")
    paper = tmp_path / "vurdering.pdf"
    paper.write_bytes(PDF)
    page.get_by_label("Vurderingen som fil").set_input_files(paper)
    expect(page.locator(".file-name")).to_have_text(paper.name)
    page.get_by_role("button", name="Registrer DPIA").click()
    expect(page.get_by_role("link", name="vurdering.pdf")).to_be_visible()
    anne.examine()
    to_section(anne, "Personvern")
    anne.examine()
    to_section(anne, "Avslutte tjenesten")
    anne.examine()
    page.get_by_role("button", name="Avslutt tjenesten for godt").click()
    expect(page.get_by_text("Det er ikke navnet på virksomheten.").first).to_be_visible()
    anne.examine()


_MENU = """() => {
    const links = [...document.querySelectorAll('.side-nav li a')].map((a) => [a, a.getBoundingClientRect()]);
    const whole = ([, { left, right }]) => left >= 0 && right <= window.innerWidth;
    return {
        lines: new Set(links.map(([, { top }]) => top)).size,
        shown: links.filter(whole).map(([a]) => a.textContent),
    };
}"""


def test_on_a_telephone_the_menu_is_one_line_that_shows_where_one_is_and_scrolls_with_the_keyboard(
    visit: Visit,
) -> None:
    anne = visit("Anne Myhre", viewport={"width": 360, "height": 740})
    page = to_section(anne, "Hendelseslogg")
    expect(page.get_by_role("heading", level=1)).to_have_text("Hendelseslogg")
    menu = page.evaluate(_MENU)
    assert menu["lines"] == 1
    assert "Hendelseslogg" in menu["shown"]
    assert "Oversikt" not in menu["shown"]
    page.get_by_label("Konfigurasjon av").get_by_role("link", name="Oversikt").focus()
    assert "Oversikt" in page.evaluate(_MENU)["shown"]
    for name in ("Avtaler", "DPIA", "Kontoer", "Administratorer", "Personvern", "Viruskontroll"):
        page.keyboard.press("Tab")
        assert name in page.evaluate(_MENU)["shown"]


def test_a_fault_in_the_form_leads_to_its_field_by_the_keyboard(visit: Visit) -> None:
    anne = visit("Anne Myhre")
    page = to_section(anne, "DPIA")
    fill_in(page, "Berit Ås")
    page.get_by_label("Høy").check()
    page.get_by_role("button", name="Registrer DPIA").press("Enter")
    expect(page.locator("ds-error-summary")).to_be_focused()
    page.get_by_role("link", name="Når restrisikoen er høy").press("Enter")
    expect(page.get_by_label("Datatilsynet er rådspurt (forhåndsdrøfting)")).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Registrer DPIA").press("Enter")
    expect(page.get_by_text("Datatilsynet er rådspurt.").first).to_be_visible()
