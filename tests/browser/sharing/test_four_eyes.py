"""Where an account wants four eyes: from «Send til godkjenning» to the open link; and the link while it is stopped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import SharePage, Visit, Visitor

OLA, SIV = "218794 98012", "148391 14193"


def want_four_eyes(demo: Demo, *, wanted: bool) -> None:
    """«Avtaledokumenter», which Kari and Odd share from."""
    with demo.database() as database, database.write() as tx:
        accounts = (account for tenant in tx.tenants.all() for account in tx.accounts.of_tenant(tenant.id))
        found = next(account for account in accounts if account.name == "Avtaledokumenter")
        tx.accounts.save(replace(found, rules=replace(found.rules, four_eyes=wanted)))


@pytest.fixture
def four_eyes(demo: Demo) -> Iterator[None]:
    """Only while the test runs: the demo is others' too."""
    want_four_eyes(demo, wanted=True)
    yield
    want_four_eyes(demo, wanted=False)


def propose(kari: Visitor, folder: Path) -> str:
    """Fill in the form and send it for approval; the path of the page that says what happens next."""
    page, form = kari.page, SharePage(kari)
    form.open()
    # The form suggests the account that was last shared from.
    page.get_by_label("Konto").select_option("Avtaledokumenter")
    expect(page.get_by_role("button", name="Send til godkjenning")).to_be_visible()
    form.choose(noise(folder / "Leieavtale for Storgata 12, signert av begge parter.pdf", 30_000))
    form.add(OLA)
    expect(form.recipient("218794")).to_be_visible()
    page.get_by_label("Tittel").fill("Leieavtale")
    page.get_by_label("Melding").fill("Her er avtalen, signert av begge.\nTa kontakt hvis noe er uklart.")
    form.confirm_all()
    kari.examine()
    page.get_by_role("button", name="Send til godkjenning").click()
    page.wait_for_url("**/delinger/*/godkjenning")
    expect(page.get_by_role("heading", name="Sendt til godkjenning")).to_be_visible()
    return urlsplit(page.url).path


def send_back_by_keys(odd: Visitor, kari: Visitor, address: str) -> None:
    """With a reason, which Kari reads where she goes on; she sends it for approval again."""
    keys = Keyboard(odd.page)
    odd.open(address)
    keys.tab_to("Begrunnelse for å sende tilbake")
    odd.page.keyboard.type("Dato mangler i meldingen.")
    keys.tab_to("Send tilbake")
    keys.press("Enter")
    expect(odd.page.get_by_role("status").filter(has_text="Du har sendt utkastet tilbake")).to_be_visible()
    kari.open(address.removesuffix("/godkjenning"))
    expect(kari.page.get_by_role("heading", name="Odd Bakken sendte utkastet tilbake")).to_be_visible()
    kari.page.get_by_role("link", name="Fortsett").click()
    expect(kari.page.get_by_text("Dato mangler i meldingen.")).to_be_visible()
    kari.examine()
    SharePage(kari).confirm_all()
    kari.page.get_by_role("button", name="Send til godkjenning").click()
    kari.page.wait_for_url("**/delinger/*/godkjenning")


def propose_a_recipient(kari: Visitor, share: str) -> None:
    """One more of a published share."""
    kari.open(f"{share}/mottakere")
    kari.page.get_by_label("Fødselsnummer, D-nummer eller organisasjonsnummer").fill(SIV)
    kari.page.get_by_label("Jeg har kontrollert nummeret").check()
    kari.page.get_by_role("button", name="Legg til mottakeren").click()
    expect(kari.page.get_by_text("Endringen er foreslått.")).to_be_visible()
    kari.examine()


@pytest.mark.usefixtures("four_eyes")
def test_the_buttons_text_follows_the_chosen_account(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    SharePage(kari).open()
    account = kari.page.get_by_label("Konto")
    for name, words in (("Byggesak", "Del dokument"), ("Avtaledokumenter", "Send til godkjenning")):
        account.select_option(name)
        expect(kari.page.locator("#publish")).to_have_text(words)
        expect(kari.page.locator("#four-eyes")).to_be_visible(visible=name == "Avtaledokumenter")


@pytest.mark.usefixtures("four_eyes")
def test_a_colleague_approves_share_and_change_by_the_keyboard_and_the_recipient_opens(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    kari, odd, ola = visit("Kari Lunde"), visit("Odd Bakken", "/delinger"), visit("Ola Nordmann")
    keys = Keyboard(odd.page)
    address = propose(kari, tmp_path)
    kari.examine()
    send_back_by_keys(odd, kari, address)
    odd.open("/delinger")
    odd.examine()
    keys.tab_to("Gå gjennom og avgjør")
    keys.press("Enter")
    expect(odd.page.get_by_role("heading", name="Godkjenne delingen?")).to_be_visible()
    odd.examine()
    keys.tab_to("Godkjenn og del")
    keys.press("Enter")
    odd.page.wait_for_url("**/delinger/*/delt")
    link = urlsplit(odd.page.locator("#share-link").inner_text()).path
    assert ola.open(link) == 200
    expect(ola.page.get_by_role("heading", name="Leieavtale")).to_be_visible()
    share = address.removesuffix("/godkjenning")
    propose_a_recipient(kari, share)
    odd.open("/delinger")
    keys.tab_to("Gå gjennom og avgjør Leieavtale")
    keys.press("Enter")
    expect(odd.page.get_by_role("heading", name="En endring venter på godkjenning")).to_be_visible()
    odd.examine()
    keys.tab_to("Godkjenn endringen")
    keys.press("Enter")
    expect(odd.page.get_by_role("status").filter(has_text="Du har godkjent endringen.")).to_be_visible()
    demo.change_share(share.rpartition("/")[2], frozen_at=demo.now())
    assert ola.open(link) == 403
    expect(ola.page.get_by_role("heading", name="Dokumentene kan ikke åpnes akkurat nå")).to_be_visible()
    ola.examine()
    for path in ("/delinger", address.removesuffix("/godkjenning")):
        assert kari.open(path) == 200
        expect(kari.page.get_by_text("Stanset av driftsoperatøren").first).to_be_visible()
        kari.examine()


@pytest.mark.usefixtures("four_eyes")
def test_a_change_in_the_form_withdraws_the_proposal_and_shows_that(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    page = kari.page
    draft = propose(kari, tmp_path).split("/")[2]
    kari.open(f"/delinger/{draft}")
    kari.examine()
    page.get_by_role("link", name="Endre utkastet").click()
    expect(page.get_by_text("Utkastet venter på godkjenning")).to_be_visible()
    kari.examine()
    page.get_by_label("Tittel").fill("Leieavtale, rettet")
    page.get_by_label("Tittel").blur()
    expect(page.locator("#proposed-words")).to_have_text(
        "Du har endret utkastet. Send det til godkjenning på nytt når det er klart."
    )
    page.get_by_role("button", name="Send til godkjenning").click()
    page.wait_for_url("**/delinger/*/godkjenning")
    page.get_by_role("button", name="Ta tilbake").click()
    expect(page.get_by_text("Utkastet venter ikke lenger på godkjenning. Det kan endres.")).to_be_visible()
    expect(page.get_by_text("Ønsket om godkjenning ble tatt tilbake")).to_be_visible()
