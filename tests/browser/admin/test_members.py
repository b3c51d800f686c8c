"""«Brukere» and «Administratorer» in a browser: by keyboard, without script, in every look."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.visitor import Visit, Visitor
from tests.support.stage.numbers import synthetic_numbers


def numbers(start: int, count: int) -> list[str]:
    return synthetic_numbers(start + count)[start:]


def open_members(anne: Visitor) -> str:
    """The users of «Byggesak»; the page's path."""
    anne.open("/konfigurasjon")
    anne.page.get_by_role("link", name="Kontoer", exact=True).click()
    anne.page.get_by_role("link", name="Byggesak", exact=True).click()
    anne.page.get_by_role("link", name="Se og registrer brukere").click()
    expect(anne.page.get_by_role("heading", name="Brukere på Byggesak")).to_be_visible()
    return anne.page.url.removeprefix(anne.url)


def test_a_user_is_registered_found_and_removed_with_the_keyboard_alone(visit: Visit) -> None:
    anne = visit("Anne Myhre")
    page = anne.page
    open_members(anne)
    (number,) = numbers(0, 1)
    page.get_by_label("Fødselsnummer eller D-nummer", exact=True).focus()
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^Feil: "))
    anne.examine()
    page.get_by_label("Fødselsnummer eller D-nummer", exact=True).fill(number)
    page.keyboard.press("Tab")
    page.keyboard.type("Åse Ærø")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 bruker er registrert.")).to_be_visible()
    anne.examine()
    page.emulate_media(forced_colors="active")
    bars = page.locator(".side-nav li a").evaluate_all(
        "links => links.map(a => [a.hasAttribute('aria-current'), getComputedStyle(a).borderInlineStartColor])"
    )
    assert not {colour for current, colour in bars if current} & {colour for current, colour in bars if not current}
    page.emulate_media(forced_colors="none")
    page.get_by_label("Finn med fødselsnummer eller D-nummer").focus()
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dette fant vi")).to_be_visible()
    assert number not in page.url
    anne.examine()
    page.get_by_role("link", name="Endre Åse Ærø").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Vil du fjerne Åse Ærø?")).to_be_visible()
    anne.examine()
    page.get_by_role("button", name="Fjern brukeren").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Brukeren er fjernet")).to_be_visible()
    expect(page.get_by_text("Åse Ærø")).to_have_count(0)


def test_a_list_is_registered_from_a_file_without_script(visit: Visit, tmp_path: Path) -> None:
    with_script = visit("Anne Myhre")
    path = open_members(with_script)
    anne = visit(java_script_enabled=False, storage_state=with_script.context.storage_state())
    page = anne.page
    first, second = numbers(10, 2)
    lines = ["fødselsnummer;navn", f"{first};Jørn Sætre", f"{second};Ida Bråten", f"{first};Jørn S.", "123;Feil Nummer"]
    (tmp_path / "brukere.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    anne.open(f"{path}/liste")
    page.get_by_label("Eller velg en CSV-fil").set_input_files(tmp_path / "brukere.csv")
    page.get_by_role("button", name="Se hva som skjer").click()
    expect(page.get_by_text("1 linje er feil og blir utelatt")).to_be_visible()
    page.get_by_role("button", name="Registrer 2 brukere").click()
    expect(page.get_by_text("2 brukere er registrert.")).to_be_visible()
    expect(page.get_by_role("row", name="Jørn Sætre")).to_be_visible()


def test_axe_finds_nothing_on_the_pages_of_lists(visit: Visit) -> None:
    anne = visit("Anne Myhre")
    page = anne.page
    path = open_members(anne)
    anne.open(f"{path}/liste")
    anne.examine()
    page.get_by_role("button", name="Se hva som skjer").click()
    expect(page.get_by_role("link", name="Listen er tom")).to_be_visible()
    anne.examine()
    (number,) = numbers(20, 1)
    # It has our own style, in the page's language; its name is as wide as it needs.
    expect(page.locator(".file-name")).to_have_text("Ingen fil er valgt")
    page.get_by_label("Lim inn en liste").fill(
        f"nummer;navn\n{number};Ny Bruker\n{number};Ny B.\n12838514837;Kari\n1;x\ny\n2;{'navn' * 60}"
    )
    page.get_by_role("button", name="Se hva som skjer").click()
    expect(page.get_by_role("button", name="Registrer 1 bruker")).to_be_visible()
    anne.examine()


def test_an_administrator_is_added_and_removed(visit: Visit) -> None:
    anne = visit("Anne Myhre", "/konfigurasjon")
    page = anne.page
    page.get_by_role("link", name="Administratorer", exact=True).click()
    anne.examine()
    page.get_by_label("Fødselsnummer eller D-nummer").fill(numbers(30, 1)[0])
    page.get_by_label("Navn").fill("Ådne Øye")
    page.get_by_role("button", name="Legg til administratoren").click()
    expect(page.get_by_text("Administratoren er lagt til.")).to_be_visible()
    anne.examine()
    page.get_by_role("link", name="Fjern Anne Myhre").click()
    expect(page.get_by_text("Du mister tilgangen med en gang")).to_be_visible()
    anne.examine()
    page.get_by_role("link", name="Behold tilgangen").click()
    page.get_by_role("link", name="Fjern Ådne Øye").click()
    page.get_by_role("button", name="Fjern administratoren").click()
    expect(page.get_by_text("Administratoren er fjernet.")).to_be_visible()
    expect(page.get_by_text("Ådne Øye")).to_have_count(0)
