"""A draft is its author's: what a colleague, an administrator who became a member, or a system cannot do with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.errors import Conflict
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import ShareState
from deldokument.services.shares.drafts import discarding, drafts
from deldokument.services.shares.drafts.api_drafts import add_recipient_inputs, change_draft, create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.uploads.deferred_length import add_document_of_unknown_length
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, LISE, OLA, SIV, Stage, person

Deed = Callable[[Stage, Sharer, str], object]


def _recipient_id(stage: Stage, share_id: str) -> str:
    with stage.deps.database.read() as tx:
        return tx.shares.recipients([share_id])[0].id


DEEDS: dict[str, Deed] = {
    "saves the form": lambda stage, who, one: drafts.save_draft(stage.deps, who, one, stage.words()),
    "changes fields": lambda stage, who, one: change_draft(stage.deps, who, one, lambda old: replace(old, title="Ny")),
    "pastes recipients": lambda stage, who, one: drafts.add_recipients(stage.deps, who, one, LISE),
    "adds recipients": lambda stage, who, one: add_recipient_inputs(stage.deps, who, one, [RecipientInput(LISE)]),
    "labels": lambda stage, who, one: drafts.change_recipient(
        stage.deps, who, one, _recipient_id(stage, one), label="søker"
    ),
    "removes a recipient": lambda stage, who, one: drafts.remove_recipient(
        stage.deps, who, one, _recipient_id(stage, one)
    ),
    "adds a document": lambda stage, who, one: drafts.add_document(
        stage.deps, who, one, name="a.pdf", length=1, modified_at=None
    ),
    "adds a document of unknown length": lambda stage, who, one: add_document_of_unknown_length(
        stage.deps, who, one, name="a.pdf", at_most=None
    ),
    "removes a document": lambda stage, who, one: drafts.remove_document(
        stage.deps, who, one, stage.document_ids(one)[0]
    ),
    "publishes": lambda stage, who, one: publishing.publish_share(stage.deps, who, one),
}


@pytest.fixture
def draft(stage: Stage) -> str:
    """Kari's complete draft. Lise becomes a member of the account; FJELL AS' system shares there too."""
    draft_id = stage.draft().id
    drafts.save_draft(stage.deps, person(KARI), draft_id, stage.words(title="Vedtak"))
    stage.add_recipients(draft_id, OLA)
    stage.upload(draft_id, "vedtak.pdf", b"innhold")
    stage.add(LISE, "Lise Moen", stage.byggesak)
    integrate(stage)
    return draft_id


@pytest.mark.parametrize("four_eyes", [False, True])
@pytest.mark.parametrize("who", [person(LISE), SYSTEM], ids=["colleague", "system"])
@pytest.mark.parametrize("deed", DEEDS)
def test_nobody_else_changes_or_publishes_a_members_draft(
    stage: Stage, draft: str, deed: str, who: Sharer, four_eyes: bool
) -> None:
    set_rules(stage, stage.byggesak, four_eyes=four_eyes)
    with stage.deps.database.read() as tx:
        before = tx.shares.get(draft), tx.shares.recipients([draft]), tx.shares.documents([draft])
    with pytest.raises(Conflict, match="draft_of_another"):
        DEEDS[deed](stage, who, draft)
    with stage.deps.database.read() as tx:
        assert (tx.shares.get(draft), tx.shares.recipients([draft]), tx.shares.documents([draft])) == before


@pytest.mark.parametrize("deed", sorted(DEEDS.keys() - {"removes a document", "publishes"}))
def test_no_member_changes_the_draft_of_a_system(stage: Stage, draft: str, deed: str) -> None:
    of_system = create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA)])
    assert of_system.id != draft
    with pytest.raises(Conflict, match="draft_of_another"):
        DEEDS[deed](stage, person(LISE), of_system.id)


def test_a_colleague_does_not_share_an_undone_publication_with_herself(stage: Stage, draft: str) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    assert publishing.publish_share(stage.deps, person(KARI), draft).state is ShareState.AVAILABLE
    assert publishing.undo_publication(stage.deps, person(KARI), draft).state is ShareState.DRAFT
    for deed in ("pastes recipients", "publishes"):
        with pytest.raises(Conflict, match="draft_of_another"):
            DEEDS[deed](stage, person(LISE), draft)


def test_a_colleague_takes_a_draft_over_without_its_documents(stage: Stage, draft: str) -> None:
    with pytest.raises(Conflict, match="documents_of_another"):
        publishing.copy_share(stage.deps, person(LISE), draft, with_documents=True)
    copy = publishing.copy_share(stage.deps, person(LISE), draft)
    assert stage.document_ids(copy.id) == []
    drafts.add_recipients(stage.deps, person(LISE), copy.id, SIV)


def test_a_member_who_is_registered_anew_is_not_the_author(stage: Stage, draft: str) -> None:
    stage.remove("kari")
    stage.add(KARI, "Kari Lunde", stage.byggesak)
    with pytest.raises(Conflict, match="draft_of_another"):
        publishing.publish_share(stage.deps, person(KARI), draft)


def test_a_colleague_discards_a_draft(stage: Stage, draft: str) -> None:
    discarding.discard_with_grace(stage.deps, person(LISE), draft)
    with stage.deps.database.read() as tx:
        share = tx.shares.get(draft)
    assert share is not None
    assert share.state is ShareState.ABANDONED
