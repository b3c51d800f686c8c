"""Organisations' systems share as members do, within their rights, and events name the system."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Conflict, InvalidInput, NotFound, RightMissing, existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.shares.text_fields import ShareTexts
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.services.accounts import members
from deldokument.services.audit import browsing
from deldokument.services.audit import export as audit_export
from deldokument.services.audit.actors import Actor
from deldokument.services.maintenance import retention
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import add_recipient_inputs, change_draft, create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.tenants import export as tenants_export
from deldokument.services.uploads import append as uploads_append
from deldokument.store.audit.audit import EventFilter
from tests.support.browser import EWA
from tests.support.deployment.systems import SUPPLIER, SYSTEM, integrate, let_go
from tests.support.query_plans import statements
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.stage import KARI, ODD, OLA, Stage, person, run_all


def drafted(stage: Stage, sharer: Consumer = SYSTEM, **words: object) -> Share:
    return create_draft(stage.deps, sharer, stage.words(**words), [RecipientInput(OLA)])


def sent(stage: Stage, share: Share, content: bytes = b"innhold", sharer: Consumer = SYSTEM) -> str:
    ticket = drafts.add_document(stage.deps, sharer, share.id, name="vedtak.pdf", length=len(content), modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=len(content))
    append.write([content])
    append.finish()
    return ticket.document_id


def kept(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def test_reading_an_unknown_share_takes_the_work_of_reading_one_of_others(stage: Stage) -> None:
    theirs, asked = stage.publish(OLA), list[list[str]]()
    integrate(stage, stage.barnevern)
    for share_id in (theirs, "-" * 22):
        with statements() as sent_to_database, pytest.raises(NotFound):
            queries.show_share(stage.deps, SYSTEM, share_id)
        asked.append([statement for statement, _ in sent_to_database])
    assert asked[0] == asked[1]


def test_a_system_shares_from_nothing_to_the_end(stage: Stage) -> None:
    integration = integrate(stage)
    share = drafted(stage, title="Vedtak")
    assert (share.member_id, share.integration_id) == (None, integration.id)
    sent(stage, share)
    assert publishing.publish_share(stage.deps, SYSTEM, share.id).state is ShareState.AVAILABLE
    change_expiry(stage.deps, SYSTEM, share.id, stage.clock.now() + timedelta(days=20))
    publishing.withdraw_share(stage.deps, SYSTEM, share.id)
    events = events_of(stage, share.id)
    assert [event.kind for event in events if event.kind is not EventKind.DOCUMENT_COMPLETED] == [
        EventKind.DRAFT_STARTED,
        EventKind.SHARE_PUBLISHED,
        EventKind.EXPIRY_CHANGED,
        EventKind.SHARE_WITHDRAWN,
    ]
    for event in events:
        assert event.subject_id is None
        assert event.kind is EventKind.DOCUMENT_COMPLETED or (event.details or {})["integration"] == integration.id
    assert [view.share.id for view in queries.list_shares(stage.deps, SYSTEM).shares] == [share.id]
    shown = queries.show_share(stage.deps, SYSTEM, share.id)[1]
    assert {actor.name for _, actor in shown if actor} == {integration.name}


def test_who_runs_the_system_is_written_down_and_gives_no_rights(stage: Stage) -> None:
    integration = integrate(stage)
    supplied = replace(SYSTEM, supplier=OrganizationNumber(SUPPLIER))
    share = drafted(stage, supplied)
    [event] = events_of(stage, share.id)
    assert event.details == {"integration": integration.id, "supplier": SUPPLIER, "revision": 1}
    with pytest.raises(NotFound):
        drafted(stage, Consumer(OrganizationNumber(SUPPLIER)))


def test_what_a_system_has_no_rights_to_does_not_exist_for_it(stage: Stage) -> None:
    integrate(stage)
    hers = drafts.start_draft(stage.deps, person(KARI), account_id=stage.avtaler.id)
    other = Consumer(OrganizationNumber("310240001"))
    for deed in (
        lambda: queries.show_share(stage.deps, SYSTEM, hers.id),
        lambda: drafted(stage, account_id=stage.avtaler.id),
        lambda: drafted(stage, account_id=stage.barnevern.id),
        lambda: drafted(stage, other),
    ):
        with pytest.raises(NotFound):
            deed()
    assert queries.list_shares(stage.deps, other).shares == ()


def test_a_systems_rights_are_as_far_as_its_accounts(stage: Stage) -> None:
    for account in (stage.byggesak, stage.avtaler):
        integrate(stage, account)
    found = members.memberships(stage.deps, SYSTEM)
    assert [(m.account.name, m.name, m.member_id, m.reads_only) for m in found] == [
        ("Avtaler", "FJELL AS", None, False),
        ("Byggesak", "FJELL AS", None, False),
    ]
    assert [m.integration_id for m in found] == [m.id for m in found]


def test_a_draft_may_be_moved_by_its_system_and_is_completed_by_nobody_else(stage: Stage) -> None:
    integrate(stage)
    there = integrate(stage, stage.avtaler)
    share = drafted(stage)
    moved = change_draft(
        stage.deps,
        SYSTEM,
        share.id,
        lambda words: replace(words, account_id=stage.avtaler.id, texts=ShareTexts("Flyttet")),
    )
    assert (moved.account_id, moved.integration_id) == (stage.avtaler.id, there.id)
    with pytest.raises(Conflict, match="draft_of_another"):
        drafts.save_draft(stage.deps, person(ODD), share.id, stage.words(account_id=stage.avtaler.id))
    assert kept(stage, share.id) == moved


CHANGES: list[Callable[[Stage, Share], object]] = [
    lambda stage, _share: drafted(stage),
    lambda stage, _share: drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id),
    lambda stage, share: drafts.save_draft(stage.deps, SYSTEM, share.id, stage.words()),
    lambda stage, share: change_draft(stage.deps, SYSTEM, share.id, lambda words: words),
    lambda stage, share: add_recipient_inputs(stage.deps, SYSTEM, share.id, [RecipientInput(OLA)]),
    lambda stage, share: drafts.add_recipients(stage.deps, SYSTEM, share.id, OLA),
    lambda stage, share: drafts.remove_recipient(stage.deps, SYSTEM, share.id, "recipient"),
    lambda stage, share: sent(stage, share),
    lambda stage, share: drafts.remove_document(stage.deps, SYSTEM, share.id, "document"),
    lambda stage, share: publishing.publish_share(stage.deps, SYSTEM, share.id),
    lambda stage, share: change_expiry(stage.deps, SYSTEM, share.id, stage.clock.now()),
    lambda stage, share: publishing.withdraw_share(stage.deps, SYSTEM, share.id),
    lambda stage, share: publishing.copy_share(stage.deps, SYSTEM, share.id),
    lambda stage, share: drafts.discard_draft(stage.deps, SYSTEM, share.id),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_system_that_may_only_read_changes_nothing(stage: Stage, change: Callable[[Stage, Share], object]) -> None:
    integrate(stage, rights=IntegrationRights.READ)
    share = stage.draft()
    with pytest.raises(RightMissing, match="integration_reads_only"):
        change(stage, share)
    assert kept(stage, share.id) == share
    assert [view.share.id for view in queries.list_shares(stage.deps, SYSTEM).shares] == [share.id]
    assert queries.show_share(stage.deps, SYSTEM, share.id)[0].share.id == share.id


@pytest.mark.parametrize("right", ["removed", "read"])
def test_a_running_upload_ends_with_the_systems_rights(stage: Stage, right: str) -> None:
    integration = integrate(stage)
    integrate(stage, stage.avtaler, IntegrationRights.READ)
    share = drafted(stage)
    ticket = drafts.add_document(stage.deps, SYSTEM, share.id, name="a.pdf", length=8, modified_at=None)
    append = uploads_append.begin_append(stage.deps, ticket.token, ticket.upload_id, offset=0, announced=8)
    append.write([b"12345678"])
    if right == "removed":
        let_go(stage, integration)
    else:
        with stage.deps.database.write() as tx:
            tx.integrations.save(replace(integration, rights=IntegrationRights.READ))
    with pytest.raises(NotFound):
        append.finish()
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, ticket.token)


def test_an_upload_that_a_system_ends_is_recorded_as_the_systems(stage: Stage) -> None:
    integration = integrate(stage)
    share = drafted(stage)
    ticket = drafts.add_document(stage.deps, SYSTEM, share.id, name="a.pdf", length=8, modified_at=None)
    uploads_append.terminate_upload(stage.deps, ticket.token, ticket.upload_id)
    event = events_of(stage, share.id)[-1]
    assert event.kind is EventKind.DOCUMENT_REMOVED
    assert event.details == {"document": ticket.document_id, "integration": integration.id, "revision": 2}


def proposed(stage: Stage) -> Share:
    set_rules(stage, stage.byggesak, four_eyes=True)
    share = drafted(stage)
    sent(stage, share)
    stage.clock.advance(minutes=1)
    return publishing.publish_share(stage.deps, SYSTEM, share.id)


def test_a_draft_of_a_system_lives_24_hours_and_seven_days_while_it_waits_for_approval(stage: Stage) -> None:
    integrate(stage)
    plain, waiting = drafted(stage), proposed(stage)
    stage.clock.instant = plain.stale_at
    assert retention.abandon_stale_drafts(stage.deps) == 0
    stage.clock.advance(microseconds=1)
    assert retention.abandon_stale_drafts(stage.deps) == 1
    assert kept(stage, plain.id).state is ShareState.ABANDONED
    assert plain.stale_at == plain.changed_at + timedelta(hours=24)
    assert kept(stage, waiting.id).stale_at == waiting.changed_at + timedelta(days=7)


def test_what_a_system_proposes_a_member_approves(stage: Stage) -> None:
    integration = integrate(stage)
    share = proposed(stage)
    assert (share.state, share.proposed_by) == (ShareState.DRAFT, integration.id)
    assert publishing.publish_share(stage.deps, SYSTEM, share.id) == share
    proposal = queries.show_share(stage.deps, person(KARI), share.id)[0].proposal
    assert proposal is not None
    assert (proposal.proposer.id, proposal.name, proposal.has_no_approver) == (integration.id, "FJELL AS", False)
    approved = publishing.approve_share(stage.deps, person(KARI), share.id, seen=share.changed_at.isoformat())
    assert approved.state is ShareState.AVAILABLE


def test_what_a_system_proposes_a_member_may_send_back(stage: Stage) -> None:
    integrate(stage)
    share = proposed(stage)
    proposals.return_proposal(stage.deps, person(KARI), share.id)
    event = events_of(stage, share.id)[-1]
    assert (event.kind, event.details) == (EventKind.PROPOSAL_RETURNED, {"cause": "returned", "revision": 3})


def test_a_proposal_ends_when_the_system_loses_its_rights(stage: Stage) -> None:
    integration = integrate(stage)
    share = proposed(stage)
    let_go(stage, integration)
    with pytest.raises(Conflict, match="not_proposed"):
        publishing.approve_share(stage.deps, person(KARI), share.id, seen=share.changed_at.isoformat())


def test_a_system_alone_in_its_account_learns_that_nobody_can_approve(stage: Stage) -> None:
    integrate(stage)
    share = proposed(stage)
    stage.remove("kari")
    proposal = queries.show_share(stage.deps, SYSTEM, share.id)[0].proposal
    assert proposal is not None
    assert proposal.has_no_approver


def test_when_a_system_last_shared_is_noted_once_a_day(stage: Stage) -> None:
    integration = integrate(stage)

    def used() -> object:
        with stage.deps.database.read() as tx:
            return existing(tx.integrations.get(integration.id)).used_at

    assert used() is None
    drafted(stage)
    first = stage.clock.now()
    assert used() == first
    stage.clock.advance(hours=23)
    drafted(stage)
    assert used() == first
    stage.clock.advance(hours=1)
    drafted(stage)
    assert used() == stage.clock.now()


def test_an_export_names_the_organisation_of_the_sharing_system(stage: Stage) -> None:
    integrate(stage)
    drafted(stage)
    stage.draft()
    exported = list(tenants_export.exported_shares(stage.deps, tenant_id=stage.tenant.id))
    assert sorted(one.sharer for one in exported) == ["FJELL AS", "Kari Lunde"]


def test_a_systems_abandoned_draft_goes_as_any_other(stage: Stage) -> None:
    integrate(stage)
    share = drafted(stage)
    stage.clock.advance(hours=25)
    run_all(stage.deps)
    assert kept(stage, share.id).state is ShareState.ABANDONED


def test_a_share_with_two_sharers_or_none_cannot_be_saved(stage: Stage) -> None:
    integration = integrate(stage)
    share = drafted(stage)
    for wrong in ({"member_id": stage.members["kari"]}, {"integration_id": None}):
        with pytest.raises(Broken), stage.deps.database.write() as tx:
            tx.shares.save(replace(share, **wrong))
    assert kept(stage, share.id).integration_id == integration.id


def test_a_closed_account_takes_nothing_new_from_a_system(stage: Stage) -> None:
    integrate(stage)
    stage.change_account(stage.byggesak, closed_at=stage.clock.now())
    with pytest.raises(InvalidInput, match="account_closed"):
        drafted(stage)


def test_an_export_of_the_event_log_names_the_owner_of_a_system_that_has_lost_its_rights(stage: Stage) -> None:
    integration = integrate(stage)
    share = drafted(stage)
    let_go(stage, integration)
    export = audit_export.begin_event_export(stage.deps, wanted=EventFilter(stage.tenant.id), form="json")
    lines = [json.loads(line) for piece in audit_export.export_lines(stage.deps, export) for line in piece.splitlines()]
    by_kind = {line["kind"]: line for line in lines if line["type"] == "event"}
    started = by_kind["draft_started"]
    assert (started["share"], started["subject"], started["who"]) == (
        share.id,
        None,
        {"name": "FJELL AS", "number": ""},
    )
    assert by_kind["integration_added"]["who"] is None
    assert by_kind["integration_removed"]["who"] is None


def test_the_event_log_names_the_owner_of_a_system_and_which_one_was_let_in(stage: Stage) -> None:
    integration = integrate(stage)
    for _ in range(2):
        drafted(stage)
    page = browsing.open_log(stage.deps, tenant_id=stage.tenant.id, person=person(EWA))
    started = [entry for entry in page.entries if entry.event.kind is EventKind.DRAFT_STARTED]
    assert [entry.who for entry in started] == [Actor("FJELL AS")] * 2
    [added] = [entry for entry in page.entries if entry.event.kind is EventKind.INTEGRATION_ADDED]
    assert added.who is None
    assert added.names[integration.id] == "FJELL AS"
