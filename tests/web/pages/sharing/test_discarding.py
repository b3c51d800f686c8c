"""Drafts in «Delinger»: whose they are, and discarding them with a question before and «Angre» after."""

import re
from datetime import timedelta
from html import unescape

import httpx
import pytest

from deldokument.domain.errors import existing
from deldokument.domain.shares.share import DISCARD_GRACE, ShareState
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.drafts.discarding import discard_with_grace
from tests.support.browser import Browser, Web
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.stage import KARI, ODD, OLA, person, run_all

WAITING, OTHERS = "Venter på deg", "Andres utkast på kontoene"
TITLE = "Reguleringsplan"


@pytest.fixture
def draft(web: Web) -> str:
    """Kari's, in Avtaler, which is Odd's account too."""
    stage = web.stage
    share = stage.draft(account=stage.avtaler)
    words = stage.words(account_id=stage.avtaler.id, title=TITLE)
    drafts.save_draft(stage.deps, person(KARI), share.id, words)
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "plan.pdf", b"innhold")
    return share.id


def state(web: Web, share_id: str) -> ShareState:
    with web.stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id)).state


def section(page: httpx.Response, heading: str) -> str:
    """What stands in the section or the fold of that heading; empty when there is none."""
    parts = re.findall(r"<(section|details)\b[^>]*>(.*?)</\1>", unescape(page.text), re.DOTALL)
    return next((inner for _, inner in parts if heading in inner), "")


def discarded(browser: Browser, draft: str) -> httpx.Response:
    answer = browser.post(f"/del/utkast/{draft}/forkasting")
    assert answer.status_code == 303
    return browser.get(answer.headers["location"])


def test_a_draft_waits_for_its_author_and_colleagues_find_it_in_a_fold_with_the_name(web: Web, draft: str) -> None:
    mine, theirs = web.browser(KARI).get("/delinger"), web.browser(ODD).get("/delinger")
    assert TITLE in section(mine, WAITING)
    assert OTHERS not in mine.text
    assert section(theirs, WAITING) == ""
    fold = section(theirs, "Andres utkast på kontoen (1)")
    assert TITLE in fold
    assert "Fylles ut av Kari Lunde" in fold
    assert f'href="/del?utkast={draft}"' not in fold
    # Once on the page, and not also in the rest of the list.
    assert theirs.text.count(f'href="/delinger/{draft}"') == 1
    assert f'href="/delinger/{draft}"' in web.browser(ODD).get("/delinger?tilstand=draft").text


def test_who_goes_on_with_a_colleagues_draft_gets_a_draft_of_ones_own_without_documents(web: Web, draft: str) -> None:
    odd = web.browser(ODD)
    assert odd.get(f"/del?utkast={draft}").headers["location"] == f"/delinger/{draft}"
    page = odd.get(f"/delinger/{draft}").text
    assert "Ingen andre kan endre eller dele utkastet." in page
    assert f'href="/del?utkast={draft}"' not in page
    assert f'action="/delinger/{draft}/kopi"' in page
    assert f'action="/delinger/{draft}/kopi"' not in web.browser(KARI).get(f"/delinger/{draft}").text
    taken = odd.post(f"/delinger/{draft}/kopi").headers["location"]
    assert odd.get(taken).status_code == 200
    assert web.stage.document_ids(taken.rpartition("=")[2]) == []


def test_a_draft_of_a_system_waits_for_nobody(web: Web) -> None:
    integrate(web.stage)
    create_draft(web.stage.deps, SYSTEM, web.stage.words(title=TITLE))
    page = web.browser(KARI).get("/delinger")
    assert section(page, WAITING) == ""
    assert "Fylles ut av systemet til FJELL AS" in section(page, OTHERS)


def test_the_question_is_asked_in_a_dialog_and_on_a_page_for_browsers_without_script(web: Web, draft: str) -> None:
    kari = web.browser(KARI)
    for path in ("/delinger", f"/delinger/{draft}"):
        page = unescape(kari.get(path).text)
        assert "Forkaste utkastet?" in page
        assert f'<noscript><a class="ds-link" href="/del/utkast/{draft}/forkasting">' in page
    question = unescape(kari.get(f"/del/utkast/{draft}/forkasting").text)
    assert "Du kan angre i 10 sekunder" in question
    assert state(web, draft) is ShareState.DRAFT


def test_the_question_about_what_is_no_draft_leads_to_the_share(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    answer = web.browser(KARI).get(f"/del/utkast/{share_id}/forkasting")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}")


def test_discarding_can_be_undone_from_the_page_also_when_it_is_loaded_again(web: Web, draft: str) -> None:
    kari = web.browser(KARI)
    page = discarded(kari, draft)
    for _ in range(2):
        text = unescape(page.text)
        assert f"Utkastet «{TITLE}» er forkastet." in text
        assert f'action="/del/utkast/{draft}/angring"' in text
        assert re.search(r'<button[^>]* autofocus[^>]*aria-describedby="discarded undo-time"[^>]*>Angre', text)
        page = kari.get(f"/delinger?forkastet={draft}")
    assert TITLE not in section(page, WAITING)
    web.stage.clock.advance(seconds=10)
    answer = kari.post(f"/del/utkast/{draft}/angring")
    assert answer.status_code == 303
    back = kari.get(answer.headers["location"])
    assert f"Utkastet «{TITLE}» er hentet tilbake" in unescape(back.text)
    assert TITLE in section(back, WAITING)
    assert state(web, draft) is ShareState.DRAFT
    timeline = kari.get(f"/delinger/{draft}").text
    assert timeline.index("Utkastet ble forkastet") < timeline.index("Utkastet ble hentet tilbake")


def test_undoing_too_late_is_reported(web: Web, draft: str) -> None:
    kari = web.browser(KARI)
    discarded(kari, draft)
    web.stage.clock.instant += DISCARD_GRACE
    run_all(web.stage.deps)
    page = kari.post(f"/del/utkast/{draft}/angring")
    assert page.status_code == 409
    assert "Det er for sent å angre. Utkastet er slettet." in page.text
    again = unescape(kari.get(f"/delinger?forkastet={draft}").text)
    assert f"Utkastet «{TITLE}» er forkastet. Det kan ikke hentes tilbake." in again
    assert "/angring" not in again


def test_nobody_but_who_discarded_it_is_offered_to_undo(web: Web, draft: str) -> None:
    odd = web.browser(ODD)
    discarded(web.browser(KARI), draft)
    assert "/angring" not in odd.get(f"/delinger?forkastet={draft}").text
    assert odd.post(f"/del/utkast/{draft}/angring").status_code == 409
    assert state(web, draft) is ShareState.ABANDONED


def test_what_the_address_names_and_is_not_so_is_not_said(web: Web, draft: str) -> None:
    kari, share_id = web.browser(KARI), web.stage.publish(OLA)
    for query in (f"forkastet={draft}", "forkastet=x", f"hentet={share_id}", "hentet=x", "hentet="):
        page = kari.get(f"/delinger?{query}").text
        assert TITLE in page
        assert not re.search("er forkastet|hentet tilbake|/angring", page)


def test_an_upload_to_a_discarded_draft_stops_and_resumes_when_the_draft_is_restored(web: Web) -> None:
    kari, stage = web.browser(KARI), web.stage
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=4, modified_at=None)
    headers = {
        "Authorization": f"Bearer {ticket.token}",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }

    def send() -> int:
        answer = web.browser().request("PATCH", f"/uploads/{ticket.upload_id}", content=b"abcd", headers=headers)
        return answer.status_code

    discard_with_grace(stage.deps, person(KARI), share.id)
    assert send() in {404, 409, 410}
    stage.clock.advance(seconds=timedelta(seconds=3).total_seconds())
    assert kari.post(f"/del/utkast/{share.id}/angring").status_code == 303
    assert send() == 204
