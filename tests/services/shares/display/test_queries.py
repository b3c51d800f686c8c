"""The sharers' list: whose, which, in what order; and what it says about recipients and receipts."""

from dataclasses import fields
from datetime import timedelta

import pytest

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, NotFound, existing
from deldokument.domain.shares.share import Share, ShareState
from deldokument.services.accounts import members
from deldokument.services.audit.recording import record_event, subject_number
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery, offers
from deldokument.services.shares.display import queries, views
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from deldokument.store.audit.subjects import Subject
from deldokument.store.engine.integrity import DamagedRow
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, PER, SIV, VIGDIS, Stage, person
from tests.support.stored_data import admit_every_type, do_as_owner


def listed(stage: Stage, sharer: str = KARI, **wanted: object) -> list[str]:
    return [view.share.id for view in queries.list_shares(stage.deps, person(sharer), **wanted).shares]  # type: ignore[arg-type]


def drafted(stage: Stage, **words: object) -> str:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(**words))
    return share.id


def test_everybody_sees_the_shares_of_their_own_accounts_newest_first(stage: Stage) -> None:
    first = stage.draft(KARI, stage.byggesak).id
    stage.clock.advance(seconds=1)
    second = stage.draft(KARI, stage.avtaler).id
    stage.clock.advance(seconds=1)
    third = stage.draft(VIGDIS, stage.barnevern).id
    assert listed(stage) == [second, first]
    assert listed(stage, ODD) == [second]
    assert listed(stage, VIGDIS) == [third]
    assert listed(stage, SIV) == []


def test_a_recipient_row_changed_to_another_kind_shows_no_number(stage: Stage) -> None:
    share_id, whole = stage.publish(OLA), stage.publish(OLA)
    do_as_owner(stage.database_url, f"UPDATE recipient SET kind = 'organization' WHERE share_id = '{share_id}'")
    with pytest.raises(NotFound):
        queries.view_share(stage.deps, person(KARI), share_id)
    assert DamagedRow("share", share_id) in stage.deps.damage.take()
    assert listed(stage) == [whole]


@pytest.mark.embedded
def test_a_share_without_the_time_of_its_draft_is_damaged_and_the_list_shows_the_others(stage: Stage) -> None:
    share_id, whole = stage.publish(OLA), stage.publish(OLA)
    admit_every_type(stage.database_url)
    do_as_owner(stage.database_url, f"UPDATE share SET created_at = NULL WHERE id = '{share_id}'")
    with pytest.raises(NotFound):
        queries.view_share(stage.deps, person(KARI), share_id)
    assert DamagedRow("share", share_id) in stage.deps.damage.take()
    assert listed(stage) == [whole]
    assert [one.id for one in offers.list_offers(stage.deps, person(OLA)).offers] == [whole]


def test_the_list_is_narrowed_to_an_account_and_never_to_one_of_others(stage: Stage) -> None:
    share_id = stage.draft(KARI, stage.byggesak).id
    stage.draft(KARI, stage.avtaler)
    stage.draft(VIGDIS, stage.barnevern)
    assert listed(stage, account_id=stage.byggesak.id) == [share_id]
    assert listed(stage, account_id=stage.barnevern.id) == []


def test_memberships_that_were_read_before_are_not_asked_for_again(stage: Stage) -> None:
    share_id = stage.draft(KARI, stage.byggesak).id
    stage.draft(KARI, stage.avtaler)
    mine = [one for one in members.memberships(stage.deps, person(KARI)) if one.account.id == stage.byggesak.id]
    assert listed(stage, mine=mine) == [share_id]
    assert listed(stage, mine=[]) == []


def test_the_list_is_narrowed_to_states(stage: Stage) -> None:
    draft, share_id = stage.draft().id, stage.publish(OLA)
    assert listed(stage, states=[ShareState.DRAFT]) == [draft]
    assert listed(stage, states=[ShareState.AVAILABLE]) == [share_id]
    assert set(listed(stage, states=[ShareState.DRAFT, ShareState.AVAILABLE])) == {draft, share_id}
    assert listed(stage, states=[ShareState.ENDED]) == []


def test_a_share_is_found_by_its_reference_however_it_is_written_also_months_later(stage: Stage) -> None:
    share_id = drafted(stage, reference="2026/123 - A")
    stage.clock.advance(days=60)
    later = drafted(stage, reference="2026/123-a")
    drafted(stage, reference="2026/124")
    drafted(stage)
    assert set(listed(stage, reference=" 2026/123 -a ")) == {share_id, later}
    assert listed(stage, reference="2026") == []
    assert len(listed(stage, reference="  ")) == 4
    assert listed(stage, VIGDIS, reference="2026/123-a") == []


def test_a_reference_finds_nothing_where_nothing_was_ever_shared(stage: Stage) -> None:
    assert listed(stage, reference="%") == []
    assert listed(stage) == []


def test_a_long_list_comes_in_pages_without_gap_or_doublet(stage: Stage) -> None:
    share_ids = []
    for number in range(2 * queries.PAGE + 1):
        stage.clock.advance(seconds=number % 2)
        share_ids.append(stage.draft().id)
    pages, before = [], None
    while True:
        page = queries.list_shares(stage.deps, person(KARI), before=before)
        pages.append([view.share.id for view in page.shares])
        if page.next is None:
            break
        before = page.next
    assert [len(page) for page in pages] == [queries.PAGE, queries.PAGE, 1]
    assert sorted(sum(pages, [])) == sorted(share_ids)  # noqa: RUF017


def test_a_share_past_its_end_is_shown_as_ended_before_any_worker_came(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.clock.advance(days=10)
    assert queries.show_share(stage.deps, person(KARI), share_id)[0].share.state is ShareState.ENDED


def test_a_view_holds_the_share_and_copies_none_of_its_fields() -> None:
    assert {field.name for field in fields(views.ShareView)} & {field.name for field in fields(Share)} == set()


def test_the_message_is_shown_until_the_end_and_not_after(stage: Stage) -> None:
    share_id = stage.publish(OLA, message="Hei")
    assert queries.show_share(stage.deps, person(KARI), share_id)[0].texts.message == "Hei"
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert queries.show_share(stage.deps, person(KARI), share_id)[0].texts.message == ""
    worker.end_what_is_over(stage.deps)
    shown = queries.show_share(stage.deps, person(KARI), share_id)[0]
    assert (shown.texts.message, shown.share.state, len(shown.recipients)) == ("", ShareState.WITHDRAWN, 1)


def test_the_sharer_sees_who_opened_and_who_had_what_masked(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL, content=b"innhold")
    [document_id] = stage.document_ids(share_id)
    offers.open_share(stage.deps, person(PER), share_id)
    stage.clock.advance(minutes=1)
    content = downloads_content.open_document(stage.deps, person(PER), share_id, document_id)
    delivery.record_delivery(stage.deps, content, 0, 3)
    ola, fjell = queries.show_share(stage.deps, person(KARI), share_id)[0].recipients
    assert (ola.openings, ola.downloads) == ((), ())
    [opening] = fjell.openings
    assert opening.person == f"{PER[:6]} *****"
    [download] = fjell.downloads
    assert (download.document_name, download.person, download.is_whole) == ("vedtak.pdf", f"{PER[:6]} *****", False)
    assert (download.at, download.is_sent) == (stage.clock.now(), False)


def test_a_document_under_way_shows_its_offset(stage: Stage) -> None:
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=9, modified_at=1)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=None)
    append.write([b"1234"])
    append.finish()
    stage.upload(share.id, "b", b"b")
    shown = queries.show_share(stage.deps, person(KARI), share.id)[0]
    assert [(d.name, d.offset, d.complete, d.inspected) for d in shown.documents] == [
        ("a", 4, False, False),
        ("b", 1, True, False),
    ]
    assert shown.link == f"https://del.example/d/{share.id}"


def test_the_time_line_shows_the_events_in_order(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    offers.open_share(stage.deps, person(OLA), share_id)
    _, events = queries.show_share(stage.deps, person(KARI), share_id)
    assert [event.kind.value for event, _ in events] == [
        "draft_started",
        "draft_changed",
        "draft_changed",
        "document_completed",
        "share_published",
        "document_inspected",
        "share_opened",
    ]


def test_a_share_of_another_account_does_not_exist(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for stranger in (ODD, VIGDIS, OLA):
        with pytest.raises(NotFound):
            queries.show_share(stage.deps, person(stranger), share_id)
    with pytest.raises(NotFound):
        queries.show_share(stage.deps, person(KARI), "unknown")


def test_one_share_is_viewed_as_in_the_list(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [view] = queries.list_shares(stage.deps, person(KARI)).shares
    assert queries.view_share(stage.deps, person(KARI), share_id) == view
    with pytest.raises(NotFound):
        queries.view_share(stage.deps, person(VIGDIS), share_id)


def test_a_share_without_its_audit_key_is_left_out_of_the_list_and_broken_by_itself(stage: Stage) -> None:
    lost = stage.publish(OLA)
    stage.clock.advance(days=31)
    share_id = stage.draft().id
    stage.deps.keyring.destroy(stage.deps.keyring.ids(f"audit:{stage.tenant.id}:2026-11"))
    assert listed(stage) == [share_id]
    with pytest.raises(Broken):
        queries.show_share(stage.deps, person(KARI), lost)


def test_the_list_is_filtered_by_the_state_as_it_is_now(stage: Stage) -> None:
    over = stage.publish(expires_at=stage.clock.now() + timedelta(hours=2))
    withdrawn = stage.publish()
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn)
    stage.clock.advance(hours=3)
    is_open = stage.publish()

    def of(*states: ShareState) -> set[str]:
        return {view.share.id for view in queries.list_shares(stage.deps, person(KARI), states=states).shares}

    assert of(ShareState.AVAILABLE) == {is_open}
    assert of(ShareState.ENDED) == {over}
    assert of(ShareState.ENDED, ShareState.WITHDRAWN) == {over, withdrawn}
    assert of(ShareState.AVAILABLE, ShareState.WITHDRAWN) == {is_open, withdrawn}
    assert of(ShareState.AVAILABLE, ShareState.ENDED) == {is_open, over}
    assert of(ShareState.WITHDRAWN) == {withdrawn}


def test_a_page_is_as_long_as_is_asked_for(stage: Stage) -> None:
    shares = [stage.draft().id for _ in range(3)]
    page = queries.list_shares(stage.deps, person(KARI), limit=2)
    rest = queries.list_shares(stage.deps, person(KARI), limit=2, before=page.next)
    assert len(page.shares) == 2
    assert {view.share.id for view in (*page.shares, *rest.shares)} == set(shares)
    assert rest.next is None


def test_what_has_happened_to_a_share_ends_with_the_end_however_many_documents_it_has(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    with stage.deps.database.write() as tx:
        share = existing(tx.shares.get(share_id))
        for _ in range(1000):
            record_event(stage.deps, tx, EventKind.DOCUMENT_COMPLETED, share=share)
    stage.clock.advance(seconds=1)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    kinds = [event.kind for event, _ in queries.show_share(stage.deps, person(KARI), share_id)[1]]
    assert (kinds[0], kinds[-1]) == (EventKind.DRAFT_STARTED, EventKind.SHARE_WITHDRAWN)
    assert len(kinds) > 1000


def test_of_endless_events_by_strangers_the_last_are_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    share_id = stage.publish(OLA)
    monkeypatch.setattr(queries, "MAX_EVENTS", 5)
    for _ in range(6):
        with pytest.raises(NotFound):
            offers.open_share(stage.deps, person(SIV), share_id)
        stage.clock.advance(minutes=10)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    kinds = [event.kind for event, _ in queries.show_share(stage.deps, person(KARI), share_id)[1]]
    assert kinds == [EventKind.SHARE_DENIED] * 4 + [EventKind.SHARE_WITHDRAWN]


def test_a_person_who_had_many_documents_is_opened_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    share_id, opened = stage.publish(OLA, FJELL), list[str]()
    for reader in (OLA, PER):
        [document_id] = stage.document_ids(share_id)
        offers.open_share(stage.deps, person(reader), share_id)
        content = downloads_content.open_document(stage.deps, person(reader), share_id, document_id)
        delivery.record_delivery(stage.deps, content, 0, content.length)

    def counted(key: bytes, subject: Subject) -> str:
        opened.append(subject.id)
        return subject_number(key, subject)

    monkeypatch.setattr(views, "subject_number", counted)
    ola, fjell = queries.view_share(stage.deps, person(KARI), share_id).recipients
    assert [len(one.openings) + len(one.downloads) for one in (ola, fjell)] == [2, 2]
    assert len(opened) == len(set(opened)) == 2
