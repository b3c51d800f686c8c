"""A draft is handed over, with its documents, by its author to a member who can go on with it; by nobody else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Frozen, InvalidFields, InvalidInput, NotFound, existing
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling
from deldokument.domain.shares.share import Share, ShareState, Verdict
from deldokument.services.accounts import members
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.draft_form import draft_form
from deldokument.services.shares.published import publishing
from deldokument.services.shares.published.handover import hand_over, handover_form
from deldokument.services.shares.scans.held_documents import release_document
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from tests.fakes.scanner import MemoryScanner
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, LISE, NOON, ODD, OLA, PER, SIV, Stage, person

BY_KARI, BY_LISE = person(KARI), person(LISE)


@pytest.fixture
def draft(stage: Stage) -> str:
    """Kari's complete draft, for a person and an organisation. Lise is a member of the account too."""
    stage.members["lise"] = stage.add(LISE, "Lise Moen", stage.byggesak)
    draft_id = stage.draft().id
    drafts.save_draft(stage.deps, BY_KARI, draft_id, stage.words(title="Vedtak"))
    stage.add_recipients(draft_id, OLA, FJELL)
    stage.upload(draft_id, "vedtak.pdf", b"innhold")
    return draft_id


def share_of(stage: Stage, share_id: str) -> Share:
    with stage.deps.database.read() as tx:
        return existing(tx.shares.get(share_id))


def to_lise(stage: Stage, share_id: str) -> Share:
    return hand_over(stage.deps, BY_KARI, share_id, stage.members["lise"])


def confirm_numbers(stage: Stage, number: str, share_id: str) -> None:
    for recipient_id in draft_form(stage.deps, person(number), share_id).numbers:
        drafts.change_recipient(stage.deps, person(number), share_id, recipient_id, confirmed=True)


def test_the_new_author_publishes_the_draft_with_its_documents_and_the_former_one_does_not(
    stage: Stage, draft: str
) -> None:
    documents = stage.document_ids(draft)
    to_lise(stage, draft)
    confirm_numbers(stage, LISE, draft)
    for deed in (publishing.publish_share, lambda *args: hand_over(*args, stage.members["kari"])):
        with pytest.raises(Conflict, match="draft_of_another"):
            deed(stage.deps, BY_KARI, draft)
    published = publishing.publish_share(stage.deps, BY_LISE, draft)
    assert (published.state, published.member_id) == (ShareState.AVAILABLE, stage.members["lise"])
    assert stage.document_ids(draft) == documents


def test_the_event_names_who_handed_the_draft_over_and_to_whom(stage: Stage, draft: str) -> None:
    to_lise(stage, draft)
    handed, disclosed = events_of(stage, draft)[-2:]
    assert handed.kind is EventKind.DRAFT_HANDED_OVER
    revision = existing(handed.details)["revision"]
    named = {"author": stage.members["kari"], "member": stage.members["lise"], "revision": revision}
    assert handed.details == named
    assert disclosed.kind is EventKind.NUMBERS_DISCLOSED
    assert handed.subject_id not in {None, disclosed.subject_id}


def test_the_new_author_sees_and_confirms_the_numbers_of_persons_again(stage: Stage, draft: str) -> None:
    confirm_numbers(stage, KARI, draft)
    to_lise(stage, draft)
    assert list(draft_form(stage.deps, BY_LISE, draft).numbers.values()) == [OLA]
    assert draft_form(stage.deps, BY_KARI, draft).numbers == {}
    with pytest.raises(InvalidFields) as caught:
        publishing.publish_share(stage.deps, BY_LISE, draft)
    assert [error.code for error in caught.value.errors] == ["recipients_unconfirmed"]


def test_without_persons_among_the_recipients_no_number_is_disclosed(stage: Stage, draft: str) -> None:
    [ola] = [one.id for one in draft_form(stage.deps, BY_KARI, draft).view.recipients if one.kind == "person"]
    drafts.remove_recipient(stage.deps, BY_KARI, draft, ola)
    to_lise(stage, draft)
    assert events_of(stage, draft)[-1].kind is EventKind.DRAFT_HANDED_OVER


def test_a_handover_takes_the_proposal_back(stage: Stage, draft: str) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    confirm_numbers(stage, KARI, draft)
    assert publishing.publish_share(stage.deps, BY_KARI, draft).proposed_by == stage.members["kari"]
    assert to_lise(stage, draft).proposed_by is None
    kinds = [event.kind for event in events_of(stage, draft)[-3:]]
    assert kinds[:2] == [EventKind.DRAFT_HANDED_OVER, EventKind.PROPOSAL_RETURNED]


def test_who_released_a_document_does_not_share_it_by_that_after_a_handover(stage: Stage, draft: str) -> None:
    set_rules(stage, stage.byggesak, four_eyes=True)
    policy = DEFAULT_POLICY | {Verdict.ENCRYPTED: Handling.HELD}
    scanner = MemoryScanner(NOON, verdict=Verdict.ENCRYPTED)
    stage.deps = replace(stage.deps, scanner=scanner, config=replace(stage.deps.config, scan_policy=policy))
    inspect_documents(stage.deps)
    [document_id] = stage.document_ids(draft)
    release_document(stage.deps, BY_LISE, draft, document_id)
    to_lise(stage, draft)
    [document] = draft_form(stage.deps, BY_LISE, draft).view.documents
    assert existing(document.finding).is_held
    assert EventKind.DOCUMENT_HELD in {event.kind for event in events_of(stage, draft)}
    with pytest.raises(Conflict, match="own_held_document"):
        release_document(stage.deps, BY_LISE, draft, document_id)


REFUSED: dict[str, Callable[[Stage], str]] = {
    "nobody": lambda _stage: "",
    "unknown": lambda _stage: "A" * 22,
    "the author": lambda stage: stage.members["kari"],
    "of another account": lambda stage: stage.members["odd"],
    "removed": lambda stage: (stage.remove("lise"), stage.members["lise"])[1],
    "absent": lambda stage: (stage.mark_absent("lise"), stage.members["lise"])[1],
    "unconfirmed": lambda stage: (
        members.add_member(
            stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id, number=PER, name="Per Vik"
        ).id
    ),
}


@pytest.mark.parametrize("colleague", REFUSED.values(), ids=REFUSED)
def test_a_draft_goes_only_to_a_member_who_can_share_from_the_account(
    stage: Stage, draft: str, colleague: Callable[[Stage], str]
) -> None:
    colleague_id, before = colleague(stage), share_of(stage, draft)
    with pytest.raises(InvalidInput) as caught:
        hand_over(stage.deps, BY_KARI, draft, colleague_id)
    assert (caught.value.field, caught.value.code) == ("colleague", "colleague_missing")
    assert colleague_id not in {one.id for one in handover_form(stage.deps, BY_KARI, draft).colleagues}
    assert share_of(stage, draft) == before


def test_the_colleagues_are_listed_by_name_to_members_alone(stage: Stage, draft: str) -> None:
    stage.add(SIV, "Anne Berg", stage.byggesak)
    form = handover_form(stage.deps, BY_KARI, draft)
    assert [one.name for one in form.colleagues] == ["Anne Berg", "Lise Moen"]
    assert form.view.texts.title == "Vedtak"
    with pytest.raises(NotFound):
        handover_form(stage.deps, person(ODD), draft)


def test_a_colleague_with_too_many_drafts_takes_none_over(stage: Stage, draft: str) -> None:
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, max_drafts=1))
    drafts.start_draft(stage.deps, BY_LISE, account_id=stage.byggesak.id)
    with pytest.raises(InvalidInput) as caught:
        to_lise(stage, draft)
    assert (caught.value.field, caught.value.code) == ("colleague", "colleague_has_drafts")


def test_a_draft_is_not_handed_over_while_a_document_is_uploaded(stage: Stage, draft: str) -> None:
    drafts.add_document(stage.deps, BY_KARI, draft, name="kart.pdf", length=1, modified_at=None)
    with pytest.raises(InvalidFields) as caught:
        to_lise(stage, draft)
    assert [(error.field, error.code) for error in caught.value.errors] == [("documents", "files_unfinished")]
    assert share_of(stage, draft).member_id == stage.members["kari"]


def test_a_colleague_does_not_take_a_draft_for_herself(stage: Stage, draft: str) -> None:
    with pytest.raises(Conflict, match="draft_of_another"):
        hand_over(stage.deps, BY_LISE, draft, stage.members["lise"])


def test_nobody_hands_over_the_draft_of_a_system(stage: Stage, draft: str) -> None:
    integrate(stage)
    of_system = drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id)
    assert of_system.id != draft
    with pytest.raises(Conflict, match="draft_of_another"):
        to_lise(stage, of_system.id)


def test_a_frozen_draft_stays_where_it_is(stage: Stage, draft: str) -> None:
    set_share_freeze(stage.deps, draft, None, FreezeReason.SECURITY)
    with pytest.raises(Frozen):
        to_lise(stage, draft)


def test_a_published_share_is_not_handed_over(stage: Stage, draft: str) -> None:
    confirm_numbers(stage, KARI, draft)
    publishing.publish_share(stage.deps, BY_KARI, draft)
    with pytest.raises(Conflict, match="not_a_draft"):
        to_lise(stage, draft)
