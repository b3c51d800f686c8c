"""What the operator stops: nothing is opened, nothing new is shared, and every share still ends on its date."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, Gone, NotFound
from deldokument.domain.shares.share import ShareState
from deldokument.services.downloads import access as downloads_access
from deldokument.services.downloads import content, offers
from deldokument.services.downloads.access import Access
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.uploads import append as uploads_append
from tests.support.stage.accounts import events_of, set_account
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import FJELL, KARI, LISE, OLA, PER, SIV, Stage, person, run_all

OPERATOR = person(SIV)
SOCKET_MODES = ("tenant", "account", "share", "deleted account")
STOPPED = SOCKET_MODES[:3]


def stop(stage: Stage, stopped: str, share_id: str) -> Callable[[], object]:
    """Stop it at one of the three places, or delete its account; returns what lets it go on."""
    deps, reason = stage.deps, FreezeReason.SECURITY
    if stopped == "tenant":
        freezing.set_tenant_freeze(deps, stage.tenant.id, OPERATOR, reason)
        return lambda: freezing.set_tenant_freeze(deps, stage.tenant.id, OPERATOR, None)
    if stopped == "account":
        freezing.set_account_freeze(deps, stage.byggesak.id, OPERATOR, reason)
        return lambda: freezing.set_account_freeze(deps, stage.byggesak.id, OPERATOR, None)
    if stopped == "share":
        freezing.set_share_freeze(deps, share_id, OPERATOR, reason)
        return lambda: freezing.set_share_freeze(deps, share_id, OPERATOR, None)
    set_account(stage, stage.byggesak, deleted_at=stage.clock.now())
    return lambda: set_account(stage, stage.byggesak, deleted_at=None)


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_the_rightful_learn_only_that_it_cannot_be_opened_now_and_whom_to_ask(stage: Stage, stopped: str) -> None:
    share_id = stage.publish(OLA, FJELL, title="Vedtak om skolebytte")
    go_on = stop(stage, stopped, share_id)
    for reader in (OLA, PER):
        with pytest.raises(Frozen) as caught:
            offers.open_share(stage.deps, person(reader), share_id)
        assert (caught.value.code, caught.value.detail) == ("share_stopped", "")
        assert caught.value.params == {
            "tenant": "Eksempel kommune",
            "account": "Byggesak",
            "telephone": "22 00 00 00",
            "email": "post@eksempel.example",
            "hours": "9-15",
        }
    go_on()
    assert offers.open_share(stage.deps, person(OLA), share_id).texts.title == "Vedtak om skolebytte"


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_strangers_learn_nothing_of_a_stop(stage: Stage, stopped: str) -> None:
    share_id = stage.publish(OLA, FJELL)
    stop(stage, stopped, share_id)
    for stranger in (SIV, LISE):
        with pytest.raises(NotFound) as caught:
            offers.open_share(stage.deps, person(stranger), share_id)
        assert (caught.value.code, caught.value.params) == ("not_found", {})


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_no_byte_of_a_stopped_share_leaves_by_any_route(stage: Stage, stopped: str) -> None:
    share_id = stage.publish(OLA, FJELL)
    [document_id] = stage.document_ids(share_id)
    running = {reader: downloads_access.authorize(stage.deps, person(reader), share_id) for reader in (OLA, PER)}
    stop(stage, stopped, share_id)
    for reader in (OLA, PER):
        for attempt in (
            lambda r=reader: downloads_access.authorize(stage.deps, person(r), share_id),
            lambda r=reader: content.open_document(stage.deps, person(r), share_id, document_id),
            lambda r=reader: content.open_archive(stage.deps, person(r), share_id),
        ):
            with pytest.raises(Frozen):
                attempt()
        assert_cut(stage, running[reader])


def assert_cut(stage: Stage, access: Access) -> None:
    """A response under way may not go on, whether Altinn answers or not."""
    assert not downloads_access.still_authorized(stage.deps, access)
    stage.rights.down = True
    assert not downloads_access.still_authorized(stage.deps, access)
    stage.rights.down = False


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_a_stopped_share_is_not_in_the_list_of_shares_with_me(stage: Stage, stopped: str) -> None:
    share_id = stage.publish(OLA)
    go_on = stop(stage, stopped, share_id)
    assert offers.list_offers(stage.deps, person(OLA)) == offers.OfferList()
    go_on()
    assert [offer.id for offer in offers.list_offers(stage.deps, person(OLA)).offers] == [share_id]


@pytest.mark.parametrize("stopped", SOCKET_MODES)
def test_a_stop_delays_no_end_and_over_is_said_before_stopped(stage: Stage, stopped: str) -> None:
    share_id = stage.publish(OLA)
    stop(stage, stopped, share_id)
    stage.clock.advance(days=10)
    with pytest.raises(Gone, match="share_ended"):
        offers.open_share(stage.deps, person(OLA), share_id)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share is not None
    assert share.state is not ShareState.AVAILABLE
    assert share.key_destroyed_at is not None
    with pytest.raises(Gone):
        offers.open_share(stage.deps, person(OLA), share_id)


def test_a_refusal_is_written_down_with_its_reason(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for stopped, reason in (("share", "frozen"), ("deleted account", "deleted")):
        go_on = stop(stage, stopped, share_id)
        with pytest.raises(Frozen):
            offers.open_share(stage.deps, person(OLA), share_id)
        denied = [e for e in events_of(stage, share_id) if e.kind is EventKind.SHARE_DENIED]
        assert denied[-1].details == {"reason": reason}
        go_on()


@pytest.mark.parametrize("stopped", STOPPED)
def test_members_see_that_it_is_stopped_and_can_only_reduce(stage: Stage, stopped: str) -> None:
    deps, kari = stage.deps, person(KARI)
    share_id = stage.publish(OLA)
    stop(stage, stopped, share_id)
    view, _ = queries.show_share(deps, kari, share_id)
    assert (view.stopped, view.may_share) == (True, False)
    with pytest.raises(Frozen, match="sharing_stopped"):
        change_expiry(deps, kari, share_id, stage.clock.now() + timedelta(days=11))
    sooner = stage.clock.now() + timedelta(days=1)
    change_expiry(deps, kari, share_id, sooner)
    publishing.withdraw_share(deps, kari, share_id)
    view, _ = queries.show_share(deps, kari, share_id)
    assert (view.share.state, view.share.expires_at) == (ShareState.WITHDRAWN, sooner)


@pytest.mark.parametrize("stopped", STOPPED)
def test_a_draft_that_is_stopped_is_not_filled_in_nor_published(stage: Stage, stopped: str) -> None:
    deps, kari, draft = stage.deps, person(KARI), ready_draft(stage)
    with deps.database.read() as tx:
        recipient_id = tx.shares.recipients([draft])[0].id
    stop(stage, stopped, draft)
    for attempt in (
        lambda: drafts.save_draft(deps, kari, draft, stage.words()),
        lambda: drafts.save_draft(deps, kari, draft, stage.words(account_id=stage.avtaler.id)),
        lambda: drafts.add_recipients(deps, kari, draft, SIV),
        lambda: drafts.change_recipient(deps, kari, draft, recipient_id, label="søker"),
        lambda: drafts.add_document(deps, kari, draft, name="b", length=1, modified_at=None),
        lambda: publishing.publish_share(deps, kari, draft),
    ):
        with pytest.raises(Frozen, match="sharing_stopped"):
            attempt()
    drafts.remove_recipient(deps, kari, draft, recipient_id)
    drafts.remove_document(deps, kari, draft, stage.document_ids(draft)[0])
    drafts.discard_draft(deps, kari, draft)


def ready_draft(stage: Stage) -> str:
    """A draft that lacks nothing."""
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "a.txt", b"a")
    return draft.id


@pytest.mark.parametrize("stopped", ["tenant", "account"])
def test_no_draft_is_begun_nor_copied_where_it_is_stopped(stage: Stage, stopped: str) -> None:
    share_id = stage.publish(OLA)
    stop(stage, stopped, share_id)
    for attempt in (stage.draft, lambda: publishing.copy_share(stage.deps, person(KARI), share_id)):
        with pytest.raises(Frozen, match="sharing_stopped"):
            attempt()
    with stage.deps.database.read() as tx:
        assert tx.accounts.usage(stage.byggesak.id).drafts == 0


def test_a_stopped_account_stops_no_other(stage: Stage) -> None:
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, OPERATOR, FreezeReason.REQUEST)
    assert stage.draft(account=stage.avtaler).account_id == stage.avtaler.id


@pytest.mark.parametrize("stopped", STOPPED)
def test_an_upload_under_way_ends_when_it_is_stopped_and_goes_on_afterwards(stage: Stage, stopped: str) -> None:
    draft = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), draft.id, name="a.bin", length=6, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=6)
    append.write([b"innhol"])
    go_on = stop(stage, stopped, draft.id)
    with pytest.raises(Frozen):
        append.finish()
    with pytest.raises(Frozen):
        uploads_append.find_upload(stage.deps, ticket.token)
    append.abandon()
    assert list(stage.deps.blobs.list()) == []
    go_on()
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=6)
    append.write([b"innhol"])
    assert append.finish() == 6


def test_an_upload_ends_with_its_account(stage: Stage) -> None:
    draft = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), draft.id, name="a.bin", length=6, modified_at=None)
    stop(stage, "deleted account", draft.id)
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, ticket.token)


@pytest.mark.parametrize("stopped", STOPPED)
def test_stopping_and_going_on_is_written_down_once_with_who_and_a_code(stage: Stage, stopped: str) -> None:
    draft = stage.draft().id
    stop(stage, stopped, draft)
    go_on = stop(stage, stopped, draft)
    go_on()
    go_on()
    about: dict[str, str | int] = {"account": stage.byggesak.id} if stopped == "account" else {}
    # The tenant has been taken into use, which was its first change.
    first, second = ({"revision": number + (stopped == "tenant")} for number in (2, 3))
    assert [
        (number, event.kind.value, event.details or {})
        for number, event in stage.trail()
        if event.kind.value.endswith("frozen")
    ] == [
        (SIV, f"{stopped}_frozen", about | {"reason": "security"} | first),
        (SIV, f"{stopped}_unfrozen", about | second),
    ]


def test_what_does_not_exist_or_is_over_cannot_be_stopped(stage: Stage) -> None:
    deps, unknown = stage.deps, "x" * 22
    for set_freeze in (freezing.set_tenant_freeze, freezing.set_account_freeze, freezing.set_share_freeze):
        for reason in (FreezeReason.AUTHORITY, None):
            with pytest.raises(NotFound):
                set_freeze(deps, unknown, None, reason)
    share_id = stage.publish(OLA)
    publishing.withdraw_share(deps, person(KARI), share_id)
    with pytest.raises(Conflict, match="share_over"):
        freezing.set_share_freeze(deps, share_id, None, FreezeReason.AGREEMENT)
