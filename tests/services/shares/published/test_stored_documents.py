"""Documents by their ids: found, shown, deleted and prolonged, each with the share that it is alone in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.crypto.stream import ciphertext_length
from deldokument.domain.errors import Conflict, Gone, InvalidInput, NotFound, RightMissing, existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.shares.published.stored_documents import (
    DocumentDetails,
    delete_document,
    delete_documents,
    find_documents,
    move_end,
    show_document,
)
from tests.services.shares.rights.test_systems import drafted, kept, sent
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import VIGDIS, Stage, person, run_all

REFERENCE = "4c0ffee0-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def integrated(stage: Stage) -> None:
    integrate(stage)


def shared(stage: Stage, reference: str = REFERENCE, content: bytes = b"innhold") -> tuple[Share, str]:
    share = drafted(stage, reference=reference)
    document_id = sent(stage, share, content)
    return publishing.publish_share(stage.deps, SYSTEM, share.id), document_id


def found(stage: Stage, *, skip: int = 0, limit: int = 100) -> tuple[int, list[str]]:
    total, some = find_documents(stage.deps, SYSTEM, stage.byggesak.id, REFERENCE, skip=skip, limit=limit)
    return total, [one.id for one in some]


def state(stage: Stage, share: Share) -> ShareState:
    return kept(stage, share.id).state


def test_a_document_is_shown_with_what_its_share_says_of_it(stage: Stage) -> None:
    share, document_id = shared(stage)
    inspect_documents(stage.deps)
    assert show_document(stage.deps, SYSTEM, document_id) == DocumentDetails(
        id=document_id,
        share_id=share.id,
        name="vedtak.pdf",
        media_type="text/plain",
        length=7,
        stored_length=ciphertext_length(7),
        reference=REFERENCE,
        created_at=stage.clock.now(),
        expires_at=stage.clock.now() + timedelta(days=10),
        is_deleted=False,
    )


def test_after_the_end_its_name_is_left(stage: Stage) -> None:
    share, document_id = shared(stage)
    publishing.withdraw_share(stage.deps, SYSTEM, share.id)
    run_all(stage.deps)
    shown = show_document(stage.deps, SYSTEM, document_id, stage.byggesak.id)
    assert (shown.name, shown.stored_length, shown.is_deleted) == ("vedtak.pdf", None, True)
    assert shown.media_type == "application/octet-stream"


def test_a_damaged_manifest_hides_no_other_document(stage: Stage) -> None:
    damaged = sent(stage, drafted(stage, reference=REFERENCE))
    _, whole = shared(stage)
    with stage.deps.database.write() as tx:
        document, other = existing(tx.shares.document(damaged)), existing(tx.shares.document(whole))
        tx.shares.save_document(document.complete(other.sealed_manifest, stage.clock.now()))
    assert show_document(stage.deps, SYSTEM, damaged).stored_length is None
    assert found(stage)[0] == 2


def test_documents_are_found_by_their_reference_page_by_page(stage: Stage) -> None:
    first = shared(stage)[1]
    stage.clock.advance(seconds=1)
    second = shared(stage)[1]
    shared(stage, "another")
    discarded = drafted(stage, reference=REFERENCE)
    pending = sent(stage, discarded)
    assert show_document(stage.deps, SYSTEM, pending).created_at == discarded.created_at
    delete_document(stage.deps, SYSTEM, stage.byggesak.id, pending)
    assert found(stage) == (2, [second, first])
    assert found(stage, skip=1, limit=1) == (2, [first])
    assert found(stage, skip=2) == (2, [])


def test_documents_of_others_do_not_exist(stage: Stage) -> None:
    _, document_id = shared(stage)
    account = stage.byggesak.id
    until = stage.clock.now() + timedelta(days=2)
    for sharer, place in ((person(VIGDIS), account), (SYSTEM, stage.avtaler.id)):
        for ask in (
            lambda s, a: show_document(stage.deps, s, document_id, a),
            lambda s, a: delete_document(stage.deps, s, a, document_id),
            lambda s, a: move_end(stage.deps, s, a, document_id, until),
        ):
            with pytest.raises(NotFound):
                ask(sharer, place)
        assert find_documents(stage.deps, sharer, place, REFERENCE, skip=0, limit=1) == (0, [])
    with pytest.raises(NotFound):
        show_document(stage.deps, SYSTEM, "0" * 32)


def test_a_document_is_deleted_once(stage: Stage) -> None:
    share, document_id = shared(stage)
    delete_document(stage.deps, SYSTEM, stage.byggesak.id, document_id)
    assert state(stage, share) is ShareState.WITHDRAWN
    with pytest.raises(Gone):
        delete_document(stage.deps, SYSTEM, stage.byggesak.id, document_id)


def test_a_document_that_waits_for_approval_is_deleted_and_prolonged_as_a_draft(stage: Stage) -> None:
    share = drafted(stage)
    document_id = sent(stage, share)
    until = stage.clock.now() + timedelta(days=3)
    move_end(stage.deps, SYSTEM, stage.byggesak.id, document_id, until)
    assert kept(stage, share.id).expires_at == until
    delete_document(stage.deps, SYSTEM, stage.byggesak.id, document_id)
    assert state(stage, share) is ShareState.ABANDONED


def test_a_share_with_more_documents_is_left_alone(stage: Stage) -> None:
    share = drafted(stage)
    document_id, _ = sent(stage, share), sent(stage, share)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    with pytest.raises(Conflict):
        delete_document(stage.deps, SYSTEM, stage.byggesak.id, document_id)
    with pytest.raises(Conflict):
        move_end(stage.deps, SYSTEM, stage.byggesak.id, document_id, stage.clock.now() + timedelta(days=2))
    assert state(stage, share) is ShareState.AVAILABLE


def test_the_end_is_moved_within_the_accounts_period_until_it_is_over(stage: Stage) -> None:
    share, document_id = shared(stage)
    until = stage.clock.now() + timedelta(days=2)
    move_end(stage.deps, SYSTEM, stage.byggesak.id, document_id, until)
    assert kept(stage, share.id).expires_at == until
    with pytest.raises(InvalidInput):
        move_end(stage.deps, SYSTEM, stage.byggesak.id, document_id, stage.clock.now() + timedelta(days=1000))
    stage.clock.advance(days=2)
    with pytest.raises(Gone):
        move_end(stage.deps, SYSTEM, stage.byggesak.id, document_id, stage.clock.now() + timedelta(days=2))


def test_all_documents_of_a_reference_are_deleted_but_not_those_of_members(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.services.shares.published.stored_documents.PAGE", 2)
    shares = []
    for _ in range(5):
        stage.clock.advance(seconds=1)
        shares.append(shared(stage)[0])
    other, members = shared(stage, "another")[0], stage.publish(reference=REFERENCE)
    delete_documents(stage.deps, SYSTEM, stage.byggesak.id, REFERENCE)
    assert {state(stage, share) for share in shares} == {ShareState.WITHDRAWN}
    assert state(stage, other) is kept(stage, members).state is ShareState.AVAILABLE


@pytest.mark.parametrize(
    ("meanwhile", "after"),
    [(publishing.publish_share, ShareState.WITHDRAWN), (drafts.discard_draft, ShareState.ABANDONED)],
    ids=["published", "discarded"],
)
def test_a_draft_that_changes_meanwhile_does_not_stop_the_deletion_of_the_others(
    stage: Stage, meanwhile: Callable[[Dependencies, Consumer, str], object], after: ShareState
) -> None:
    other = drafted(stage, reference=REFERENCE)
    stage.clock.advance(seconds=1)
    first = drafted(stage, reference=REFERENCE)
    sent(stage, first)
    slow = FaultyDatabase(stage.deps.database, before=[lambda: meanwhile(stage.deps, SYSTEM, first.id)])
    delete_documents(replace(stage.deps, database=slow), SYSTEM, stage.byggesak.id, REFERENCE)
    assert [state(stage, share) for share in (first, other)] == [after, ShareState.ABANDONED]


@pytest.mark.parametrize("blank", ["", " ", "\t\u00a0"])
def test_a_blank_reference_is_none_and_finds_and_deletes_nothing(stage: Stage, blank: str) -> None:
    share, without = shared(stage)[0], shared(stage, "")[0]
    assert find_documents(stage.deps, SYSTEM, stage.byggesak.id, blank, skip=0, limit=10) == (0, [])
    delete_documents(stage.deps, SYSTEM, stage.byggesak.id, blank)
    assert state(stage, share) is state(stage, without) is ShareState.AVAILABLE


def test_a_system_that_may_only_read_deletes_nothing(stage: Stage) -> None:
    share, document_id = shared(stage)
    stage.register.known["314758625"] = RegisteredOrganization("314758625", "LESBAR AS", "AS", "active")
    integrate(stage, rights=IntegrationRights.READ, number="314758625")
    reader = Consumer(OrganizationNumber("314758625"))
    with pytest.raises(RightMissing):
        delete_document(stage.deps, reader, stage.byggesak.id, document_id)
    with pytest.raises(RightMissing):
        delete_documents(stage.deps, reader, stage.byggesak.id, REFERENCE)
    assert state(stage, share) is ShareState.AVAILABLE
