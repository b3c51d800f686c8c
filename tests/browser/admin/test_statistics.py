"""«Statistikk» as it is seen: bars drawn from the table, in the theme's colours, and everything without script too."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.visitor import NARROW, WIDE, Visit, Visitor

OLA = "21879498012"
# Resolves once a plot has an area in this colour, or in any colour if none is given; false if that never happens.
_APPEARS = """async ([kind, wanted]) => {
    const canvas = document.querySelector(`figure[data-plot=${kind}] .plot-area canvas`);
    const has = () => {
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        const pixels = {};
        for (let at = 0; at < data.length; at += 4) {
            const colour = data.slice(at, at + 3).join();
            if (data[at + 3] === 255) pixels[colour] = (pixels[colour] ?? 0) + 1;
        }
        return Object.keys(pixels).some((colour) => pixels[colour] > 200 && (!wanted || colour === wanted));
    };
    for (let look = 0; look < 100; look += 1) {
        if (has()) return true;
        await new Promise((again) => setTimeout(again, 50));
    }
    return false;
}"""
BARS = {"light": "15,92,110", "dark": "120,163,173"}
"""The accent of the theme."""


def go(anne: Visitor) -> None:
    """To the page, by the menu."""
    menu = anne.page.get_by_role("navigation", name="Konfigurasjon av Eksempel kommune")
    menu.get_by_role("link", name="Statistikk").click()
    expect(anne.page.get_by_role("heading", name="Statistikk", exact=True)).to_be_visible()


def appears(page: Page, kind: str, colour: str = "") -> bool:
    """Whether a plot is drawn, in a colour. A function that the page waits for would be text, which it may not run."""
    drawn: bool = page.evaluate(_APPEARS, [kind, colour])
    return drawn


def test_an_administrator_sees_the_shares_as_bars_in_light_and_dark_and_narrow(
    visit: Visit, demo: Demo, tmp_path: Path
) -> None:
    demo.share(noise(tmp_path / "vedtak.pdf", 200_000), OLA)
    anne = visit("Anne Myhre", "/konfigurasjon")
    go(anne)
    for words in ("delinger per måned", "hvor mye som ble delt per måned"):
        expect(anne.page.get_by_role("img", name=f"Søylediagram over {words}")).to_be_visible()
    anne.examine()
    for scheme, _ in anne.looks(WIDE, NARROW):
        assert appears(anne.page, "size", BARS[scheme])
        assert appears(anne.page, "outcome")


def test_without_script_the_table_is_complete_and_no_plot_is_empty(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    demo.share(noise(tmp_path / "vedtak.pdf", 1000), OLA)
    anne = visit("Anne Myhre", "/konfigurasjon", java_script_enabled=False)
    go(anne)
    expect(anne.page.locator("figure").first).to_be_hidden()
    months = anne.page.get_by_role("table", name="Delinger fra Eksempel kommune etter måneden de ble delt i")
    expect(months.get_by_role("row")).to_have_count(14)
    with anne.page.expect_download() as download:
        anne.page.get_by_role("link", name="Last ned som CSV").click()
    assert download.value.suggested_filename.startswith("statistikk-20")
