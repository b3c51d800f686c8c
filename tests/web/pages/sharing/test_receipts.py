"""How far documents have come, in the words of the pages: never more than is known."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery
from deldokument.services.downloads.confirmation import confirm_documents
from deldokument.services.shares import drafts, publishing
from tests.support.browser import Web
from tests.support.inspection import inspect_documents
from tests.support.world import KARI, NOON, OLA, SIV, person

WARNING = "Ingen har lastet ned, og delingen utløper snart"


def deliver(web: Web, share_id: str, length: int) -> None:
    """Ola is sent so many bytes of the document, from its beginning."""
    [document_id] = web.stage.document_ids(share_id)
    content = downloads_content.open_document(web.stage.deps, person(OLA), share_id, document_id)
    delivery.record_delivery(web.stage.deps, content, 0, length)


def test_one_byte_does_not_clear_the_warning_that_nobody_has_downloaded(web: Web) -> None:
    share_id = web.stage.publish(OLA, SIV, expires_at=NOON + timedelta(days=2))
    kari = web.browser(KARI)
    deliver(web, share_id, 1)
    page = kari.get("/delinger").text
    assert WARNING in page
    assert "påbegynt av 1 av 2" in page
    deliver(web, share_id, 7)
    page = kari.get("/delinger").text
    assert WARNING not in page
    assert "sendt til 1 av 2" in page
    assert "påbegynt" not in page


def test_what_was_sent_in_part_is_called_so_on_the_shares_page_and_in_the_event_log(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    deliver(web, share_id, 1)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    for words in (
        "Påbegynt, ikke sendt i sin helhet",
        ", påbegynt</span>",
        "sendt til en mottaker delvis eller på nytt",
    ):
        assert words in page
    deliver(web, share_id, 7)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Sendt. Bare en bekreftelse viser at det er mottatt" in page
    assert "i sin helhet" not in page
    assert ", sendt</span>" in page
    assert "<p>Et helt dokument ble sendt til en mottaker</p>" in page


def test_a_byte_of_each_document_is_in_part_in_the_list_of_those_that_end_later(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    deliver(web, share_id, 6)
    page = web.browser(KARI).get("/delinger").text
    assert "påbegynt av 1 av 1" in page
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
    assert "Sendt til deg" in page
    assert button in page
    answer = ola.post(f"/d/{share_id}/bekreftelse", {"documents": document_id})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/d/{share_id}#documents")
    page = ola.get(f"/d/{share_id}").text
    assert "Mottatt: du bekreftet det" in page
    assert button not in page
    assert "mottatt" in ola.get("/mine").text
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Mottatt, bekreftet av mottakeren" in page
    assert "En mottaker bekreftet at dokumenter er mottatt" in page
    assert "mottatt av 1 av 1" in web.browser(KARI).get("/delinger").text


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
    assert "Sendt: 2 av 5 dokumenter" in web.browser(KARI).get(f"/delinger/{share.id}").text
    assert "2 av 5 er sendt til deg" in web.browser(OLA).get("/mine").text
    confirm_documents(stage.deps, person(OLA), share.id, stage.document_ids(share.id)[:1])
    page = web.browser(KARI).get(f"/delinger/{share.id}").text
    assert "Sendt: 2 av 5 dokumenter" in page
    assert "Mottatt: 1 av 5 dokumenter" in page


def test_only_a_direct_connection_is_called_sent_in_full(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    [document_id] = web.stage.document_ids(share_id)
    content = downloads_content.open_document(web.stage.deps, person(OLA), share_id, document_id)
    delivery.record_delivery(web.stage.deps, content, 0, content.length, is_direct=True)
    assert "Sendt i sin helhet" in web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Sendt til deg i sin helhet" in web.browser(OLA).get(f"/d/{share_id}").text
