"""The events of a share, as systems get them."""

from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.messages.outbox import Channel
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads import offers
from deldokument.services.shares.display.history import History, HistoryEvent, share_history
from deldokument.services.shares.published import publishing
from tests.services.shares.display.test_receipts import download
from tests.services.shares.rights.test_systems import drafted, sent
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import KARI, OLA, SIV, Stage, person


def listed(stage: Stage, share_id: str) -> list[HistoryEvent]:
    return list(share_history(stage.deps, SYSTEM, share_id).events)


def test_a_system_reads_what_happened_and_when_with_recipients_masked(stage: Stage) -> None:
    integrate(stage)
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    stage.clock.advance(hours=1)
    offers.open_share(stage.deps, person(OLA), share_id)
    download(stage, share_id, OLA)
    until = stage.clock.now() + timedelta(days=5)
    change_expiry(stage.deps, person(KARI), share_id, until)
    now, masked = stage.clock.now(), "218794 *****"
    assert listed(stage, share_id)[-3:] == [
        HistoryEvent(now, EventKind.SHARE_OPENED, masked, "", "", None),
        HistoryEvent(now, EventKind.DOCUMENT_DOWNLOADED, masked, "", document_id, None),
        HistoryEvent(now, EventKind.EXPIRY_CHANGED, "", "", "", until),
    ]


def test_the_organisation_of_the_acting_system_is_named_and_no_member_is(stage: Stage) -> None:
    integrate(stage)
    share = drafted(stage)
    sent(stage, share)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    by_kind = {event.kind: (event.person, event.system) for event in listed(stage, share.id)}
    assert by_kind[EventKind.SHARE_PUBLISHED] == ("", "FJELL AS")
    assert by_kind[EventKind.SHARE_WITHDRAWN] == ("", "")


def test_refusals_and_mail_to_members_are_not_listed(stage: Stage) -> None:
    integrate(stage)
    share_id = stage.publish(OLA)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), share_id)
    share = publishing.copy_share(stage.deps, person(KARI), share_id)
    before = listed(stage, share.id)
    with stage.deps.database.write() as tx:
        for channel in (Channel.EMAIL, Channel.ALTINN):
            record_event(stage.deps, tx, EventKind.MESSAGE_GIVEN_UP, share=share, channel=channel.value)
    assert [event.kind for event in listed(stage, share.id)[len(before) :]] == [EventKind.MESSAGE_GIVEN_UP]
    assert EventKind.SHARE_DENIED not in {event.kind for event in listed(stage, share_id)}


def test_events_are_read_page_by_page_the_oldest_first(stage: Stage) -> None:
    integrate(stage)
    share_id = stage.publish(OLA)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(SIV), share_id)
    pages, place = list[History](), None
    while not pages or place:
        pages.append(share_history(stage.deps, SYSTEM, share_id, after=place, limit=1))
        place = pages[-1].next
    assert [event for page in pages for event in page.events] == listed(stage, share_id)
    assert () in [page.events for page in pages]


def test_the_events_of_others_do_not_exist(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for sharer in (SYSTEM, Consumer(OrganizationNumber("310240001")), person(OLA)):
        with pytest.raises(NotFound):
            share_history(stage.deps, sharer, share_id)
