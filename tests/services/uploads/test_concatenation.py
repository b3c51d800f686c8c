"""A document in pieces sent beside each other: joined at once and without copying, or not at all."""

import threading
from dataclasses import replace

import pytest

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import open_manifest
from deldokument.domain.errors import Conflict, InvalidFields, NotFound, TooLarge, Unavailable, existing
from deldokument.domain.shares.upload import MAX_PARTIALS, Upload
from deldokument.ports.dependencies import Dependencies
from deldokument.services.downloads import part_reader
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.maintenance import retention
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.services.uploads.concatenation import create_partial, join_partials, joined_partials
from tests.services.uploads.test_append import announce, blobs, feed_and_finish, is_complete, parts
from tests.support.deployment.systems import SYSTEM, integrate, let_go
from tests.support.faults.faulty_ports import Crash, FaultyDatabase
from tests.support.stage.stage import KARI, OLA, Stage, person


def piece(stage: Stage, ticket: UploadTicket, length: int, start: int | None = None) -> Upload:
    return create_partial(stage.deps, ticket.token, length=length, start=start)


def send(deps: Dependencies, ticket: UploadTicket, upload: Upload, content: bytes, offset: int = 0) -> int:
    append = uploads_append.begin_append(deps, ticket.token, upload.id, offset=offset, announced=None)
    return feed_and_finish(append, content)


def sent(stage: Stage, ticket: UploadTicket, *contents: bytes) -> list[str]:
    """The ids of partial uploads that hold these bytes."""
    ids = []
    for content in contents:
        upload = piece(stage, ticket, len(content))
        if content:
            send(stage.deps, ticket, upload, content)
        ids.append(upload.id)
    return ids


def content(stage: Stage, ticket: UploadTicket) -> bytes:
    """The completed document, as its manifest says."""
    with stage.deps.database.read() as tx:
        document = existing(tx.shares.document(ticket.document_id))
    share_key = existing_key(stage.deps.keyring, share_key_id(document.share_id))
    document_id = bytes.fromhex(document.id)
    manifest = open_manifest(share_key, document_id, document.sealed_manifest)
    data_key = derive(share_key, Purpose.DATA, document_id)
    pieces = part_reader.read_parts(stage.deps, manifest, data_key, 0, manifest.length, part_reader.STEP)
    return b"".join(bytes(read) for _, read in pieces)


def completions(stage: Stage) -> int:
    return sum(event.kind == "document_completed" for _, event in stage.trail())


def test_pieces_sent_in_any_order_become_the_document_in_the_order_asked_for(stage: Stage) -> None:
    ticket = announce(stage, 10)
    last, first = sent(stage, ticket, b"67890", b"12345")
    assert not is_complete(stage, ticket)
    before = blobs(stage)
    assert join_partials(stage.deps, ticket.token, [first, last]).id == ticket.upload_id
    assert is_complete(stage, ticket)
    assert blobs(stage) == before == set(parts(stage, ticket))
    assert content(stage, ticket) == b"1234567890"
    assert completions(stage) == 1


def test_pieces_of_many_parts_come_out_whole(stage: Stage) -> None:
    first, second = bytes(range(256)) * 65_536, b"ab" * 5_000_000
    ticket = announce(stage, len(first) + len(second))
    join_partials(stage.deps, ticket.token, sent(stage, ticket, first, second))
    assert content(stage, ticket) == first + second


def test_an_empty_document_can_be_joined_from_nothing_but_an_empty_piece(stage: Stage) -> None:
    ticket = announce(stage, 0)
    [empty] = sent(stage, ticket, b"")
    join_partials(stage.deps, ticket.token, [empty])
    assert is_complete(stage, ticket)
    assert content(stage, ticket) == b""


def test_the_offset_of_a_document_is_what_its_pieces_have_together(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 10, share.id)
    sent(stage, ticket, b"123", b"45")
    view, _ = queries.show_share(stage.deps, person(KARI), share.id)
    assert [document.offset for document in view.documents] == [5]


def test_each_piece_is_resumed_where_it_was(stage: Stage) -> None:
    ticket = announce(stage, 10)
    upload = piece(stage, ticket, 10)
    assert send(stage.deps, ticket, upload, b"12345") == 5
    with pytest.raises(Conflict, match="upload_offset"):
        send(stage.deps, ticket, upload, b"x")
    assert uploads_append.find_upload(stage.deps, ticket.token, upload.id).offset == 5
    assert send(stage.deps, ticket, upload, b"67890", 5) == 10
    join_partials(stage.deps, ticket.token, [upload.id])
    assert content(stage, ticket) == b"1234567890"


def test_the_file_chosen_again_finds_its_pieces_under_the_new_token(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 10, share.id)
    second, first = piece(stage, ticket, 5, 5), piece(stage, ticket, 5, 0)
    send(stage.deps, ticket, second, b"678")
    again = announce(stage, 10, share.id)
    assert [(one.id, one.start, one.offset) for one in again.partials] == [(first.id, 0, 0), (second.id, 5, 3)]
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, ticket.token, second.id)
    assert uploads_append.find_upload(stage.deps, again.token, second.id).offset == 3


def test_a_piece_that_says_where_it_begins_is_created_once(stage: Stage) -> None:
    ticket = announce(stage, 10)
    first = piece(stage, ticket, 5, 0)
    assert piece(stage, ticket, 5, 0) == first
    assert piece(stage, ticket, 5, 5) != first
    assert piece(stage, ticket, 4, 0) != first
    assert piece(stage, ticket, 5) != piece(stage, ticket, 5)


def test_a_token_is_good_for_the_pieces_of_its_own_document_alone(stage: Stage) -> None:
    ticket, other = announce(stage, 10), announce(stage, 10)
    [mine], [foreign] = sent(stage, ticket, b"1234567890"), sent(stage, other, b"0987654321")
    for refused in (
        lambda: uploads_append.find_upload(stage.deps, ticket.token, foreign),
        lambda: uploads_append.terminate_upload(stage.deps, ticket.token, foreign),
        lambda: join_partials(stage.deps, ticket.token, [foreign]),
        lambda: join_partials(stage.deps, ticket.token, [ticket.upload_id]),
        lambda: join_partials(stage.deps, "invented", [mine]),
        lambda: create_partial(stage.deps, "invented", length=1, start=None),
    ):
        with pytest.raises(NotFound):
            refused()
    assert not is_complete(stage, ticket)
    assert not is_complete(stage, other)


def test_pieces_together_take_no_more_bytes_than_were_announced(stage: Stage) -> None:
    ticket = announce(stage, 10)
    sent(stage, ticket, b"1234567")
    greedy = piece(stage, ticket, 10)
    with pytest.raises(TooLarge, match="upload_beyond_length"):
        uploads_append.begin_append(stage.deps, ticket.token, greedy.id, offset=0, announced=4)
    before = blobs(stage)
    with pytest.raises(TooLarge, match="upload_beyond_length"):
        send(stage.deps, ticket, greedy, b"1234")
    assert blobs(stage) == before
    assert send(stage.deps, ticket, greedy, b"123") == 3


def test_bytes_that_came_before_the_connection_broke_are_not_reported_as_too_many(stage: Stage) -> None:
    """Of two requests for the same bytes the later one gets the upload's offset, and goes on from there."""
    ticket = announce(stage, 10)
    mine = piece(stage, ticket, 10)
    early, late = (
        uploads_append.begin_append(stage.deps, ticket.token, mine.id, offset=0, announced=None) for _ in range(2)
    )
    assert feed_and_finish(early, b"123456") == 6
    with pytest.raises(Conflict, match="upload_offset"):
        feed_and_finish(late, b"1234567890")

    def take_a_byte() -> None:
        send(stage.deps, ticket, mine, b"7", offset=6)

    troubled = FaultyDatabase(stage.deps.database, between=[lambda: None, take_a_byte])
    late = uploads_append.begin_append(
        replace(stage.deps, database=troubled), ticket.token, mine.id, offset=6, announced=4
    )
    with pytest.raises(Conflict, match="upload_offset"):
        feed_and_finish(late, b"7890")
    assert send(stage.deps, ticket, mine, b"890", offset=7) == 10


def test_no_more_pieces_than_there_is_reason_for(stage: Stage) -> None:
    ticket = announce(stage, 100)
    for _ in range(MAX_PARTIALS):
        piece(stage, ticket, 1)
    with pytest.raises(Conflict, match="too_many_partials"):
        piece(stage, ticket, 1)


def test_sending_the_document_whole_removes_its_pieces(stage: Stage) -> None:
    ticket = announce(stage, 10)
    [lost] = sent(stage, ticket, b"12345")
    with stage.deps.database.read() as tx:
        whole = existing(tx.uploads.get(ticket.upload_id))
    assert send(stage.deps, ticket, whole, b"abc") == 3
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, ticket.token, lost)
    with pytest.raises(Conflict, match="upload_begun_whole"):
        piece(stage, ticket, 5)
    assert send(stage.deps, ticket, whole, b"defghij", 3) == 10
    assert retention.delete_garbage(stage.deps) == 1
    assert content(stage, ticket) == b"abcdefghij"


def test_a_piece_of_a_document_begun_whole_meanwhile_leaves_nothing(stage: Stage) -> None:
    ticket = announce(stage, 10)
    append = uploads_append.begin_append(stage.deps, ticket.token, piece(stage, ticket, 5).id, offset=0, announced=None)
    append.write([b"12345"])
    with stage.deps.database.read() as tx:
        whole = existing(tx.uploads.get(ticket.upload_id))
    send(stage.deps, ticket, whole, b"abc")
    with pytest.raises(NotFound):
        append.finish()
    assert blobs(stage) == set(parts(stage, ticket))


def test_terminating_a_piece_leaves_the_document_and_the_others(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 10, share.id)
    first, wrong, second = sent(stage, ticket, b"12345", b"xxx", b"67")
    uploads_append.terminate_upload(stage.deps, ticket.token, wrong)
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, ticket.token, wrong)
    assert retention.delete_garbage(stage.deps) == 1
    [third] = sent(stage, ticket, b"890")
    join_partials(stage.deps, ticket.token, [first, second, third])
    assert content(stage, ticket) == b"1234567890"


def test_terminating_the_whole_takes_its_pieces_with_it(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 10, share.id)
    sent(stage, ticket, b"12345", b"678")
    uploads_append.terminate_upload(stage.deps, ticket.token, ticket.upload_id)
    assert stage.document_ids(share.id) == []
    assert retention.delete_garbage(stage.deps) == 2
    assert blobs(stage) == set()


def test_pieces_that_are_not_the_whole_document_are_not_joined(stage: Stage) -> None:
    ticket = announce(stage, 10)
    [first] = sent(stage, ticket, b"12345")
    unfinished = piece(stage, ticket, 5)
    send(stage.deps, ticket, unfinished, b"678")
    for wrong in ([first], [first, first], [first, unfinished.id]):
        with pytest.raises(Conflict, match="partials_differ"):
            join_partials(stage.deps, ticket.token, wrong)
    assert not is_complete(stage, ticket)
    send(stage.deps, ticket, unfinished, b"90", 3)
    join_partials(stage.deps, ticket.token, [first, unfinished.id])
    assert content(stage, ticket) == b"1234567890"


def test_after_joining_no_piece_can_be_changed_removed_or_added(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")
    join_partials(stage.deps, ticket.token, ids)
    for upload_id in [*ids, ticket.upload_id]:
        with pytest.raises(Conflict, match="upload_finished"):
            uploads_append.begin_append(stage.deps, ticket.token, upload_id, offset=5, announced=0)
    with pytest.raises(Conflict, match="upload_finished"):
        uploads_append.terminate_upload(stage.deps, ticket.token, ids[0])
    for start in (None, 0):
        with pytest.raises(Conflict, match="upload_finished"):
            piece(stage, ticket, 5, start)
    assert content(stage, ticket) == b"1234567890"


def test_the_pieces_of_a_joined_document_are_listed(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"67890", b"12345")[::-1]
    unfinished = uploads_append.find_upload(stage.deps, ticket.token)
    assert joined_partials(stage.deps, unfinished) == []
    join_partials(stage.deps, ticket.token, ids)
    whole, first = (uploads_append.find_upload(stage.deps, ticket.token, one) for one in (None, ids[0]))
    assert [one.id for one in joined_partials(stage.deps, whole)] == ids
    assert joined_partials(stage.deps, first) == []


def test_asking_again_for_the_same_joining_says_the_same_and_for_another_nothing(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")
    stray = piece(stage, ticket, 3)
    for _ in range(2):
        assert join_partials(stage.deps, ticket.token, ids).id == ticket.upload_id
    with pytest.raises(Conflict, match="partials_differ"):
        join_partials(stage.deps, ticket.token, ids[::-1])
    with pytest.raises(NotFound):
        join_partials(stage.deps, ticket.token, [stray.id])
    assert completions(stage) == 1
    assert content(stage, ticket) == b"1234567890"


def test_a_joining_with_a_lost_answer_is_kept_and_can_be_asked_for_again(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")
    database = FaultyDatabase(stage.deps.database, lost=True)
    deps = replace(stage.deps, database=database)
    with pytest.raises(Unavailable):
        join_partials(deps, ticket.token, ids)
    assert is_complete(stage, ticket)
    join_partials(deps, ticket.token, ids)
    assert content(stage, ticket) == b"1234567890"


def test_a_joining_that_does_not_take_place_leaves_the_pieces_as_they_were(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")
    deps = replace(stage.deps, database=FaultyDatabase(stage.deps.database, fail=Crash()))
    with pytest.raises(Crash):
        join_partials(deps, ticket.token, ids)
    assert not is_complete(stage, ticket)
    assert [uploads_append.find_upload(stage.deps, ticket.token, one).offset for one in ids] == [5, 5]
    join_partials(stage.deps, ticket.token, ids)
    assert content(stage, ticket) == b"1234567890"


def test_of_two_concurrent_joinings_both_succeed_and_one_event_is_recorded(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")

    def first() -> None:
        join_partials(stage.deps, ticket.token, ids)

    deps = replace(stage.deps, database=FaultyDatabase(stage.deps.database, before=[first]))
    assert join_partials(deps, ticket.token, ids).id == ticket.upload_id
    assert completions(stage) == 1


def test_many_joinings_at_once_in_two_orders_have_one_winner(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")
    outcomes: list[str] = []

    def run(order: list[str]) -> None:
        try:
            join_partials(stage.deps, ticket.token, order)
            outcomes.append("".join(order))
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=run, args=(order,)) for order in [ids, ids[::-1]] * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = {outcome for outcome in outcomes if outcome != "partials_differ"}
    assert len(won) == 1
    assert content(stage, ticket) == (b"1234567890" if won == {"".join(ids)} else b"6789012345")
    assert completions(stage) == 1


def test_the_end_of_the_token_is_the_end_of_its_pieces(stage: Stage) -> None:
    ticket = announce(stage, 10)
    [upload_id] = sent(stage, ticket, b"1234567890")
    stage.clock.advance(hours=24)
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, ticket.token, upload_id)
    with pytest.raises(NotFound):
        join_partials(stage.deps, ticket.token, [upload_id])
    assert not is_complete(stage, ticket)


def test_a_member_that_is_removed_joins_nothing_and_adds_to_no_piece(stage: Stage) -> None:
    ticket = announce(stage, 10)
    ids = sent(stage, ticket, b"12345", b"67890")
    stage.remove("kari")
    for refused in (
        lambda: join_partials(stage.deps, ticket.token, ids),
        lambda: piece(stage, ticket, 1),
        lambda: uploads_append.find_upload(stage.deps, ticket.token, ids[0]),
    ):
        with pytest.raises(NotFound):
            refused()
    assert not is_complete(stage, ticket)


def test_pieces_end_with_the_rights_of_the_one_who_sends_them(stage: Stage) -> None:
    integration = integrate(stage)
    share = drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id)
    first = drafts.add_document(stage.deps, SYSTEM, share.id, name="a.bin", length=10, modified_at=None)
    ids = sent(stage, first, b"12345", b"67890")
    taken = drafts.add_document(stage.deps, SYSTEM, share.id, name="a.bin", length=10, modified_at=None)
    assert {one.integration_id for one in taken.partials} == {integration.id}
    let_go(stage, integration)
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, taken.token, ids[0])
    with pytest.raises(NotFound):
        join_partials(stage.deps, taken.token, ids)
    assert not is_complete(stage, taken)


def test_a_draft_that_is_over_joins_nothing(stage: Stage) -> None:
    share = stage.draft()
    ticket = announce(stage, 10, share.id)
    ids = sent(stage, ticket, b"12345", b"67890")
    drafts.discard_draft(stage.deps, person(KARI), share.id)
    with pytest.raises(Conflict, match="not_a_draft"):
        join_partials(stage.deps, ticket.token, ids)


def test_a_share_is_not_published_while_its_document_is_in_pieces(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    ticket = announce(stage, 10, share.id)
    ids = sent(stage, ticket, b"12345", b"67890")
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share.id)
    assert [(error.field, error.code) for error in caught.value.errors] == [("documents", "files_unfinished")]
    join_partials(stage.deps, ticket.token, ids)
    publishing.publish_share(stage.deps, person(KARI), share.id)


def test_the_parts_of_a_joined_document_stay_few_however_small_the_requests_were(stage: Stage) -> None:
    pieces = 4
    ticket = announce(stage, pieces * 60)
    ids = []
    for _ in range(pieces):
        upload = piece(stage, ticket, 60)
        for offset in range(60):
            send(stage.deps, ticket, upload, b"x", offset)
        ids.append(upload.id)
    join_partials(stage.deps, ticket.token, ids)
    assert len(parts(stage, ticket)) <= pieces * 16
    assert content(stage, ticket) == b"x" * pieces * 60
