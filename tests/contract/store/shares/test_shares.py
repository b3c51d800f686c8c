"""Shares with recipients and documents are kept and found as the contract says."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from deldokument.domain.errors import Broken, Conflict, NotFound
from deldokument.domain.shares.share import Receipt, RemovedDocument, Share, ShareState
from deldokument.domain.tenants.tenancy import Account, Integration
from deldokument.store.database import Database
from deldokument.store.shares.shares import ShareFilter
from tests.contract.records import (
    ACCOUNT,
    DAY,
    HOUR,
    KARI,
    NOW,
    TENANT,
    append,
    available,
    begin_upload,
    complete_document_of,
    document_of,
    draft,
    ended,
    keep,
    part_of,
    recipient_of,
    settle,
    upload_of,
)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def found(database: Database, wanted: ShareFilter) -> list[str]:
    with database.read() as tx:
        return [share.id for share in tx.shares.find(wanted)]


def test_a_share_comes_back_as_it_was_kept(database: Database) -> None:
    full = ended(key_destroyed_at=NOW, confidential=False, archived=True)
    keep(database, full, bare := draft())
    with database.read() as tx:
        assert tx.shares.get(full.id) == full
        assert tx.shares.get(bare.id) == bare
        assert tx.shares.get("nothing") is None


def test_an_instant_is_the_same_in_every_time_zone(database: Database) -> None:
    share = draft(created_at=NOW.astimezone(timezone(timedelta(hours=2))))
    keep(database, share)
    with database.read() as tx:
        kept = tx.shares.get(share.id)
    assert kept is not None
    assert kept.created_at == NOW
    assert kept.created_at.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="zone"):
        keep(database, draft(created_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_a_saved_share_is_changed_in_every_field(database: Database) -> None:
    share = draft()
    keep(database, share)
    changed = ended(
        id=share.id, sealed_audit_texts=b"t", sealed_share_texts=b"", reference_hash=b"h", key_destroyed_at=NOW
    )
    with database.write() as tx:
        assert tx.shares.lock(share.id) == share
        tx.shares.save(changed)
        assert tx.shares.lock("nothing") is None
    with database.read() as tx:
        assert tx.shares.get(share.id) == changed


def test_saving_an_unknown_share_is_not_found(database: Database) -> None:
    share = draft()
    with pytest.raises(NotFound), database.write() as tx:
        tx.shares.save(share)
    with pytest.raises(NotFound), database.write() as tx:
        tx.shares.save_recipient(recipient_of(share))
    with pytest.raises(NotFound), database.write() as tx:
        tx.shares.save_document(document_of(share))


def test_a_reader_cannot_lock(database: Database) -> None:
    with pytest.raises(Broken), database.read() as tx:
        tx.shares.lock("share")


@pytest.mark.parametrize(
    "impossible",
    [
        available(expires_at=None),
        available(published_at=None),
        draft(published_at=NOW, expires_at=NOW),
        draft(closed_at=NOW),
        ended(closed_at=None),
        available(key_destroyed_at=NOW),
        available(erased_at=NOW),
        draft(state=ShareState.ABANDONED, closed_at=NOW, published_at=NOW, expires_at=NOW),
    ],
)
def test_a_share_that_cannot_be_is_refused_by_the_database(database: Database, impossible: Share) -> None:
    with pytest.raises(Broken):
        keep(database, impossible)


def test_shares_are_found_newest_first_page_by_page(database: Database) -> None:
    shares = [draft(id=f"s{n}", created_at=NOW + timedelta(minutes=n // 2)) for n in range(7)]
    keep(database, *shares)
    pages, before = [], None
    while page := found(database, ShareFilter((ACCOUNT.id,), before=before, limit=3)):
        pages.append(page)
        last = next(share for share in shares if share.id == page[-1])
        before = (last.created_at, last.id)
    assert pages == [["s6", "s5", "s4"], ["s3", "s2", "s1"], ["s0"]]


def test_shares_of_several_accounts_come_in_one_order(database: Database) -> None:
    with database.write() as tx:
        tx.accounts.add(Account("other", TENANT.id, "Barnevern"))
    keep(
        database,
        draft(id="a", created_at=NOW),
        draft(id="b", created_at=NOW + HOUR, account_id="other"),
        draft(id="c", created_at=NOW + DAY),
    )
    assert found(database, ShareFilter((ACCOUNT.id, "other"))) == ["c", "b", "a"]
    assert found(database, ShareFilter((ACCOUNT.id, "other"), limit=2)) == ["c", "b"]
    assert found(database, ShareFilter(("other",))) == ["b"]
    assert found(database, ShareFilter(())) == []


@pytest.mark.parametrize("count", [1, 2, 4, 5, 9])
def test_any_number_of_accounts_is_queried_completely(database: Database, count: int) -> None:
    names = [f"account-{number}" for number in range(count)]
    with database.write() as tx:
        for name in (*names, "left-out"):
            tx.accounts.add(Account(name, TENANT.id, name))
    shares = [draft(id=f"{name}-{at}", created_at=NOW + at * HOUR, account_id=name) for name in names for at in (1, 2)]
    keep(database, *shares, draft(account_id="left-out"))
    newest_first = sorted((share.id for share in shares), key=lambda one: (one[-1], one), reverse=True)
    assert found(database, ShareFilter(tuple(names))) == newest_first
    assert found(database, ShareFilter(tuple(names), limit=count)) == newest_first[:count]
    with database.read() as tx:
        assert sorted(one.id for one in tx.shares.needing(names, NOW, NOW, 2)) == sorted(newest_first)


def test_shares_are_found_by_state_and_by_reference(database: Database) -> None:
    keep(database, draft(id="d"), available(id="a", reference_hash=b"26/17"), ended(id="e", reference_hash=b"26/17"))
    assert found(database, ShareFilter((ACCOUNT.id,), states=(ShareState.DRAFT,))) == ["d"]
    assert found(database, ShareFilter((ACCOUNT.id,), reference_hashes=(b"26/17", b"x"))) == ["e", "a"]
    both = ShareFilter((ACCOUNT.id,), states=(ShareState.ENDED, ShareState.DRAFT), reference_hashes=(b"26/17",))
    assert found(database, both) == ["e"]


def test_an_erased_share_is_in_no_list(database: Database) -> None:
    keep(database, ended(erased_at=NOW + DAY))
    assert found(database, ShareFilter((ACCOUNT.id,))) == []


def test_recipients_find_what_is_open_and_nothing_else(database: Database) -> None:
    late, soon = available(expires_at=NOW + DAY), available(expires_at=NOW + HOUR)
    over, closed, unfinished = available(expires_at=NOW), ended(), draft()
    keep(database, late, soon, over, closed, unfinished)
    with database.write() as tx:
        for share in (late, soon, over, closed, unfinished):
            tx.shares.add_recipient(recipient_of(share))
    with database.read() as tx:
        assert tx.share_lookup.open_for([b"hash of ola", b"hash of others"], NOW) == [soon, late]
        assert tx.share_lookup.open_for([b"hash of siv"], NOW) == []
        assert tx.share_lookup.open_for([], NOW) == []


def test_thousands_of_hashes_may_be_looked_for(database: Database) -> None:
    share = available()
    keep(database, share)
    with database.write() as tx:
        tx.shares.add_recipient(recipient_of(share))
    hashes = [b"%d" % n for n in range(2000)] + [b"hash of ola"]
    with database.read() as tx:
        assert [hit.id for hit in tx.share_lookup.open_for(hashes, NOW)] == [share.id]


def test_the_audit_keys_of_available_shares_are_listed_once_each(database: Database) -> None:
    with database.read() as tx:
        assert tx.share_lookup.audit_key_ids_available() == []
    keep(
        database,
        available(audit_key_id="one"),
        available(audit_key_id="one"),
        available(audit_key_id="two"),
        ended(audit_key_id="ended"),
        draft(audit_key_id="begun"),
    )
    with database.read() as tx:
        assert tx.share_lookup.audit_key_ids_available() == ["one", "two"]


def test_what_may_wait_for_its_sharers_is_drafts_and_what_ends_soon_unread(database: Database) -> None:
    older, newer = draft(changed_at=NOW - HOUR), draft(changed_at=NOW)
    soon, sooner = available(expires_at=NOW + DAY), available(expires_at=NOW + HOUR)
    later, over, read = available(expires_at=NOW + 2 * DAY), available(expires_at=NOW), available(expires_at=NOW + HOUR)
    keep(database, older, newer, soon, sooner, later, over, read, ended())
    recipient, document = recipient_of(read), complete_document_of(read)
    with database.write() as tx:
        tx.accounts.add(Account("other", TENANT.id, "Barnevern"))
        tx.shares.add(draft(account_id="other"))
        tx.shares.add_recipient(recipient)
        tx.shares.add_document(document)
        tx.receipts.save(Receipt(read.id, document.id, recipient.id, "subject", NOW - HOUR, NOW, completed_at=NOW))
    with database.read() as tx:
        needing = tx.shares.needing([newer.account_id], NOW, NOW + DAY, 9)
        first = tx.shares.needing([newer.account_id], NOW, NOW + DAY, 1)
    assert sorted(needing, key=lambda one: one.id) == sorted([newer, older, sooner, soon], key=lambda one: one.id)
    assert {one.id for one in first} == {newer.id, sooner.id}


def test_much_work_does_not_hide_what_waits_elsewhere_or_for_approval(database: Database) -> None:
    with database.write() as tx:
        tx.accounts.add(Account("quiet", TENANT.id, "Barnevern"))
    proposal = draft(changed_at=NOW - HOUR, proposed_by="somebody", account_id="quiet")
    unread = available(expires_at=NOW + DAY, account_id="quiet")
    proposed_here = replace(proposal, id="proposed here", account_id=ACCOUNT.id)
    crowd = [share for _ in range(9) for share in (draft(changed_at=NOW), available(expires_at=NOW + HOUR))]
    keep(database, proposal, unread, proposed_here, *crowd)
    with database.read() as tx:
        needing = tx.shares.needing([ACCOUNT.id, "quiet"], NOW, NOW + DAY, 3)
    assert {proposal.id, unread.id, proposed_here.id} <= {one.id for one in needing}
    assert len(needing) == 3 + 3 + 1 + 1


def test_a_share_waits_for_its_sharers_while_a_recipient_waits_for_an_answer(database: Database) -> None:
    asked, answered, left, elsewhere = (ended() for _ in range(4))
    keep(database, asked, answered, left)
    with database.write() as tx:
        tx.accounts.add(Account("other", TENANT.id, "Barnevern"))
        tx.shares.add(replace(elsewhere, account_id="other"))
        tx.shares.add_recipient(recipient_of(asked, requested_at=NOW))
        tx.shares.add_recipient(recipient_of(elsewhere, requested_at=NOW))
        tx.shares.add_recipient(recipient_of(answered, requested_at=NOW, answered_at=NOW, sealed_refusal=b"reason"))
        tx.shares.add_recipient(recipient_of(left, requested_at=NOW, removed_at=NOW))
    with database.read() as tx:
        assert tx.shares.needing([ACCOUNT.id], NOW, NOW + DAY, 9) == [asked]


def test_drafts_that_answer_requests_are_found_by_the_share_that_is_asked_about(database: Database) -> None:
    asked, other = ended(), ended()
    first, last = (draft(created_at=NOW - age, answers=asked.id) for age in (2 * HOUR, HOUR))
    discarded = draft(state=ShareState.ABANDONED, closed_at=NOW, answers=asked.id)
    keep(database, asked, other, first, last, discarded, available(answers=asked.id), draft(answers="unknown"))
    with database.read() as tx:
        assert tx.share_lookup.answering([asked.id, other.id]) == [last, first]
        assert tx.share_lookup.answering([other.id]) == tx.share_lookup.answering([]) == []


def test_recipients_come_in_their_order_and_change(database: Database) -> None:
    one, two = draft(id="1"), draft(id="2")
    keep(database, one, two)
    last, first = recipient_of(one, position=2), recipient_of(one, position=1, lookup_hash=b"hash of siv")
    other = recipient_of(two, kind="organization")
    changed = replace(last, sealed_label=b"advokat", confirmed=False)
    with database.write() as tx:
        assert all(tx.shares.add_recipient(recipient) for recipient in (last, first, other))
        tx.shares.save_recipient(changed)
        assert tx.shares.recipients([one.id, two.id, "3"]) == [first, changed, other]
        tx.shares.remove_recipient(two.id, first.id)
        tx.shares.remove_recipient(one.id, last.id)
    with database.read() as tx:
        assert tx.shares.recipients([one.id]) == [first]


def test_a_removed_recipient_leaves_a_tombstone_and_can_be_added_again(database: Database) -> None:
    share = available()
    keep(database, share)
    kept, removed = recipient_of(share, lookup_hash=b"hash of siv"), recipient_of(share, position=2)
    tombstone = replace(removed, lookup_hash=b"nobody", sealed_grant=b"", removed_at=NOW)
    with database.write() as tx:
        assert all(tx.shares.add_recipient(one) for one in (kept, removed))
    with database.write() as tx:
        tx.shares.retire_recipient(tombstone)
    with database.read() as tx:
        assert tx.shares.recipients([share.id]) == [kept]
        assert tx.shares.all_recipients([share.id, "3"]) == [kept, tombstone]
        assert tx.share_lookup.open_for([tombstone.lookup_hash, removed.lookup_hash], NOW) == []
        assert [one.intact for one in tx.shares.find(ShareFilter((ACCOUNT.id,)))] == [True]
    with database.write() as tx:
        assert tx.shares.add_recipient(recipient_of(share, position=3))


def test_a_removed_document_leaves_a_tombstone_and_its_parts_are_garbage(database: Database) -> None:
    share = available()
    keep(database, share)
    kept, gone = document_of(share), document_of(share, position=2)
    upload = upload_of(gone)
    with database.write() as tx:
        for one in (kept, gone):
            tx.shares.add_document(one)
        tx.uploads.add(upload)
        assert tx.uploads.advance(upload.id, 0, 100, [part_of(upload, 0, 100)])
    tombstone = RemovedDocument(gone.id, share.id, gone.sealed_name, gone.length, gone.position, NOW)
    with database.write() as tx:
        assert tx.shares.get(share.id) == share
        tx.shares.remove_document(gone.id, NOW, tombstone)
        assert tx.shares.removed_documents([share.id]) == [tombstone]
    with database.read() as tx:
        assert tx.shares.get(share.id) == share
        assert tx.shares.documents([share.id]) == [kept]
        assert tx.shares.document(gone.id) is None
        assert tx.shares.removed_documents([share.id, "3"]) == [tombstone]
        assert (tx.uploads.get(upload.id), len(tx.uploads.garbage(10))) == (None, 1)
        assert [one.intact for one in tx.shares.find(ShareFilter((ACCOUNT.id,)))] == [True]


def test_a_share_has_a_recipient_once(database: Database) -> None:
    share = draft()
    keep(database, share)
    original = recipient_of(share)
    with database.write() as tx:
        assert tx.shares.add_recipient(original)
        assert not tx.shares.add_recipient(recipient_of(share, sealed_name=b"another"))
        assert tx.shares.recipients([share.id]) == [original]


def test_documents_come_in_their_order_and_change(database: Database) -> None:
    share = draft()
    keep(database, share)
    last, first = document_of(share, position=2, length=5 * 2**30), document_of(share, modified_at=None)
    changed = replace(last.complete(b"m", NOW), sealed_inspection=b"i", inspected_at=NOW).with_verdict_hash()
    with database.write() as tx:
        tx.shares.add_document(last)
        tx.shares.add_document(first)
        tx.shares.save_document(changed)
    with database.read() as tx:
        assert tx.shares.documents([share.id]) == [first, changed]
        assert tx.shares.document(last.id) == changed
        assert tx.shares.document("nothing") is None


def test_the_parts_of_a_removed_document_become_garbage(database: Database) -> None:
    share = draft()
    keep(database, share)
    upload, other = begin_upload(database, share), begin_upload(database, share)
    parts, kept = append(database, upload, 30, 20), append(database, other, 10)
    with database.write() as tx:
        tx.shares.remove_document(upload.document_id, NOW)
    with database.read() as tx:
        assert [document.id for document in tx.shares.documents([share.id])] == [other.document_id]
        assert tx.uploads.get(upload.id) is None
        assert sorted(tx.uploads.garbage(10)) == sorted(part.id for part in parts)
        assert tx.uploads.parts(other.id) == kept


def test_a_document_needs_its_share(database: Database) -> None:
    with pytest.raises(Conflict), database.write() as tx:
        tx.shares.add_document(document_of(draft()))


def test_documents_are_read_on_from_any_of_them_in_their_order(database: Database) -> None:
    share, other = available(), available()
    keep(database, share, other)
    documents = [document_of(share, position=number // 2) for number in range(8)]
    with database.write() as tx:
        for document in [*reversed(documents), document_of(other)]:
            tx.shares.add_document(document)
    ordered = sorted(documents, key=lambda document: (document.position, document.id))
    with database.read() as tx:
        assert tx.shares.documents_after(share.id, None, 100) == ordered == tx.shares.documents([share.id])
        for number, document in enumerate(ordered):
            found = tx.shares.documents_after(share.id, (document.position, document.id), 3)
            assert found == ordered[number + 1 : number + 4]


def test_shares_are_found_by_the_state_as_it_is_then(database: Database) -> None:
    overdue, is_open, over = available(expires_at=NOW), available(), ended()
    keep(database, overdue, is_open, over, draft())

    def in_state(*states: ShareState) -> set[str]:
        with database.read() as tx:
            return {one.id for one in tx.shares.find(ShareFilter((ACCOUNT.id,), states, NOW))}

    assert in_state(ShareState.AVAILABLE) == {is_open.id}
    assert in_state(ShareState.ENDED) == {overdue.id, over.id}
    assert in_state(ShareState.AVAILABLE, ShareState.ENDED) == {overdue.id, is_open.id, over.id}


def test_a_recipient_with_receipts_stays(database: Database) -> None:
    share = available()
    keep(database, share)
    recipient = recipient_of(share)
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        tx.receipts.save(Receipt(share.id, None, recipient.id, "subject", NOW, NOW))
    with pytest.raises(Conflict), database.write() as tx:
        tx.shares.remove_recipient(share.id, recipient.id)


def test_of_many_ids_those_that_are_shares_are_known_erased_or_not(database: Database) -> None:
    shares = [draft() for _ in range(600)]
    erased = ended(erased_at=NOW + 2 * DAY)
    keep(database, *shares, erased)
    ids = {share.id for share in (*shares, erased)}
    with database.read() as tx:
        assert tx.shares.known_ids([*ids, *(f"unknown {number}" for number in range(600))]) == ids
        assert tx.shares.known_ids([]) == set()


def test_drafts_of_a_sharer_are_counted_up_to_a_bound(database: Database) -> None:
    def count(most: int = 10, sharer: str = KARI.id, account: str = ACCOUNT.id) -> int:
        with database.read() as tx:
            return tx.accounts.count_drafts(account, sharer, most)

    assert count() == 0
    keep(database, draft(), draft(), available(), ended())
    assert (count(), count(1), count(sharer="other"), count(account="other")) == (2, 1, 0, 0)


def test_an_unknown_id_leads_to_the_next_share_and_the_last_ones_to_the_first(database: Database) -> None:
    with database.read() as tx:
        assert tx.share_lookup.share_at_or_after("a") is None
    low, high = draft(id="Bb"), available(id="a")
    keep(database, high, low)
    with database.read() as tx:
        found = {asked: tx.share_lookup.share_at_or_after(asked) for asked in ("A", "Bb", "C", "a", "b", "é")}
        assert (tx.accounts.get(ACCOUNT.id), tx.tenants.get(TENANT.id)) == (ACCOUNT, TENANT)
    assert found == {"A": low, "Bb": low, "C": high, "a": high, "b": low, "é": low}


def test_what_a_member_shared_lately_is_found_among_the_accounts_newest(database: Database) -> None:
    first, own, newest = (available(created_at=NOW + number * HOUR) for number in range(3))
    of_another = available(created_at=NOW + 3 * HOUR, member_id="other")
    with database.write() as tx:
        tx.members.add(replace(KARI, id="other", lookup_hash=b"hash of odd"))
    keep(database, own, newest, first, of_another, draft(created_at=NOW + DAY), ended(erased_at=NOW))
    with database.read() as tx:

        def lately(among: int, limit: int) -> list[Share]:
            return tx.share_lookup.shared_lately(KARI.id, ACCOUNT.id, among, limit)

        assert lately(9, 9) == [newest, own, first]
        assert lately(9, 2) == [newest, own]
        assert lately(3, 9) == [newest, own]
        assert tx.share_lookup.shared_lately(KARI.id, "other", 9, 9) == []


def test_a_first_look_returns_the_state_of_shares_of_ones_own_accounts_alone(database: Database) -> None:
    own, of_others = draft(id="b"), available(id="d", account_id="other")
    integrated = Integration("system", "other", "974760673", "Lillevik kommune", NOW)
    with database.write() as tx:
        tx.accounts.add(Account("other", TENANT.id, "Skole"))
        tx.integrations.add(integrated)
    keep(database, own, of_others)

    def looks(share_id: str) -> tuple[ShareState | None, ShareState | None]:
        with database.read() as tx:
            lookup = tx.share_lookup
            return lookup.state_for_member(share_id, KARI.lookup_hash), lookup.state_for_organization(
                share_id, integrated.organization_number
            )

    assert [looks(one) for one in ("b", "d")] == [(ShareState.DRAFT, None), (None, ShareState.AVAILABLE)]
    # The next in order would be one of these.
    assert [looks(one) for one in ("a", "c", "e")] == [(None, None)] * 3
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
        tx.integrations.remove(integrated.id, NOW)
    assert [looks(one) for one in ("b", "d")] == [(None, None)] * 2


def test_an_unknown_id_leads_to_the_next_document_and_the_last_ones_to_the_first(database: Database) -> None:
    with database.read() as tx:
        assert tx.share_lookup.document_at_or_after("a") is None
    share = draft()
    keep(database, share)
    low, high = document_of(share, id="b"), document_of(share, id="d", position=2)
    with database.write() as tx:
        for one in (high, low):
            tx.shares.add_document(one)
    with database.read() as tx:
        found = {asked: tx.share_lookup.document_at_or_after(asked) for asked in ("a", "b", "c", "d", "e")}
    assert found == {"a": low, "b": low, "c": high, "d": high, "e": low}


def test_a_pending_document_is_found_as_pending_alone_until_it_is_saved_as_another(database: Database) -> None:
    share, closed = available(), ended()
    keep(database, share, closed)
    whole = document_of(share, id="b")
    pending = document_of(share, id="c", position=2, length=30, pending_since=NOW)
    left = document_of(closed, id="d", pending_since=NOW)
    with database.write() as tx:
        for one in (whole, pending, left):
            tx.shares.add_document(one)
        tx.statistics.count_documents(share.id)
    with database.read() as tx:
        assert tx.shares.documents([share.id]) == tx.shares.documents_after(share.id, None, 9) == [whole]
        assert tx.additions.with_documents([share.id]) == [whole, pending]
        assert tx.share_lookup.document_ids([share.id, "3"]) == {share.id: [whole.id], "3": []}
        assert tx.additions.pending([share.id]) == [pending]
        assert (tx.shares.document("c"), tx.additions.document("c")) == (None, pending)
        assert tx.share_lookup.document_at_or_after("c") == whole
        assert tx.accounts.stored_bytes(ACCOUNT.id) == 100 + 30 + 100
        assert tx.additions.stale(NOW, 9) == []
        assert tx.additions.stale(NOW + HOUR, 9) == [pending]
        assert tx.additions.stale(NOW + HOUR, 0) == []
    added = replace(pending, pending_since=None)
    with database.write() as tx:
        tx.shares.save_document(added)
        tx.statistics.count_documents(share.id)
    with database.read() as tx:
        assert tx.shares.documents([share.id]) == [whole, added]
        assert tx.additions.pending([share.id]) == []
        assert tx.accounts.stored_bytes(ACCOUNT.id) == 100 + 30 + 100
