"""Recipients get one notice of a share, reminders while they help, and nothing more."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound, existing
from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.messages.outbox import Channel, OutgoingMessage, Result, again, refuse
from deldokument.domain.service_config import NoticeRules, ServiceConfig
from deldokument.domain.shares.share import Share
from deldokument.domain.tenants.tenancy import NoticeChannel
from deldokument.ports.channels import NoticeKind
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery
from deldokument.services.notifications import dispatch, recipient_notices, recipient_reminders
from deldokument.services.notifications.recipient_texts import NoticeText
from deldokument.services.notifications.registry import PLANNERS
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients import reminders
from deldokument.services.shares.recipients.notice_status import view_notice
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.stage.accounts import set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.notices import FakeNotices, configure_notices, download, send_notices, want_notices
from tests.support.stage.stage import FJELL, KARI, NOON, OLA, SIV, Stage, person
from tests.support.stored_data import do_as_owner

TITLE = "Vedtak om barnehageplass"


@pytest.fixture
def altinn(stage: Stage) -> FakeNotices:
    return configure_notices(stage)


def share_with(stage: Stage, *recipients: str, **words: object) -> Share:
    share_id = stage.publish(*(recipients or (OLA,)), **({"notify": True} | words))
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def kept(stage: Stage, share: Share) -> list[OutgoingMessage]:
    with stage.deps.database.read() as tx:
        return tx.outbox.of_shares([share.id], Channel.ALTINN)


def test_each_recipient_gets_one_notice(stage: Stage, altinn: FakeNotices) -> None:
    share_with(stage, OLA, SIV, FJELL)
    assert send_notices(stage) == [Result.SENT] * 3
    assert {notice.recipient.value for notice in altinn.taken} == {OLA, SIV, FJELL}
    assert send_notices(stage) == []


def test_notices_wait_until_a_publication_cannot_be_undone_and_are_sent_once(stage: Stage, altinn: FakeNotices) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    share = share_with(stage, OLA)
    assert send_notices(stage) == []
    publishing.undo_publication(stage.deps, person(KARI), share.id)
    assert kept(stage, share) == []
    stage.confirm(share.id)
    stage.clock.advance(minutes=1)
    publishing.publish_share(stage.deps, person(KARI), share.id)
    assert send_notices(stage) == []
    [message] = kept(stage, share)
    assert (recipient_notices.applies(stage.deps, message.id), altinn.taken) == (False, [])
    stage.clock.advance(minutes=2)
    assert send_notices(stage) == [Result.SENT]
    assert len(altinn.taken) == 1


def test_an_added_recipient_gets_a_notice_and_a_removed_one_does_not(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage, OLA)
    send_notices(stage)
    altinn.taken.clear()
    changes.add_recipients(stage.deps, person(KARI), share.id, [RecipientInput(SIV), RecipientInput(FJELL)])
    dispatch.plan_messages(stage.deps, PLANNERS)
    with stage.deps.database.read() as tx:
        siv = next(one.id for one in tx.shares.recipients([share.id]) if one.position == 2)
    changes.remove_recipient(stage.deps, person(KARI), share.id, siv)
    assert sorted(send_notices(stage)) == [Result.MOOT, Result.SENT]
    assert {notice.recipient.value for notice in altinn.taken} == {FJELL}
    assert [one.target for one in kept(stage, share)].count(siv) == 1


def test_recipients_get_one_notice_of_all_documents_that_are_added_together(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage, OLA, FJELL, confidential=False)
    send_notices(stage)
    download(stage, share)
    altinn.taken.clear()
    added = [stage.upload_beside(share.id, name) for name in ("kart.pdf", "foto.png")]
    assert send_notices(stage) == [], "nobody is told of what is pending"
    changes.change_share(stage.deps, person(KARI), share.id, Change(documents=tuple(added)))
    assert send_notices(stage) == [Result.SENT] * 2
    subjects = {one.recipient.value: one.subject for one in altinn.taken}
    assert subjects == {
        OLA: "Det har kommet flere dokumenter fra Eksempel kommune til deg",
        FJELL: "Det har kommet flere dokumenter fra Eksempel kommune til en virksomhet du leser post for",
    }
    messages = [one for one in kept(stage, share) if one.kind == NoticeKind.ADDED]
    shown = [existing(view_notice(one, stage.clock.now(), is_over=False)) for one in messages]
    assert [(one.kind, one.reminds) for one in shown] == [(NoticeKind.ADDED, False)] * 2
    assert send_notices(stage) == []
    events = [event.details or {} for _, event in stage.trail() if event.kind is EventKind.RECIPIENT_NOTIFIED]
    assert [details["about"] for details in events] == ["shared", "shared", "added", "added"]


def add_document(stage: Stage, share: Share, name: str) -> None:
    added = stage.upload_beside(share.id, name)
    changes.change_share(stage.deps, person(KARI), share.id, Change(documents=(added,)))


def test_a_notice_that_still_waits_covers_what_is_added(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage, OLA)
    dispatch.plan_messages(stage.deps, PLANNERS)
    add_document(stage, share, "kart.pdf")
    assert send_notices(stage) == [Result.SENT]
    assert [notice.subject for notice in altinn.taken] == ["Noen har delt dokumenter med deg"]


@pytest.mark.parametrize("why", ["without notices", "withdrawn", "without Altinn"])
def test_nobody_gets_a_notice_of_an_addition_to_a_share(stage: Stage, altinn: FakeNotices, why: str) -> None:
    share = share_with(stage, OLA, notify=why != "without notices")
    send_notices(stage)
    altinn.taken.clear()
    add_document(stage, share, "kart.pdf")
    if why == "withdrawn":
        publishing.withdraw_share(stage.deps, person(KARI), share.id)
    if why == "without Altinn":
        stage.deps = replace(stage.deps, notices=None)
    dispatch.plan_messages(stage.deps, PLANNERS)
    assert [one for one in kept(stage, share) if one.kind == NoticeKind.ADDED] == []


def test_nobody_gets_a_notice_of_a_damaged_share_until_it_is_repaired(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage, OLA)
    dispatch.plan_messages(stage.deps, PLANNERS)
    do_as_owner(stage.database_url, "UPDATE share SET confidential = NOT confidential")
    assert send_notices(stage) == [Result.AGAIN]
    do_as_owner(stage.database_url, "UPDATE share SET confidential = NOT confidential")
    stage.clock.advance(hours=1)
    assert send_notices(stage) == [Result.SENT]
    assert kept(stage, share)
    assert altinn.outcome


@pytest.mark.usefixtures("altinn")
def test_nobody_gets_a_notice_of_a_share_without_notices(stage: Stage) -> None:
    share_with(stage, notify=False)
    assert send_notices(stage) == []


@pytest.mark.usefixtures("altinn")
def test_a_new_draft_has_notices_when_its_account_has(stage: Stage) -> None:
    assert stage.draft().notify
    want_notices(stage, notify=False)
    assert not stage.draft().notify


def test_without_altinn_a_share_has_no_notices_even_if_ticked(stage: Stage) -> None:
    want_notices(stage)
    share = share_with(stage)
    assert not share.notify
    assert send_notices(stage) == []


@pytest.mark.usefixtures("altinn")
def test_a_planned_notice_waits_while_altinn_is_not_configured(stage: Stage) -> None:
    share = share_with(stage)
    dispatch.plan_messages(stage.deps, PLANNERS)
    stage.deps = replace(stage.deps, notices=None)
    assert send_notices(stage) == [Result.AGAIN]
    [message] = kept(stage, share)
    assert message.last_error == "notices_unavailable"


@pytest.mark.usefixtures("altinn")
def test_a_share_published_while_altinn_was_not_configured_has_no_notice(stage: Stage) -> None:
    share_with(stage)
    configured, stage.deps = stage.deps, replace(stage.deps, notices=None)
    send_notices(stage)
    stage.deps = configured
    assert send_notices(stage) == []


@pytest.mark.parametrize("confidential", [True, False])
def test_a_notice_holds_no_content_and_no_identifier(stage: Stage, altinn: FakeNotices, *, confidential: bool) -> None:
    share = share_with(
        stage, OLA, FJELL, title=TITLE, message="Om saken", reference="24/117", confidential=confidential
    )
    send_notices(stage)
    for notice in altinn.taken:
        for text in (notice.subject, notice.body, notice.text):
            assert not re.search(r"[0-9]{9}|vedtak|saken|24/117|Kari|Byggesak|FJELL", text, re.IGNORECASE)
            assert set(re.findall(r"https?://[^\s]*", text)) <= {f"https://del.example/d/{share.id}"}


@pytest.mark.parametrize(
    ("confidential", "name_tenant", "named"),
    [(True, False, False), (True, True, True), (False, False, True), (False, True, True)],
)
def test_a_confidential_share_names_the_tenant_only_if_the_account_says_so(
    stage: Stage, altinn: FakeNotices, *, confidential: bool, name_tenant: bool, named: bool
) -> None:
    want_notices(stage, sms_sender="Eksempel", name_tenant=name_tenant)
    share = share_with(stage, OLA, FJELL, confidential=confidential)
    send_notices(stage)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    send_notices(stage)
    assert len(altinn.taken) == 4
    for notice in altinn.taken:
        for text in (notice.subject, notice.body, notice.text, notice.sender):
            assert ("Eksempel" in text) is named


def test_an_email_leads_to_the_share_and_a_text_message_has_no_link(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage)
    send_notices(stage)
    [notice] = altinn.taken
    assert notice.body.count(f"https://del.example/d/{share.id}") == 3
    assert notice.text.endswith("Logg inn med ID-porten på del.example")
    assert not re.search(r"://|/d/|/logg-inn", notice.text)


@pytest.mark.parametrize("channel", list(NoticeChannel))
def test_a_notice_uses_the_channel_that_the_account_has_chosen(
    stage: Stage, altinn: FakeNotices, channel: NoticeChannel
) -> None:
    want_notices(stage, notice_channel=channel)
    share_with(stage)
    send_notices(stage)
    assert [notice.channel for notice in altinn.taken] == [channel]


@pytest.mark.parametrize(
    ("registered", "down", "words"),
    [
        (Language.NYNORSK, False, "Nokon har delt dokument med ei verksemd du les post for"),
        (None, False, "Noen har delt dokumenter med en virksomhet du leser post for"),
        (Language.NYNORSK, True, "Noen har delt dokumenter med en virksomhet du leser post for"),
    ],
)
def test_an_organisation_is_notified_in_the_language_that_the_register_has(
    stage: Stage, altinn: FakeNotices, registered: Language | None, *, down: bool, words: str
) -> None:
    share_with(stage, FJELL)
    stage.register.known[FJELL] = replace(stage.register.known[FJELL], language=registered)
    stage.register.down = down
    send_notices(stage)
    [notice] = altinn.taken
    assert notice.subject == words
    assert notice.text.startswith(words)
    assert notice.body.startswith(words)


def test_an_organisation_that_the_register_no_longer_has_is_notified_in_the_operators_language(
    stage: Stage, altinn: FakeNotices
) -> None:
    share_with(stage, FJELL)
    del stage.register.known[FJELL]
    send_notices(stage)
    assert altinn.taken[0].subject.startswith("Noen har delt")


GSM = set("ABCDEFGHIJKLMNOPQRSTUVWXYZÆØÅabcdefghijklmnopqrstuvwxyzæøå0123456789 .,:/-")
"""Some of GSM 03.38's basic letters, which every telephone has: 160 of them are one message."""


@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.parametrize("language", list(Language))
def test_a_text_message_to_a_person_is_one_message_that_every_telephone_shows(
    kind: NoticeKind, language: Language
) -> None:
    notice = NoticeText(kind, "person", "", NOON + timedelta(days=23), "https://deldokument.eksempel.no/d/x")
    assert not set(notice.text(language)) - GSM
    assert len(notice.text(language)) <= 160
    assert not set(replace(notice, recipient="organization").text(language)) - GSM


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.BOKMAAL, "Noen har delt dokumenter med deg"),
        (Language.NYNORSK, "Nokon har delt dokument med deg"),
        (Language.ENGLISH, "Somebody has shared documents with you"),
    ],
)
def test_the_service_says_it_first_in_its_own_language(
    stage: Stage, altinn: FakeNotices, language: Language, words: str
) -> None:
    rules: ServiceConfig = replace(stage.deps.config, notices=NoticeRules("Lillevik", language))
    stage.deps = replace(stage.deps, config=rules)
    share_with(stage)
    send_notices(stage)
    [notice] = altinn.taken
    assert (notice.subject, notice.sender) == (words, "Lillevik")
    assert notice.body.startswith(words)
    assert notice.text.startswith(words)
    assert len(notice.body.split("\n\n")) == 3


@pytest.mark.usefixtures("altinn")
def test_a_stopped_share_has_its_notice_when_it_goes_on(stage: Stage) -> None:
    share = share_with(stage)
    stage.change_tenant(frozen_at=stage.clock.now(), activated_at=NOON)
    assert send_notices(stage) == [Result.AGAIN]
    stage.change_tenant(frozen_at=None, activated_at=NOON)
    stage.clock.instant = kept(stage, share)[0].due_at
    assert send_notices(stage) == [Result.SENT]


def test_a_withdrawn_share_has_no_notice(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage)
    dispatch.plan_messages(stage.deps, PLANNERS)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    assert send_notices(stage) == [Result.MOOT]
    assert altinn.taken == []


def test_recipients_who_had_a_notice_get_one_of_the_withdrawal_and_nobody_else_does(
    stage: Stage, altinn: FakeNotices
) -> None:
    share = share_with(stage, OLA)
    send_notices(stage)
    download(stage, share)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    assert send_notices(stage) == [Result.SENT]
    shared, withdrawn = altinn.taken
    assert recipient_notices.applies(stage.deps, withdrawn.id)
    assert not recipient_notices.applies(stage.deps, shared.id)
    assert withdrawn.recipient.value == OLA
    assert withdrawn.subject == "Dokumenter som var delt med deg, er trukket tilbake"
    assert withdrawn.text == f"{withdrawn.subject}. Ingen kan åpne dem lenger."
    assert "https://" not in withdrawn.body
    assert send_notices(stage) == []


@pytest.mark.usefixtures("altinn")
def test_a_notice_about_a_withdrawal_has_a_kind_of_its_own(stage: Stage) -> None:
    share = share_with(stage, FJELL)
    send_notices(stage)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    send_notices(stage)
    assert sorted(message.kind for message in kept(stage, share)) == ["shared", "withdrawn"]
    assert seen(stage, share) == [("sent", "", False), ("sent", "", False)]


def test_without_altinn_nobody_gets_a_notice_of_a_withdrawal(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage)
    send_notices(stage)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    stage.deps = replace(stage.deps, notices=None)
    assert send_notices(stage) == []
    assert len(altinn.taken) == 1


@pytest.mark.usefixtures("altinn")
def test_a_share_that_was_over_before_anybody_followed_the_events_is_not_planned(stage: Stage) -> None:
    share = share_with(stage)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    send_notices(stage)
    assert kept(stage, share) == []


@pytest.mark.usefixtures("altinn")
def test_no_notice_is_sent_before_recipients_can_download(stage: Stage) -> None:
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(notify=True))
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    assert send_notices(stage) == [Result.AGAIN]
    inspect_documents(stage.deps)
    stage.clock.instant = kept(stage, draft)[0].due_at
    assert send_notices(stage) == [Result.SENT]


def test_a_recipient_without_downloads_is_reminded_a_week_and_a_day_before_the_end(
    stage: Stage, altinn: FakeNotices
) -> None:
    share = share_with(stage)
    end = existing(share.expires_at)
    send_notices(stage)
    for before, kinds in ((8, 0), (7, 1), (2, 1), (1, 2), (0.5, 2)):
        stage.clock.instant = end - timedelta(days=before)
        send_notices(stage)
        send_notices(stage)
        assert len(altinn.taken) == 1 + kinds
    assert [message.kind for message in kept(stage, share)] == ["shared", "week_left", "day_left"]
    assert altinn.taken[1].subject.startswith("Du har fått dokumenter som du ikke har hentet")


def test_an_organisation_is_reminded_too(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage, FJELL)
    send_notices(stage)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    send_notices(stage)
    assert altinn.taken[-1].subject.endswith("har fått dokumenter som ingen har hentet")


@pytest.mark.usefixtures("altinn")
def test_after_the_download_there_is_no_reminder(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    download(stage, share)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    assert send_notices(stage) == []


@pytest.mark.usefixtures("altinn")
def test_what_all_others_have_downloaded_is_not_read_for_each_notice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = share_with(stage)
    download(stage, share)
    monkeypatch.delattr("deldokument.store.shares.receipts.Receipts.of_shares")
    assert send_notices(stage) == [Result.MOOT]


@pytest.mark.usefixtures("altinn")
def test_a_recipient_with_only_part_of_a_document_is_reminded(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    download(stage, share, whole=False)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_one_byte_stops_no_reminder(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    [document_id] = stage.document_ids(share.id)
    content = downloads_content.open_document(stage.deps, person(OLA), share.id, document_id)
    delivery.record_delivery(stage.deps, content, 0, 1)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_a_recipient_with_one_of_two_documents_is_reminded_until_the_other_follows(stage: Stage) -> None:
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(notify=True))
    stage.add_recipients(draft.id, OLA)
    for name in ("vedtak.pdf", "kart.pdf"):
        stage.upload(draft.id, name, b"innhold")
    share = publishing.publish_share(stage.deps, person(KARI), draft.id)
    inspect_documents(stage.deps)
    send_notices(stage)
    for document_id, before, reminded in zip(stage.document_ids(share.id), (7, 1), ([Result.SENT], []), strict=True):
        content = downloads_content.open_document(stage.deps, person(OLA), share.id, document_id)
        delivery.record_delivery(stage.deps, content, 0, content.length)
        stage.clock.instant = existing(share.expires_at) - timedelta(days=before)
        assert send_notices(stage) == reminded


@pytest.mark.usefixtures("altinn")
def test_who_downloads_between_plan_and_order_is_not_reminded(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    recipient_reminders.plan_reminders(stage.deps)
    download(stage, share)
    assert send_notices(stage) == [Result.MOOT]


@pytest.mark.usefixtures("altinn")
def test_nobody_is_reminded_of_what_was_shared_just_now(stage: Stage) -> None:
    share = share_with(stage, expires_at=NOON + timedelta(days=1, hours=12))
    send_notices(stage)
    stage.clock.instant = existing(share.expires_at) - timedelta(hours=20)
    assert send_notices(stage) == []


@pytest.mark.usefixtures("altinn")
def test_a_moved_end_moves_the_reminder(stage: Stage) -> None:
    share = share_with(stage)
    end = existing(share.expires_at)
    send_notices(stage)
    change_expiry(stage.deps, person(KARI), share.id, end + timedelta(days=10))
    stage.clock.instant = end - timedelta(days=1)
    assert send_notices(stage) == []
    stage.clock.instant = end + timedelta(days=3)
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_a_reminder_that_waited_until_the_end_was_moved_is_not_sent(stage: Stage) -> None:
    share = share_with(stage)
    end = existing(share.expires_at)
    send_notices(stage)
    stage.clock.instant = end - timedelta(days=7)
    assert recipient_reminders.plan_reminders(stage.deps) == 1
    change_expiry(stage.deps, person(KARI), share.id, end + timedelta(days=10))
    assert send_notices(stage) == [Result.MOOT]
    stage.clock.instant = end + timedelta(days=3)
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_an_end_moved_far_after_a_reminder_brings_another_and_one_moved_a_little_none(stage: Stage) -> None:
    share = share_with(stage)
    end = existing(share.expires_at)
    stage.clock.instant = end - timedelta(days=7)
    send_notices(stage)
    change_expiry(stage.deps, person(KARI), share.id, end + timedelta(hours=12))
    stage.clock.advance(days=2)
    assert send_notices(stage) == []
    change_expiry(stage.deps, person(KARI), share.id, end + timedelta(days=20))
    stage.clock.instant = end + timedelta(days=13)
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_no_reminder_is_sent_after_the_end(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    recipient_reminders.plan_reminders(stage.deps)
    stage.clock.instant = existing(share.expires_at)
    assert send_notices(stage) == [Result.MOOT]


@pytest.mark.usefixtures("altinn")
def test_two_workers_that_find_the_same_recipient_plan_one_reminder(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    assert recipient_reminders.plan_reminders(stage.deps) == 1
    with stage.deps.database.write() as tx:
        [_, planned] = tx.outbox.of_shares([share.id], Channel.ALTINN)
        assert not tx.outbox.add(replace(planned, id="another"))


def test_recipients_with_documents_left_are_reminded_when_a_member_asks_once_a_day(
    stage: Stage, altinn: FakeNotices
) -> None:
    share = share_with(stage, OLA, SIV)
    send_notices(stage)
    [document_id] = stage.document_ids(share.id)
    content = downloads_content.open_document(stage.deps, person(OLA), share.id, document_id)
    delivery.record_delivery(stage.deps, content, 0, content.length)
    stage.clock.advance(hours=23)
    with pytest.raises(Conflict, match="reminded_already"):
        reminders.request_reminder(stage.deps, person(KARI), share.id)
    stage.clock.advance(hours=1)
    reminders.request_reminder(stage.deps, person(KARI), share.id)
    assert send_notices(stage) == [Result.SENT]
    assert altinn.taken[-1].recipient.value == SIV
    assert altinn.taken[-1].subject.startswith("Du har fått dokumenter som du ikke har hentet")
    assert seen(stage, share) == [("sent", "", False), ("sent", "", False), ("sent", "", True)]
    stage.clock.advance(hours=23)
    with pytest.raises(Conflict, match="reminded_already"):
        reminders.request_reminder(stage.deps, person(KARI), share.id)
    stage.clock.advance(hours=1)
    reminders.request_reminder(stage.deps, person(KARI), share.id)
    assert send_notices(stage) == [Result.SENT]


@pytest.mark.usefixtures("altinn")
def test_a_reminder_that_was_asked_for_is_not_planned_after_the_end(stage: Stage) -> None:
    share = share_with(stage)
    send_notices(stage)
    stage.clock.advance(days=1)
    reminders.request_reminder(stage.deps, person(KARI), share.id)
    stage.clock.advance(days=11)
    assert send_notices(stage) == []


@pytest.mark.usefixtures("altinn")
def test_nobody_is_reminded_of_a_share_that_is_over_or_has_no_notices(stage: Stage) -> None:
    silent, over = share_with(stage, notify=False), share_with(stage)
    publishing.withdraw_share(stage.deps, person(KARI), over.id)
    for share, code in ((silent, "no_notices"), (over, "share_over")):
        with pytest.raises(Conflict, match=code):
            reminders.request_reminder(stage.deps, person(KARI), share.id)
    with pytest.raises(NotFound):
        reminders.request_reminder(stage.deps, person(OLA), silent.id)


def test_the_condition_of_a_notice_is_only_whether_to_deliver_it(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage)
    send_notices(stage)
    [message] = kept(stage, share)
    assert altinn.taken[0].condition_url == f"https://del.example/varsling/{message.id}/vilkar"
    assert recipient_notices.applies(stage.deps, message.id)
    download(stage, share)
    assert not recipient_notices.applies(stage.deps, message.id)
    assert not recipient_notices.applies(stage.deps, "unknown")


@pytest.mark.usefixtures("altinn")
def test_other_messages_have_no_condition(stage: Stage) -> None:
    share = share_with(stage)
    other = replace(kept_message(stage, share), channel=Channel.WEBHOOK)
    with stage.deps.database.write() as tx:
        tx.outbox.add(other)
    assert not recipient_notices.applies(stage.deps, other.id)


def kept_message(stage: Stage, share: Share) -> OutgoingMessage:
    now = stage.clock.now()
    return OutgoingMessage("webhook-message-id-aaa", Channel.WEBHOOK, "told", share.tenant_id, share.id, "x", now, now)


def test_a_notice_does_not_show_whom_it_is_for_when_it_is_printed(stage: Stage, altinn: FakeNotices) -> None:
    share_with(stage)
    send_notices(stage)
    assert OLA not in repr(altinn.taken)


def seen(stage: Stage, share: Share) -> list[tuple[str, str, bool]]:
    """What those who share see of the notices."""
    view, _ = queries.show_share(stage.deps, person(KARI), share.id)
    return [(one.state, one.code, one.reminds) for recipient in view.recipients for one in recipient.notices]


def test_those_who_share_see_the_status_of_notices(stage: Stage, altinn: FakeNotices) -> None:
    share = share_with(stage)
    dispatch.plan_messages(stage.deps, PLANNERS)
    assert seen(stage, share) == [("waiting", "", False)]
    send_notices(stage)
    assert seen(stage, share) == [("sent", "", False)]
    stage.clock.instant = existing(share.expires_at) - timedelta(days=1)
    altinn.outcome = refuse("unreachable")
    send_notices(stage)
    assert seen(stage, share) == [("sent", "", False), ("failed", "unreachable", True)]


@pytest.mark.usefixtures("altinn")
def test_a_notice_that_there_was_no_need_for_any_more_is_not_seen(stage: Stage) -> None:
    share = share_with(stage)
    dispatch.plan_messages(stage.deps, PLANNERS)
    publishing.withdraw_share(stage.deps, person(KARI), share.id)
    assert seen(stage, share) == [], "it waits no more"
    assert send_notices(stage) == [Result.MOOT]
    assert seen(stage, share) == []


def test_without_altinn_nothing_is_ordered(stage: Stage) -> None:
    share = share_with(stage)
    assert recipient_notices.send_notice(stage.deps, kept_message(stage, share)) == again("notices_unavailable")
    assert recipient_reminders.plan_reminders(stage.deps) == 0
