"""Documents whose length nobody knows before their last byte."""

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, TooLarge, existing
from deldokument.domain.shares.share import Share
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads.deferred_length import add_document_of_unknown_length, finalize_length
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.stage import KARI, OLA, Stage, person, run_all


def announce(stage: Stage, at_most: int | None) -> tuple[Share, UploadTicket]:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    return share, add_document_of_unknown_length(stage.deps, person(KARI), share.id, name="a.bin", at_most=at_most)


def append(stage: Stage, ticket: UploadTicket, content: bytes) -> None:
    running = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=None)
    running.write([content])
    running.finish()


@pytest.mark.parametrize("at_most", [8, 9, 1000, None])
def test_the_received_bytes_are_the_document(stage: Stage, at_most: int | None) -> None:
    share, ticket = announce(stage, at_most)
    append(stage, ticket, b"12345678")
    settled = finalize_length(stage.deps, ticket.token, ticket.upload_id)
    assert (settled.id, settled.length) == (ticket.document_id, 8)
    assert settled.stored_length > 8
    [document] = queries.show_share(stage.deps, person(KARI), share.id)[0].documents
    assert (document.length, document.complete) == (8, True)
    completed = [event for event in events_of(stage, share.id) if event.kind is EventKind.DOCUMENT_COMPLETED]
    assert [(event.details or {})["length"] for event in completed] == [8]
    publishing.publish_share(stage.deps, person(KARI), share.id)


def test_nothing_that_came_is_an_empty_document(stage: Stage) -> None:
    _, ticket = announce(stage, 1000)
    settled = finalize_length(stage.deps, ticket.token, ticket.upload_id)
    assert (settled.length, settled.stored_length) == (0, 0)


def test_until_it_is_settled_nobody_can_publish_it(stage: Stage) -> None:
    share, ticket = announce(stage, 1000)
    append(stage, ticket, b"12345678")
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share.id)
    assert [error.code for error in caught.value.errors] == ["files_unfinished"]


def test_what_is_settled_takes_no_more_bytes(stage: Stage) -> None:
    _, ticket = announce(stage, 1000)
    append(stage, ticket, b"12345678")
    finalize_length(stage.deps, ticket.token, ticket.upload_id)
    with pytest.raises(Conflict, match="upload_finished"):
        uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=8, announced=None)
    again = finalize_length(stage.deps, ticket.token, ticket.upload_id)
    assert again.length == 8


def test_more_than_was_announced_is_refused(stage: Stage) -> None:
    _, ticket = announce(stage, 4)
    with pytest.raises(TooLarge, match="upload_beyond_length"):
        append(stage, ticket, b"12345678")


def test_without_an_announcement_the_limit_is_the_rest_of_the_accounts_quota(stage: Stage) -> None:
    share, ticket = announce(stage, None)
    with stage.deps.database.read() as tx:
        upload = tx.uploads.get(ticket.upload_id)
    assert upload is not None
    assert upload.length == MAX_LENGTH
    drafts.remove_document(stage.deps, person(KARI), share.id, ticket.document_id)
    set_rules(stage, stage.byggesak, quota=100)
    ticket = add_document_of_unknown_length(stage.deps, person(KARI), share.id, name="a", at_most=None)
    with stage.deps.database.read() as tx:
        upload = tx.uploads.get(ticket.upload_id)
    assert upload is not None
    assert upload.length == 100
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        add_document_of_unknown_length(stage.deps, person(KARI), share.id, name="b", at_most=None)


def test_however_much_quota_is_left_a_document_has_no_more_than_the_longest(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, quota=2 * MAX_LENGTH)
    _, ticket = announce(stage, None)
    with stage.deps.database.read() as tx:
        assert existing(tx.uploads.get(ticket.upload_id)).length == MAX_LENGTH


def test_more_than_the_longest_is_refused_before_the_first_byte(stage: Stage) -> None:
    with pytest.raises(TooLarge, match="document_too_large"):
        announce(stage, MAX_LENGTH + 1)


def test_a_draft_that_is_gone_is_not_settled(stage: Stage) -> None:
    share, ticket = announce(stage, 1000)
    drafts.discard_draft(stage.deps, person(KARI), share.id)
    with pytest.raises(Conflict, match="not_a_draft"):
        finalize_length(stage.deps, ticket.token, ticket.upload_id)
    run_all(stage.deps)
    with pytest.raises((Conflict, NotFound)):
        finalize_length(stage.deps, ticket.token, ticket.upload_id)
