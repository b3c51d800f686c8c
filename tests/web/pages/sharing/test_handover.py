"""«Overlat utkastet» in the browser: the author chooses a colleague, who goes on with the draft."""

import pytest

from deldokument.services.shares.drafts import discarding, drafts
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from tests.support.browser import Browser, Web
from tests.support.stage.stage import KARI, LISE, ODD, OLA, PER, Stage, person


@pytest.fixture
def lise(web: Web) -> Browser:
    """The colleague in her browser."""
    return web.browser(LISE)


@pytest.fixture
def draft(stage: Stage) -> str:
    """Kari's draft for Ola. Lise is her colleague."""
    stage.members["lise"] = stage.add(LISE, "Lise Moen", stage.byggesak)
    draft_id = stage.draft().id
    drafts.save_draft(stage.deps, person(KARI), draft_id, stage.words(title="Vedtak"))
    stage.add_recipients(draft_id, OLA)
    return draft_id


def test_a_draft_goes_from_one_list_to_the_others(web: Web, draft: str, lise: Browser) -> None:
    kari, page = web.browser(KARI), f"/del/utkast/{draft}/overlating"
    for shown in ("/delinger", f"/delinger/{draft}"):
        assert page in kari.get(shown).text
    form = kari.get(page)
    assert f'<option value="{web.stage.members["lise"]}">Lise Moen</option>' in form.text
    assert "Kollegaen ser personenes numre i sin helhet" in form.text
    answer = kari.post(page, {"colleague": web.stage.members["lise"]})
    assert answer.headers["location"] == f"/delinger/{draft}?lagret=overlatt"
    after = kari.get(answer.headers["location"]).text
    assert "Utkastet er overlatt." in after
    assert "Fylles ut av Lise Moen" in after
    assert "Utkastet ble overlatt til en annen bruker" in after
    assert f"/del?utkast={draft}" in lise.get("/delinger").text
    assert f"/del?utkast={draft}" not in kari.get("/delinger").text
    assert kari.get(f"/del?utkast={draft}").headers["location"] == f"/delinger/{draft}"


def test_the_page_says_what_is_wrong_and_keeps_the_choice(web: Web, draft: str) -> None:
    kari, page = web.browser(KARI), f"/del/utkast/{draft}/overlating"
    nobody = kari.post(page)
    assert nobody.status_code == 422
    assert '<a class="ds-link" href="#colleague">Velg en kollega i listen.</a>' in nobody.text
    drafts.add_document(web.stage.deps, person(KARI), draft, name="kart.pdf", length=1, modified_at=None)
    chosen = web.stage.members["lise"]
    unfinished = kari.post(page, {"colleague": chosen})
    assert unfinished.status_code == 422
    assert "Vent til alle filene er lastet opp" in unfinished.text
    assert f'<option value="{chosen}" selected>' in unfinished.text


def test_namesakes_are_distinguished(web: Web, draft: str) -> None:
    web.stage.add(PER, "Lise Moen", web.stage.byggesak)
    page = web.browser(KARI).get(f"/del/utkast/{draft}/overlating").text
    assert "Lise Moen 178888 *****</option>" in page
    assert "Lise Moen 058779 *****</option>" in page


def test_a_member_who_is_alone_reads_what_to_do(web: Web, draft: str) -> None:
    web.stage.remove("lise")
    page = web.browser(KARI).get(f"/del/utkast/{draft}/overlating").text
    assert "Ingen andre på kontoen kan få utkastet." in page
    assert 'name="colleague"' not in page


def test_a_colleague_is_shown_the_draft_and_cannot_take_it(web: Web, draft: str, lise: Browser) -> None:
    page = f"/del/utkast/{draft}/overlating"
    assert lise.get(page).headers["location"] == f"/delinger/{draft}"
    taken = lise.post(page, {"colleague": web.stage.members["lise"]})
    assert taken.status_code == 409
    assert "Bare den som fyller ut utkastet, kan endre eller dele det." in taken.text
    assert "kan du be om å få det overlatt" in taken.text
    assert web.browser(ODD).get(page).status_code == 404


def test_a_stopped_or_discarded_draft_is_not_handed_over(web: Web, draft: str) -> None:
    kari, page, colleague = web.browser(KARI), f"/del/utkast/{draft}/overlating", web.stage.members["lise"]
    set_share_freeze(web.stage.deps, draft, None, FreezeReason.SECURITY)
    assert kari.post(page, {"colleague": colleague}).status_code == 403
    other = web.stage.draft().id
    discarding.discard_with_grace(web.stage.deps, person(KARI), other)
    assert kari.get(f"/del/utkast/{other}/overlating").headers["location"] == f"/delinger/{other}"


def test_a_colleague_who_brings_a_draft_back_is_led_to_where_it_can_be_read(
    web: Web, draft: str, lise: Browser
) -> None:
    lise.post(f"/del/utkast/{draft}/forkasting")
    back = lise.get(lise.post(f"/del/utkast/{draft}/angring").headers["location"]).text
    assert f'href="/delinger/{draft}"' in back
    assert f'href="/del?utkast={draft}"' not in back
    assert "Se utkastet" in back
    own = web.browser(KARI).get(f"/delinger?hentet={draft}").text
    assert "Se utkastet" not in own
