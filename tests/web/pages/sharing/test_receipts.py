"""How far documents have come, in the words of the pages: never more than is known."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery
from deldokument.services.downloads.confirmation import confirm_documents
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads import append as uploads_append
from tests.support.browser import Web
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, LISE, NOON, ODD, OLA, PER, SIV, Stage, person
from tests.support.stored_data import do_as_owner

WARNING = "Ingen har hentet noe, og delingen utløper snart"


def deliver(web: Web, share_id: str, length: int, number: str = OLA) -> None:
    """A person is sent so many bytes of the document, from its beginning."""
    [document_id] = web.stage.document_ids(share_id)
    content = downloads_content.open_document(web.stage.deps, person(number), share_id, document_id)
    delivery.record_delivery(web.stage.deps, content, 0, length)


def test_one_byte_does_not_clear_the_warning_that_nobody_has_downloaded(web: Web) -> None:
    share_id = web.stage.publish(OLA, SIV, expires_at=NOON + timedelta(days=2))
    web.stage.clock.advance(days=1)
    kari = web.browser(KARI)
    deliver(web, share_id, 1)
    page = kari.get("/delinger").text
    assert WARNING in page
    assert "1 av 2 har begynt" in page
    deliver(web, share_id, 7)
    page = kari.get("/delinger").text
    assert WARNING not in page
    assert "1 av 2 har hentet alt" in page
    assert "har begynt" not in page


def warns(web: Web, who: str) -> bool:
    """Whether «Venter på deg» has the warning."""
    return WARNING in web.browser(who).get("/delinger").text


def test_the_warning_comes_after_half_the_period_and_for_the_sharer_only(web: Web) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    web.stage.publish(OLA, expires_at=NOON + timedelta(days=2))
    web.stage.clock.advance(hours=23)
    assert not warns(web, KARI)
    web.stage.clock.advance(hours=1)
    assert warns(web, KARI)
    assert not warns(web, ODD)


def test_of_a_long_period_the_last_three_days_are_warned_of(web: Web) -> None:
    web.stage.publish(OLA, expires_at=NOON + timedelta(days=20))
    web.stage.clock.advance(days=16, hours=23)
    assert not warns(web, KARI)
    web.stage.clock.advance(hours=1)
    assert warns(web, KARI)


def damage(stage: Stage, key: str) -> None:
    """Change a member's row outside the service."""
    do_as_owner(stage.database_url, f"UPDATE member SET added_at = added_at + 1 WHERE id = '{stage.members[key]}'")


@pytest.mark.parametrize("leave", [Stage.remove, damage])
def test_a_share_of_a_former_member_is_every_members_to_watch(web: Web, leave: Callable[[Stage, str], None]) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    web.stage.publish(OLA, expires_at=NOON + timedelta(days=2))
    leave(web.stage, "kari")
    web.stage.clock.advance(hours=23)
    assert not warns(web, ODD)
    web.stage.clock.advance(hours=1)
    assert warns(web, ODD)


def test_a_share_of_a_system_is_every_members_to_watch(web: Web) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    integrate(web.stage)
    words = web.stage.words(expires_at=NOON + timedelta(days=2))
    share = create_draft(web.stage.deps, SYSTEM, words, [RecipientInput(OLA)])
    ticket = drafts.add_document(web.stage.deps, SYSTEM, share.id, name="a.txt", length=0, modified_at=None)
    uploads_append.create_upload(web.stage.deps, ticket.token, length=0)
    publishing.publish_share(web.stage.deps, SYSTEM, share.id)
    assert not warns(web, KARI)
    web.stage.clock.advance(days=1)
    assert warns(web, KARI)
    assert warns(web, ODD)


def test_a_partial_download_is_called_so_on_the_shares_page_and_in_the_event_log(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    deliver(web, share_id, 1)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    for words in (
        "Begynt, men ikke hentet noe helt dokument",
        ", delvis hentet</span>",
        "En mottaker hentet et dokument delvis eller på nytt",
    ):
        assert words in page
    deliver(web, share_id, 7)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Hentet, ikke bekreftet" in page
    assert "delvis hentet" not in page
    assert ", hentet</span>" in page
    assert "<p>En mottaker hentet et helt dokument</p>" in page


def test_a_byte_of_each_document_is_in_part_in_the_list_of_those_that_end_later(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    deliver(web, share_id, 6)
    page = web.browser(KARI).get("/delinger").text
    assert "1 av 1 har begynt" in page
    assert WARNING not in page


def test_a_recipient_confirms_what_was_sent_and_the_sender_sees_it(web: Web) -> None:
    share_id = web.stage.publish(OLA, content=b"innhold")
    [document_id] = web.stage.document_ids(share_id)
    ola, button = web.browser(OLA), "Jeg har fått dokumentene"
    page = ola.get(f"/d/{share_id}").text
    assert button not in page
    assert hashlib.sha256(b"innhold").hexdigest() in page
    deliver(web, share_id, 7)
    page = ola.get(f"/d/{share_id}").text
    assert "Du hentet hele filen" in page
    assert 0 < page.find(button) < page.index("<h1")
    answer = ola.post(f"/d/{share_id}/bekreftelse", {"documents": document_id})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/d/{share_id}#documents")
    page = ola.get(f"/d/{share_id}").text
    assert "Bekreftet av deg" in page
    assert button not in page
    assert "bekreftet" in ola.get("/mine").text
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Bekreftet av mottakeren" in page
    assert "En mottaker bekreftet å ha fått dokumenter" in page
    assert "1 av 1 har bekreftet alt" in web.browser(KARI).get("/delinger").text


def test_of_several_documents_the_pages_count_those_that_are_sent(web: Web) -> None:
    stage, share = web.stage, web.stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    for number in range(5):
        stage.upload(share.id, f"{number}.txt", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), share.id)
    inspect_documents(stage.deps)
    for document_id in stage.document_ids(share.id)[:2]:
        content = downloads_content.open_document(stage.deps, person(OLA), share.id, document_id)
        delivery.record_delivery(stage.deps, content, 0, content.length)
    assert "Hentet: 2 av 5 dokumenter" in web.browser(KARI).get(f"/delinger/{share.id}").text
    assert "du har hentet 2<" in web.browser(OLA).get("/mine").text
    confirm_documents(stage.deps, person(OLA), share.id, stage.document_ids(share.id)[:1])
    page = web.browser(KARI).get(f"/delinger/{share.id}").text
    assert "Hentet: 2 av 5 dokumenter" in page
    assert "Bekreftet: 1 av 5 dokumenter" in page


def test_without_a_confirmation_no_download_is_more_than_downloaded(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    [document_id] = web.stage.document_ids(share_id)
    content = downloads_content.open_document(web.stage.deps, person(OLA), share_id, document_id)
    delivery.record_delivery(web.stage.deps, content, 0, content.length, is_direct=True)
    assert "Hentet, ikke bekreftet" in web.browser(KARI).get(f"/delinger/{share_id}").text


def test_those_who_have_confirmed_count_among_those_who_have_downloaded(web: Web) -> None:
    share_id = web.stage.publish(OLA, SIV, LISE, PER)
    for number in (OLA, SIV):
        deliver(web, share_id, 7, number)
    deliver(web, share_id, 1, LISE)
    confirm_documents(web.stage.deps, person(OLA), share_id, web.stage.document_ids(share_id))
    web.browser(PER).get(f"/d/{share_id}")
    page = " ".join(web.browser(KARI).get("/delinger").text.split())
    assert "2 av 4 har hentet alt, 1 av 4 har bekreftet alt, 1 av 4 har begynt" in page
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Hentet alt: 2. Begynt: 1. Bare åpnet: 1. Ikke åpnet: 0." in page
