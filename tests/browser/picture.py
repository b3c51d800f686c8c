"""The README's picture, taken anew from the demo: `python -m tests.browser.picture` from the checkout's folder.

Shows «Del dokumenter» with a file on its way, one that is done, and two recipients in the summary, all made up.
"""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import launch
from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.network import Network
from tests.browser.visitor import SharePage, Visitor

TARGET = Path(__file__).resolve().parents[2] / "docs" / "images" / "share.png"
_SIZE = {"width": 1200, "height": 1440}
_LARGEST = 200_000


def take(visitor: Visitor, network: Network, folder: Path) -> bytes:
    """Fill in a share and take its picture while the second file is under way."""
    form = SharePage(visitor)
    form.open()
    form.choose(noise(folder / "Vedtak om byggetillatelse.pdf", 412_000))
    expect(form.file("Vedtak")).to_contain_text("Lastet opp")
    form.add("21879498012", "312 824 450")
    form.recipient("218794").get_by_role("checkbox").check()
    form.recipient("218794").get_by_role("textbox").fill("søker")
    form.recipient("FJELL AS").get_by_role("textbox").fill("utbygger")
    network.slow(12_000_000)
    form.choose(noise(folder / "Tegninger og situasjonsplan.zip", 240_000_000))
    expect(form.file("Tegninger")).to_contain_text(re.compile(r"[3-9]\d % · "))
    visitor.page.mouse.move(0, 0)
    visitor.page.locator("#main").focus()
    visitor.page.evaluate("window.scrollTo(0, 0)")
    return visitor.page.screenshot(scale="css")


def main() -> None:
    """Take it, and refuse to keep it when it has grown too large for a README."""
    expect.set_options(timeout=60_000)
    with (
        TemporaryDirectory() as folder,
        Demo(Path(folder) / "data") as demo,
        Network() as network,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        visitor = Visitor(browser, demo.url, proxy=network.proxy, viewport=_SIZE)
        visitor.log_in("Kari Lunde", "/del")
        picture = take(visitor, network, Path(folder))
        browser.close()
    if len(picture) >= _LARGEST:
        sys.exit(f"the picture has {len(picture)} bytes")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(picture)


if __name__ == "__main__":
    main()
