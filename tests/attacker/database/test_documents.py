"""A share has the documents that were proposed and published, in the bytes that were approved, or it is damaged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert

from deldokument.domain.errors import Conflict, NotFound, ServiceError, existing
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling
from deldokument.domain.shares.share import Share, Verdict
from deldokument.services.inspection.documents import rescan_open_shares
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.drafts import additions, drafts
from deldokument.services.shares.drafts.upload_tickets import UploadTicket
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.scans.held_documents import hold_document, release_document
from deldokument.services.uploads import append
from deldokument.store.engine.schema import metadata
from tests.attacker.attack import Attack, Request, Rows, as_writer, rows_of
from tests.attacker.victims import CONTENT
from tests.fakes.scanner import MemoryScanner
from tests.support.stage.changes import change_of
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, NOON, OLA, PER, Stage, person

pytestmark = pytest.mark.timeout(300)
_OF_DOCUMENTS = ("document", "upload", "part")
_CHILDREN_FIRST = ("part", "upload", "document")
EARLIER, LATER = NOON + timedelta(days=5), NOON + timedelta(days=20)
APPROVED, EXCHANGED = b"det som ble godkjent", b"noe helt annet enn d"


def keep(stage: Stage, document_id: str) -> Rows:
    """The rows of a document, with its upload and parts."""
    with as_writer(stage.database_url) as connection:
        return _of(rows_of(connection, *_OF_DOCUMENTS), document_id)


def _of(rows: Rows, document_id: str) -> Rows:
    uploads = [row for row in rows["upload"] if row["document_id"] == document_id]
    ids = {row["id"] for row in uploads}
    return {
        "document": [row for row in rows["document"] if row["id"] == document_id],
        "upload": uploads,
        "part": [row for row in rows["part"] if row["upload_id"] in ids],
    }


def put_back(stage: Stage, kept: Rows) -> None:
    """Exchange a document's rows for older ones."""
    [document] = kept["document"]
    with as_writer(stage.database_url) as connection:
        present = _of(rows_of(connection, *_OF_DOCUMENTS), document["id"])
        for name in _CHILDREN_FIRST:
            remove(connection, name, present[name])
        for name in _OF_DOCUMENTS:
            if kept[name]:
                connection.execute(insert(metadata.tables[name]), kept[name])


def remove(connection: Connection, name: str, rows: Sequence[dict[str, Any]]) -> None:
    table = metadata.tables[name]
    connection.execute(delete(table).where(table.c.id.in_([row["id"] for row in rows])))


def forget_share(attack: Attack, share_id: str, *document_ids: str) -> set[str]:
    """Ask for the share and its documents as the recipient, who gets nothing; the kinds of rows with an alarm."""
    paths = [f"/d/{share_id}", f"/d/{share_id}/alt.zip", *(f"/d/{share_id}/dokument/{one}" for one in document_ids)]
    answers = attack.ask([Request("recipient", "GET", path) for path in paths])
    assert {answer.status_code for answer in answers.values()} == {404}
    assert all(CONTENT not in answer.content and EXCHANGED not in answer.content for answer in answers.values())
    return {kind for kind, row_id in attack.alarms() if row_id in {share_id, *document_ids}}


def filled(stage: Stage) -> Share:
    """A draft to Ola with «vedtak.pdf»."""
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"til Ola")
    return draft


def sent(stage: Stage, token: str, content: bytes) -> None:
    """Complete an upload from its beginning."""
    upload = append.find_upload(stage.deps, token)
    running = append.begin_append(stage.deps, token, upload.id, offset=0, announced=len(content))
    running.write([content])
    running.finish()
    inspect_documents(stage.deps)


def two_versions(stage: Stage, share_id: str) -> tuple[Rows, Rows]:
    """One document of a draft in two versions, which a writer of the database has made of one announcement."""
    ticket = drafts.add_document(
        stage.deps, person(KARI), share_id, name="kart.pdf", length=len(APPROVED), modified_at=None
    )
    announced = keep(stage, ticket.document_id)
    versions = []
    for content in (EXCHANGED, APPROVED):
        put_back(stage, announced)
        sent(stage, ticket.token, content)
        versions.append(keep(stage, ticket.document_id))
    exchanged, approved = versions
    return approved, exchanged


def test_a_document_removed_from_the_draft_does_not_come_back_after_publication(attack: Attack) -> None:
    stage = attack.victims.stage
    draft = filled(stage)
    wrong = stage.upload(draft.id, "feil-fil.pdf", CONTENT)
    inspect_documents(stage.deps)
    kept = keep(stage, wrong)
    drafts.remove_document(stage.deps, person(KARI), draft.id, wrong)
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    put_back(stage, kept)
    assert forget_share(attack, draft.id, wrong) == {"share"}


def test_an_incomplete_document_removed_from_the_draft_does_not_come_back_after_publication(attack: Attack) -> None:
    stage = attack.victims.stage
    draft = filled(stage)
    ticket = drafts.add_document(stage.deps, person(KARI), draft.id, name="feil.pdf", length=9, modified_at=None)
    kept = keep(stage, ticket.document_id)
    drafts.remove_document(stage.deps, person(KARI), draft.id, ticket.document_id)
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    put_back(stage, kept)
    assert forget_share(attack, draft.id, ticket.document_id) == {"share"}


def test_a_deleted_or_moved_row_of_a_document_makes_the_share_damaged(attack: Attack) -> None:
    stage = attack.victims.stage
    share_id, other = stage.publish(OLA, also=["kart.pdf"]), stage.publish(OLA)
    removed, _ = stage.document_ids(share_id)
    kept = keep(stage, removed)
    with as_writer(stage.database_url) as connection:
        for name in _CHILDREN_FIRST:
            remove(connection, name, kept[name])
    assert forget_share(attack, share_id, removed) == {"share"}
    put_back(stage, kept | {name: [row | {"share_id": other} for row in kept[name]] for name in ("document", "upload")})
    assert "share" in forget_share(attack, other, removed)


def test_a_complete_document_accepts_no_bytes_of_a_restored_upload(attack: Attack) -> None:
    stage = attack.victims.stage
    draft = filled(stage)
    ticket = drafts.add_document(
        stage.deps, person(KARI), draft.id, name="kart.pdf", length=len(APPROVED), modified_at=None
    )
    announced = keep(stage, ticket.document_id)
    sent(stage, ticket.token, APPROVED)
    complete = keep(stage, ticket.document_id)
    put_back(stage, announced | {"document": complete["document"]})
    with pytest.raises(Conflict, match="upload_finished"):
        sent(stage, ticket.token, EXCHANGED)
    assert keep(stage, ticket.document_id)["document"] == complete["document"]


def test_the_approved_document_is_not_exchanged_for_another_version(attack: Attack) -> None:
    stage = attack.victims.stage
    stage.add(PER, "Per Hansen", stage.byggesak)
    stage.change_account(stage.byggesak, rules=replace(stage.byggesak.rules, four_eyes=True))
    draft = filled(stage)
    approved, exchanged = two_versions(stage, draft.id)
    [document] = approved["document"]
    proposed = publishing.publish_share(stage.deps, person(KARI), draft.id)
    put_back(stage, exchanged)
    with pytest.raises(NotFound):
        publishing.approve_share(stage.deps, person(PER), draft.id, seen=proposed.changed_at.isoformat())
    put_back(stage, approved)
    publishing.approve_share(stage.deps, person(PER), draft.id, seen=proposed.changed_at.isoformat())
    path = f"/d/{draft.id}/dokument/{document['id']}"
    [answer] = attack.ask([Request("recipient", "GET", path)]).values()
    assert (answer.status_code, answer.content) == (200, APPROVED)
    put_back(stage, exchanged)
    assert forget_share(attack, draft.id, document["id"]) == {"share"}


@pytest.mark.parametrize("columns", [("sealed_manifest", "sealed_inspection"), ("sealed_manifest", "manifest_hash")])
def test_a_document_with_another_manifest_is_left_out(attack: Attack, columns: tuple[str, ...]) -> None:
    stage = attack.victims.stage
    draft = filled(stage)
    approved, exchanged = two_versions(stage, draft.id)
    [document], [other] = approved["document"], exchanged["document"]
    forged = approved | {"document": [document | {name: other[name] for name in columns}]}
    put_back(stage, forged)
    assert document["id"] not in stage.document_ids(draft.id)
    assert ("document", document["id"]) in attack.alarms()


def test_a_proposed_draft_accepts_no_second_version_of_a_document(attack: Attack) -> None:
    stage = attack.victims.stage
    stage.change_account(stage.byggesak, rules=replace(stage.byggesak.rules, four_eyes=True))
    draft = filled(stage)
    ticket = drafts.add_document(
        stage.deps, person(KARI), draft.id, name="kart.pdf", length=len(APPROVED), modified_at=None
    )
    announced = keep(stage, ticket.document_id)
    sent(stage, ticket.token, APPROVED)
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    put_back(stage, announced)
    with pytest.raises(ServiceError):
        sent(stage, ticket.token, EXCHANGED)


def waiting(stage: Stage) -> tuple[str, UploadTicket, Rows]:
    """A published share that needs four eyes, a document beside it with the approved bytes, and its first rows."""
    stage.add(PER, "Per Hansen", stage.byggesak)
    share_id = stage.publish(OLA)
    stage.change_account(stage.byggesak, rules=replace(stage.byggesak.rules, four_eyes=True))
    ticket = additions.add_document(
        stage.deps, person(KARI), share_id, name="kart.pdf", length=len(APPROVED), modified_at=None
    )
    announced = keep(stage, ticket.document_id)
    sent(stage, ticket.token, APPROVED)
    return share_id, ticket, announced


def propose(stage: Stage, share_id: str, **wanted: Any) -> None:
    assert changes.change_share(stage.deps, person(KARI), share_id, change_of(**wanted))


def approve(stage: Stage, share_id: str) -> None:
    with stage.deps.database.read() as tx:
        share = existing(tx.shares.get(share_id))
        proposal = existing(proposals.pending_proposal(stage.deps, tx, share))
    changes.approve_change(stage.deps, person(PER), share_id, seen=proposal.seen)


def test_a_waiting_document_with_a_second_manifest_is_not_approved(attack: Attack) -> None:
    stage = attack.victims.stage
    share_id, ticket, announced = waiting(stage)
    approved = keep(stage, ticket.document_id)
    propose(stage, share_id, documents=(ticket.document_id,), expires_at=LATER)
    put_back(stage, announced)
    sent(stage, ticket.token, EXCHANGED)
    # The rest of a proposal still concerns the same bytes: another end is set, and a text is added.
    changes.change_share(stage.deps, person(KARI), share_id, Change(expires_at=EARLIER))
    propose(stage, share_id, title="Nytt")
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, share_id)
    assert ("document", ticket.document_id) in attack.alarms()
    assert ticket.document_id not in stage.document_ids(share_id)
    put_back(stage, approved)
    approve(stage, share_id)
    path = f"/d/{share_id}/dokument/{ticket.document_id}"
    [answer] = attack.ask([Request("recipient", "GET", path)]).values()
    assert (answer.status_code, answer.content) == (200, APPROVED)


def test_a_waiting_document_that_was_deleted_or_moved_is_not_approved(attack: Attack) -> None:
    stage = attack.victims.stage
    share_id, ticket, _ = waiting(stage)
    other = stage.publish(OLA)
    propose(stage, share_id, documents=(ticket.document_id,))
    kept = keep(stage, ticket.document_id)
    moved = kept | {name: [row | {"share_id": other} for row in kept[name]] for name in ("document", "upload")}
    put_back(stage, moved)
    with pytest.raises(Conflict, match="proposal_changed"):
        approve(stage, share_id)
    assert ticket.document_id not in {*stage.document_ids(share_id), *stage.document_ids(other)}
    put_back(stage, kept | {"document": [row | {"pending_since": None} for row in kept["document"]]})
    assert forget_share(attack, share_id, ticket.document_id) == {"document", "share"}


def test_a_waiting_document_that_was_taken_back_is_not_approved_when_it_is_put_back(attack: Attack) -> None:
    stage = attack.victims.stage
    share_id, ticket, _ = waiting(stage)
    propose(stage, share_id, documents=(ticket.document_id,))
    kept = keep(stage, ticket.document_id)
    with as_writer(stage.database_url) as connection:
        proposed = rows_of(connection, "share")["share"]
    additions.take_back(stage.deps, person(KARI), share_id, ticket.document_id)
    put_back(stage, kept)
    with stage.deps.database.read() as tx:
        assert proposals.pending_proposal(stage.deps, tx, existing(tx.shares.get(share_id))) is None
    with as_writer(stage.database_url) as connection:
        [row] = [row for row in proposed if row["id"] == share_id]
        share = metadata.tables["share"]
        connection.execute(share.update().where(share.c.id == share_id).values(row))
    assert forget_share(attack, share_id, ticket.document_id) == {"share"}


@pytest.fixture
def stage(attack: Attack) -> Iterator[Stage]:
    """The stage with a scanner that finds everything encrypted, of an operator that holds that."""
    stage = attack.victims.stage
    before = stage.deps
    policy = MappingProxyType({**DEFAULT_POLICY, Verdict.ENCRYPTED: Handling.HELD})
    scanner = MemoryScanner(stage.clock.now(), verdict=Verdict.ENCRYPTED)
    stage.deps = replace(before, scanner=scanner, config=replace(before.config, scan_policy=policy))
    yield stage
    stage.deps = before


def find_malware(stage: Stage, *_of_share: str) -> None:
    stage.deps = replace(stage.deps, scanner=MemoryScanner(stage.clock.now(), verdict=Verdict.INFECTED))
    stage.clock.advance(minutes=1)
    rescan_open_shares(stage.deps)
    inspect_documents(stage.deps, limit=1000)


def hold_again(stage: Stage, share_id: str, document_id: str) -> None:
    hold_document(stage.deps, person(KARI), share_id, document_id)


@pytest.mark.parametrize("columns", [("sealed_inspection", "sealed_release"), (), ("verdict_hash",)])
@pytest.mark.parametrize("decide", [find_malware, hold_again])
def test_a_document_is_not_sent_by_a_verdict_or_a_release_that_was_replaced(
    attack: Attack, stage: Stage, decide: Callable[[Stage, str, str], None], columns: tuple[str, ...]
) -> None:
    share_id = stage.publish(OLA, content=CONTENT)
    [document_id] = stage.document_ids(share_id)
    release_document(stage.deps, person(KARI), share_id, document_id)
    released = keep(stage, document_id)
    decide(stage, share_id, document_id)
    decided = keep(stage, document_id)
    [row], [older] = decided["document"], released["document"]
    put_back(stage, decided | {"document": [row | {name: older[name] for name in columns or older}]})
    paths = [f"/d/{share_id}/alt.zip", f"/d/{share_id}/dokument/{document_id}"]
    answers = attack.ask([Request("recipient", "GET", path) for path in paths])
    assert all(answer.status_code in {404, 500} and CONTENT not in answer.content for answer in answers.values())
    assert {("share", share_id), ("document", document_id)} & set(attack.alarms())
