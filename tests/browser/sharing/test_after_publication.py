"""What can be done after publication, by touch: ask, remind, answer, correct, look up who got it.

Every page met is examined by axe (targets of 24 pixels too), and its controls can be distinguished in forced
colours.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.demo import Demo
from tests.browser.files import noise
from tests.browser.touch import TELEPHONE, Finger
from tests.browser.visitor import Visit, Visitor
from tests.support.deployment.memory import folder_in_memory

pytestmark = [pytest.mark.large, pytest.mark.timeout(600)]
OLA = "21879498012"
# In forced colours there are no backgrounds: only a border or an underline shows that an element can be used.
_WITHOUT_EDGE = """() => [...document.querySelectorAll('main .ds-button, main .ds-input, main a.ds-link')]
    .filter((control) => control.checkVisibility() && control.getBoundingClientRect().width > 1)
    .filter((control) => {
        const style = getComputedStyle(control);
        const bordered = style.borderTopStyle !== 'none' && parseFloat(style.borderTopWidth) > 0;
        const native = control.matches('[type=checkbox], [type=radio]');
        return !bordered && !native && !style.textDecorationLine.includes('underline');
    }).map((control) => control.outerHTML.slice(0, 200))"""


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A demo of its own, since days pass."""
    with folder_in_memory() as folder, Demo(folder / "data") as running:
        yield running


def look(visitor: Visitor, heading: str) -> None:
    """The page with this heading, in every colour."""
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(heading)
    visitor.examine()
    visitor.page.emulate_media(forced_colors="active")
    assert visitor.page.evaluate(_WITHOUT_EDGE) == []
    visitor.page.emulate_media(forced_colors="none")


def pass_days(visitor: Visitor, count: int) -> None:
    """On the demo's own page."""
    visitor.open("/demo")
    for _ in range(count):
        visitor.page.get_by_label("Hvor langt?").select_option("24")
        with visitor.page.expect_navigation():
            visitor.page.get_by_role("button", name="Flytt klokken fram").click()


def answer(kari: Visitor, hand: Finger, share: str) -> None:
    """Remind, say no with a reason, and look up who got what."""
    kari.enter("Kari Lunde", share)
    look(kari, "Vedtak")
    hand.write("Begrunnelse", "Fristen er lovbestemt.")
    hand.press("Si nei")
    expect(kari.page.get_by_text("Du har sagt nei.")).to_be_visible()
    hand.press("Send påminnelse")
    expect(kari.page.get_by_text("får en påminnelse")).to_be_visible()
    look(kari, "Vedtak")
    hand.press("Endre delingen")
    look(kari, "Endre delingen")
    hand.write("Saksnummer", "26/1")
    hand.press("Lagre endringene")
    expect(kari.page.get_by_text("Endringene er lagret.")).to_be_visible()
    hand.press("Endre eller fjern")
    look(kari, "Endre mottakeren")
    hand.press("Tilbake til delingen")
    expect(kari.page.get_by_role("heading", level=1)).to_have_text("Vedtak")
    hand.press("Delt med feil mottaker?")
    look(kari, "Feil mottaker")
    hand.press("Kopier teksten")
    expect(kari.page.get_by_role("status").filter(has_text="Kopiert")).to_be_attached()
    hand.press("Trekk tilbake delingen")
    look(kari, "Trekke tilbake delingen?")
    hand.press("Trekk tilbake delingen")
    expect(kari.page.get_by_text("Delingen er trukket tilbake.")).to_be_visible()


def test_actions_after_publication_work_by_touch(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    path = demo.share(noise(tmp_path / "vedtak.pdf", 100), OLA, title="Vedtak", days=6)
    pass_days(visit(), 2)
    ola, kari = visit(**TELEPHONE), visit(**TELEPHONE)
    ola.enter("Ola Nordmann")
    ola.open_checked(path)
    hand = Finger(ola.page)
    look(ola, "Vedtak")
    hand.press("Be om mer tid")
    expect(ola.page.get_by_text("Svaret kommer her.")).to_be_visible()
    look(ola, "Vedtak")
    answer(kari, Finger(kari.page), path.replace("/d/", "/delinger/"))
    assert ola.open(path) == 410
    ola.examine()
    hand.press("Be om ny deling")
    expect(ola.page.get_by_text("Svaret kommer her.")).to_be_visible()
