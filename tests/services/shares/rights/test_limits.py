"""One sharer alone begins, looks up and keeps so much, and no more; colleagues are not held up."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deldokument.domain.errors import InvalidInput, RateLimited
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.api_drafts import create_draft
from deldokument.services.shares.published import publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, PER, SIV, Stage, person


def limit(stage: Stage, **limits: int) -> None:
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, **limits))


def test_a_person_begins_so_many_drafts_in_an_hour_by_form_or_copy(stage: Stage) -> None:
    original = stage.publish(OLA)
    limit(stage, drafts_per_hour=2)
    stage.clock.advance(hours=1)
    stage.draft()
    publishing.copy_share(stage.deps, person(KARI), original)
    more: list[Callable[[], object]] = [
        stage.draft,
        lambda: stage.draft(account=stage.avtaler),
        lambda: publishing.copy_share(stage.deps, person(KARI), original),
    ]
    for begin in more:
        with pytest.raises(RateLimited, match="draft_limit"):
            begin()
    stage.draft(ODD, stage.avtaler)
    stage.clock.advance(minutes=30)
    stage.draft()


def test_a_person_adds_so_many_numbers_in_an_hour_and_the_added_ones_stay(stage: Stage) -> None:
    draft = stage.draft()
    limit(stage, lookups_per_hour=3)
    drafts.add_recipients(stage.deps, person(KARI), draft.id, f"{OLA} {PER} 123")
    with pytest.raises(RateLimited, match="lookup_limit"):
        drafts.add_recipients(stage.deps, person(KARI), draft.id, SIV)
    with stage.deps.database.read() as tx:
        assert len(tx.shares.recipients([draft.id])) == 2
    stage.clock.advance(minutes=20)
    drafts.add_recipients(stage.deps, person(KARI), draft.id, SIV)


def test_names_that_are_asked_again_before_publication_count_too(stage: Stage) -> None:
    draft = stage.draft()
    stage.register.down = True
    drafts.add_recipients(stage.deps, person(KARI), draft.id, FJELL)
    limit(stage, lookups_per_hour=1)
    with pytest.raises(RateLimited, match="lookup_limit"):
        publishing.publish_share(stage.deps, person(KARI), draft.id)


def test_a_member_has_so_many_drafts_on_an_account_at_a_time(stage: Stage) -> None:
    limit(stage, max_drafts=2)
    first = stage.draft()
    stage.draft()
    with pytest.raises(InvalidInput, match="too_many_drafts"):
        stage.draft()
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.draft(ODD)
    drafts.discard_draft(stage.deps, person(KARI), first.id)
    stage.draft()


def test_a_draft_is_not_moved_to_an_account_where_its_sharer_has_too_many(stage: Stage) -> None:
    draft = stage.draft()
    limit(stage, max_drafts=1)
    stage.draft(account=stage.avtaler)
    with pytest.raises(InvalidInput, match="too_many_drafts"):
        drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words(account_id=stage.avtaler.id))
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())


def test_a_member_has_so_many_unfinished_uploads_at_a_time(stage: Stage) -> None:
    def announce(name: str) -> None:
        drafts.add_document(stage.deps, person(KARI), draft.id, name=name, length=7, modified_at=None)

    draft = stage.draft()
    limit(stage, max_uploads=2)
    stage.upload(draft.id, "ferdig.pdf", b"innhold")
    announce("a.pdf")
    announce("b.pdf")
    announce("b.pdf")
    with pytest.raises(InvalidInput, match="too_many_uploads"):
        announce("c.pdf")


def test_a_system_has_the_limit_at_a_time_and_no_hourly_one(stage: Stage) -> None:
    integrate(stage)
    limit(stage, max_drafts=2, drafts_per_hour=1, lookups_per_hour=1)
    for _ in range(2):
        create_draft(stage.deps, SYSTEM, stage.words(), [RecipientInput(OLA), RecipientInput(SIV)])
    with pytest.raises(InvalidInput, match="too_many_drafts"):
        create_draft(stage.deps, SYSTEM, stage.words())


def test_a_persons_drafts_and_numbers_count_in_one_request_too(stage: Stage) -> None:
    limit(stage, drafts_per_hour=2, lookups_per_hour=2)
    create_draft(stage.deps, person(KARI), stage.words(), [RecipientInput(OLA), RecipientInput(SIV)])
    with pytest.raises(RateLimited, match="lookup_limit"):
        create_draft(stage.deps, person(KARI), stage.words(), [RecipientInput(PER)])
    with pytest.raises(RateLimited, match="draft_limit"):
        create_draft(stage.deps, person(KARI), stage.words())
