"""How long drafts live, as the pages show it."""

from __future__ import annotations

import re
from html import unescape

from deldokument.services.shares.api_drafts import create_draft
from tests.support.browser import Web
from tests.support.systems import SYSTEM, integrate
from tests.support.world import KARI, ODD

DELETED = "lettes tirsdag 1. desember kl. 13.00 hvis ingen endrer det"


def words(web: Web, path: str, who: str = KARI) -> str:
    """What stands in the page, without tags, after a new login."""
    _, begin, main = web.browser(who).get(path).text.partition("<main")
    assert begin
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def test_the_pages_of_a_draft_warn_on_its_last_day_and_not_before(web: Web) -> None:
    draft = web.stage.draft().id
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    form = f"/del?utkast={draft}"
    web.stage.clock.advance(days=5, hours=23)
    for path, who in (("/delinger", KARI), ("/delinger", ODD), (form, KARI)):
        assert "lettes tirsdag" not in words(web, path, who)
    web.stage.clock.advance(hours=1)
    for path, who in (("/delinger", KARI), ("/delinger", ODD), (form, KARI)):
        assert DELETED in words(web, path, who)
    assert "Slettes snart" in words(web, "/delinger")
    assert "Utkastet blir snart slettet" in words(web, form)


def test_a_changed_draft_lives_seven_days_more(web: Web) -> None:
    draft = web.stage.draft().id
    assert DELETED in words(web, f"/delinger/{draft}")
    web.stage.clock.advance(days=6)
    web.stage.upload(draft, "a.txt", b"a")
    assert "Slettes snart" not in words(web, "/delinger")
    assert "slettes mandag 7. desember kl. 13.00" in words(web, f"/delinger/{draft}")


def test_the_lists_and_the_privacy_page_say_how_long_drafts_live(web: Web) -> None:
    integrate(web.stage)
    create_draft(web.stage.deps, SYSTEM, web.stage.words())
    web.stage.draft()
    listed = words(web, "/delinger")
    assert "Slettes onsdag 25. november kl. 13.00" in listed
    assert "Et utkast som ingen endrer på sju dager, blir slettet." in listed
    assert "Utkast fra fagsystemer slettes etter 24 timer." in listed
    privacy = words(web, "/personvern")
    assert "Slettes når ingen har endret dem på 7 dager." in privacy
    assert "slettes etter 24 timer hvis det ikke venter på godkjenning" in privacy
