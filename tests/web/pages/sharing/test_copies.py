"""«Lag ny deling fra denne»: the documents come along if that is ticked, and the pages say how far they have come."""

from deldokument.services.downloads.copying import make_copies
from deldokument.services.shares.published import publishing
from tests.support.browser import Browser, Web
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, ODD, OLA, person

TICK = 'id="with-documents" name="documents"'


def copy(browser: Browser, share_id: str) -> str:
    """A draft with the documents of the share; returns its id."""
    return browser.post(f"/delinger/{share_id}/kopi", {"documents": "on"}).headers["location"].rpartition("=")[2]


def test_documents_of_an_open_share_are_taken_along_if_it_is_ticked(web: Web) -> None:
    kari, share_id = web.browser(KARI), web.stage.publish(OLA)
    page = kari.get(f"/delinger/{share_id}").text
    assert TICK in page
    assert "checked" not in page.partition(TICK)[2].partition(">")[0]
    draft = copy(kari, share_id)
    documents = f"/del/utkast/{draft}/dokumenter"
    [waiting] = kari.get(documents).json()["documents"]
    assert (waiting["copying"], waiting["copy_failure"], waiting["complete"]) == (True, "", False)
    assert "Kopieres, 0\u00a0byte så langt" in kari.get(f"/delinger/{draft}").text
    body = {"account_id": web.stage.byggesak.id, "archived": True, "expires_at": "2026-12-01T12:00"}
    assert kari.call("PUT", f"/del/utkast/{draft}", body).status_code == 200
    refused = kari.call("POST", f"/del/utkast/{draft}/publisering")
    messages = {error["message"] for error in refused.json()["errors"]}
    assert "Vent til alle filene er kopiert, eller fjern dem som mangler." in messages
    make_copies(web.stage.deps)
    [copied] = kari.get(documents).json()["documents"]
    assert copied == waiting | {"copying": False, "complete": True, "offset": 7}
    assert "Et dokument ble kopiert fra en annen deling" in kari.get(f"/delinger/{draft}").text
    assert "Et dokument ble kopiert til en ny deling" in kari.get(f"/delinger/{share_id}").text


def test_a_share_that_is_over_does_not_offer_its_documents_and_says_so_to_an_older_page(web: Web) -> None:
    kari, share_id = web.browser(KARI), web.stage.publish(OLA)
    draft = copy(kari, share_id)
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    page = kari.get(f"/delinger/{share_id}").text
    assert TICK not in page
    assert "men ingen dokumenter" in page
    refused = kari.post(f"/delinger/{share_id}/kopi", {"documents": "on"})
    assert (refused.status_code, "Delingen er over, så dokumentene kan ikke kopieres" in refused.text) == (409, True)
    make_copies(web.stage.deps)
    assert "Ikke kopiert" in kari.get(f"/delinger/{draft}").text
    assert kari.get(f"/del/utkast/{draft}/dokumenter").json()["documents"][0]["copy_failure"] == "gone"


def test_a_colleague_is_not_offered_the_documents_and_an_older_page_says_whom_to_ask(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    odd = web.browser(ODD)
    page = odd.get(f"/delinger/{share_id}").text
    assert (TICK in page, "men ingen dokumenter" in page) == (False, True)
    refused = odd.post(f"/delinger/{share_id}/kopi", {"documents": "on"})
    assert (refused.status_code, "Bare den som har delt dokumentene" in refused.text) == (409, True)


def test_a_copy_beyond_the_quota_is_refused_on_the_page_of_the_share_which_keeps_the_tick(web: Web) -> None:
    kari, share_id = web.browser(KARI), web.stage.publish(OLA)
    set_rules(web.stage, web.stage.byggesak, quota=10)
    refused = kari.post(f"/delinger/{share_id}/kopi", {"documents": "on"})
    assert refused.status_code == 422
    assert "Kontoen har plass til 3\u00a0byte til" in refused.text
    assert "checked" in refused.text.partition(TICK)[2].partition(">")[0]
