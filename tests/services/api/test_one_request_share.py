"""A whole share at once is all or nothing, and is one share however often it is done again under its id."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Conflict, InvalidFields, NotFound, Unavailable, existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.shares.share import Share, ShareState, new_id
from deldokument.services.accounts.integrations import add_integration
from deldokument.services.api.one_request_share import SmallDocument, share_at_once
from deldokument.services.shares.display.queries import list_shares
from deldokument.services.shares.drafts import api_drafts, drafts
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.faults.faulty_ports import SlowRegister
from tests.support.stage.stage import FJELL, OLA, VIGDIS, Stage

SYSTEM = Consumer(OrganizationNumber(FJELL))
DOCUMENTS = (SmallDocument("vedtak.pdf", b"innhold" * 100_000), SmallDocument("tom.txt", b""))


@pytest.fixture(autouse=True)
def integrated(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    add_integration(stage.deps, **where, organization_number=FJELL)


def on_event_loop(stage: Stage, share_id: str = "", **words: object) -> Share:
    recipients = [RecipientInput(OLA)]
    return share_at_once(stage.deps, SYSTEM, stage.words(**words), recipients, DOCUMENTS, share_id)


def shares(stage: Stage) -> list[ShareState]:
    return [view.share.state for view in list_shares(stage.deps, SYSTEM).shares]


def test_everything_is_there_when_it_is_published(stage: Stage) -> None:
    share = on_event_loop(stage)
    assert share.state is ShareState.AVAILABLE
    with stage.deps.database.read() as tx:
        documents = tx.shares.documents([share.id])
    assert [(document.length, document.is_complete) for document in documents] == [(700_000, True), (0, True)]


def test_an_end_that_was_late_enough_when_the_request_began_is_late_enough(stage: Stage) -> None:
    stage.clock.tick = timedelta(seconds=20)
    end = stage.clock.instant + timedelta(hours=1, minutes=3)
    share = on_event_loop(stage, expires_at=end)
    assert share.state is ShareState.AVAILABLE
    assert share.expires_at == end
    assert existing(share.published_at) > end - timedelta(hours=1)


def test_a_refused_request_leaves_no_draft(stage: Stage) -> None:
    with pytest.raises(InvalidFields):
        on_event_loop(stage, archived=False)
    with pytest.raises(InvalidFields):
        on_event_loop(stage, new_id(), archived=False)
    assert shares(stage) == [ShareState.ABANDONED] * 2


def test_done_again_after_a_crash_while_uploading_it_begins_with_what_is_there(stage: Stage) -> None:
    share_id = new_id()
    api_drafts.create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)], share_id)
    drafts.add_document(stage.deps, SYSTEM, share_id, name="vedtak.pdf", length=700_000, modified_at=None)
    drafts.add_document(stage.deps, SYSTEM, share_id, name="tom.txt", length=0, modified_at=None)
    assert on_event_loop(stage, share_id).state is ShareState.AVAILABLE
    assert len(stage.document_ids(share_id)) == 2
    assert shares(stage) == [ShareState.AVAILABLE]


def test_done_again_after_a_crash_at_the_very_end_it_is_the_same_share(stage: Stage) -> None:
    first = on_event_loop(stage, new_id())
    assert on_event_loop(stage, first.id) == first
    assert shares(stage) == [ShareState.AVAILABLE]


def test_done_again_under_an_id_that_was_refused_it_says_so(stage: Stage) -> None:
    share_id = new_id()
    with pytest.raises(InvalidFields):
        on_event_loop(stage, share_id, archived=False)
    with pytest.raises(Conflict):
        on_event_loop(stage, share_id)


def test_what_comes_right_by_itself_is_kept_for_the_next_try(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> None:
        raise Unavailable("database")

    share_id = new_id()
    with monkeypatch.context() as patched:
        patched.setattr("deldokument.services.api.one_request_share.publish_share", down)
        with pytest.raises(Unavailable):
            on_event_loop(stage, share_id)
        with pytest.raises(Unavailable):
            on_event_loop(stage)
    assert sorted(shares(stage)) == [ShareState.ABANDONED, ShareState.DRAFT]
    assert on_event_loop(stage, share_id).state is ShareState.AVAILABLE


def test_an_id_finds_nothing_of_others(stage: Stage) -> None:
    theirs = stage.draft(VIGDIS, stage.barnevern)
    with pytest.raises(NotFound):
        on_event_loop(stage, theirs.id)


def test_when_another_has_begun_it_anew_meanwhile_no_half_of_it_is_published(stage: Stage) -> None:
    share_id = new_id()

    def silence() -> None:
        raise Unavailable("register_unavailable")

    def another_begins() -> None:
        for document_id in stage.document_ids(share_id):
            drafts.remove_document(stage.deps, SYSTEM, share_id, document_id)
        drafts.add_document(stage.deps, SYSTEM, share_id, name="tom.txt", length=0, modified_at=None)

    # What the register did not answer for it is asked once more when all has been uploaded.
    deps = replace(stage.deps, register=SlowRegister(stage.register, [silence, another_begins]))
    with pytest.raises(Conflict, match="state_changed"):
        share_at_once(deps, SYSTEM, stage.words(), [RecipientInput(FJELL)], DOCUMENTS, share_id)
    assert shares(stage) == [ShareState.ABANDONED]
