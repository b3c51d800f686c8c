"""What recipients and members see while the operator has stopped something, or an account is closed or deleted."""

import json
import re
from datetime import timedelta

import pytest

from deldokument.domain.tenants.tenancy import Contact
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from tests.support.browser import Browser, Web
from tests.support.stage.accounts import set_account, set_rules
from tests.support.stage.stage import FJELL, KARI, OLA, PER, SIV, Stage, person
from tests.support.stored_data import contents

SOCKET_MODES = ["tenant", "account", "share", "deleted account"]
STOPPED = SOCKET_MODES[:3]
SECRETS = ("kanarititel", "kanarimelding", "kanarifil", "kanarisak")
END = {"expires_date": "2026-11-30", "expires_time": "12:00"}


def stop(stage: Stage, stopped: str, share_id: str) -> None:
    deps, reason = stage.deps, FreezeReason.SECURITY
    if stopped == "tenant":
        freezing.set_tenant_freeze(deps, stage.tenant.id, None, reason)
    elif stopped == "account":
        freezing.set_account_freeze(deps, stage.byggesak.id, None, reason)
    elif stopped == "share":
        freezing.set_share_freeze(deps, share_id, None, reason)
    else:
        set_account(stage, stage.byggesak, deleted_at=stage.clock.now())


def share_with_secrets(stage: Stage) -> str:
    draft = stage.draft()
    words = stage.words(title="kanarititel", message="kanarimelding", reference="kanarisak")
    drafts.save_draft(stage.deps, person(KARI), draft.id, words)
    stage.add_recipients(draft.id, OLA, FJELL)
    stage.upload(draft.id, "kanarifil.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    return draft.id


def plain(text: str) -> str:
    """A page without what differs between two requests for the same thing."""
    return re.sub(r'(name="csrf_token" value="|csrf-token" content=")[^"]*', r"\1", text)


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_the_rightful_get_a_neutral_page_that_names_no_document_and_no_reason(web: Web, stopped: str) -> None:
    share_id = share_with_secrets(web.stage)
    stop(web.stage, stopped, share_id)
    for reader in (OLA, PER):
        browser = web.browser(reader)
        answer = browser.get(f"/d/{share_id}")
        assert answer.status_code == 403
        assert "Dokumentene kan ikke åpnes akkurat nå" in answer.text
        for text in ("Eksempel kommune", "Byggesak", "22 00 00 00", "post@eksempel.example", "9-15"):
            assert text in answer.text
        for untold in (*SECRETS, "stanset", "driftsoperatør", "slettet", "security"):
            assert untold not in answer.text.lower()
        assert browser.request("HEAD", f"/d/{share_id}").status_code == 403


def test_the_page_is_the_same_for_every_kind_of_freeze(web: Web) -> None:
    share_id = share_with_secrets(web.stage)
    ola, pages = web.browser(OLA), set()
    for mode in SOCKET_MODES:
        stop(web.stage, mode, share_id)
        pages.add(plain(ola.get(f"/d/{share_id}").text))
    assert len(pages) == 1


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_byte_routes_answer_without_a_byte_or_a_name(web: Web, stopped: str) -> None:
    share_id = share_with_secrets(web.stage)
    [document_id] = web.stage.document_ids(share_id)
    stop(web.stage, stopped, share_id)
    ola = web.browser(OLA)
    for path in (f"/d/{share_id}/dokument/{document_id}", f"/d/{share_id}/alt.zip"):
        for headers in ({}, {"Range": "bytes=0-1"}):
            answer = ola.get(path, headers=headers)
            assert answer.status_code == 403
            assert answer.text == "Dokumentene kan ikke åpnes akkurat nå."
            assert "content-disposition" not in answer.headers
        assert ola.request("HEAD", path).status_code == 403


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_a_stranger_gets_the_same_page_as_ever(web: Web, stopped: str) -> None:
    share_id = share_with_secrets(web.stage)
    siv = web.browser(SIV)
    before = siv.get(f"/d/{share_id}")
    stop(web.stage, stopped, share_id)
    after = siv.get(f"/d/{share_id}")
    assert (before.status_code, after.status_code) == (404, 404)
    assert plain(before.text) == plain(after.text)


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_a_frozen_share_is_not_in_the_recipients_list(web: Web, stopped: str) -> None:
    share_id = share_with_secrets(web.stage)
    stop(web.stage, stopped, share_id)
    page = web.browser(OLA).get("/mine").text
    assert share_id not in page
    assert "kanarititel" not in page


def test_recipients_see_the_accounts_own_contact(web: Web) -> None:
    set_rules(web.stage, web.stage.byggesak, contact=Contact("33 00 00 00", "bygg@eksempel.example", "10-12"))
    share_id = share_with_secrets(web.stage)
    ola = web.browser(OLA)
    pages = [ola.get(f"/d/{share_id}").text, web.browser(KARI).get(f"/delinger/{share_id}/delt").text]
    stop(web.stage, "share", share_id)
    pages.append(ola.get(f"/d/{share_id}").text)
    web.stage.clock.advance(days=10)
    pages.append(web.browser(OLA).get(f"/d/{share_id}").text)
    for page in pages:
        assert "33 00 00 00" in page
        assert "22 00 00 00" not in page


@pytest.mark.parametrize("stopped", STOPPED)
def test_members_see_that_it_is_stopped_and_withdraw_it(web: Web, stopped: str) -> None:
    share_id = share_with_secrets(web.stage)
    stop(web.stage, stopped, share_id)
    kari = web.browser(KARI)
    assert "Stanset av driftsoperatøren" in kari.get("/delinger").text
    page = kari.get(f"/delinger/{share_id}").text
    assert "Stanset av driftsoperatøren" in page
    assert f"/delinger/{share_id}/kopi" not in page
    later = kari.post(f"/delinger/{share_id}/sluttidspunkt", {"expires_date": "2026-12-24", "expires_time": "12:00"})
    assert later.status_code == 403
    assert "Driftsoperatøren har stanset delingen her" in later.text
    assert 'value="2026-12-24"' in later.text, "what was typed stays"
    assert kari.post(f"/delinger/{share_id}/sluttidspunkt", END).status_code == 303
    assert kari.post(f"/delinger/{share_id}/tilbaketrekking").status_code == 303


@pytest.mark.parametrize("stopped", ["tenant", "account"])
def test_the_form_is_not_shown_where_nothing_new_is_shared(web: Web, stopped: str) -> None:
    web.stage.remove("kari-avtaler")
    draft = web.stage.draft().id
    stop(web.stage, stopped, draft)
    kari = web.browser(KARI)
    answer = kari.get("/del")
    assert answer.status_code == 403
    assert "Du kan ikke dele noe nytt nå" in answer.text
    assert kari.get(f"/del?utkast={draft}").headers["location"] == f"/delinger/{draft}"
    page = kari.get(f"/delinger/{draft}").text
    assert f"/del?utkast={draft}" not in page
    assert f"/del/utkast/{draft}/forkasting" in page


def test_calls_of_the_form_are_refused_with_words(web: Web) -> None:
    draft = web.stage.draft().id
    stop(web.stage, "account", draft)
    before = shares_in(web)
    kari = web.browser(KARI)
    for method, path, body in (
        ("POST", "/del/utkast", {"account_id": web.stage.byggesak.id}),
        ("POST", f"/del/utkast/{draft}/dokumenter", {"name": "a", "length": 1}),
        ("POST", f"/del/utkast/{draft}/publisering", {}),
    ):
        answer = kari.call(method, path, body)
        assert answer.status_code == 403
        assert answer.json()["code"] == "sharing_stopped"
        assert "stanset" in answer.json()["errors"][0]["message"]
    assert shares_in(web) == before


def shares_in(web: Web) -> list[str]:
    """The rows about shares and documents."""
    return [line for line in contents(web.stage) if line.startswith(('INSERT INTO "share"', 'INSERT INTO "document"'))]


def offered(page: str) -> list[str]:
    return re.findall(r"<option value=\"[\w-]{22}\"(?: selected)?>([^<]*)</option>", page)


def test_a_closed_account_is_not_offered(web: Web) -> None:
    kari = web.browser(KARI)
    assert offered(kari.get("/del").text) == ["Avtaler", "Byggesak"]
    set_account(web.stage, web.stage.byggesak, closed_at=web.stage.clock.now())
    page = kari.get("/del").text
    assert '"name": "Avtaler"' in page
    assert "Byggesak" not in page
    set_account(web.stage, web.stage.avtaler, closed_at=web.stage.clock.now())
    answer = kari.get("/del")
    assert answer.status_code == 422
    assert "Kontoen er stengt" in answer.text


def test_a_draft_in_a_closed_account_can_be_moved_or_discarded(web: Web) -> None:
    draft = web.stage.draft().id
    set_account(web.stage, web.stage.byggesak, closed_at=web.stage.clock.now())
    kari = web.browser(KARI)
    page = kari.get(f"/delinger/{draft}").text
    assert "Flytt utkastet til en annen konto" in page
    assert offered(kari.get(f"/del?utkast={draft}").text) == ["Avtaler", "Byggesak (stengt)"]
    saved = kari.call(
        "PUT", f"/del/utkast/{draft}", {"account_id": web.stage.byggesak.id, "expires_at": "2026-12-04T15:30"}
    )
    assert (saved.status_code, saved.json()["errors"][0]["field"]) == (422, "account")
    web.stage.remove("kari-avtaler")
    page = kari.get(f"/delinger/{draft}").text
    assert "Du kan forkaste utkastet" in page
    assert f"/del?utkast={draft}" not in page
    assert kari.post(f"/del/utkast/{draft}/forkasting").status_code == 303


def test_the_form_has_each_accounts_own_rules(web: Web) -> None:
    set_rules(
        web.stage, web.stage.avtaler,
        longest=timedelta(days=3), standard=timedelta(days=2), confidential=False, four_eyes=True,
    )  # fmt: skip
    page = web.browser(KARI).get("/del").text
    settings = json.loads(re.findall(r'id="settings">(.*?)</script>', page)[0])
    avtaler, byggesak = settings["accounts"]
    assert (avtaler["confidential"], avtaler["four_eyes"], avtaler["archive_question"]) == (False, True, True)
    assert (avtaler["default_expires_at"], avtaler["latest"]) == ("2026-11-25T15:30", "2026-11-27T13:00")
    assert (byggesak["confidential"], byggesak["four_eyes"]) == (True, False)
    assert byggesak["latest"] == "2027-02-22T13:00"


def test_a_full_account_says_in_words_how_much_is_left(web: Web, kari: Browser) -> None:
    set_rules(web.stage, web.stage.byggesak, quota=1_200_000)
    draft = web.stage.draft().id
    answer = kari.call("POST", f"/del/utkast/{draft}/dokumenter", {"name": "a", "length": 2_500_000})
    assert answer.status_code == 422
    [fault] = answer.json()["errors"]
    assert fault["field"] == "documents"
    assert fault["message"] == "Kontoen har plass til 1,2\u00a0MB til. Dette tar 2,5\u00a0MB."


@pytest.fixture
def kari(web: Web) -> Browser:
    return web.browser(KARI)
