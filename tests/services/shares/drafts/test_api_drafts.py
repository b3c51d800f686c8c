"""Drafts as a system hands them in: whole or not at all, and every fault named."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, RightMissing, existing
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import MAX_RECIPIENTS, Share, ShareState, new_id
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import lifecycle
from deldokument.services.accounts.integrations import change_rights, confirm_archive
from deldokument.services.shares.display import queries
from deldokument.services.shares.display.views import ShareView
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import add_recipient_inputs, change_draft, create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.tenants.offboarding import offboard_tenant
from deldokument.store.shares.shares import ShareFilter
from tests.support.deployment.systems import SYSTEM, integrate, let_go
from tests.support.faults.faulty_ports import SlowRegister
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import BANKRUPT, FJELL, KARI, OLA, SIV, Stage, person, run_all


@pytest.fixture(autouse=True)
def integrated(stage: Stage) -> None:
    integrate(stage)


def shown(stage: Stage, share: Share) -> ShareView:
    return queries.show_share(stage.deps, SYSTEM, share.id)[0]


def faults(caught: pytest.ExceptionInfo[InvalidFields]) -> list[tuple[str, str]]:
    return [(error.field, error.code) for error in caught.value.errors]


def test_a_draft_is_created_with_all_that_is_known_of_it(stage: Stage) -> None:
    words = stage.words(title=" Vedtak ", message="Hei", reference="2026/17", confidential=False)
    inputs = [RecipientInput("218794 98012", "søker"), RecipientInput(FJELL), RecipientInput(OLA, "igjen")]
    view = shown(stage, create_draft(stage.deps, SYSTEM, words, inputs))
    assert view.texts == ShareTexts("Vedtak", "Hei", "2026/17")
    assert view.share.confidential is False
    assert view.share.expires_at == words.expires_at
    assert [(r.display, r.name, r.label, r.confirmed) for r in view.recipients] == [
        ("218794 *****", "", "søker", True),
        ("312 824 450", "FJELL AS", "", True),
    ]


def test_a_person_may_hand_in_a_draft_too(stage: Stage) -> None:
    share = create_draft(stage.deps, person(KARI), stage.words())
    assert share.member_id == stage.members["kari"]


@pytest.mark.parametrize("confidential", [True, False])
def test_omitted_fields_of_a_draft_are_as_the_account_has_them(stage: Stage, confidential: bool) -> None:
    set_rules(stage, stage.byggesak, confidential=confidential)
    assert create_draft(stage.deps, SYSTEM, stage.words()).confidential is confidential
    said = create_draft(stage.deps, SYSTEM, stage.words(confidential=not confidential))
    assert said.confidential is not confidential


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_systems_draft_is_archived_as_it_says_or_else_as_was_confirmed_of_it(stage: Stage, confirmed: bool) -> None:
    place = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    [integration] = lifecycle.show_account(stage.deps, **place).integrations
    confirm_archive(stage.deps, **place, integration_id=integration.id, confirmed=confirmed)
    assert create_draft(stage.deps, SYSTEM, stage.words(archived=None)).archived is confirmed
    assert create_draft(stage.deps, SYSTEM, stage.words(archived=not confirmed)).archived is not confirmed
    # A confirmation for the system does not hold for a person.
    assert not create_draft(stage.deps, person(KARI), stage.words(archived=None)).archived


def test_a_draft_that_is_refused_is_not_begun_and_every_fault_is_named(stage: Stage) -> None:
    words = stage.words(expires_at=stage.clock.now() - timedelta(days=1))
    inputs = [RecipientInput(OLA), RecipientInput("12345678901"), RecipientInput(BANKRUPT), RecipientInput(SIV, "\0")]
    with pytest.raises(InvalidFields) as caught:
        create_draft(stage.deps, SYSTEM, words, inputs)
    assert faults(caught) == [
        ("expires_at", "expiry_in_the_past"),
        ("recipients[1].number", "person_number_unknown"),
        ("recipients[2].number", "organization_bankrupt"),
        ("recipients[3].label", "text_control_characters"),
    ]
    assert queries.list_shares(stage.deps, SYSTEM).shares == ()


def test_one_fault_comes_alone(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="text_too_long") as caught:
        create_draft(stage.deps, SYSTEM, stage.words(title="x" * 201))
    assert caught.value.field == "title"


def test_a_number_that_the_system_does_not_vouch_for_waits_for_its_word(stage: Stage) -> None:
    stage.register.down = True
    inputs = [RecipientInput(OLA, confirmed=False), RecipientInput(FJELL), RecipientInput(SIV)]
    share = create_draft(stage.deps, SYSTEM, stage.words(), inputs)
    assert [r.confirmed for r in shown(stage, share).recipients] == [False, False, True]
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, SYSTEM, share.id)
    assert ("recipients", "recipients_unconfirmed") in faults(caught)
    said = create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(FJELL, confirmed=True)])
    assert [r.confirmed for r in shown(stage, said).recipients] == [True]


def test_recipients_are_added_all_or_none(stage: Stage) -> None:
    share = create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)])
    with pytest.raises(InvalidFields) as caught:
        add_recipient_inputs(stage.deps, SYSTEM, share.id, [RecipientInput(SIV), RecipientInput("1")])
    assert faults(caught) == [("recipients[1].number", "recipient_number_length")]
    assert len(shown(stage, share).recipients) == 1
    add_recipient_inputs(stage.deps, SYSTEM, share.id, [RecipientInput(SIV, "advokat"), RecipientInput(OLA, "x")])
    assert [(r.display, r.label) for r in shown(stage, share).recipients] == [
        ("218794 *****", ""),
        ("148391 *****", "advokat"),
    ]


def test_more_recipients_than_the_limit_are_refused_before_any_register_is_asked(stage: Stage) -> None:
    stage.register.down = True
    share = create_draft(stage.deps, SYSTEM, stage.words())
    with pytest.raises(InvalidInput, match="too_many_recipients"):
        add_recipient_inputs(stage.deps, SYSTEM, share.id, [RecipientInput(OLA)] * (MAX_RECIPIENTS + 1))


def test_words_are_changed_in_part_and_the_rest_stays(stage: Stage) -> None:
    words = stage.words(title="Vedtak", message="Hei", reference="2026/17")
    share = create_draft(stage.deps, SYSTEM, words)
    texts = ShareTexts(" Klage ", "Hei", "2026/17")
    change_draft(stage.deps, SYSTEM, share.id, lambda known: replace(known, texts=texts))
    view = shown(stage, share)
    assert view.texts == ShareTexts("Klage", "Hei", "2026/17")
    assert view.share.archived is True
    assert view.share.expires_at == words.expires_at


def test_a_change_that_is_refused_changes_nothing(stage: Stage) -> None:
    share = create_draft(stage.deps, SYSTEM, stage.words(title="Vedtak"))
    late = stage.clock.now() + timedelta(days=400)
    changes: list[dict[str, Any]] = [
        {"expires_at": late, "texts": ShareTexts("x")},
        {"texts": ShareTexts("x", message="\0")},
    ]
    for change in changes:
        with pytest.raises(InvalidInput):
            change_draft(stage.deps, SYSTEM, share.id, lambda known, change=change: replace(known, **change))
    assert shown(stage, share).texts.title == "Vedtak"


def test_an_end_that_has_come_to_be_wrong_does_not_hinder_other_changes(stage: Stage) -> None:
    share = create_draft(stage.deps, SYSTEM, stage.words(expires_at=stage.clock.now() + timedelta(hours=2)))
    stage.clock.advance(hours=3)
    change_draft(stage.deps, SYSTEM, share.id, lambda known: replace(known, expires_at=None))
    assert shown(stage, share).share.expires_at is None
    change_draft(stage.deps, SYSTEM, share.id, lambda known: replace(known, texts=ShareTexts("Klage")))


def test_a_changed_proposal_is_taken_back(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    share = create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)])
    ticket = drafts.add_document(stage.deps, SYSTEM, share.id, name="a", length=0, modified_at=None)
    drafts.remove_document(stage.deps, SYSTEM, share.id, ticket.document_id)
    stage.upload(share.id, "a.pdf", b"a", SYSTEM)
    publishing.publish_share(stage.deps, SYSTEM, share.id)
    change_draft(stage.deps, SYSTEM, share.id, lambda known: replace(known, texts=ShareTexts("Klage")))
    assert events_of(stage, share.id)[-1].kind is EventKind.PROPOSAL_RETURNED


def test_a_published_share_is_changed_by_no_system(stage: Stage) -> None:
    share_id = stage.publish()
    with pytest.raises(Conflict, match="not_a_draft"):
        change_draft(stage.deps, SYSTEM, share_id, lambda known: known)
    with pytest.raises(Conflict, match="not_a_draft"):
        add_recipient_inputs(stage.deps, SYSTEM, share_id, [RecipientInput(SIV)])


def test_a_recipient_input_shows_no_number() -> None:
    assert OLA not in repr(RecipientInput(OLA))


def meanwhile(stage: Stage, *happens: Callable[[], object]) -> Dependencies:
    return replace(stage.deps, register=SlowRegister(stage.register, list(happens)))


def end(stage: Stage) -> None:
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name="Eksempel kommune", person=person(SIV))
    run_all(stage.deps)


def test_nothing_is_begun_where_the_integration_has_gone_meanwhile(stage: Stage) -> None:
    with stage.deps.database.read() as tx:
        [integration] = tx.integrations.of_account(stage.byggesak.id)
    with pytest.raises(NotFound):
        create_draft(
            meanwhile(stage, lambda: let_go(stage, integration)), SYSTEM, stage.words(), [RecipientInput(FJELL)]
        )


def test_nothing_is_begun_by_who_may_only_read_meanwhile(stage: Stage) -> None:
    with stage.deps.database.read() as tx:
        [integration] = tx.integrations.of_account(stage.byggesak.id)
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id, "integration_id": integration.id}
    deps = meanwhile(stage, lambda: change_rights(stage.deps, **where, rights=IntegrationRights.READ))
    with pytest.raises(RightMissing):
        create_draft(deps, SYSTEM, stage.words(), [RecipientInput(FJELL)])


@pytest.mark.parametrize("sharer", [SYSTEM, person(KARI)], ids=["a system", "a person"])
def test_nothing_is_left_of_a_tenant_that_has_ended_meanwhile(stage: Stage, sharer: Sharer) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    with pytest.raises(NotFound):
        create_draft(meanwhile(stage, lambda: end(stage)), sharer, stage.words(), [RecipientInput(FJELL)])
    with stage.deps.database.read() as tx:
        assert tx.shares.find(ShareFilter((stage.byggesak.id,), tuple(ShareState), limit=1)) == []


def test_a_draft_created_meanwhile_under_the_same_id_is_the_one(stage: Stage) -> None:
    share_id, given = new_id(), (SYSTEM, stage.words(), [RecipientInput(FJELL)])
    deps = meanwhile(stage, lambda: create_draft(stage.deps, *given, share_id))
    created = create_draft(deps, *given, share_id)
    assert [view.share.id for view in queries.list_shares(stage.deps, SYSTEM).shares] == [created.id] == [share_id]
    assert len(shown(stage, created).recipients) == 1


def test_a_draft_waits_for_an_end_that_is_under_way_and_is_not_begun(stage: Stage) -> None:
    now = stage.clock.now()
    with ThreadPoolExecutor(1) as pool:
        with stage.deps.database.write() as tx:
            tenant = existing(tx.tenants.lock(stage.tenant.id))
            begun = pool.submit(create_draft, stage.deps, SYSTEM, stage.words())
            with pytest.raises(TimeoutError):
                begun.result(0.5)
            tx.tenants.save(replace(tenant, ended_at=now))
            tx.tenant_lifecycle.remove_everybody(tenant.id, now)
        with pytest.raises(NotFound):
            begun.result()
