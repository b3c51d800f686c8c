"""Recipients of a document: masked for everybody, but for systems of an account that lets them have full numbers."""

from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidFields, NotFound
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.display.disclosure import document_recipients, view_with_numbers
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.drafts.draft_form import draft_form
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads.append import create_upload
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, VIGDIS, Stage, person

MASKED, FULL = ["218794 *****", "312 824 450"], [OLA, FJELL]


def disclosures(stage: Stage, share_id: str) -> int:
    return sum(event.kind is EventKind.NUMBERS_DISCLOSED for event in events_of(stage, share_id))


def test_the_recipients_of_a_document_are_shown_masked_to_its_account_alone(stage: Stage) -> None:
    [document_id] = stage.document_ids(stage.publish(OLA, FJELL))
    account_id = stage.byggesak.id
    assert document_recipients(stage.deps, person(KARI), account_id, document_id) == MASKED
    for sharer, account, document in (
        (KARI, stage.avtaler.id, document_id),
        (KARI, account_id, "unknown"),
        (VIGDIS, account_id, document_id),
    ):
        with pytest.raises(NotFound):
            document_recipients(stage.deps, person(sharer), account, document)


def test_full_numbers_go_to_systems_that_may_share_from_an_account_that_allows_it(stage: Stage) -> None:
    share_id = stage.publish(OLA, FJELL)
    [document_id] = stage.document_ids(share_id)
    integrate(stage)
    reader = Consumer(OrganizationNumber("314758625"))
    stage.register.known["314758625"] = RegisteredOrganization("314758625", "LESBAR AS", "AS", "active")
    integrate(stage, rights=IntegrationRights.READ, number="314758625")
    account_id = stage.byggesak.id
    assert document_recipients(stage.deps, SYSTEM, account_id, document_id) == MASKED
    set_rules(stage, stage.byggesak, full_numbers=True)
    assert document_recipients(stage.deps, SYSTEM, account_id, document_id) == FULL
    for sharer in (person(KARI), reader):
        assert document_recipients(stage.deps, sharer, account_id, document_id) == MASKED
    assert disclosures(stage, share_id) == 1


def test_the_event_log_shows_each_disclosure_once_in_ten_minutes(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    integration = integrate(stage)
    set_rules(stage, stage.byggesak, full_numbers=True)
    for minutes, expected in ((0, 1), (9, 1), (2, 2)):
        stage.clock.advance(minutes=minutes)
        document_recipients(stage.deps, SYSTEM, stage.byggesak.id, document_id)
        assert disclosures(stage, share_id) == expected
    assert events_of(stage, share_id)[-1].details == {"integration": integration.id}


def test_the_event_log_shows_each_system_that_got_the_numbers(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    [document_id] = stage.document_ids(share_id)
    stage.register.known["314758625"] = RegisteredOrganization("314758625", "ANDRE AS", "AS", "active")
    first, second = integrate(stage), integrate(stage, number="314758625")
    set_rules(stage, stage.byggesak, full_numbers=True)
    for system in (SYSTEM, Consumer(OrganizationNumber("314758625")), SYSTEM):
        document_recipients(stage.deps, system, stage.byggesak.id, document_id)
    recorded = [event.details for event in events_of(stage, share_id) if event.kind is EventKind.NUMBERS_DISCLOSED]
    assert recorded == [{"integration": first.id}, {"integration": second.id}]


def test_a_system_gets_no_numbers_of_its_draft_that_a_person_would_have_to_confirm(stage: Stage) -> None:
    integrate(stage)
    draft = drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id)
    form = drafts.add_recipients(stage.deps, SYSTEM, draft.id, OLA).form
    assert (len(form.view.recipients), form.numbers) == (1, {})


def test_only_its_author_sees_the_numbers_of_a_draft_that_are_to_be_confirmed(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    draft = stage.draft()
    drafts.add_recipients(stage.deps, person(KARI), draft.id, f"{OLA}\n{FJELL}")
    copy = publishing.copy_share(stage.deps, person(ODD), draft.id)
    for draft_id, author, other, recorded in ((draft.id, KARI, ODD, 0), (copy.id, ODD, KARI, 1)):
        assert list(draft_form(stage.deps, person(author), draft_id).numbers.values()) == [OLA]
        assert draft_form(stage.deps, person(other), draft_id).numbers == {}
        assert disclosures(stage, draft_id) == recorded


def confirmed(stage: Stage, share_id: str) -> list[bool]:
    with stage.deps.database.read() as tx:
        return [one.confirmed for one in tx.shares.recipients([share_id])]


def test_an_undone_share_shows_its_author_alone_the_numbers_to_confirm_again(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    share_id = stage.publish(OLA, FJELL)
    publishing.undo_publication(stage.deps, person(KARI), share_id)
    assert confirmed(stage, share_id) == [False, True]
    assert list(draft_form(stage.deps, person(KARI), share_id).numbers.values()) == [OLA]
    assert draft_form(stage.deps, person(ODD), share_id).numbers == {}
    with pytest.raises(InvalidFields) as refused:
        publishing.publish_share(stage.deps, person(KARI), share_id)
    assert [error.code for error in refused.value.errors] == ["recipients_unconfirmed"]
    assert disclosures(stage, share_id) == 0


def test_an_undone_share_has_an_organisation_without_a_name_confirmed_again(stage: Stage) -> None:
    stage.register.down = True
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    share_id = stage.publish(FJELL)
    publishing.undo_publication(stage.deps, person(KARI), share_id)
    assert confirmed(stage, share_id) == [False]


def test_a_proposal_that_is_sent_back_shows_its_author_alone_the_numbers_to_confirm_again(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, four_eyes=True)
    share_id = stage.publish(OLA)
    assert confirmed(stage, share_id) == [True]
    proposals.return_proposal(stage.deps, person(KARI), share_id)
    assert confirmed(stage, share_id) == [True], "taken back by the author"
    publishing.publish_share(stage.deps, person(KARI), share_id)
    proposals.return_proposal(stage.deps, person(ODD), share_id)
    assert confirmed(stage, share_id) == [False]
    assert list(draft_form(stage.deps, person(KARI), share_id).numbers.values()) == [OLA]
    assert draft_form(stage.deps, person(ODD), share_id).numbers == {}


def test_the_author_alone_sees_the_numbers_of_a_published_share_while_it_can_be_undone(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    share_id = stage.publish(OLA, FJELL)
    assert list(view_with_numbers(stage.deps, person(KARI), share_id)[1].values()) == [OLA]
    assert view_with_numbers(stage.deps, person(ODD), share_id)[1] == {}
    for stranger in (VIGDIS, OLA):
        with pytest.raises(NotFound):
            view_with_numbers(stage.deps, person(stranger), share_id)
    stage.clock.advance(minutes=2)
    assert view_with_numbers(stage.deps, person(KARI), share_id)[1] == {}


def test_numbers_of_a_system_stay_confirmed_and_masked_when_its_proposal_is_sent_back(stage: Stage) -> None:
    integrate(stage)
    set_rules(stage, stage.byggesak, four_eyes=True, undo_window=timedelta(minutes=2))
    share = create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)])
    ticket = drafts.add_document(stage.deps, SYSTEM, share.id, name="a", length=0, modified_at=None)
    create_upload(stage.deps, ticket.token, length=0)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    proposals.return_proposal(stage.deps, person(KARI), share.id)
    assert confirmed(stage, share.id) == [True]
    proposed = publishing.publish_share(stage.deps, SYSTEM, share.id)
    publishing.approve_share(stage.deps, person(KARI), share.id, seen=proposed.changed_at.isoformat())
    assert view_with_numbers(stage.deps, person(KARI), share.id)[1] == {}
