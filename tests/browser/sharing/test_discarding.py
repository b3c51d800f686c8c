"""A draft is discarded after a question, and brought back by «Angre» while that works; colleagues find it in a fold."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.visitor import SharePage, Visit, Visitor
from tests.support.deployment.deployment import wait_until

TITLE = "Utkast om gjerdet"
LATER_MS = 25_000
"""Longer than a discarded draft can be brought back."""


@pytest.fixture
def begin(visit: Visit, tmp_path: Path) -> Callable[[], Visitor]:
    """Makes a draft of Kari's, whom Odd has an account with, and opens «Delinger»."""

    def begun() -> Visitor:
        kari = visit("Kari Lunde", "/del")
        page = SharePage(kari)
        page.open()
        kari.page.get_by_label("Konto").select_option(label="Avtaledokumenter")
        page.choose(noise(tmp_path / "gjerde.pdf", 1000))
        kari.page.get_by_label("Tittel").fill(TITLE)
        expect(page.file("gjerde.pdf").get_by_text("Lastet opp")).to_be_visible()
        draft = page.draft_path
        wait_until(lambda: TITLE in kari.context.request.get(draft).text(), 20, "the title is not saved")
        kari.open("/delinger")
        return kari

    return begun


def test_a_draft_is_discarded_after_a_question_and_brought_back_by_the_keyboard(begin: Callable[[], Visitor]) -> None:
    kari = begin()
    card = kari.page.locator(".need-card").filter(has_text=TITLE).first
    card.get_by_role("button", name=f"Forkast utkastet {TITLE}").click()
    dialog = kari.page.get_by_role("dialog", name="Forkaste utkastet?")
    expect(dialog.get_by_role("button", name="Behold utkastet")).to_be_focused()
    kari.examine()
    kari.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    card.get_by_role("button", name=f"Forkast utkastet {TITLE}").click()
    dialog.get_by_role("button", name="Forkast utkastet").click()
    status = kari.page.get_by_role("status").filter(has_text=f"Utkastet «{TITLE}» er forkastet.")
    expect(status.get_by_role("button", name="Angre")).to_be_focused()
    kari.page.keyboard.press("Enter")
    back = kari.page.get_by_role("status").filter(has_text="er hentet tilbake, med alt som var i det")
    expect(back.get_by_role("link", name="Fortsett")).to_be_focused()
    kari.page.keyboard.press("Enter")
    expect(SharePage(kari).file("gjerde.pdf")).to_be_visible()


def test_angre_disappears_after_the_grace_period_and_the_focus_stays(begin: Callable[[], Visitor]) -> None:
    kari = begin()
    kari.page.locator(".need-card").filter(has_text=TITLE).first.get_by_role("button", name="Forkast utkastet").click()
    kari.page.get_by_role("dialog").get_by_role("button", name="Forkast utkastet").click()
    expect(kari.page.get_by_role("button", name="Angre")).to_be_visible()
    kari.examine()
    over = kari.page.get_by_role("status").get_by_text("Det kan ikke hentes tilbake.")
    expect(over).to_be_focused(timeout=LATER_MS)
    kari.page.reload()
    expect(over).to_be_visible()
    expect(kari.page.get_by_role("button", name="Angre")).to_have_count(0)


def test_a_colleague_finds_the_draft_in_a_fold_with_the_name_of_who_fills_it_in(
    begin: Callable[[], Visitor], visit: Visit
) -> None:
    begin()
    odd = visit("Odd Bakken", "/delinger")
    expect(odd.page.locator(".need-card").filter(has_text=TITLE)).to_have_count(0)
    row = odd.page.get_by_role("listitem").filter(has_text=TITLE).first
    expect(row).to_be_hidden()
    odd.page.get_by_text("Andres utkast på kontoen").click()
    expect(row.locator(".row-facts").get_by_text("Fylles ut av Kari Lunde")).to_be_visible()
    odd.examine()
    row.get_by_role("link", name=TITLE).click()
    expect(odd.page.get_by_role("heading", name="Fylles ut av Kari Lunde")).to_be_visible()
    expect(odd.page.get_by_role("link", name="Fortsett")).to_have_count(0)
    odd.examine()


def test_without_script_the_question_has_a_page_and_undoing_works(
    begin: Callable[[], Visitor], demo: Demo, chromium: Browser
) -> None:
    draft = begin().page.locator(".need-card").filter(has_text=TITLE).first.get_by_role("link").first
    path = (draft.get_attribute("href") or "").replace("/del?utkast=", "/del/utkast/") + "/forkasting"
    plain = Visitor(chromium, demo.url, java_script_enabled=False)
    plain.log_in("Kari Lunde", "/delinger")
    plain.page.locator(f'a[href="{path}"]').click()
    plain.page.get_by_role("button", name="Forkast utkastet").click()
    plain.page.get_by_role("button", name="Angre").click()
    expect(plain.page.get_by_role("status").get_by_text("er hentet tilbake")).to_be_visible()
    plain.close()
