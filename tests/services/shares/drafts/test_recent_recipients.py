"""«Nylig brukt»: from one's own published shares of the account, masked, and added to a draft unconfirmed."""

import pytest

from deldokument.domain.errors import NotFound
from deldokument.services.accounts.members import memberships
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.drafts.recent_recipients import (
    MAX_RECENT,
    RecentRecipient,
    recent_number,
    recent_recipients,
)
from deldokument.services.shares.published import publishing
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import FJELL, KARI, ODD, OLA, PER, SIV, Stage, person
from tests.support.stored_data import do_as_owner


def recent(stage: Stage, who: str = KARI) -> list[RecentRecipient]:
    return recent_recipients(stage.deps, memberships(stage.deps, person(who))).get(stage.byggesak.id, [])


def displays(stage: Stage, who: str = KARI) -> list[str]:
    return [one.display for one in recent(stage, who)]


def test_the_last_recipients_come_first_each_once_and_masked(stage: Stage) -> None:
    stage.publish(OLA, FJELL)
    stage.clock.advance(minutes=1)
    stage.publish(SIV, OLA)
    found = recent(stage)
    assert [(one.display, one.name) for one in found] == [
        ("148391 *****", ""),
        ("218794 *****", ""),
        ("312 824 450", "FJELL AS"),
    ]


def test_a_recent_recipient_has_its_label(stage: Stage) -> None:
    draft = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), draft.id, stage.words())
    stage.add_recipients(draft.id, OLA)
    with stage.deps.database.read() as tx:
        [ola] = tx.shares.recipients([draft.id])
    drafts.change_recipient(stage.deps, person(KARI), draft.id, ola.id, label="søker")
    stage.upload(draft.id, "a.txt", b"a")
    assert recent(stage) == []
    publishing.publish_share(stage.deps, person(KARI), draft.id)
    assert [one.label for one in recent(stage)] == ["søker"]


def test_shares_of_others_and_of_other_accounts_are_left_out(stage: Stage) -> None:
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    stage.publish(OLA)
    stage.publish(SIV, account_id=stage.avtaler.id)
    assert displays(stage) == ["218794 *****"]
    assert displays(stage, ODD) == []


def test_they_are_few_and_stay_after_the_end(stage: Stage) -> None:
    stage.publish(*synthetic_numbers(MAX_RECENT + 2))
    stage.clock.advance(days=20)
    assert len(recent(stage)) == MAX_RECENT


def test_one_is_added_unconfirmed_to_a_draft_of_the_same_account(stage: Stage) -> None:
    stage.publish(OLA)
    [ola] = recent(stage)
    draft, elsewhere = stage.draft(), stage.draft(account=stage.avtaler)
    assert recent_number(stage.deps, person(KARI), draft.id, ola.id) == OLA
    for number, place, wanted in ((KARI, elsewhere.id, ola.id), (KARI, draft.id, "x"), (PER, draft.id, ola.id)):
        with pytest.raises(NotFound):
            recent_number(stage.deps, person(number), place, wanted)


def test_a_recipient_with_a_changed_row_is_left_out(stage: Stage) -> None:
    stage.publish(OLA, SIV, FJELL)
    do_as_owner(stage.database_url, "UPDATE recipient SET sealed_audit_grant = sealed_identifier WHERE position = 1")
    do_as_owner(stage.database_url, "UPDATE recipient SET sealed_label = sealed_identifier WHERE position = 2")
    assert displays(stage) == ["312 824 450"]
