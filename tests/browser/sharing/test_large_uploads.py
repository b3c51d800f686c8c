"""A large file uploaded in parallel parts: one file to the sharer and to the recipient."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.files import noise, sha256
from tests.browser.general.test_main_job import download
from tests.browser.network import Network, Sent, assert_gone_on, uploads_of
from tests.browser.sharing.test_uploads import start
from tests.browser.visitor import SharePage, Visit, Visitor

OLA = "21879498012"
LENGTH = 70_000_000
_SLOW = 2_000_000
_PIECES = 4


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return noise(tmp_path / "film.bin", LENGTH)


def _started(kari: Visitor, network: Network, file: Path) -> tuple[SharePage, list[Sent]]:
    """The page with all four pieces on their way, a tenth or more in sum, and what is asked for."""
    uploads = uploads_of(kari.page)
    form = start(kari, network, file, _SLOW)
    while len({sent.url for sent in uploads}) < _PIECES:
        kari.page.wait_for_timeout(50)
    return form, uploads


def test_a_large_file_is_uploaded_in_four_pieces_at_a_time_and_is_complete(
    visit: Visit, file: Path, tmp_path: Path
) -> None:
    kari = visit("Kari Lunde")
    uploads, joined = uploads_of(kari.page), []
    kari.page.on("request", lambda request: joined.append(request.headers.get("upload-concat", "")))
    path = SharePage(kari).share(file, OLA, title="Film")
    assert [(sent.method, sent.offset) for sent in uploads] == [("PATCH", 0)] * _PIECES
    assert sum(value.startswith("final;") for value in joined) == 1
    ola = visit("Ola Nordmann")
    ola.open_checked(path)
    assert sha256(download(ola.page, "Last ned film.bin", tmp_path / "ola")) == sha256(file)


def test_a_paused_large_file_resumes_in_each_piece(visit: Visit, network: Network, file: Path) -> None:
    kari = visit("Kari Lunde", proxy=network.proxy)
    form, uploads = _started(kari, network, file)
    row = form.file(file.name)
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("På pause")
    network.mend()
    row.get_by_role("button", name="Fortsett").click()
    expect(row).to_contain_text("Lastet opp")
    assert_gone_on(uploads, LENGTH)
    assert len({sent.url for sent in uploads}) == _PIECES


def test_a_large_file_resumes_in_each_piece_after_a_broken_connection(
    visit: Visit, network: Network, file: Path
) -> None:
    kari = visit("Kari Lunde", proxy=network.proxy)
    form, uploads = _started(kari, network, file)
    row = form.file(file.name)
    network.cut()
    expect(row).to_contain_text("Det som er lastet opp, er trygt")
    network.mend()
    expect(row).to_contain_text("Lastet opp")
    assert_gone_on(uploads, LENGTH)


def test_after_a_reload_the_same_large_file_resumes_in_each_piece(visit: Visit, network: Network, file: Path) -> None:
    kari = visit("Kari Lunde", proxy=network.proxy)
    form, _ = _started(kari, network, file)
    kari.page.on("dialog", lambda dialog: dialog.accept())
    kari.page.reload()
    row = form.file(file.name)
    expect(row).to_contain_text("Velg den samme filen på nytt, så fortsetter den der den var")
    expect(row).to_contain_text(re.compile(r"[1-9]"))
    uploads = uploads_of(kari.page)
    network.mend()
    form.choose(file)
    expect(row).to_contain_text("Lastet opp")
    expect(form.rows("Valgte dokumenter")).to_have_count(1)
    assert_gone_on(uploads, LENGTH)


def test_a_large_file_removed_during_its_upload_is_gone(visit: Visit, network: Network, file: Path) -> None:
    kari = visit("Kari Lunde", proxy=network.proxy)
    form = start(kari, network, file, _SLOW)
    with kari.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        form.file(file.name).get_by_role("button", name="Fjern").click()
    expect(form.rows("Valgte dokumenter")).to_have_count(0)
    network.mend()
    kari.page.reload()
    expect(form.rows("Valgte dokumenter")).to_have_count(0)
