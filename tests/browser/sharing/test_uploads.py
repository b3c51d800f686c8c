"""Files on their way up, as the one who sends them sees it: pauses, crashes, a login that runs out, too much."""

import re
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise, sha256
from tests.browser.general.test_main_job import download
from tests.browser.network import Network, assert_gone_on, uploads_of
from tests.browser.visitor import SharePage, Visit, Visitor

OLA = "21879498012"
LENGTH = 40_000_000
_SLOW = 8_000_000
_SOME = re.compile(r"[1-9]\d %")


def start(visitor: Visitor, network: Network, file: Path, rate: float = _SLOW) -> SharePage:
    """The page with a file a tenth or more on its way, and no hurry to be done."""
    form = SharePage(visitor)
    form.open()
    network.slow(rate)
    form.choose(file)
    expect(form.file(file.name)).to_contain_text(_SOME)
    return form


def test_a_paused_upload_resumes_where_it_stopped(visit: Visit, network: Network, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde", proxy=network.proxy), noise(tmp_path / "plan.bin", LENGTH)
    uploads = uploads_of(kari.page)
    row = start(kari, network, file).file(file.name)
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("På pause")
    kari.page.get_by_label("Tittel").fill("Noe annet imens")
    network.mend()
    row.get_by_role("button", name="Fortsett").click()
    expect(row).to_contain_text("Lastet opp")
    assert_gone_on(uploads, LENGTH)


def test_after_a_reload_the_same_file_resumes(visit: Visit, network: Network, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde", proxy=network.proxy), noise(tmp_path / "plan.bin", LENGTH)
    form = start(kari, network, file)
    kari.page.on("dialog", lambda dialog: dialog.accept())
    kari.page.reload()
    row = form.file(file.name)
    expect(row).to_contain_text("Velg den samme filen på nytt, så fortsetter den der den var")
    uploads = uploads_of(kari.page)
    network.mend()
    form.choose(file)
    expect(row).to_contain_text("Lastet opp")
    expect(form.rows("Valgte dokumenter")).to_have_count(1)
    assert_gone_on(uploads, LENGTH)


def test_after_a_crash_the_draft_is_taken_up_from_the_list(visit: Visit, network: Network, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde", proxy=network.proxy), noise(tmp_path / "plan.bin", LENGTH)
    form = start(kari, network, file)
    form.add(OLA)
    expect(form.recipient("218794 98012")).to_be_visible()
    kari.page.get_by_label("Tittel").fill("Før krasjet")
    kari.page.get_by_label("Tittel").blur()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    network.cut()
    kari.page.close(run_before_unload=False)
    again = visit("Kari Lunde", "/delinger")
    again.page.get_by_role("listitem").filter(has_text="Før krasjet").get_by_role("link", name="Fortsett").click()
    form, uploads = SharePage(again), uploads_of(again.page)
    expect(form.recipient("218794 98012")).to_be_visible()
    expect(again.page.get_by_label("Tittel")).to_have_value("Før krasjet")
    form.choose(file)
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    assert_gone_on(uploads, LENGTH)


def test_a_document_added_to_an_open_share_resumes_after_a_crash_and_is_complete(
    visit: Visit, network: Network, tmp_path: Path
) -> None:
    path = SharePage(visit("Kari Lunde")).share(noise(tmp_path / "vedtak.pdf", 100), OLA)
    pages, file = path.replace("/d/", "/delinger/") + "/dokumenter", noise(tmp_path / "plan.bin", LENGTH)
    kari = visit("Kari Lunde", pages, proxy=network.proxy)
    network.slow(_SLOW)
    SharePage(kari).choose(file)
    expect(SharePage(kari).file(file.name)).to_contain_text(_SOME)
    network.cut()
    kari.page.close(run_before_unload=False)
    ola = visit("Ola Nordmann", path)
    expect(ola.page.get_by_text(file.name)).to_have_count(0)
    again = visit("Kari Lunde", pages)
    form, uploads = SharePage(again), uploads_of(again.page)
    expect(form.file(file.name)).to_contain_text("Velg den samme filen på nytt, så fortsetter den der den var")
    form.choose(file)
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    expect(form.rows("Valgte dokumenter")).to_have_count(1)
    assert_gone_on(uploads, LENGTH)
    again.page.get_by_role("button", name="Legg til dokumentene").click()
    expect(again.page.get_by_text("Dokumentene er lagt til.")).to_be_visible()
    ola.open_checked(path)
    (tmp_path / "ola").mkdir()
    assert sha256(download(ola.page, "Last ned plan.bin", tmp_path / "ola")) == sha256(file)
    # Without a reload.
    expect(ola.page.get_by_role("button", name="Jeg har fått dokumentene")).to_be_visible()


def test_a_login_that_runs_out_stops_no_upload_and_loses_no_word(
    visit: Visit, demo: Demo, network: Network, tmp_path: Path
) -> None:
    kari, file = visit("Kari Lunde", proxy=network.proxy), noise(tmp_path / "plan.bin", LENGTH)
    uploads = uploads_of(kari.page)
    form = start(kari, network, file)
    demo.move_clock(timedelta(minutes=31))
    kari.page.get_by_label("Melding").fill("Skrevet etter at innloggingen gikk ut")
    kari.page.get_by_label("Melding").blur()
    heading = kari.page.get_by_role("heading", name="Du er logget ut")
    expect(heading).to_be_visible()
    kari.examine()
    network.mend()
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    assert [upload.offset for upload in uploads] == [0]

    with kari.page.expect_popup() as opened:
        kari.page.get_by_role("link", name="Logg inn igjen i en ny fane").click()
    tab = opened.value
    if not tab.url.startswith(kari.url):
        tab.get_by_role("link", name="Kari Lunde").click()
        tab.get_by_role("button", name="Logg inn").click()
    expect(tab.get_by_role("heading", name="Du er logget inn igjen")).to_be_visible()
    tab.close()
    expect(heading).to_be_hidden()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    form.add(OLA)
    expect(form.recipient("218794 98012")).to_be_visible()
    form.confirm_all()
    form.publish()
    kari.page.get_by_role("link", name="Se delingen").click()
    expect(kari.page.get_by_text("Skrevet etter at innloggingen gikk ut")).to_be_visible()


def test_the_input_of_one_person_is_not_sent_by_the_next_who_logs_in_in_the_same_browser(
    visit: Visit, demo: Demo
) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    # Odd is a member of this account. The form suggests the account that was last shared from.
    kari.page.get_by_label("Konto").select_option("Avtaledokumenter")
    title = kari.page.get_by_label("Tittel")
    title.fill("Skrevet i tide")
    title.blur()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    demo.move_clock(timedelta(minutes=31))
    title.fill("Skrevet for sent")
    title.blur()
    expect(kari.page.get_by_role("heading", name="Du er logget ut")).to_be_visible()
    # The next person at this machine gets no question about leaving the page.
    kari.page.on("dialog", lambda dialog: dialog.dismiss())
    kari.context.clear_cookies()
    tab = kari.context.new_page()
    tab.goto("/logg-inn?neste=/logget-inn")
    tab.get_by_role("link", name="Odd Bakken").click()
    tab.get_by_role("button", name="Logg inn").click()
    expect(tab.get_by_role("heading", name="Du er logget inn igjen")).to_be_visible()
    # A colleague who may see the draft sees it as it was saved.
    expect(kari.page.get_by_role("heading", name="Skrevet i tide")).to_be_visible()
    expect(kari.page.get_by_role("heading", name="Du er logget ut")).to_be_hidden()


def test_publishing_waits_for_the_uploads_and_can_be_called_off(visit: Visit, network: Network, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde", proxy=network.proxy), noise(tmp_path / "plan.bin", LENGTH)
    # Slower than elsewhere: on a busy machine, the file would be sent before the steps below are done.
    form = start(kari, network, file, _SLOW / 8)
    form.add(OLA)
    expect(form.recipient("218794 98012")).to_be_visible()
    form.confirm_all()
    publish = kari.page.get_by_role("button", name="Del dokument", exact=True)
    publish.click()
    waiting = kari.page.get_by_role("button", name="Ikke del ennå")
    expect(waiting).to_be_focused()
    kari.examine()
    waiting.click()
    expect(publish).to_be_focused()
    publish.click()
    expect(waiting).to_be_visible()
    # Before the network is restored: otherwise the rest of the file would arrive before the click.
    form.file(file.name).get_by_role("button", name="Pause").click()
    expect(publish).to_be_visible()
    network.mend()
    publish.click()
    kari.page.wait_for_url("**/delinger/*/delt")


def test_a_broken_connection_is_shown_and_recovers_by_itself(visit: Visit, network: Network, tmp_path: Path) -> None:
    kari, file = visit("Kari Lunde", proxy=network.proxy), noise(tmp_path / "plan.bin", LENGTH)
    form = start(kari, network, file)
    network.cut()
    expect(form.file(file.name)).to_contain_text("Det som er lastet opp, er trygt")
    kari.page.get_by_label("Tittel").fill("Skrevet uten nett")
    kari.page.get_by_label("Tittel").blur()
    heading = kari.page.get_by_role("heading", name="Ingen forbindelse")
    expect(heading).to_be_visible()
    network.mend()
    expect(form.file(file.name)).to_contain_text("Lastet opp")
    expect(heading).to_be_hidden()
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    kari.page.reload()
    expect(kari.page.get_by_label("Tittel")).to_have_value("Skrevet uten nett")


def test_many_small_files_and_an_empty_one_keep_their_order(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    files = [noise(tmp_path / f"vedlegg {number:02}.txt", number * 100) for number in range(20)]
    form.open()
    form.choose(*files)
    rows = form.rows("Valgte dokumenter")
    expect(rows.filter(has_text="Lastet opp")).to_have_count(20)
    expect(rows).to_contain_text([file.name for file in files])
    form.choose(files[3])
    expect(kari.page.get_by_role("status").filter(has_text="vedlegg 03.txt står allerede i listen")).to_be_attached()
    expect(rows).to_have_count(20)
    rows.first.get_by_role("button", name="Fjern").click()
    expect(rows).to_have_count(19)
    expect(rows.first.get_by_role("button", name="Fjern")).to_be_focused()
    kari.page.reload()
    expect(rows).to_contain_text([file.name for file in files[1:]])


def test_files_can_be_dropped_anywhere_on_the_page(visit: Visit) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    dropped = kari.page.evaluate_handle("""() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(['innhold'], 'sluppet.txt', { type: 'text/plain' }));
        return transfer;
    }""")
    kari.page.dispatch_event("h1", "drop", {"dataTransfer": dropped})
    expect(form.file("sluppet.txt")).to_contain_text("Lastet opp")


def test_a_file_over_5_gb_is_refused_before_a_byte_is_sent(visit: Visit, tmp_path: Path) -> None:
    kari = visit("Kari Lunde")
    form = SharePage(kari)
    form.open()
    sent: list[str] = []
    kari.page.on("request", lambda request: sent.append(request.method))
    with (tmp_path / "for stor.bin").open("wb") as file:
        file.truncate(5 * 1024**3 + 1)
    form.choose(tmp_path / "for stor.bin")
    expect(form.file("for stor.bin")).to_contain_text("Filen er større enn 5 GB")
    kari.examine()
    form.file("for stor.bin").get_by_role("button", name="Fjern").click()
    expect(form.rows("Valgte dokumenter")).to_have_count(0)
    assert sent == []
