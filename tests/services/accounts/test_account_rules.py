"""An account's rules hold for all its shares: period, confidentiality, contact, quota, closing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Gone, InvalidFields, InvalidInput, NotFound, existing
from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.tenancy import Contact
from deldokument.services.accounts import lifecycle
from deldokument.services.downloads import offers
from deldokument.services.maintenance import share_keys
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.uploads import append as uploads_append
from tests.support.stage.accounts import set_account, set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import KARI, ODD, OLA, Stage, person

DAY = timedelta(days=1)
OWN = Contact("33 00 00 00", "byggesak@eksempel.example", "10-12")


def test_the_accounts_own_period_holds_for_drafts_publication_and_a_moved_end(stage: Stage) -> None:
    now = stage.clock.now()
    set_rules(stage, stage.byggesak, longest=7 * DAY)
    share_id = stage.publish(OLA, expires_at=now + 7 * DAY)
    with pytest.raises(InvalidInput, match="period_too_long") as caught:
        change_expiry(stage.deps, person(KARI), share_id, now + 8 * DAY)
    assert caught.value.params == {"longest_seconds": 7 * 86400}
    draft = stage.draft()
    with pytest.raises(InvalidInput, match="period_too_long"):
        drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(expires_at=now + 8 * DAY))
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "a.txt", b"a")
    with pytest.raises(InvalidFields) as missing:
        publishing.publish_share(stage.deps, person(KARI), draft.id)
    assert [error.code for error in missing.value.errors] == ["period_too_long"]
    elsewhere = stage.words(expires_at=now + 8 * DAY, account_id=stage.avtaler.id)
    drafts.save_draft(stage.deps, person(KARI), draft.id, elsewhere)


@pytest.mark.parametrize("confidential", [True, False])
def test_a_new_draft_is_confidential_as_its_account_proposes(stage: Stage, confidential: bool) -> None:
    set_rules(stage, stage.byggesak, confidential=confidential)
    assert stage.draft().confidential is confidential


def test_recipients_are_given_the_accounts_own_contact(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, contact=OWN)
    share_id = stage.publish(OLA)
    assert offers.open_share(stage.deps, person(OLA), share_id).contact == OWN
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(Gone) as caught:
        offers.open_share(stage.deps, person(OLA), share_id)
    params = caught.value.params
    assert (params["telephone"], params["email"], params["hours"]) == (OWN.telephone, OWN.email, OWN.hours)


def test_nothing_new_comes_of_a_closed_account_and_what_is_shared_goes_on(stage: Stage) -> None:
    deps, kari = stage.deps, person(KARI)
    share_id, draft = stage.publish(OLA), stage.draft().id
    set_account(stage, stage.byggesak, closed_at=stage.clock.now())
    for attempt in (
        stage.draft,
        lambda: publishing.copy_share(deps, kari, share_id),
        lambda: drafts.save_draft(deps, kari, draft, stage.words()),
        lambda: drafts.add_recipients(deps, kari, draft, OLA),
        lambda: drafts.add_document(deps, kari, draft, name="a", length=1, modified_at=None),
        lambda: publishing.publish_share(deps, kari, draft),
    ):
        with pytest.raises(InvalidInput, match="account_closed") as caught:
            attempt()
        assert caught.value.field == "account"
    assert offers.open_share(deps, person(OLA), share_id).id == share_id
    change_expiry(deps, kari, share_id, stage.clock.now() + 20 * DAY)
    view, _ = queries.show_share(deps, kari, share_id)
    assert (view.stopped, view.may_share) == (False, False)
    publishing.withdraw_share(deps, kari, share_id)


def test_a_draft_is_moved_out_of_a_closed_account_and_not_into_one(stage: Stage) -> None:
    first, second = stage.draft(), stage.draft(account=stage.avtaler)
    set_account(stage, stage.byggesak, closed_at=stage.clock.now())
    drafts.save_draft(stage.deps, person(KARI), first.id, stage.words(account_id=stage.avtaler.id))
    with pytest.raises(InvalidInput, match="account_closed"):
        drafts.save_draft(stage.deps, person(KARI), second.id, stage.words())


def announce(stage: Stage, share_id: str, name: str, length: int) -> uploads_append.Upload:
    ticket = drafts.add_document(stage.deps, person(KARI), share_id, name=name, length=length, modified_at=None)
    return uploads_append.find_upload(stage.deps, ticket.token)


def test_an_account_takes_no_more_bytes_than_its_quota_and_says_how_many_are_left(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, quota=10)
    first, second = stage.draft(), stage.draft()
    announce(stage, first.id, "a", 6)
    with pytest.raises(InvalidInput, match="quota_exceeded") as caught:
        announce(stage, second.id, "b", 5)
    assert (caught.value.field, caught.value.params) == ("documents", {"left_bytes": 4, "needed_bytes": 5})
    announce(stage, second.id, "b", 4)
    announce(stage, second.id, "empty", 0)
    stage.upload(stage.draft(account=stage.avtaler).id, "c", b"other account")
    set_rules(stage, stage.byggesak, quota=3)
    with pytest.raises(InvalidInput) as caught:
        announce(stage, second.id, "d", 1)
    assert caught.value.params["left_bytes"] == 0


def test_an_upload_that_is_announced_again_counts_once(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, quota=6)
    draft = stage.draft()
    assert announce(stage, draft.id, "a", 6).id == announce(stage, draft.id, "a", 6).id


def test_a_removed_document_or_one_without_a_key_counts_no_more(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, quota=7)
    share_id, draft = stage.publish(OLA, content=b"innhold"), stage.draft().id
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        announce(stage, draft, "a", 1)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    with pytest.raises(InvalidInput, match="quota_exceeded"):
        announce(stage, draft, "a", 1)
    share_keys.destroy_share_keys(stage.deps)
    document_id = announce(stage, draft, "a", 7).document_id
    drafts.remove_document(stage.deps, person(KARI), draft, document_id)
    announce(stage, draft, "b", 7)


def test_a_quota_that_was_lowered_meanwhile_stops_the_publication(stage: Stage) -> None:
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "a.txt", b"innhold")
    stage.upload(stage.draft().id, "b.txt", b"mer")
    set_rules(stage, stage.byggesak, quota=9)
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, person(KARI), draft.id)
    assert [(e.code, e.params) for e in caught.value.errors] == [
        ("quota_exceeded", {"left_bytes": 6, "needed_bytes": 7})
    ]
    set_rules(stage, stage.byggesak, quota=10)
    assert publishing.publish_share(stage.deps, person(KARI), draft.id).state is ShareState.AVAILABLE


def test_a_draft_moves_only_to_an_account_with_enough_quota(stage: Stage) -> None:
    set_rules(stage, stage.avtaler, quota=6)
    draft = stage.draft()
    stage.upload(draft.id, "a.txt", b"innhold")
    moved = stage.words(account_id=stage.avtaler.id)
    with pytest.raises(InvalidInput, match="quota_exceeded") as caught:
        drafts.save_draft(stage.deps, person(KARI), draft.id, moved)
    assert caught.value.field == "account"
    set_rules(stage, stage.avtaler, quota=7)
    drafts.save_draft(stage.deps, person(KARI), draft.id, moved)
    drafts.save_draft(stage.deps, person(KARI), draft.id, moved)


def used_at(stage: Stage, key: str) -> object:
    with stage.deps.database.read() as tx:
        return existing(tx.members.get(stage.members[key])).used_at


def test_that_a_member_shares_is_noted_each_time(stage: Stage) -> None:
    assert used_at(stage, "kari") is None
    stage.draft()
    assert used_at(stage, "kari") == stage.clock.now()
    stage.clock.advance(minutes=1)
    stage.draft()
    assert used_at(stage, "kari") == stage.clock.now()
    assert used_at(stage, "kari-avtaler") is None


def test_that_a_member_publishes_is_noted(stage: Stage) -> None:
    draft = stage.draft(ODD, stage.avtaler)
    drafts.save_draft(stage.deps, person(ODD), draft.id, stage.words(account_id=stage.avtaler.id))
    stage.add_recipients(draft.id, OLA, sharer=ODD)
    stage.upload(draft.id, "a.txt", b"a", ODD)
    stage.clock.advance(minutes=1)
    publishing.publish_share(stage.deps, person(ODD), draft.id)
    assert used_at(stage, "odd") == stage.clock.now()


def test_a_removed_members_running_upload_ends_and_so_does_the_draft_for_the_member(stage: Stage) -> None:
    draft = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), draft.id, name="a.bin", length=6, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=6)
    append.write([b"innhol"])
    stage.remove("kari")
    for attempt in (append.finish, lambda: drafts.discard_draft(stage.deps, person(KARI), draft.id)):
        with pytest.raises(NotFound):
            attempt()


def test_an_account_without_a_quota_has_the_operators_and_one_of_its_own_goes_before(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, default_quota=10))
    draft = stage.draft()

    def announce(length: int) -> None:
        drafts.add_document(deps, person(KARI), draft.id, name="a.pdf", length=length, modified_at=None)

    announce(10)
    with pytest.raises(InvalidInput, match="quota_exceeded") as caught:
        announce(1)
    assert caught.value.params == {"left_bytes": 0, "needed_bytes": 1}
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    assert lifecycle.show_account(deps, **where).quota == 10
    set_rules(stage, stage.byggesak, quota=12)
    announce(2)
    assert lifecycle.show_account(deps, **where).quota == 12
