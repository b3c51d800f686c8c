"""Confirmation by a recipient: who may, what counts, and what follows from it."""

from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Gone, NotFound
from deldokument.domain.shares.share import Progress, Receipt, ReceiptState
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import offers
from deldokument.services.downloads.confirmation import confirm_documents
from deldokument.services.downloads.delivery import record_delivery
from deldokument.services.shares.display.history import share_history
from deldokument.services.shares.display.queries import view_share
from deldokument.services.shares.display.receipts import list_receipts
from deldokument.services.shares.published import publishing
from tests.services.downloads.test_content import published
from tests.support.stage.stage import FJELL, KARI, LISE, OLA, PER, SIV, Stage, person


def download(stage: Stage, share_id: str, who: str, document_id: str, stop: int | None = None) -> None:
    content = downloads_content.open_document(stage.deps, person(who), share_id, document_id)
    record_delivery(stage.deps, content, 0, content.length if stop is None else stop)


def receipts(stage: Stage, share_id: str) -> list[Receipt]:
    with stage.deps.database.read() as tx:
        return [receipt for receipt in tx.receipts.of_shares([share_id]) if receipt.document_id]


def confirmations(stage: Stage, share_id: str) -> list[dict[str, str | int]]:
    with stage.deps.database.read() as tx:
        found = [event for _, event in tx.audit.events(share_id=share_id)]
    return [dict(event.details or {}) for event in found if event.kind is EventKind.DOCUMENTS_CONFIRMED]


def test_a_confirmed_document_is_received_once_and_says_so_everywhere(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    download(stage, share_id, OLA, document_id)
    at = stage.clock.now()
    for _ in range(2):
        confirm_documents(stage.deps, person(OLA), share_id, [document_id])
        stage.clock.advance(minutes=1)
    [receipt] = receipts(stage, share_id)
    assert (receipt.state, receipt.state_at, receipt.covered) == (ReceiptState.RECEIVED, at, ())
    assert confirmations(stage, share_id) == [{"documents": 1, "document": document_id, "ground": "named"}]
    [document] = offers.open_share(stage.deps, person(OLA), share_id).documents
    assert document.is_confirmed
    [offer] = offers.list_offers(stage.deps, person(OLA)).offers
    assert (offer.documents, offer.sent, offer.confirmed) == (1, 1, 1)
    [recipient] = view_share(stage.deps, person(KARI), share_id).recipients
    assert (recipient.progress, recipient.sent, recipient.received) == (Progress.RECEIVED, 1, 1)
    listed = list_receipts(stage.deps, person(KARI), share_id).receipts
    assert [(one.state, one.confirmed_at, one.complete) for one in listed if one.document_id] == [
        (ReceiptState.RECEIVED, at, True)
    ]
    persons = {event.kind: event.person for event in share_history(stage.deps, person(KARI), share_id).events}
    assert persons[EventKind.DOCUMENTS_CONFIRMED] == "218794 *****"


def test_only_a_document_that_was_sent_to_the_person_can_be_confirmed(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    [document_id] = stage.document_ids(share_id)
    download(stage, share_id, SIV, document_id)
    for wanted in ([], [document_id], ["0" * 32]):
        with pytest.raises(Conflict) as caught:
            confirm_documents(stage.deps, person(OLA), share_id, wanted)
        assert caught.value.code == "not_sent_yet"
    assert not confirmations(stage, share_id)


def test_strangers_and_latecomers_confirm_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    download(stage, share_id, OLA, document_id)
    with pytest.raises(NotFound):
        confirm_documents(stage.deps, person(LISE), share_id, [document_id])
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(Gone):
        confirm_documents(stage.deps, person(OLA), share_id, [document_id])
    assert not confirmations(stage, share_id)


def test_a_confirmation_counts_for_every_recipient_that_the_person_acts_for(stage: Stage) -> None:
    share_id = stage.publish(PER, FJELL)
    [document_id] = stage.document_ids(share_id)
    download(stage, share_id, PER, document_id, stop=1)
    confirm_documents(stage.deps, person(PER), share_id, [document_id])
    recipients = view_share(stage.deps, person(KARI), share_id).recipients
    assert [one.progress for one in recipients] == [Progress.RECEIVED] * 2
    assert not any(download.is_whole for one in recipients for download in one.downloads)


def test_what_is_sent_after_a_confirmation_takes_nothing_back(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    download(stage, share_id, OLA, document_id, stop=2)
    confirm_documents(stage.deps, person(OLA), share_id, [document_id])
    stage.clock.advance(hours=1)
    download(stage, share_id, OLA, document_id)
    [receipt] = receipts(stage, share_id)
    assert receipt.state is ReceiptState.RECEIVED
    assert receipt.completed_at == stage.clock.now()
    assert stage.clock.now() - receipt.state_at == timedelta(hours=1)


def test_of_several_documents_those_that_were_on_the_page_are_confirmed(stage: Stage) -> None:
    share_id = published(stage, {"a.txt": b"a", "b.txt": b"b", "c.txt": b"c"})
    first, second, third = stage.document_ids(share_id)
    for document_id in (first, second, third):
        download(stage, share_id, OLA, document_id)
    confirm_documents(stage.deps, person(OLA), share_id, [first, second])
    assert confirmations(stage, share_id) == [{"documents": 2, "document": "", "ground": "named"}]
    offer = offers.open_share(stage.deps, person(OLA), share_id)
    assert [one.id for one in offer.to_confirm] == [third]
    [recipient] = view_share(stage.deps, person(KARI), share_id).recipients
    assert (recipient.progress, recipient.sent, recipient.received) == (Progress.SENT, 3, 2)


def test_a_confirmation_by_a_program_says_so(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    download(stage, share_id, OLA, document_id)
    confirm_documents(stage.deps, person(OLA), share_id, [document_id], by_program=True)
    assert [one["how"] for one in confirmations(stage, share_id)] == ["program"]
