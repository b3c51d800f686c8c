"""After a download, the question whether the files have been received is on top of the recipient's page."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.visitor import Visit, Visitor

OLA = "21879498012"
PHONE = {"width": 390, "height": 844}
BUTTON = "Jeg har fått dokumentene"
# Longer than a connection's buffers, so that it counts as downloaded only when the browser has read it.
_LENGTH = 2_000_000


def open_share_of(count: int, visitor: Visitor, demo: Demo, folder: Path) -> None:
    """Open a share of so many documents when all are ready."""
    files = [noise(folder / f"vedlegg {number}.pdf", _LENGTH) for number in range(count)]
    visitor.open_checked(demo.share(files, OLA, title="Tegninger"))


def test_after_a_download_the_question_is_announced_and_on_top_without_moving_the_focus(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    ola = visit("Ola Nordmann", viewport=PHONE)
    open_share_of(10, ola, demo, tmp_path)
    page, button = ola.page, ola.page.get_by_role("button", name=BUTTON)
    last = page.get_by_role("link", name="Last ned vedlegg 9.pdf")
    expect(button).to_have_count(0)
    with page.expect_download() as started:
        last.click()
    started.value.save_as(tmp_path / "vedlegg 9.pdf")
    expect(button).to_have_count(1, timeout=60_000)
    expect(page.locator("#live")).to_have_text(
        "Har du fått filene? Si gjerne fra med knappen øverst på siden. Det er frivillig."
    )
    expect(last).to_be_focused()
    page.evaluate("window.scrollTo(0, 0)")
    expect(button).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("main").get_by_text("Har du fått filene?")).to_be_in_viewport(ratio=1)
    ola.examine()
    button.click()
    expect(page.get_by_text("Bekreftet av deg")).to_have_count(1)
    expect(button).to_have_count(0)


def test_without_script_the_question_is_on_top_when_the_page_is_opened_again(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    ola = visit("Ola Nordmann", viewport=PHONE, java_script_enabled=False)
    open_share_of(1, ola, demo, tmp_path)
    with ola.page.expect_download() as started:
        ola.page.get_by_role("link", name="Last ned vedlegg 0.pdf").click()
    started.value.save_as(tmp_path / "fetched")
    button = ola.page.get_by_role("button", name=BUTTON)
    ola.reload_until(button)
    expect(button).to_be_in_viewport(ratio=1)
    button.click()
    expect(ola.page.get_by_text("Bekreftet av deg")).to_have_count(1)
