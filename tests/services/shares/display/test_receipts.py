"""The receipts of a share as a list."""

import pytest

from deldokument.domain.errors import NotFound
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, offers
from deldokument.services.shares.display.receipts import ReceiptEvent, list_receipts
from deldokument.store.engine.integrity import DamagedRow
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, PER, Stage, person
from tests.support.stored_data import do_as_owner


def download(stage: Stage, share_id: str, who: str, *, stop: int | None = None) -> None:
    [document_id] = stage.document_ids(share_id)
    content = downloads_content.open_document(stage.deps, person(who), share_id, document_id)
    delivery.record_delivery(stage.deps, content, 0, content.length if stop is None else stop)


def test_receipts_have_who_for_whom_first_and_last(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    opened = stage.clock.now()
    offers.open_share(stage.deps, person(OLA), share_id)
    stage.clock.advance(minutes=1)
    offers.open_share(stage.deps, person(PER), share_id)
    stage.clock.advance(hours=2)
    offers.open_share(stage.deps, person(OLA), share_id)
    found = list_receipts(stage.deps, person(KARI), share_id)
    assert found.next is None
    assert [(r.recipient, r.event, r.person, r.document_id, r.document_name) for r in found.receipts] == [
        ("218794 *****", ReceiptEvent.OPENED, "218794 *****", None, None),
        ("312 824 450", ReceiptEvent.OPENED, "058779 *****", None, None),
    ]
    first = found.receipts[0]
    assert (first.first_at, first.last_at, first.complete) == (opened, stage.clock.now(), False)


def test_a_download_is_complete_when_the_whole_document_has_been_sent(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"12345678")
    for stop, complete in ((4, False), (8, True)):
        download(stage, share_id, OLA, stop=stop)
        [receipt] = list_receipts(stage.deps, person(KARI), share_id).receipts
        assert (receipt.event, receipt.complete) == (ReceiptEvent.DOWNLOADED, complete)
    assert (receipt.document_id, receipt.document_name) == (stage.document_ids(share_id)[0], "vedtak.pdf")


def test_receipts_are_read_page_by_page_the_oldest_first(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    for who in (OLA, PER):
        stage.clock.advance(minutes=1)
        offers.open_share(stage.deps, person(who), share_id)
        download(stage, share_id, who)
    whole = list_receipts(stage.deps, person(KARI), share_id).receipts
    assert len(whole) == 4
    read, place = [], None
    while True:
        page = list_receipts(stage.deps, person(KARI), share_id, after=place, limit=1)
        read.extend(page.receipts)
        place = page.next
        if place is None:
            break
    assert tuple(read) == whole
    assert [r.first_at for r in whole] == sorted(r.first_at for r in whole)


def test_receipts_are_for_those_who_may_see_the_share(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for who in (person(ODD), person(OLA), SYSTEM):
        with pytest.raises(NotFound):
            list_receipts(stage.deps, who, share_id)
    integrate(stage, rights=IntegrationRights.READ)
    assert list_receipts(stage.deps, SYSTEM, share_id).receipts == ()


@pytest.mark.parametrize("table", ["document", "recipient"])
def test_receipts_about_a_row_that_was_deleted_are_not_listed_and_the_share_is_damaged(
    stage: Stage, table: str
) -> None:
    share_id = stage.publish(OLA)
    download(stage, share_id, OLA)
    do_as_owner(stage.database_url, f"DELETE FROM {table} WHERE share_id = '{share_id}'")
    with pytest.raises(NotFound):
        list_receipts(stage.deps, person(KARI), share_id)
    assert DamagedRow("share", share_id) in stage.deps.damage.take()


def test_receipts_of_a_document_with_a_changed_length_are_not_listed(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    download(stage, share_id, OLA)
    do_as_owner(stage.database_url, f"UPDATE document SET length = 1 WHERE share_id = '{share_id}'")
    with pytest.raises(NotFound):
        list_receipts(stage.deps, person(KARI), share_id)
    assert {row.kind for row in stage.deps.damage.take()} == {"document", "share"}
