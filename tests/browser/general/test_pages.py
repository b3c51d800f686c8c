"""The pages beside the main job's way, and all of them in other languages, enlarged, and without script."""

import re
import time
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.demo import Demo
from tests.browser.files import noise, sha256
from tests.browser.visitor import SharePage, Visit, Visitor, sideways

OLA, FJELL = "21879498012", "312824450"
# A browser waits a tenth of a second before it paints without the font.
_LATE_SECONDS = 0.3
_IS_UNBROKEN = """async () => {
    await document.fonts.ready;
    const heading = document.querySelector('h1');
    heading.style.overflowWrap = 'normal';
    heading.style.hyphens = 'manual';
    return heading.scrollWidth <= heading.clientWidth;
}"""

# The cumulative layout shift since the page was opened, as Web Vitals measure it.
_SHIFTED = """() => new Promise((done) => {
    let moved = 0;
    const count = (list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) moved += entry.value;
    };
    new PerformanceObserver(count).observe({ type: 'layout-shift', buffered: true });
    document.fonts.ready.then(() => requestAnimationFrame(() => setTimeout(() => done(moved))));
})"""


def draft_with_everything(kari: Visitor, folder: Path) -> str:
    """A draft with an uploaded file, a person, an organisation and a refused number; its path."""
    form = SharePage(kari)
    form.open()
    form.choose(noise(folder / "Situasjonsplan for Storgata 12 med et langt navn, revidert utgave (3).pdf", 3000))
    form.add(OLA, FJELL, "313017001")
    expect(form.recipient("FJELL AS")).to_be_visible()
    expect(form.file("Situasjonsplan")).to_contain_text("Lastet opp")
    kari.page.get_by_label("Tittel").fill("Tegninger")
    kari.page.get_by_label("Tittel").blur()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    return form.draft_path


def test_a_button_that_loses_its_name_in_a_narrow_window_is_found(visit: Visit) -> None:
    anyone = visit()
    anyone.page.set_content(
        """<html lang="nb"><title>x</title><style>@media (max-width: 30rem) { span { display: none; } }</style>
        <main><h1>x</h1><button><span>Lagre</span></button></main></html>"""
    )
    with pytest.raises(AssertionError, match=r"(?s)light at 360:.*button-name"):
        anyone.examine()


def test_nothing_moves_when_a_page_is_opened_for_the_first_time(visit: Visit, tmp_path: Path) -> None:
    draft = draft_with_everything(visit("Kari Lunde"), tmp_path)
    for path in (draft, f"/delinger/{draft.rpartition('=')[2]}", "/delinger"):
        for width in (360, 1440):
            kari = visit("Kari Lunde")
            kari.page.set_viewport_size({"width": width, "height": 800})
            kari.open(path)
            assert kari.page.evaluate(_SHIFTED) < 0.02, (path, width)


def test_a_font_that_loads_late_moves_nothing(visit: Visit, tmp_path: Path) -> None:
    """The system's font is wider or narrower: in a narrow window a menu or a sentence needs another line."""

    def late(route: Route) -> None:
        time.sleep(_LATE_SECONDS)
        route.continue_()

    draft = draft_with_everything(visit("Kari Lunde"), tmp_path)
    for path in (draft, "/delinger"):
        kari = visit("Kari Lunde")
        kari.page.set_viewport_size({"width": 360, "height": 800})
        kari.page.route("**/*.woff2", late)
        kari.open(path)
        assert kari.page.evaluate(_SHIFTED) < 0.02, path


def test_axe_finds_nothing_before_login(visit: Visit) -> None:
    anyone = visit()
    for path, status in (
        ("/", 200),
        ("/kontakt", 200),
        ("/tilgjengelighet", 200),
        ("/personvern", 200),
        ("/demo", 200),
        ("/d/finnes-ikke", 200),
        ("/logget-ut", 200),
        ("/finnes-ikke", 404),
    ):
        assert anyone.open(path) == status
        anyone.examine()


def test_axe_finds_nothing_on_pages_of_failed_logins(visit: Visit) -> None:
    anyone = visit()
    page = anyone.page
    anyone.open("/logg-inn")
    page.get_by_role("button", name="Avbryt").click()
    expect(page.get_by_role("heading", name="Innloggingen ble avbrutt")).to_be_visible()
    anyone.examine()
    anyone.open("/logg-inn")
    page.get_by_role("link", name="Ola Nordmann").click()
    page.get_by_label("Nivå").select_option("Betydelig")
    page.get_by_role("button", name="Logg inn").click()
    expect(page.get_by_role("heading", name="Du må logge inn på høyeste nivå")).to_be_visible()
    anyone.examine()
    anyone.open("/logg-inn/svar?state=gammel&code=x")
    expect(page.get_by_text("Innloggingen ble ikke fullført")).to_be_visible()
    anyone.examine()


def test_axe_finds_nothing_on_a_caseworkers_pages(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde", "/delinger")
    kari.examine()
    draft = draft_with_everything(kari, tmp_path)
    kari.examine()
    draft_id = draft.rpartition("=")[2]
    of_the_draft = (f"/delinger/{draft_id}", f"/del/utkast/{draft_id}/overlating")
    for path in ("/delinger", *of_the_draft, "/mine", "/kontakt", "/logget-inn"):
        assert kari.open(path) == 200
        kari.examine()
    kari.open(draft)
    kari.page.get_by_role("button", name="Fjern Situasjonsplan").click()
    kari.page.get_by_role("button", name="Logg ut").click()
    kari.is_logged_out()
    kari.examine()


def test_the_language_changes_and_the_page_stays(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    draft = draft_with_everything(kari, tmp_path)
    page = kari.page
    headings = {
        "/kontakt": ("Contact", "Kontakt", "Kontakt"),
        "/delinger?tilstand=draft&saksnummer=": ("Shares", "Delingar", "Delinger"),
        draft: ("Share documents", "Del dokument", "Del dokumenter"),
    }
    for path, words in headings.items():
        if page.url != kari.url + path:
            kari.open(path)
        for name, code, heading in zip(("English", "Nynorsk", "Bokmål"), ("en", "nn", "nb"), words, strict=True):
            page.get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
            expect(page.locator("html")).to_have_attribute("lang", code)
            assert page.url == kari.url + path
            if code != "nb":
                # Only in bokmål; the other languages are in test_axe_finds_nothing_on_a_caseworkers_pages and
                # test_axe_finds_nothing_before_login.
                kari.examine()
    expect(page.get_by_label("Tittel")).to_have_value("Tegninger")


def test_nothing_is_cut_off_when_the_page_is_enlarged(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    draft = draft_with_everything(kari, tmp_path)
    for path in ("/", draft, "/delinger", draft.replace("/del?utkast=", "/delinger/"), "/mine", "/demo", "/d/x", "/x"):
        kari.open(path)
        for percent, width, height in ((200, 720, 450), (400, 320, 256)):
            kari.page.set_viewport_size({"width": width, "height": height})
            assert sideways(kari.page) == [], f"{path} at {percent} %"


def test_receiving_works_without_script(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    file = noise(tmp_path / "vedtak.pdf", 4000)
    path = demo.share(file, OLA)
    ola = visit(java_script_enabled=False)
    page = ola.page
    ola.open(path)
    page.get_by_role("link", name="Logg inn med ID-porten").click()
    ola.choose_person("Ola Nordmann")
    download = page.get_by_role("link", name="Last ned vedtak.pdf")
    while download.count() == 0:
        page.get_by_role("link", name="Last siden på nytt").click()
        page.wait_for_timeout(200)
        page.wait_for_load_state()
    with page.expect_download() as started:
        download.click()
    started.value.save_as(tmp_path / "fetched")
    assert sha256(tmp_path / "fetched") == sha256(file)
    ola.open("/mine")
    # Other tests have shared with Ola as well.
    offer = page.get_by_role("listitem").filter(has=page.locator(f'a[href="{path}"]'))
    ola.reload_until(offer.get_by_text("du har hentet alt"))
    page.get_by_role("button", name="Logg ut").click()
    page.get_by_role("button", name="Logg ut av ID-porten").click()
    ola.is_logged_out()


def test_without_script_sharing_says_that_it_needs_it_and_the_rest_works(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    path = demo.share(noise(tmp_path / "vedtak.pdf", 100), OLA)
    kari = visit("Kari Lunde", "/del", java_script_enabled=False)
    page = kari.page
    # By selector, because Playwright does not find texts and roles inside noscript.
    expect(page.locator("noscript .ds-alert")).to_contain_text("Deling krever JavaScript")
    expect(page.locator("noscript .ds-alert")).to_be_visible()
    expect(page.get_by_label("Filer", exact=True)).to_be_hidden()
    kari.open(path.replace("/d/", "/delinger/"))
    expect(page.locator(".copy-button")).to_be_hidden()
    page.get_by_label("Klokkeslett").fill("11:15")
    page.get_by_role("button", name="Endre sluttidspunkt").click()
    # The end is at a quarter past eleven that day, which may be a day less.
    expect(page.get_by_text(re.compile(r"kl\. 11\.15, (13|14) dager igjen"))).to_be_visible()
    page.locator("noscript a[href$='/tilbaketrekking']").click()
    expect(page.get_by_role("heading", name="Trekke tilbake delingen?")).to_be_visible()
    page.get_by_role("button", name="Trekk tilbake delingen").click()
    expect(page.get_by_text("Trukket tilbake", exact=True)).to_be_visible()


def test_long_titles_labels_and_tags_make_no_page_wider(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    # «Ingen har hentet noe, og delingen utløper snart»
    unread = demo.share(noise(tmp_path / "vedtak.pdf", 100), OLA, days=2).removeprefix("/d/")
    demo.change_share(unread, published_at=demo.now() - timedelta(days=3))
    kari, anne, tora = visit("Kari Lunde"), visit("Anne Myhre", "/konfigurasjon"), visit("Tora Vik", "/drift")
    form = SharePage(kari)
    form.open()
    form.choose(noise(tmp_path / "inv\u202excod.scr", 100))
    form.add(OLA)
    expect(form.file("inv\u25a1xcod.scr")).to_contain_text("Lastet opp")
    kari.page.get_by_label("Tittel").fill("Byggesøknadsvedleggsoversikt" * 7)
    kari.page.get_by_label("Egen merkelapp").fill("rettighetshaver" * 6)
    form.confirm_all()
    path = form.publish().removeprefix(kari.url)
    anne.page.get_by_role("link", name="DPIA").click()
    tora.page.get_by_role("link", name="Eksempel kommune").click()
    ola, share = visit("Ola Nordmann"), path.replace("/d/", "/delinger/")
    for visitor, paths in (
        (kari, ("/delinger", share, f"{share}/delt", f"{share}/tilbaketrekking")),
        (ola, (path, "/mine")),
        (anne, (anne.page.url.removeprefix(anne.url),)),
        (tora, (tora.page.url.removeprefix(tora.url),)),
    ):
        visitor.page.set_viewport_size({"width": 320, "height": 640})
        for one in paths:
            visitor.open(one)
            assert sideways(visitor.page) == [], one
    assert anne.page.evaluate(_IS_UNBROKEN), "the heading of the DPIA breaks within a word"


def test_a_download_after_the_login_has_expired_leads_to_a_new_login(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    file = noise(tmp_path / "vedtak.pdf", 100)
    path = demo.share(file, OLA)
    ola = visit("Ola Nordmann")
    ola.open_checked(path)
    download = ola.page.get_by_role("link", name="Last ned vedtak.pdf")
    ola.context.clear_cookies()
    download.click()
    expect(ola.page.get_by_role("heading", name="Logg inn for å se dokumentene")).to_be_visible()
    ola.page.get_by_role("link", name="Logg inn med ID-porten").click()
    ola.choose_person("Ola Nordmann")
    with ola.page.expect_download() as started:
        download.click()
    started.value.save_as(tmp_path / "fetched")
    assert sha256(tmp_path / "fetched") == sha256(file)
