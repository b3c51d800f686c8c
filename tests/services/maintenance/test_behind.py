"""A tenant whose database is behind: no round of the worker ends, erases or sends anything of it."""

from collections.abc import Callable

import pytest

from deldokument.domain.messages.outbox import Channel
from deldokument.ports.channels import NoticeKind
from deldokument.services.accounts import deletion
from deldokument.services.downloads.content import open_document
from deldokument.services.downloads.delivery import record_delivery
from deldokument.services.notifications import dispatch, recipient_notices
from deldokument.services.notifications.registry import CHANNELS, PLANNERS
from deldokument.services.shares.published import publishing
from deldokument.services.tenants.offboarding import offboard_tenant
from deldokument.worker import Patrol
from tests.attacker.attack import as_writer, rows_of
from tests.services.notifications.test_webhook_delivery import add, integrate
from tests.support.stage.emails import settle
from tests.support.stage.notices import configure_notices, send_notices
from tests.support.stage.stage import KARI, OLA, SIV, FakeWebhookCalls, Stage, person, run_all
from tests.support.stored_data import do_as_owner

_KEPT = [
    *("share", "recipient", "document", "upload", "receipt", "account", "member", "administrator", "tenant"),
    *("tenure", "integration", "audit_subject", "audit_event", "garbage", "outbox"),
]
"""What a tenant has, and what would be lost of it."""


def expired_share(stage: Stage) -> None:
    stage.publish(OLA)
    stage.clock.advance(days=11)


def withdrawn_share(stage: Stage) -> None:
    publishing.withdraw_share(stage.deps, person(KARI), stage.publish(OLA))
    stage.clock.advance(hours=1)


def share_that_is_over_by_its_card(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    later = "(SELECT max(expires_at) + 864000000000 FROM share)"
    do_as_owner(stage.database_url, f"UPDATE share SET expires_at = {later} WHERE id = '{share_id}'")
    stage.clock.advance(days=11)


def stale_draft(stage: Stage) -> None:
    stage.draft()
    stage.clock.advance(days=8)


def stale_addition(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.upload_beside(share_id, "tillegg.pdf")
    stage.clock.advance(days=8)


def deleted_account(stage: Stage) -> None:
    account = stage.byggesak
    stage.publish(OLA)
    deletion.delete_account(stage.deps, tenant_id=account.tenant_id, account_id=account.id, typed_name=account.name)
    stage.clock.advance(days=2)


def spent_share(stage: Stage) -> None:
    publishing.withdraw_share(stage.deps, person(KARI), stage.publish(OLA))
    run_all(stage.deps)
    stage.clock.advance(days=400)


def spent_member(stage: Stage) -> None:
    stage.remove("odd")
    stage.clock.advance(days=400)


def ended_tenant(stage: Stage) -> None:
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)


def forgettable_tenant(stage: Stage) -> None:
    ended_tenant(stage)
    run_all(stage.deps)
    stage.clock.advance(days=400)


_DUE = (
    expired_share,
    withdrawn_share,
    share_that_is_over_by_its_card,
    stale_draft,
    stale_addition,
    deleted_account,
    spent_share,
    spent_member,
    ended_tenant,
    forgettable_tenant,
)


def work(stage: Stage) -> None:
    """Every round that ends or erases."""
    run_all(stage.deps)
    patrol = Patrol()
    while patrol(stage.deps):
        pass
    run_all(stage.deps)


def kept(stage: Stage) -> object:
    """The tenant's rows and keys."""
    with as_writer(stage.database_url) as connection:
        rows = rows_of(connection, *_KEPT)
    own = stage.tenant.id
    rows["audit_event"] = [row for row in rows["audit_event"] if row["chain"] == own]
    rows["audit_subject"] = [row for row in rows["audit_subject"] if own in row["audit_key_id"]]
    return rows, [one for one in stage.deps.keyring.ids("") if one.startswith("share:") or own in one]


@pytest.mark.parametrize("prepare", _DUE)
def test_nothing_ends_and_nothing_is_erased_until_the_restore_is_confirmed(
    stage: Stage, prepare: Callable[[Stage], None]
) -> None:
    prepare(stage)
    before = kept(stage)
    stage.deps.behind.note({stage.tenant.id})
    work(stage)
    assert kept(stage) == before
    stage.deps.behind.note(())
    work(stage)
    assert kept(stage) != before


def test_a_tenant_with_a_whole_chain_ends_as_usual_beside_it(stage: Stage) -> None:
    expired_share(stage)
    stage.deps.behind.note({stage.barnevern.tenant_id})
    work(stage)
    assert stage.deps.keyring.ids("share:") == []


@pytest.mark.parametrize("channel", list(Channel))
def test_no_message_is_sent_until_the_restore_is_confirmed(stage: Stage, channel: Channel) -> None:
    altinn, calls = configure_notices(stage), stage.deps.webhook_calls
    assert isinstance(calls, FakeWebhookCalls)
    settle(stage, KARI, "kari.lunde@eksempel.example")
    integrate(stage, stage.byggesak)
    add(stage, stage.byggesak)
    share_id = stage.publish(OLA, SIV, notify=True)
    fetched(stage, share_id)
    stage.clock.advance(hours=1)
    stage.deps.behind.note({stage.tenant.id})

    def sent() -> int:
        dispatch.plan_messages(stage.deps, PLANNERS)
        while messages := dispatch.take_messages(stage.deps, channel):
            for message in messages:
                dispatch.send_message(stage.deps, CHANNELS[channel], message)
        return len(
            {Channel.ALTINN: altinn.taken, Channel.EMAIL: stage.mail.letters, Channel.WEBHOOK: calls.sent}[channel]
        )

    assert sent() == 0
    stage.deps.behind.note(())
    assert sent() > 0


def fetched(stage: Stage, share_id: str) -> None:
    """Ola receives the document, and Kari is notified."""
    [document_id] = stage.document_ids(share_id)
    content = open_document(stage.deps, person(OLA), share_id, document_id)
    record_delivery(stage.deps, content, 0, content.length)


def test_a_notice_that_altinn_was_given_before_does_not_apply_while_the_database_is_behind(stage: Stage) -> None:
    configure_notices(stage)
    share_id = stage.publish(OLA, notify=True)
    send_notices(stage)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    send_notices(stage)
    with stage.deps.database.read() as tx:
        planned = tx.outbox.of_shares([share_id], Channel.ALTINN)
    withdrawn = next(one for one in planned if one.kind == NoticeKind.WITHDRAWN)
    assert recipient_notices.applies(stage.deps, withdrawn.id)
    stage.deps.behind.note({stage.tenant.id})
    assert not recipient_notices.applies(stage.deps, withdrawn.id)
