"""Those who share get the e-mails that they chose, and none that is out of date."""

import dataclasses
import re
from datetime import timedelta

import pytest

from deldokument.adapters.scan_samples import TEST_VIRUS
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.messages.email_addresses import Language, NoticeChoices
from deldokument.domain.messages.outbox import Channel, OutgoingMessage, Result
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import PublishedText
from deldokument.ports.channels import EmailKind
from deldokument.services.accounts import integrations
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import delivery
from deldokument.services.notifications import dispatch as outboxes
from deldokument.services.notifications import email_addresses, email_notices
from deldokument.services.notifications.email_notices import SOON, send_email
from deldokument.services.notifications.email_texts import compose_email
from deldokument.services.notifications.registry import PLANNERS
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.published.handover import hand_over
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.tenants import administrators
from tests.fakes.scanner import MemoryScanner
from tests.support.stage.accounts import set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.emails import deliver, settle
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.recorded_changes import recording
from tests.support.stage.stage import KARI, LISE, ODD, OLA, PER, SIV, VIGDIS, Stage, person, run_all
from tests.support.stored_data import do_as_owner

AT_WORK = "kari.lunde@eksempel.example"


@pytest.fixture(autouse=True)
def kari(stage: Stage) -> None:
    """Kari gets e-mail at work."""
    settle(stage, KARI, AT_WORK)


def fetch(stage: Stage, share_id: str, who: str = OLA, place: int = 0) -> None:
    """The whole of a document."""
    content = downloads_content.open_document(stage.deps, person(who), share_id, stage.document_ids(share_id)[place])
    delivery.record_delivery(stage.deps, content, 0, content.length)


def letters(stage: Stage) -> list[tuple[str, str]]:
    """To whom each letter went, and the one address in it that is not that of the choices; the box is then empty."""
    deliver(stage)
    received = [(letter.to, re.findall(r"https://\S+", letter.text)) for letter in stage.mail.letters]
    stage.mail.letters.clear()
    return [(to, links[0]) for to, links in received]


def subjects(stage: Stage) -> list[str]:
    deliver(stage)
    found = [letter.subject for letter in stage.mail.letters]
    stage.mail.letters.clear()
    return found


def choose(stage: Stage, number: str = KARI, **changes: object) -> None:
    choices = dataclasses.replace(NoticeChoices(), **changes)  # type: ignore[arg-type]
    email_addresses.choose_notices(stage.deps, person(number), choices)


def waiting(stage: Stage) -> list[OutgoingMessage]:
    """What is planned and not due."""
    outboxes.plan_messages(stage.deps, PLANNERS)
    far = stage.clock.now() + timedelta(days=1000)
    with stage.deps.database.write() as tx:
        return tx.outbox.lease(Channel.EMAIL, far, far, 100)


def test_the_sharer_gets_an_e_mail_about_a_download(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    assert letters(stage) == [(AT_WORK, f"https://del.example/delinger/{share_id}")]


def test_the_sharer_gets_an_e_mail_about_malware_with_any_choices(stage: Stage) -> None:
    choose(stage, downloaded=False, ending=False, approval=False)
    stage.deps = dataclasses.replace(stage.deps, scanner=MemoryScanner(stage.clock.now()))
    share = stage.draft()
    stage.upload(share.id, "a.txt", b"innhold")
    stage.upload(share.id, "a.com", TEST_VIRUS)
    inspect_documents(stage.deps)
    assert letters(stage) == [(AT_WORK, f"https://del.example/delinger/{share.id}")]


def test_a_former_member_gets_no_e_mail_about_malware(stage: Stage) -> None:
    stage.deps = dataclasses.replace(stage.deps, scanner=MemoryScanner(stage.clock.now()))
    stage.upload(stage.draft().id, "a.com", TEST_VIRUS)
    inspect_documents(stage.deps)
    stage.remove("kari")
    assert letters(stage) == []


def test_a_share_has_one_e_mail_about_downloads_a_day(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    fetch(stage, share_id, OLA)
    fetch(stage, share_id, SIV)
    other = stage.publish(OLA)
    fetch(stage, other)
    assert sorted(link for _, link in letters(stage)) == sorted(
        f"https://del.example/delinger/{one}" for one in (share_id, other)
    )
    stage.clock.advance(days=1)
    fetch(stage, share_id, SIV)
    assert letters(stage) == []  # who had it all has fetched nothing new to the end


def test_the_next_day_has_an_e_mail_of_its_own(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    fetch(stage, share_id, OLA)
    assert len(letters(stage)) == 1
    stage.clock.advance(hours=11)  # midnight in Norway
    fetch(stage, share_id, SIV)
    assert len(letters(stage)) == 1


def test_an_interrupted_download_has_no_e_mail(stage: Stage) -> None:
    share_id = stage.publish(OLA, content=b"x" * 100)
    content = downloads_content.open_document(stage.deps, person(OLA), share_id, stage.document_ids(share_id)[0])
    delivery.record_delivery(stage.deps, content, 0, 50)
    assert letters(stage) == []


@pytest.mark.parametrize("choice", ["downloaded", "ending", "approval"])
def test_only_the_chosen_e_mails_are_sent(stage: Stage, choice: str) -> None:
    choose(stage, **{choice: False})
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    assert len(letters(stage)) == (0 if choice == "downloaded" else 1)


def test_a_choice_holds_also_for_planned_e_mails(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    outboxes.plan_messages(stage.deps, PLANNERS)
    choose(stage, downloaded=False)
    assert deliver(stage) == [Result.MOOT]


def test_without_a_confirmed_address_no_e_mail_is_sent(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    email_addresses.remove_address(stage.deps, person(KARI))
    email_addresses.enter_address(stage.deps, person(KARI), "annen@eksempel.example")
    fetch(stage, share_id)
    deliver(stage)
    assert [letter.subject for letter in stage.mail.letters] == ["Kode fra Del dokument"]


def test_a_person_who_has_left_the_account_gets_no_e_mail_about_it(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    outboxes.plan_messages(stage.deps, PLANNERS)
    stage.remove("kari")  # and is a member of «Avtaler» still
    assert deliver(stage) == [Result.MOOT]


def test_a_deleted_account_has_no_e_mails(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    stage.change_account(stage.byggesak, deleted_at=stage.clock.now())
    assert letters(stage) == []


def test_a_share_with_erased_names_has_no_e_mails(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    outboxes.plan_messages(stage.deps, PLANNERS)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    stage.clock.advance(days=800)
    run_all(stage.deps)
    assert letters(stage) == []


def test_no_member_gets_e_mails_about_the_shares_of_a_system(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    integrations.add_integration(stage.deps, **where, organization_number="312824450")
    system = Consumer(OrganizationNumber("312824450"))
    share = drafts.start_draft(stage.deps, system, account_id=stage.byggesak.id)
    drafts.save_draft(stage.deps, system, share.id, stage.words())
    stage.add_recipients(share.id, OLA, sharer=system)
    stage.upload(share.id, "vedtak.pdf", b"innhold", system)
    publishing.publish_share(stage.deps, system, share.id)
    inspect_documents(stage.deps)
    fetch(stage, share.id)
    assert letters(stage) == []
    assert waiting(stage) == []


def test_the_sharer_gets_an_e_mail_three_days_before_the_end(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    stage.clock.advance(days=6, hours=23)
    assert letters(stage) == []
    stage.clock.advance(hours=1)
    assert letters(stage) == [(AT_WORK, f"https://del.example/delinger/{share_id}")]
    stage.clock.advance(days=1)
    assert letters(stage) == []


def test_an_end_that_is_near_from_the_start_has_no_e_mail(stage: Stage) -> None:
    stage.publish(OLA, expires_at=stage.clock.now() + SOON)
    assert waiting(stage) == []


def test_an_end_has_no_e_mail_when_everybody_has_everything(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    fetch(stage, share_id, OLA)
    fetch(stage, share_id, SIV)
    assert len(letters(stage)) == 1
    stage.clock.advance(days=7)
    assert letters(stage) == []


def test_an_end_has_an_e_mail_when_one_recipient_has_something_left(stage: Stage) -> None:
    share_id = stage.publish(OLA, SIV)
    fetch(stage, share_id, OLA)
    assert subjects(stage) == ["En mottaker har hentet et dokument"]
    stage.clock.advance(days=7)
    assert subjects(stage) == ["En deling utløper snart"]


def test_a_moved_end_moves_its_letter(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    outboxes.plan_messages(stage.deps, PLANNERS)
    later = stage.clock.now() + timedelta(days=20)
    change_expiry(stage.deps, person(KARI), share_id, later)
    stage.clock.advance(days=8)
    assert letters(stage) == []
    stage.clock.advance(days=9)
    assert len(letters(stage)) == 1


def test_an_end_moved_away_and_back_has_one_e_mail(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    end = stage.clock.now() + timedelta(days=10)
    outboxes.plan_messages(stage.deps, PLANNERS)
    for moved in (end + timedelta(days=5), end):
        change_expiry(stage.deps, person(KARI), share_id, moved)
        outboxes.plan_messages(stage.deps, PLANNERS)
    stage.clock.advance(days=7)
    assert len(letters(stage)) == 1


def test_a_sharer_who_moves_the_end_near_gets_no_e_mail_about_it(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    change_expiry(stage.deps, person(KARI), share_id, stage.clock.now() + timedelta(days=2))
    stage.clock.advance(hours=1)
    assert letters(stage) == []


def test_the_end_of_a_share_that_is_over_has_no_e_mail(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    outboxes.plan_messages(stage.deps, PLANNERS)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    stage.clock.advance(days=7)
    assert letters(stage) == []


def test_an_address_chosen_after_the_share_was_published_gets_the_e_mail_about_its_end(stage: Stage) -> None:
    email_addresses.remove_address(stage.deps, person(KARI))
    stage.publish(OLA)
    outboxes.plan_messages(stage.deps, PLANNERS)
    settle(stage, KARI, "ny@eksempel.example")
    stage.clock.advance(days=7)
    assert [to for to, _ in letters(stage)] == ["ny@eksempel.example"]


@pytest.fixture
def four_eyes(stage: Stage) -> None:
    """Byggesak wants four eyes, of Kari, Odd and Vigdis."""
    stage.members["odd-byggesak"] = stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.members["vigdis-byggesak"] = stage.add(VIGDIS, "Vigdis Myhre", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    settle(stage, ODD, "odd@eksempel.example")


def propose(stage: Stage) -> str:
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.add_recipients(draft.id, OLA)
    stage.upload(draft.id, "vedtak.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    return draft.id


@pytest.mark.usefixtures("four_eyes")
def test_the_other_members_get_an_e_mail_when_approval_is_wanted(stage: Stage) -> None:
    settle(stage, VIGDIS, "vigdis@prove.example")
    share_id = propose(stage)
    link = f"https://del.example/delinger/{share_id}/godkjenning"
    assert sorted(letters(stage)) == [("odd@eksempel.example", link), ("vigdis@prove.example", link)]


@pytest.mark.usefixtures("four_eyes")
def test_in_an_account_of_very_many_nobody_is_left_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(stage, VIGDIS, "vigdis@prove.example")
    monkeypatch.setattr(email_notices, "_PAGE", 1)
    propose(stage)
    assert sorted(to for to, _ in letters(stage)) == ["odd@eksempel.example", "vigdis@prove.example"]


@pytest.mark.usefixtures("four_eyes")
def test_who_does_not_want_to_be_asked_is_not(stage: Stage) -> None:
    choose(stage, ODD, approval=False)
    propose(stage)
    assert letters(stage) == []


@pytest.mark.usefixtures("four_eyes")
def test_an_approval_that_is_not_wanted_any_more_is_not_asked_for(stage: Stage) -> None:
    share_id = propose(stage)
    outboxes.plan_messages(stage.deps, PLANNERS)
    proposals.return_proposal(stage.deps, person(KARI), share_id)
    assert deliver(stage) == [Result.MOOT]


@pytest.mark.usefixtures("four_eyes")
def test_a_proposal_withdrawn_before_planning_has_no_e_mail(stage: Stage) -> None:
    share_id = propose(stage)
    proposals.return_proposal(stage.deps, person(KARI), share_id)
    assert deliver(stage) == []


@pytest.mark.usefixtures("four_eyes")
def test_a_repeated_proposal_has_a_new_e_mail(stage: Stage) -> None:
    share_id = propose(stage)
    assert len(letters(stage)) == 1
    proposals.return_proposal(stage.deps, person(KARI), share_id)
    publishing.publish_share(stage.deps, person(KARI), share_id)
    assert len(letters(stage)) == 1


@pytest.mark.usefixtures("four_eyes")
def test_what_a_system_proposes_all_members_are_asked_to_approve(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    integrations.add_integration(stage.deps, **where, organization_number="312824450")
    system = Consumer(OrganizationNumber("312824450"))
    share = drafts.start_draft(stage.deps, system, account_id=stage.byggesak.id)
    drafts.save_draft(stage.deps, system, share.id, stage.words())
    drafts.add_recipients(stage.deps, system, share.id, "312824450")
    stage.upload(share.id, "vedtak.pdf", b"innhold", system)
    publishing.publish_share(stage.deps, system, share.id)
    assert sorted(to for to, _ in letters(stage)) == [AT_WORK, "odd@eksempel.example"]


@pytest.fixture
def leader(stage: Stage) -> str:
    """Siv administers Kari's tenant and has an address of her own; the id of her office."""
    office = add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    settle(stage, SIV, "siv@eksempel.example")
    stage.clock.advance(days=1)
    return office.id


def publish_text(stage: Stage, version: str, kind: AgreementKind = AgreementKind.SERVICE) -> None:
    """As ``texts.publish_agreement`` does, of a text that does not come with the program."""
    with stage.deps.database.write() as tx:
        tx.agreements.publish(PublishedText(kind, version, stage.clock.now()))
        record_event(stage.deps, tx, EventKind.AGREEMENT_PUBLISHED, agreement=kind.value, version=version)


def test_both_get_an_e_mail_about_a_handover_with_any_choices(stage: Stage) -> None:
    lise = stage.add(LISE, "Lise Moen", stage.byggesak)
    settle(stage, LISE, "lise.moen@eksempel.example")
    for number in (KARI, LISE):
        choose(stage, number, downloaded=False, ending=False, approval=False)
    draft_id = stage.draft().id
    hand_over(stage.deps, person(KARI), draft_id, lise)
    page = f"https://del.example/delinger/{draft_id}"
    assert sorted(letters(stage)) == [(AT_WORK, page), ("lise.moen@eksempel.example", page)]


def test_a_member_marked_absent_or_present_gets_an_e_mail_unless_that_has_changed(stage: Stage) -> None:
    choose(stage, downloaded=False, ending=False, approval=False, signature=False)
    for absent in (True, False):
        stage.mark_absent("kari", absent=absent)
        assert letters(stage) == [(AT_WORK, "https://del.example/delinger")]
    for absent in (True, False):
        stage.mark_absent("kari", absent=absent)
    assert len(letters(stage)) == 1
    stage.mark_absent("kari")
    stage.remove("kari")
    assert letters(stage) == []


@pytest.mark.usefixtures("leader")
def test_the_sharer_and_the_administrators_get_an_e_mail_when_others_let_somebody_in(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.add(VIGDIS, "Vigdis Berg", stage.byggesak)
    administrators.add_administrator(stage.deps, tenant_id=stage.tenant.id, number=LISE, name="Lise Dahl")
    stage.clock.advance(minutes=1)
    shared = stage.publish(OLA)
    choose(stage, downloaded=False, ending=False, approval=False, signature=False)
    choose(stage, SIV, signature=False)
    log = f"https://del.example/konfigurasjon/{stage.tenant.id}/hendelseslogg"
    for leave, expected in (
        (stage.mark_absent, [(AT_WORK, f"https://del.example/delinger/{shared}")]),
        (stage.remove, []),
    ):
        propose_recipient(stage, shared, PER if expected else LISE)
        leave("kari")
        letters(stage)
        approve(stage, shared, ODD)
        assert sorted(letters(stage)) == [*expected, ("siv@eksempel.example", log)]


@pytest.mark.usefixtures("leader")
def test_nobody_else_gets_an_e_mail_about_approvals_by_the_sharer(stage: Stage) -> None:
    stage.add(VIGDIS, "Vigdis Berg", stage.byggesak)
    shared = stage.publish(OLA)
    propose_recipient(stage, shared, PER)
    letters(stage)
    approve(stage, shared, KARI)
    assert letters(stage) == []


def propose_recipient(stage: Stage, share_id: str, number: str) -> None:
    """Vigdis, a colleague, wants to add somebody."""
    assert changes.add_recipients(stage.deps, person(VIGDIS), share_id, [RecipientInput(number)])


def approve(stage: Stage, share_id: str, who: str) -> None:
    waiting = existing(queries.view_share(stage.deps, person(VIGDIS), share_id).proposal)
    changes.approve_change(stage.deps, person(who), share_id, seen=waiting.seen)


@pytest.mark.usefixtures("leader")
def test_administrators_get_an_e_mail_when_a_new_agreement_must_be_signed(stage: Stage) -> None:
    publish_text(stage, "2.0")
    assert letters(stage) == [("siv@eksempel.example", f"https://del.example/konfigurasjon/{stage.tenant.id}/avtaler")]
    publish_text(stage, "3.0")
    assert len(letters(stage)) == 1


@pytest.mark.usefixtures("leader")
def test_administrators_get_no_e_mail_about_agreements_that_they_need_not_sign(stage: Stage) -> None:
    publish_text(stage, "2.0", AgreementKind.MAIN)
    stage.change_tenant(ended_at=stage.clock.now())
    publish_text(stage, "2.0")
    assert letters(stage) == []


@pytest.mark.usefixtures("leader")
def test_administrators_may_choose_to_get_no_e_mails(stage: Stage) -> None:
    choose(stage, SIV, signature=False)
    publish_text(stage, "2.0")
    assert letters(stage) == []


def test_a_former_administrator_is_not_asked_to_sign(stage: Stage, leader: str) -> None:
    where = {"tenant_id": stage.tenant.id}
    add_administrator(stage.deps, **where, number=ODD, name="Odd Bakken")
    publish_text(stage, "2.0")
    outboxes.plan_messages(stage.deps, PLANNERS)
    administrators.remove_administrator(stage.deps, **where, administrator_id=leader)
    assert deliver(stage) == [Result.MOOT]


@pytest.mark.usefixtures("leader")
def test_a_tenant_that_has_ended_meanwhile_is_not_asked_to_sign(stage: Stage) -> None:
    publish_text(stage, "2.0")
    outboxes.plan_messages(stage.deps, PLANNERS)
    stage.change_tenant(ended_at=stage.clock.now())
    assert deliver(stage) == [Result.MOOT]


def test_without_a_mail_server_nothing_is_planned(stage: Stage) -> None:
    stage.deps = dataclasses.replace(stage.deps, mail=None)
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    publish_text(stage, "2.0")
    assert waiting(stage) == []


def test_a_mail_server_that_has_been_taken_away_keeps_letters_waiting(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    outboxes.plan_messages(stage.deps, PLANNERS)
    stage.deps = dataclasses.replace(stage.deps, mail=None)
    assert deliver(stage) == [Result.AGAIN]


def test_a_letter_that_is_sent_again_is_the_same_letter(stage: Stage) -> None:
    stage.publish(OLA)
    stage.clock.advance(days=7)
    outboxes.plan_messages(stage.deps, PLANNERS)
    [message] = outboxes.take_messages(stage.deps, Channel.EMAIL)
    send_email(stage.deps, message)
    stage.clock.advance(hours=5)
    [message] = outboxes.take_messages(stage.deps, Channel.EMAIL)
    send_email(stage.deps, message)
    one, other = stage.mail.letters
    assert one == other


def test_a_letter_is_in_the_readers_language(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    fetch(stage, share_id)
    choose(stage, language=Language.NYNORSK)
    assert subjects(stage) == ["Ein mottakar har henta eit dokument"]


def test_no_letter_betrays_what_was_shared_with_whom(stage: Stage) -> None:
    choose(stage, language=Language.ENGLISH)
    share_id = stage.publish(OLA, title="Barnevernssak", reference="2026/17", message="Les dette")
    fetch(stage, share_id)
    deliver(stage)
    stage.clock.advance(days=7)
    stage.publish(OLA)
    deliver(stage)
    said = "".join(f"{letter.subject}{letter.text}" for letter in stage.mail.letters)
    for secret in (
        OLA, KARI, OLA[:6], "Kari", "Lunde", "Barnevernssak", "2026/17", "Les dette", "vedtak", "Byggesak", "Eksempel"
    ):  # fmt: skip
        assert secret not in said


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", EmailKind)
def test_every_letter_has_words_in_every_language(kind: EmailKind, language: Language) -> None:
    subject, text = compose_email(kind, language, "https://del.example", code="12345678", path="/delinger/x", days=3)
    assert subject
    assert "{" not in subject + text
    assert text.endswith("\n")
    assert "https://del.example/varsler" in text
    assert kind is EmailKind.CODE or "https://del.example/delinger/x\n" in text


@pytest.fixture
def asked(stage: Stage) -> str:
    """A share for which Kari has asked for a later end, which Odd must approve."""
    share_id = stage.publish(OLA)
    letters(stage)
    stage.members["odd-byggesak"] = stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    settle(stage, ODD, "odd@eksempel.example")
    change_expiry(stage.deps, person(KARI), share_id, stage.clock.now() + timedelta(days=20))
    return share_id


def test_the_other_members_get_an_e_mail_when_a_later_end_waits(stage: Stage, asked: str) -> None:
    assert letters(stage) == [("odd@eksempel.example", f"https://del.example/delinger/{asked}")]


@pytest.mark.usefixtures("asked")
def test_who_wants_no_such_e_mail_gets_none_of_a_later_end(stage: Stage) -> None:
    choose(stage, ODD, approval=False)
    assert letters(stage) == []


def test_a_later_end_that_is_decided_has_no_e_mail(stage: Stage, asked: str) -> None:
    outboxes.plan_messages(stage.deps, PLANNERS)
    proposals.return_proposal(stage.deps, person(ODD), asked)
    assert deliver(stage) == [Result.MOOT]
    change_expiry(stage.deps, person(KARI), asked, stage.clock.now() + timedelta(days=25))
    proposals.return_proposal(stage.deps, person(KARI), asked)
    assert deliver(stage) == []


def test_a_change_of_a_share_that_is_over_has_no_e_mail(stage: Stage, asked: str) -> None:
    publishing.withdraw_share(stage.deps, person(KARI), asked)
    assert EmailKind.CHANGE not in {message.kind for message in waiting(stage)}


def test_the_other_members_get_e_mails_about_a_waiting_change_until_it_is_decided(stage: Stage, asked: str) -> None:
    letters(stage)
    for title, decided in (("Vedtak", False), ("Nytt vedtak", True)):
        changes.change_share(stage.deps, person(KARI), asked, Change(texts={"title": title}))
        outboxes.plan_messages(stage.deps, PLANNERS)
        if decided:
            proposals.return_proposal(stage.deps, person(ODD), asked)
        assert deliver(stage) == [Result.MOOT if decided else Result.SENT]
    changes.change_share(stage.deps, person(KARI), asked, Change(texts={"title": "Igjen"}))
    proposals.return_proposal(stage.deps, person(KARI), asked)
    assert deliver(stage) == []


def test_a_damaged_change_has_no_e_mail_and_holds_up_no_other(stage: Stage, asked: str) -> None:
    letters(stage)
    changes.change_share(stage.deps, person(KARI), asked, Change(texts={"title": "Vedtak"}))
    with recording(stage.deps.database) as tx:
        share = existing(tx.shares.lock(asked))
        tx.shares.save(dataclasses.replace(share, sealed_change=b"damaged"))
    fetch(stage, asked)
    assert [to for to, _ in letters(stage)] == [AT_WORK]
    assert not stage.deps.damage.is_empty


@pytest.mark.usefixtures("asked")
def test_nobody_is_asked_to_approve_in_a_damaged_share(stage: Stage) -> None:
    do_as_owner(stage.database_url, "UPDATE share SET confidential = NOT confidential")
    assert EmailKind.CHANGE not in {message.kind for message in waiting(stage)}


def test_a_message_about_a_share_is_sent_to_no_member_of_another_account(stage: Stage) -> None:
    settle(stage, VIGDIS, "vigdis@eksempel.example")
    fetch(stage, stage.publish(OLA))
    outboxes.plan_messages(stage.deps, PLANNERS)
    do_as_owner(stage.database_url, f"UPDATE outbox SET target = '{stage.members['vigdis']}'")
    deliver(stage)
    assert stage.mail.letters == []
