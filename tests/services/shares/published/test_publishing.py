"""Publishing, moving the end, withdrawing, and a new draft from an old share."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument import worker
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound
from deldokument.domain.shares.share import ShareState
from deldokument.services.downloads import access, offers
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.queries import ShareView
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import offboarding, registration
from deldokument.store.shares.shares import ShareFilter
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.changes import change_expiry
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, PER, SIV, Stage, person, run_all


def view(stage: Stage, share_id: str) -> ShareView:
    return queries.show_share(stage.deps, person(KARI), share_id)[0]


def missing(stage: Stage, share_id: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), share_id)
    return [(error.field, error.code) for error in caught.value.errors]


def test_all_that_is_missing_is_reported_at_once(stage: Stage) -> None:
    assert missing(stage, stage.draft().id) == [
        ("documents", "files_missing"),
        ("recipients", "recipients_missing"),
        ("expires_at", "expiry_missing"),
        ("archived", "archived_missing"),
    ]


def test_every_person_must_be_confirmed_and_every_file_be_there(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    drafts.add_recipients(stage.deps, person(KARI), share.id, f"{OLA} {FJELL}")
    drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=1, modified_at=None)
    assert missing(stage, share.id) == [("documents", "files_unfinished"), ("recipients", "recipients_unconfirmed")]
    assert view(stage, share.id).share.state is ShareState.DRAFT


def test_an_end_that_came_too_close_while_the_form_was_open_is_reported(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    stage.upload(share.id, "a.txt", b"a")
    stage.clock.advance(days=9, hours=23, minutes=30)
    assert missing(stage, share.id) == [("expires_at", "period_too_short")]


def test_a_tenant_that_does_not_ask_about_the_archive_publishes_without_the_answer(stage: Stage) -> None:
    registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, ask_archived=False)
    assert view(stage, stage.publish(OLA, archived=False)).share.state is ShareState.AVAILABLE


def test_publishing_again_says_the_same_and_changes_nothing(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    published_at = view(stage, share_id).share.published_at
    stage.clock.advance(minutes=1)
    assert publishing.publish_share(stage.deps, person(KARI), share_id).published_at == published_at
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(Conflict, match="not_a_draft"):
        publishing.publish_share(stage.deps, person(KARI), share_id)


@pytest.mark.parametrize("days", [1, 40])
def test_the_end_moves_earlier_and_later_and_no_key_moves(stage: Stage, days: int) -> None:
    share_id = stage.publish(OLA)
    keys = stage.deps.keyring.ids("")
    end = stage.clock.now() + timedelta(days=days)
    change_expiry(stage.deps, person(KARI), share_id, end)
    assert view(stage, share_id).share.expires_at == end
    assert stage.deps.keyring.ids("") == keys
    stage.clock.instant = end - timedelta(microseconds=1)
    assert offers.open_share(stage.deps, person(OLA), share_id).expires_at == end
    stage.clock.instant = end
    with pytest.raises(access.Gone):
        offers.open_share(stage.deps, person(OLA), share_id)


@pytest.mark.parametrize(
    ("period", "code"),
    [
        (timedelta(days=91), "period_too_long"),
        (timedelta(minutes=5), "period_too_short"),
        (timedelta(days=-1), "expiry_in_the_past"),
    ],
)
def test_an_end_outside_the_rule_is_refused_and_the_old_one_stays(stage: Stage, period: timedelta, code: str) -> None:
    share_id = stage.publish(OLA)
    before = view(stage, share_id).share.expires_at
    with pytest.raises(InvalidInput, match=code):
        change_expiry(stage.deps, person(KARI), share_id, stage.clock.now() + period)
    assert view(stage, share_id).share.expires_at == before


def test_a_share_that_is_over_is_over_for_ever(stage: Stage) -> None:
    draft, ended, withdrawn = stage.draft().id, stage.publish(OLA), stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), withdrawn)
    stage.clock.advance(days=10)
    later = stage.clock.now() + timedelta(days=5)
    for share_id in (draft, ended, withdrawn):
        with pytest.raises(Conflict, match="share_over"):
            change_expiry(stage.deps, person(KARI), share_id, later)
        with pytest.raises(Conflict, match="share_over"):
            publishing.withdraw_share(stage.deps, person(KARI), share_id)


def test_nobody_else_publishes_moves_withdraws_or_copies(stage: Stage) -> None:
    draft, share_id = stage.draft().id, stage.publish(OLA)
    for stranger in (person(ODD), person(OLA)):
        for attempt in (
            lambda w=stranger: publishing.publish_share(stage.deps, w, draft),
            lambda w=stranger: change_expiry(stage.deps, w, share_id, stage.clock.now()),
            lambda w=stranger: publishing.withdraw_share(stage.deps, w, share_id),
            lambda w=stranger: publishing.copy_share(stage.deps, w, share_id),
        ):
            with pytest.raises(NotFound):
                attempt()


def test_a_new_draft_from_an_old_share_has_its_words_and_recipients_and_nothing_else(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL, title="Vedtak", reference="2026/7", confidential=False)
    ola = view(stage, share_id).recipients[0].id
    assert ola
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    worker.end_what_is_over(stage.deps)
    stage.clock.advance(days=40)
    copy = publishing.copy_share(stage.deps, person(KARI), share_id)
    shown = view(stage, copy.id)
    assert (shown.texts.title, shown.texts.reference, shown.share.confidential) == ("Vedtak", "2026/7", False)
    assert (shown.share.state, shown.documents, shown.share.expires_at) == (ShareState.DRAFT, (), None)
    assert [(r.kind, r.name, r.confirmed) for r in shown.recipients] == [
        ("person", "", False),
        ("organization", "FJELL AS", True),
    ]
    assert copy.audit_key_id.endswith("2027-01")
    found = queries.list_shares(stage.deps, person(KARI), reference="2026/7")
    assert {view.share.id for view in found.shares} == {share_id, copy.id}


def test_the_recipients_of_a_new_draft_can_open_it_once_it_is_published(stage: Stage) -> None:
    copy = publishing.copy_share(stage.deps, person(KARI), stage.publish(OLA, FJELL))
    drafts.save_draft(stage.deps, person(KARI), copy.id, stage.words())
    stage.add_recipients(copy.id, OLA)
    stage.upload(copy.id, "a.txt", b"a")
    publishing.publish_share(stage.deps, person(KARI), copy.id)
    for reader in (OLA, PER):
        assert offers.open_share(stage.deps, person(reader), copy.id).id == copy.id
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), copy.id)


def test_of_a_tenant_that_has_ended_meanwhile_no_copy_comes_to_life(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    share_id = stage.publish(OLA)

    def end() -> None:
        offboarding.offboard_tenant(
            stage.deps, tenant_id=stage.tenant.id, typed_name="Eksempel kommune", person=person(SIV)
        )
        run_all(stage.deps)

    database = FaultyDatabase(stage.deps.database, before=[end])
    with pytest.raises(NotFound):
        publishing.copy_share(replace(stage.deps, database=database), person(KARI), share_id)
    with stage.deps.database.read() as tx:
        left = tx.shares.find(ShareFilter((stage.byggesak.id,), tuple(ShareState), limit=2))
    assert [(share.id, share.state) for share in left] == [(share_id, ShareState.WITHDRAWN)]
