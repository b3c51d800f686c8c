"""What a person sees who acts for a named organisation without the right that the share needs."""

import re
from urllib.parse import quote

import pytest

from deldokument.domain.shares.policy import ORDINARY_MAIL
from deldokument.ports.registers import OrganizationGrant
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from tests.support.browser import Web
from tests.support.stage.stage import FJELL, KARI, LISE, OLA, SIV, person

SECRETS = ("kanarititel", "kanarimelding", "kanarifil", "Eksempel kommune", "Byggesak", "22 00 00 00", "@eksempel")


def share(web: Web, *, confidential: bool = True) -> tuple[str, str]:
    """A share with Fjell and Ola, whose words are secret; and its document."""
    stage = web.stage
    draft = stage.draft()
    words = stage.words(title="kanarititel", message="kanarimelding", confidential=confidential)
    drafts.save_draft(stage.deps, person(KARI), draft.id, words)
    stage.add_recipients(draft.id, OLA, FJELL)
    stage.upload(draft.id, "kanarifil.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    return draft.id, stage.document_ids(draft.id)[0]


def plain(page: str, path: str) -> str:
    """A page without its own address, and without what differs between two requests for the same thing."""
    page = page.replace(path, "").replace(quote(path, safe=""), "")
    return re.sub(r'(name="csrf_token" value="|csrf-token" content=")[^"]*', r"\1", page)


def test_the_page_says_which_right_is_missing_and_who_can_give_it_and_nothing_of_the_share(web: Web) -> None:
    share_id, _ = share(web)
    answer = web.browser(LISE).get(f"/d/{share_id}")
    assert answer.status_code == 403
    for text in ("FJELL AS", "«Post til virksomheten med taushetsbelagt innhold»", "hovedadministrator"):
        assert text in answer.text
    assert [secret for secret in (*SECRETS, "Ola", "Kari") if secret in answer.text] == []


def test_the_ordinary_right_is_asked_for_where_it_suffices(web: Web) -> None:
    share_id, _ = share(web, confidential=False)
    web.stage.rights.held[LISE] = (OrganizationGrant(FJELL, "FJELL AS", frozenset({"dagl"})),)
    page = web.browser(LISE).get(f"/d/{share_id}").text
    assert "«Ordinær post til virksomheten»" in page
    assert "taushetsbelagt" not in page


def test_byte_routes_say_the_same_in_bare_words(web: Web) -> None:
    share_id, document_id = share(web)
    lise = web.browser(LISE)
    for path in (f"/d/{share_id}/alt.zip", f"/d/{share_id}/dokument/{document_id}"):
        answer = lise.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "text/plain; charset=utf-8")
        assert "taushetsbelagt innhold" in answer.text
        assert [secret for secret in SECRETS if secret in answer.text] == []


def test_with_the_right_the_same_link_opens(web: Web) -> None:
    share_id, _ = share(web)
    lise = web.browser(LISE)
    assert lise.get(f"/d/{share_id}").status_code == 403
    web.stage.rights.held[LISE] = (OrganizationGrant(FJELL, "FJELL AS", frozenset({ORDINARY_MAIL, "a0236"})),)
    assert "kanarititel" in lise.get(f"/d/{share_id}").text


@pytest.mark.parametrize("state", ["withdrawn", "ended", "frozen"])
def test_a_share_that_is_not_open_has_the_page_of_an_unknown_one(web: Web, state: str) -> None:
    share_id, document_id = share(web)
    if state == "withdrawn":
        publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    if state == "frozen":
        freezing.set_share_freeze(web.stage.deps, share_id, None, FreezeReason.SECURITY)
    if state == "ended":
        web.stage.clock.advance(days=10)
    lise = web.browser(LISE)
    unknown_path = f"/d/{'x' * 22}"
    unknown = lise.get(unknown_path)
    for path in (f"/d/{share_id}", f"/d/{share_id}/alt.zip", f"/d/{share_id}/dokument/{document_id}"):
        answer = lise.get(path)
        assert (answer.status_code, plain(answer.text, path)) == (404, plain(unknown.text, unknown_path))


def test_a_stranger_still_gets_the_page_of_what_does_not_exist(web: Web) -> None:
    share_id, _ = share(web)
    siv = web.browser(SIV)
    assert siv.get(f"/d/{share_id}").status_code == siv.get(f"/d/{'x' * 22}").status_code == 404


def test_who_follows_a_link_to_bytes_is_shown_the_page(web: Web) -> None:
    share_id, document_id = share(web)
    lise, nobody, followed = web.browser(LISE), web.browser(), {"Accept": "text/html,*/*;q=0.8"}
    for path in (f"/d/{share_id}/alt.zip", f"/d/{share_id}/dokument/{document_id}"):
        page, login = lise.get(path, headers=followed), nobody.get(path, headers=followed)
        assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "Du mangler en rettighet i Altinn" in page.text
        assert (login.status_code, login.headers["location"]) == (303, f"/d/{share_id}")


def test_shared_with_me_says_which_right_is_missing_once_for_each_and_nothing_of_the_shares(web: Web) -> None:
    share(web)
    share(web)
    page = web.browser(LISE).get("/mine").text
    assert page.count("Noe er delt med FJELL AS") == 1
    assert "«Post til virksomheten med taushetsbelagt innhold»" in page
    assert [secret for secret in (*SECRETS, "Ola", "Kari", "Ingenting her nå") if secret in page] == []
    assert "FJELL AS" not in web.browser(SIV).get("/mine").text
