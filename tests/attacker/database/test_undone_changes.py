"""A writer of the database undoes no change of a share or a draft: the rows of before are damage."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound, existing
from deldokument.services.downloads.content import open_own_document
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.drafts import additions, api_drafts, discarding, drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.published.handover import hand_over
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.tenants.freezing import FreezeReason, set_share_freeze
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.tables.shares import document, recipient, share
from tests.services.downloads.test_system_access import exposed, shared
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.accounts import events_of, set_rules
from tests.support.stage.changes import change_of
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, LISE, NOON, OLA, PER, Stage, person
from tests.support.stored_data import as_owner

BY_KARI = person(KARI)
LATER = NOON + timedelta(days=20)
Rows = dict[str, list[dict[str, object]]]
Act = Callable[[Stage, str], object]
_OF_SHARES = {share: share.c.id, recipient: recipient.c.share_id, document: document.c.share_id}


def draft_of_kari(stage: Stage) -> str:
    begun = stage.draft()
    stage.add_recipients(begun.id, OLA)
    return begun.id


def draft_of_system(stage: Stage) -> str:
    integrate(stage)
    return exposed(stage).id


def proposed(stage: Stage) -> str:
    set_rules(stage, stage.byggesak, four_eyes=True)
    begun = stage.draft()
    stage.add_recipients(begun.id, OLA)
    stage.confirm(begun.id)
    stage.upload(begun.id, "vedtak.pdf", b"innhold")
    drafts.save_draft(stage.deps, BY_KARI, begun.id, stage.words())
    publishing.publish_share(stage.deps, BY_KARI, begun.id)
    return begun.id


def published(stage: Stage) -> str:
    return stage.publish(OLA, FJELL)


def just_published(stage: Stage) -> str:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=10))
    return published(stage)


def published_by_system(stage: Stage) -> str:
    integrate(stage)
    return shared(stage)[0].id


def with_proposed_change(stage: Stage) -> str:
    set_rules(stage, stage.byggesak, four_eyes=False)
    share_id = published(stage)
    set_rules(stage, stage.byggesak, four_eyes=True)
    changes.change_share(stage.deps, BY_KARI, share_id, Change(texts={"title": "Nytt"}))
    return share_id


def frozen(stage: Stage) -> str:
    share_id = published(stage)
    set_share_freeze(stage.deps, share_id, None, FreezeReason.SECURITY)
    return share_id


def discarded(stage: Stage) -> str:
    share_id = draft_of_kari(stage)
    discarding.discard_with_grace(stage.deps, BY_KARI, share_id)
    return share_id


def remove_recipient(stage: Stage, share_id: str) -> None:
    [only] = [one for one in recipients(stage, share_id) if one["kind"] == "person"]
    drafts.remove_recipient(stage.deps, BY_KARI, share_id, str(only["id"]))


def to_lise(stage: Stage, share_id: str) -> None:
    hand_over(stage.deps, BY_KARI, share_id, stage.add(LISE, "Lise Moen", stage.byggesak))


def retire_recipient(stage: Stage, share_id: str) -> None:
    changes.remove_recipient(stage.deps, BY_KARI, share_id, str(recipients(stage, share_id)[0]["id"]))


def add_document(stage: Stage, share_id: str) -> None:
    added = stage.upload_beside(share_id, "vedlegg.pdf")
    inspect_documents(stage.deps)
    changes.change_share(stage.deps, BY_KARI, share_id, Change(documents=(added,)))


def saving(**words: object) -> Act:
    return lambda stage, share_id: drafts.save_draft(stage.deps, BY_KARI, share_id, stage.words(**words))


def changing(**values: object) -> Act:
    return lambda stage, one: changes.change_share(stage.deps, BY_KARI, one, change_of(**values))


def announcing(stage: Stage, share_id: str, of: Act = drafts.add_document) -> None:  # type: ignore[assignment]
    of(stage.deps, BY_KARI, share_id, name="notat.txt", length=1, modified_at=None)  # type: ignore[call-arg, arg-type]


ACTS: dict[str, tuple[Callable[[Stage], str], Act]] = {
    "draft: recipient added": (draft_of_kari, lambda stage, one: stage.add_recipients(one, PER)),
    "draft: recipient removed": (draft_of_kari, remove_recipient),
    "draft: less confidential": (draft_of_kari, saving(confidential=False)),
    "draft: another end": (draft_of_kari, saving(expires_at=LATER)),
    "draft: discarded": (draft_of_kari, lambda stage, one: drafts.discard_draft(stage.deps, BY_KARI, one)),
    "draft: brought back": (discarded, lambda stage, one: discarding.restore_draft(stage.deps, BY_KARI, one)),
    "draft: handed over": (draft_of_kari, to_lise),
    "draft: frozen": (draft_of_kari, lambda stage, one: set_share_freeze(stage.deps, one, None, FreezeReason.SECURITY)),
    "system's draft: recipient added": (
        draft_of_system,
        lambda stage, one: api_drafts.add_recipient_inputs(stage.deps, SYSTEM, one, [RecipientInput(PER)]),
    ),
    "proposal: taken back": (proposed, lambda stage, one: proposals.return_proposal(stage.deps, BY_KARI, one)),
    "proposal: overtaken by a document": (proposed, announcing),
    "share: recipient removed": (published, retire_recipient),
    "share: recipient added": (
        published,
        lambda stage, one: changes.add_recipients(stage.deps, BY_KARI, one, [RecipientInput(PER)]),
    ),
    "share: document added": (published, add_document),
    "share: less confidential": (published, changing(confidential=False)),
    "share: another end": (published, changing(expires_at=LATER)),
    "share: change proposed": (with_proposed_change, changing(message="Annet")),
    "share: change taken back": (
        with_proposed_change,
        lambda stage, one: proposals.return_proposal(stage.deps, BY_KARI, one),
    ),
    "share: frozen": (published, lambda stage, one: set_share_freeze(stage.deps, one, None, FreezeReason.SECURITY)),
    "share: released": (frozen, lambda stage, one: set_share_freeze(stage.deps, one, None, None)),
    "share: undone": (just_published, lambda stage, one: publishing.undo_publication(stage.deps, BY_KARI, one)),
    "share: withdrawn": (published, lambda stage, one: publishing.withdraw_share(stage.deps, BY_KARI, one)),
    "system's share: a member's document": (
        published_by_system,
        lambda stage, one: announcing(stage, one, additions.add_document),  # type: ignore[arg-type]
    ),
}


def rows_of(stage: Stage, share_id: str) -> Rows:
    """The rows of a share, its recipients and its documents."""
    with as_owner(stage.database_url) as connection:
        return {
            table.name: [dict(row._mapping) for row in connection.execute(select(table).where(column == share_id))]
            for table, column in _OF_SHARES.items()
        }


def recipients(stage: Stage, share_id: str) -> list[dict[str, object]]:
    return rows_of(stage, share_id)["recipient"]


def put_back(stage: Stage, share_id: str, older: Rows) -> None:
    with as_owner(stage.database_url) as connection:
        for table, column in _OF_SHARES.items():
            connection.execute(delete(table).where(column == share_id))
            if older[table.name]:
                connection.execute(insert(table), older[table.name])


@pytest.mark.parametrize(("begin", "act"), ACTS.values(), ids=ACTS)
def test_older_rows_count_as_damaged(stage: Stage, begin: Callable[[Stage], str], act: Act) -> None:
    share_id = begin(stage)
    older = rows_of(stage, share_id)
    act(stage, share_id)
    with stage.deps.database.read() as tx:
        assert existing(tx.shares.get(share_id)).intact
    assert stage.deps.damage.is_empty
    put_back(stage, share_id, older)
    with stage.deps.database.read() as tx:
        assert not existing(tx.shares.get(share_id)).intact
    assert DamagedRow("share", share_id) in stage.deps.damage.take()


def test_a_system_does_not_read_a_members_document_by_the_row_of_before(stage: Stage) -> None:
    integrate(stage)
    share_id = shared(stage)[0].id
    older = rows_of(stage, share_id)
    added = stage.upload_beside(share_id, "notat.pdf")
    inspect_documents(stage.deps)
    put_back(stage, share_id, {**rows_of(stage, share_id), "share": older["share"]})
    with pytest.raises(NotFound):
        changes.change_share(stage.deps, BY_KARI, share_id, Change(documents=(added,)))
    with pytest.raises(NotFound):
        open_own_document(stage.deps, SYSTEM, added)


def test_texts_and_uploads_of_a_draft_are_no_events(stage: Stage) -> None:
    share_id = draft_of_kari(stage)
    drafts.save_draft(stage.deps, BY_KARI, share_id, stage.words(expires_at=LATER))
    before = events_of(stage, share_id)
    for title in ("V", "Ve", "Ved"):
        stage.clock.advance(seconds=1)
        drafts.save_draft(stage.deps, BY_KARI, share_id, stage.words(title=title, expires_at=LATER))
    announcing(stage, share_id)
    assert events_of(stage, share_id) == before
    assert [event.kind for event in before] == [
        EventKind.DRAFT_STARTED,
        EventKind.DRAFT_CHANGED,
        EventKind.DRAFT_CHANGED,
    ]
