"""How long drafts live, as the pages show it."""

import re
from html import unescape

from deldokument.services.rate_limit import forget_allowances
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.browser import Web
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.stage import KARI, ODD, OLA, person, run_all

DELETED = "lettes tirsdag 1. desember kl. 13.00 hvis det ikke endres"


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


def test_a_draft_that_died_of_age_says_so(web: Web) -> None:
    draft = web.stage.draft().id
    web.stage.add_recipients(draft, OLA)
    integrate(web.stage)
    systems = create_draft(web.stage.deps, SYSTEM, web.stage.words(), [RecipientInput(OLA)]).id
    web.stage.clock.advance(days=7, seconds=1)
    forget_allowances(web.stage.deps)
    run_all(web.stage.deps)
    page, other = words(web, f"/delinger/{draft}"), words(web, f"/delinger/{systems}")
    next_step = "Du kan lage en ny deling med de samme mottakerne."
    assert f"Slettet Utkastet ble slettet fordi ingen endret det på sju dager. {next_step}" in page
    assert f"Slettet Utkastet ble slettet fordi ingen endret det på 24 timer. {next_step}" in other
    assert "Ble fylt ut av Kari Lunde" in page
    assert "Ble fylt ut av Systemet til FJELL AS" in other
    for shown in (page, other):
        for untrue in ("orkast", "Delt av", "Ikke åpnet"):
            assert untrue not in shown


def test_a_discarded_draft_was_not_shared_and_not_too_old(web: Web) -> None:
    draft = web.stage.draft().id
    web.stage.add_recipients(draft, OLA)
    drafts.discard_draft(web.stage.deps, person(KARI), draft)
    page = words(web, f"/delinger/{draft}")
    assert "Utkastet er forkastet." in page
    assert "Ble fylt ut av Kari Lunde" in page
    for untrue in ("fordi ingen endret", "Delt av", "Ikke åpnet"):
        assert untrue not in page


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
