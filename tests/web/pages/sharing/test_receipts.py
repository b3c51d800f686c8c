"""What counts as downloaded on the pages: bytes that make up the whole document, and no fewer."""

from __future__ import annotations

from datetime import timedelta

from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery
from tests.support.browser import Web
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
    assert "1 av 2 har lastet ned delvis" in page
    deliver(web, share_id, 7)
    page = kari.get("/delinger").text
    assert WARNING not in page
    assert "1 av 2 har lastet ned" in page
    assert "delvis" not in page


def test_what_was_sent_in_part_is_called_so_on_the_shares_page_and_in_the_event_log(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    deliver(web, share_id, 1)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    for words in ("Har lastet ned delvis", ", delvis</span>", "En mottaker lastet ned delvis eller på nytt"):
        assert words in page
    deliver(web, share_id, 7)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Har lastet ned alt" in page
    assert ", delvis</span>" not in page
    assert "<p>En mottaker lastet ned</p>" in page


def test_a_byte_of_each_document_is_in_part_in_the_list_of_those_that_end_later(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    deliver(web, share_id, 6)
    page = web.browser(KARI).get("/delinger").text
    assert "1 av 1 har lastet ned delvis" in page
    assert WARNING not in page
