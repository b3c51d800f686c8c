"""The event log in a browser: found in, told what is wrong, and taken out, without script too."""

from pathlib import Path

from playwright.sync_api import expect

from deldokument.adapters.documents.signing import verify_signature
from deldokument.services.audit.verification import verify_export
from tests.browser.visitor import Visit, Visitor

ANNE = "26866814820"


def open_log(anne: Visitor) -> None:
    anne.page.get_by_role("link", name="Hendelseslogg").click()
    expect(anne.page.get_by_role("heading", name="Hendelseslogg", level=1)).to_be_visible()


def test_an_administrator_finds_a_persons_events_and_the_number_is_shown_nowhere(visit: Visit) -> None:
    anne = visit("Anne Myhre", "/konfigurasjon")
    open_log(anne)
    anne.examine()
    page = anne.page
    page.get_by_label("Gjort av (fødselsnummer eller D-nummer)").fill(ANNE)
    page.get_by_label("Hendelse", exact=True).select_option("Tjenesteavtalen ble signert")
    page.get_by_role("button", name="Finn", exact=True).click()
    expect(page.get_by_role("checkbox", name="Bare det Anne Myhre, 268668 ***** har gjort")).to_be_checked()
    expect(page.get_by_role("row").filter(has_text="Tjenesteavtalen ble signert")).to_be_visible()
    assert ANNE not in page.url
    assert ANNE not in page.content()
    anne.examine()
    page.reload()
    page.go_back()
    page.go_forward()
    expect(page.get_by_role("row").filter(has_text="Tjenesteavtalen ble signert")).to_be_visible()


def test_the_faults_of_a_search_are_shown_at_its_fields(visit: Visit) -> None:
    anne = visit("Anne Myhre", "/konfigurasjon")
    open_log(anne)
    page = anne.page
    page.get_by_label("Fra og med").fill("2026-12-02")
    page.get_by_label("Til og med").fill("2026-12-01")
    page.get_by_label("Lenken til delingen, eller id-en").fill("vedtak")
    page.get_by_label("Lenken til delingen, eller id-en").press("Enter")
    expect(page.get_by_role("link", name="Den siste dagen er før den første. Sjekk begge.")).to_be_visible()
    anne.examine()
    page.get_by_role("link", name="Det finnes ingen slik deling.").click()
    expect(page.get_by_label("Lenken til delingen, eller id-en")).to_be_focused()


def test_the_log_is_taken_out_without_script_and_verifies(visit: Visit, tmp_path: Path) -> None:
    anne = visit("Anne Myhre", "/konfigurasjon", java_script_enabled=False)
    open_log(anne)
    for button, name in (("Last ned som JSON", ".jsonl"), ("Last ned som CSV", ".csv")):
        with anne.page.expect_download() as download:
            anne.page.get_by_role("button", name=button).click()
        assert download.value.suggested_filename.endswith(name)
        download.value.save_as(tmp_path / f"log{name}")
    with (tmp_path / "log.jsonl").open("rb") as lines:
        assert verify_export(lines, certificates=(), is_signed=verify_signature).fault is None
