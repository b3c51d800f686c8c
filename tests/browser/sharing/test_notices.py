"""«Varsle mottakerne»: the account proposes, the sharer decides, and the pages say what went out."""

from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.keyboard import Keyboard
from tests.browser.visitor import SharePage, Visit, Visitor

OLA = "218794 98012"
WINDOW = timedelta(minutes=2)


def fill_in(kari: Visitor, folder: Path) -> SharePage:
    form = SharePage(kari)
    form.open()
    form.choose(noise(folder / "vedtak.pdf", 30_000))
    form.add(OLA)
    expect(form.recipient("218794")).to_be_visible()
    form.confirm_all()
    return form


def test_a_recipient_is_notified_when_nothing_can_be_undone_and_the_pages_say_so(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    kari = visit("Kari Lunde")
    form = fill_in(kari, tmp_path)
    expect(kari.page.get_by_label("Varsle mottakerne")).to_be_checked()
    kari.examine()
    share = form.publish().rpartition("/")[2]
    kari.page.clock.install()
    kari.open(f"/delinger/{share}")
    expect(kari.page.get_by_role("button", name="Angre")).to_be_visible()
    kari.examine()
    # The button also disappears from an open page when it no longer works.
    kari.page.clock.fast_forward(WINDOW / timedelta(milliseconds=1))
    expect(kari.page.get_by_text("Det er for sent å angre.")).to_be_visible()
    expect(kari.page.get_by_role("button", name="Angre")).to_have_count(0)
    demo.move_clock(WINDOW)
    kari.reload_until(kari.page.get_by_text("Varslet"))
    expect(kari.page.get_by_role("button", name="Angre")).to_have_count(0)
    expect(kari.page.get_by_text("Et varsel ble sendt til en mottaker")).to_be_visible()
    kari.examine()
    demo.change_share(share, published_at=demo.now() - timedelta(days=1))
    kari.page.reload()
    keys = Keyboard(kari.page)
    keys.tab_to("Send påminnelse")
    keys.press("Enter")
    expect(kari.page.get_by_role("status").filter(has_text="får en påminnelse")).to_be_visible()
    expect(kari.page.get_by_role("button", name="Send påminnelse")).to_have_count(0)
    kari.open("/demo")
    kari.page.get_by_role("link", name="Varsler til mottakere").click()
    expect(kari.page.get_by_role("heading", name="Varsler som er sendt")).to_be_visible()
    expect(kari.page.get_by_text("Noen har delt dokumenter med deg").first).to_be_visible()


def test_the_sharers_choice_about_notices_is_kept(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form = fill_in(kari, tmp_path)
    kari.page.get_by_label("Varsle mottakerne").uncheck()
    expect(kari.page.locator("#saved")).to_have_text("Utkastet er lagret")
    kari.open(form.draft_path)
    expect(kari.page.get_by_label("Varsle mottakerne")).not_to_be_checked()
    silent = form.publish().rpartition("/")[2]
    # Events are processed in order: when a later share's recipients are notified, this one's would have been, too.
    later = fill_in(kari, tmp_path).publish().rpartition("/")[2]
    demo.move_clock(WINDOW)
    kari.open(f"/delinger/{later}")
    kari.reload_until(kari.page.get_by_text("Varslet"))
    assert kari.open(f"/delinger/{silent}") == 200
    expect(kari.page.get_by_text("218794 *****").first).to_be_visible()
    expect(kari.page.get_by_text("Varslet")).to_have_count(0)


def test_an_administrator_decides_for_the_account(visit: Visit) -> None:
    anne = visit("Anne Myhre", "/konfigurasjon")
    anne.page.get_by_role("link", name="Kontoer").first.click()
    anne.page.get_by_role("link", name="Byggesak", exact=True).first.click()
    group = anne.page.get_by_role("group", name="Skal mottakerne varsles?")
    expect(group.get_by_label("Ja")).to_be_checked()
    anne.examine()
