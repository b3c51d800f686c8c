"""A system reads back what it shared itself and exposed to itself, while the share is open; nobody else does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Conflict, Frozen, Gone, NotFound, NotReady, Unavailable
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.shares.share import Share
from deldokument.services.downloads.content import Content, may_send_on, open_document, open_own_document, read_content
from deldokument.services.downloads.delivery import record_delivery
from deldokument.services.downloads.offers import list_offers
from deldokument.services.downloads.system_access import authorize_system, may_continue
from deldokument.services.encryption import share_key_id
from deldokument.services.shares.display.receipts import list_receipts
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads import append
from deldokument.store.engine.schema import metadata
from tests.services.audit.test_damage import forge
from tests.services.shares.rights.test_systems import drafted, kept, sent
from tests.support.deployment.systems import SUPPLIER, SYSTEM, integrate, let_go
from tests.support.stage.accounts import events_of, set_account
from tests.support.stage.changes import change_expiry
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, OLA, Stage, person
from tests.support.stored_data import as_owner

OTHER = "314758625"
BY_SUPPLIER = Consumer(SYSTEM.organization, OrganizationNumber(SUPPLIER))


def exposed(stage: Stage) -> Share:
    """A draft of FJELL AS' system that it may read back."""
    return create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)], read_back=True)


def shared(stage: Stage, *, read_back: bool = True) -> tuple[Share, str]:
    """A share of FJELL AS' system, with its one document."""
    share = exposed(stage) if read_back else drafted(stage)
    document_id = sent(stage, share)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    inspect_documents(stage.deps)
    return share, document_id


def read(stage: Stage, content: Content) -> bytes:
    return b"".join(bytes(piece) for piece in read_content(stage.deps, content, 0, content.length))


def read_backs(stage: Stage, share: Share) -> list[object]:
    return [event.details for event in events_of(stage, share.id) if event.kind is EventKind.DOCUMENT_READ_BACK]


def test_a_system_reads_back_what_it_shared_and_the_event_log_says_so(stage: Stage) -> None:
    integration = integrate(stage)
    share, document_id = shared(stage)
    assert kept(stage, share.id).exposed_to == integration.id
    content = open_own_document(stage.deps, BY_SUPPLIER, document_id)
    assert (content.name, read(stage, content)) == ("vedtak.pdf", b"innhold")
    record_delivery(stage.deps, content, 0, 7, stage.clock.now())
    record_delivery(stage.deps, content, 0, 7, stage.clock.now())
    record_delivery(stage.deps, open_own_document(stage.deps, SYSTEM, document_id), 2, 2)
    facts = {"document": document_id, "bytes": 7, "integration": integration.id, "supplier": SUPPLIER}
    assert read_backs(stage, share) == [facts]
    assert list_receipts(stage.deps, SYSTEM, share.id).receipts == ()


def test_an_empty_document_that_is_read_back_is_an_event_too(stage: Stage) -> None:
    integration = integrate(stage)
    share = exposed(stage)
    ticket = drafts.add_document(stage.deps, SYSTEM, share.id, name="tom.txt", length=0, modified_at=None)
    append.create_upload(stage.deps, ticket.token, length=0)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    inspect_documents(stage.deps)
    document_id = ticket.document_id
    record_delivery(stage.deps, open_own_document(stage.deps, SYSTEM, document_id), 0, 0)
    assert read_backs(stage, share) == [{"document": document_id, "bytes": 0, "integration": integration.id}]


def test_a_system_that_did_not_ask_for_it_reads_nothing_back(stage: Stage) -> None:
    integrate(stage)
    share, document_id = shared(stage, read_back=False)
    assert kept(stage, share.id).exposed_to is None
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_nobody_else_reads_it_back(stage: Stage) -> None:
    integrate(stage)
    stage.register.known[OTHER] = replace(stage.register.known["312824450"], number=OTHER)
    integrate(stage, number=OTHER)
    share, document_id = shared(stage)
    for number in (OTHER, "310240001"):
        with pytest.raises(NotFound):
            open_own_document(stage.deps, Consumer(OrganizationNumber(number)), document_id)
    with pytest.raises(NotFound):
        open_document(stage.deps, person(KARI), share.id, document_id)
    for unknown in ("0" * 32, "x"):
        with pytest.raises(NotFound):
            open_own_document(stage.deps, SYSTEM, unknown)
    with pytest.raises(NotFound):
        authorize_system(stage.deps, SYSTEM, "unknown")


@pytest.mark.parametrize("table", ["account", "tenant"])
def test_a_share_without_its_account_or_tenant_opens_for_nobody(stage: Stage, table: str) -> None:
    integrate(stage)
    share, document_id = shared(stage)
    access = open_own_document(stage.deps, SYSTEM, document_id).access
    with as_owner(stage.database_url) as connection:
        connection.execute(delete(metadata.tables[table]))
    assert not may_continue(stage.deps, access)
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, document_id)
    with pytest.raises(NotFound):
        open_document(stage.deps, person(OLA), share.id, document_id)
    assert list_offers(stage.deps, person(OLA)).offers == ()


def test_rights_that_were_taken_away_and_given_again_open_nothing_of_before(stage: Stage) -> None:
    integration = integrate(stage)
    _, document_id = shared(stage)
    access = open_own_document(stage.deps, SYSTEM, document_id).access
    assert may_continue(stage.deps, access)
    let_go(stage, integration)
    assert not may_continue(stage.deps, access)
    integrate(stage)
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_its_end_is_the_systems_end_too(stage: Stage) -> None:
    integrate(stage)
    share, document_id = shared(stage)
    access = open_own_document(stage.deps, SYSTEM, document_id).access
    publishing.withdraw_share(stage.deps, SYSTEM, share.id)
    assert not may_continue(stage.deps, access)
    with pytest.raises(Gone):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_a_share_past_its_end_is_gone_before_any_worker_came(stage: Stage) -> None:
    integrate(stage)
    share, document_id = shared(stage)
    change_expiry(stage.deps, SYSTEM, share.id, stage.clock.now() + timedelta(hours=1))
    stage.clock.advance(hours=1)
    with pytest.raises(Gone):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_a_share_without_its_key_is_broken_and_not_empty(stage: Stage) -> None:
    integrate(stage)
    share, document_id = shared(stage)
    stage.deps.keyring.destroy([share_key_id(share.id)])
    with pytest.raises(Broken):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_what_a_system_is_reading_stops_when_the_document_is_removed(stage: Stage) -> None:
    integrate(stage)
    share = exposed(stage)
    left, removed = sent(stage, share), sent(stage, share)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    inspect_documents(stage.deps)
    running = [open_own_document(stage.deps, SYSTEM, one) for one in (left, removed)]
    changes.remove_document(stage.deps, SYSTEM, share.id, removed)
    assert [may_send_on(stage.deps, content) for content in running] == [True, False]


def test_where_the_operator_has_stopped_an_account_its_systems_read_nothing(stage: Stage) -> None:
    integrate(stage)
    _, document_id = shared(stage)
    set_account(stage, stage.byggesak, frozen_at=stage.clock.now())
    with pytest.raises(Frozen):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_a_node_with_a_wrong_clock_sends_no_bytes(stage: Stage) -> None:
    integrate(stage)
    _, document_id = shared(stage)
    stage.clock.off = timedelta(seconds=3)
    with pytest.raises(Unavailable):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_a_document_that_is_not_inspected_is_not_ready_and_a_draft_is_not_found(stage: Stage) -> None:
    integrate(stage)
    share = exposed(stage)
    document_id = sent(stage, share)
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, document_id)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    with pytest.raises(NotReady):
        open_own_document(stage.deps, SYSTEM, document_id)


def test_a_draft_that_a_system_may_read_back_gets_documents_of_nobody_else(stage: Stage) -> None:
    integrate(stage)
    stage.register.known[OTHER] = replace(stage.register.known["312824450"], number=OTHER)
    integrate(stage, number=OTHER)
    share = exposed(stage)
    for sharer in (Consumer(OrganizationNumber(OTHER)), person(KARI)):
        with pytest.raises(Conflict, match="draft_of_another"):
            drafts.add_document(stage.deps, sharer, share.id, name="notat.txt", length=1, modified_at=None)


def test_a_right_that_was_written_into_the_database_opens_nothing(stage: Stage) -> None:
    integration = integrate(stage)
    share, document_id = shared(stage, read_back=False)
    forge(stage, "share", share.id, exposed_to=integration.id)
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, document_id)
    assert open_own_document(stage.deps, SYSTEM, shared(stage)[1]).length == 7


def test_it_reaches_no_share_of_a_member(stage: Stage) -> None:
    integrate(stage)
    [document_id] = stage.document_ids(stage.publish(OLA))
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, document_id)
