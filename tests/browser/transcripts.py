"""What a screen reader says while Kari shares and Ola receives, as committed text in tests/browser/transcripts.

After a change that is meant, write them anew and read the difference:

    .venv-dev/bin/python -m tests.browser.transcripts
"""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import launch
from tests.browser.demo import Demo
from tests.browser.screen_reader import ScreenReader
from tests.browser.visitor import SharePage, Visitor

FOLDER = Path(__file__).with_name("transcripts")
OLA, FJELL = "21879498012", "312824450"
_PDF = b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF"


class Transcript:
    """One person's walk, page by page: what was announced on the way, then the page."""

    def __init__(self, visitor: Visitor) -> None:
        self.lines: list[str] = []
        self._reader = ScreenReader(visitor.context, visitor.page)

    def read(self, what: str, part: str = "main") -> None:
        """Read a page, or a part of it, under a heading."""
        self.lines += ["", f"== {what} ==", *self._reader.hear(), *self._reader.read(part)]

    def wait_for(self, words: str) -> None:
        """Wait until this is announced."""
        self._reader.wait_for(words)

    @property
    def text(self) -> str:
        """As it is committed."""
        return "\n".join(self.lines).strip() + "\n"


def share(kari: Visitor, document: Path) -> tuple[str, str]:
    """From the first page until the share is published; the transcript, and the path of the link."""
    said, form = Transcript(kari), SharePage(kari)
    kari.open("/")
    said.read("Start")
    form.open()
    said.read("Tomt skjema, hele siden", "RootWebArea")
    form.choose(document)
    expect(kari.page.locator("#live")).to_have_text("vedtak.pdf: Lastet opp")
    form.add(OLA, FJELL)
    expect(kari.page.locator("#live")).to_have_text("2 mottakere er lagt til")
    expect(kari.page.get_by_text("Utkastet er lagret")).to_be_visible()
    said.read("Med fil og mottakere")
    kari.page.get_by_role("button", name="Del dokument", exact=True).click()
    expect(kari.page.locator("ds-error-summary")).to_be_focused()
    said.read("Med feil")
    kari.page.get_by_label("Tittel").fill("Vedtak i byggesak")
    kari.page.get_by_label("Varsle mottakerne").uncheck()
    form.confirm_all()
    path = form.publish().removeprefix(kari.url)
    said.read("Delt")
    return said.text, path


def receive(ola: Visitor, path: str, folder: Path) -> str:
    """From the link until the receipt is confirmed."""
    said = Transcript(ola)
    ola.open(path)
    said.read("Lenken før innlogging, hele siden", "RootWebArea")
    ola.enter("Ola Nordmann")
    ola.open_checked(path)
    said.read("Dokumentene")
    with ola.page.expect_download() as started:
        ola.page.get_by_role("link", name="Last ned vedtak.pdf").click()
    started.value.save_as(folder / "fetched")
    ola.reload_until(ola.page.get_by_text("Du hentet hele filen"))
    said.read("Etter nedlasting")
    ola.page.get_by_role("button", name="Jeg har fått dokumentene").click()
    expect(ola.page.get_by_text("Bekreftet av deg")).to_be_visible()
    said.read("Etter bekreftelsen")
    ola.open("/mine")
    said.read("Delt med meg")
    return said.text


def change(kari: Visitor, path: str) -> str:
    """What is done with a share afterwards: look, correct, add and remove recipients, withdraw."""
    said, page = Transcript(kari), kari.page
    title, share_path = "Vedtak i byggesak", path.replace("/d/", "/delinger/")
    kari.open("/delinger")
    said.read("Delinger")
    follow(page, "link", title, title)
    said.read("Delingen")
    follow(page, "link", "Endre delingen", "Endre delingen")
    said.read("Endre delingen")
    kari.open(share_path)
    follow(page, "link", "Legg til en mottaker", "Legg til en mottaker")
    said.read("Legg til en mottaker")
    page.get_by_role("button", name="Legg til mottakeren").click()
    expect(page.locator("ds-error-summary")).to_be_focused()
    said.read("Legg til en mottaker, med feil")
    kari.open(share_path)
    follow(page, "link", "Endre eller fjern FJELL AS", "Endre mottakeren")
    said.read("Endre mottakeren")
    follow(page, "button", "Fjern mottakeren", title)
    said.wait_for("Mottakeren er fjernet.")
    said.read("Mottakeren er fjernet")
    follow(page, "link", "Delt med feil mottaker?", "Feil mottaker")
    said.read("Feil mottaker")
    kari.open(share_path)
    page.get_by_role("button", name="Trekk tilbake delingen").click()
    expect(page.get_by_role("button", name="Behold delingen")).to_be_focused()
    said.read("Spørsmålet før delingen trekkes tilbake", "dialog")
    page.get_by_role("dialog").get_by_role("button", name="Trekk tilbake delingen").click()
    said.wait_for("Delingen er trukket tilbake.")
    said.read("Trukket tilbake")
    return said.text


def follow(page: Page, role: Literal["link", "button"], name: str, heading: str) -> None:
    """Press it, and wait for the page that it leads to."""
    page.get_by_role(role, name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def take(browser: Browser, demo: Demo, folder: Path) -> dict[str, str]:
    """The three transcripts by name, of a demo in which nothing has been shared."""
    document = folder / "vedtak.pdf"
    document.write_bytes(_PDF)
    kari, ola, later = (Visitor(browser, demo.url) for _ in range(3))
    kari.enter("Kari Lunde")
    later.enter("Kari Lunde")
    shared, path = share(kari, document)
    taken = {"share": shared, "receive": receive(ola, path, folder)}
    # By then, publishing can no longer be undone.
    demo.move_clock(timedelta(minutes=5))
    taken["change"] = change(later, path)
    for visitor in (kari, ola, later):
        visitor.close()
    return taken


def main() -> None:
    """Write them anew."""
    expect.set_options(timeout=60_000)
    with TemporaryDirectory() as name, Demo(Path(name) / "data") as demo, sync_playwright() as playwright:
        browser = launch(playwright)
        FOLDER.mkdir(exist_ok=True)
        for title, text in take(browser, demo, Path(name)).items():
            (FOLDER / f"{title}.txt").write_text(text, "utf-8")
        browser.close()


if __name__ == "__main__":
    main()
