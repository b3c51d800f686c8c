"""Remarks about recipients: one's own number, an organisation that is wound up, and one that is new to the account."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import NotFound
from deldokument.services.shares.drafts.draft_form import draft_form
from deldokument.services.shares.drafts.remarks import Remark, recipient_remarks
from deldokument.services.shares.published.publishing import copy_share
from tests.support.stage.stage import FJELL, KARI, OLA, SIV, Stage, person


def remarks(stage: Stage, share_id: str) -> dict[str, list[Remark]]:
    """The remarks by what the form shows of each recipient."""
    form = draft_form(stage.deps, person(KARI), share_id)
    found = recipient_remarks(stage.deps, person(KARI), form.named)
    return {one.display: found[one.id] for one in form.view.recipients}


def test_a_recipient_is_new_until_the_account_has_shared_with_it(stage: Stage) -> None:
    stage.publish(OLA, FJELL)
    stage.add_recipients(stage.draft().id, SIV)
    draft = stage.draft()
    stage.add_recipients(draft.id, OLA, SIV, FJELL)
    assert remarks(stage, draft.id) == {"218794 *****": [], "148391 *****": [Remark.FIRST], "312 824 450": []}
    stage.clock.advance(days=40)
    later = copy_share(stage.deps, person(KARI), stage.publish(SIV))
    stage.add_recipients(later.id, OLA)
    assert remarks(stage, later.id) == {"148391 *****": [], "218794 *****": []}


def test_what_another_account_has_shared_is_not_remarked_on(stage: Stage) -> None:
    stage.publish(OLA, account_id=stage.avtaler.id)
    draft = stage.draft()
    stage.add_recipients(draft.id, OLA)
    assert remarks(stage, draft.id) == {"218794 *****": [Remark.FIRST]}


def test_ones_own_number_and_an_organisation_that_is_wound_up_are_remarked_on(stage: Stage) -> None:
    draft = stage.draft()
    stage.add_recipients(draft.id, KARI, FJELL)
    stage.register.known[FJELL] = replace(stage.register.known[FJELL], status="winding_up")
    found = list(remarks(stage, draft.id).values())
    assert found == [[Remark.OWN, Remark.FIRST], [Remark.WINDING_UP, Remark.FIRST]]
    stage.register.down = True
    assert list(remarks(stage, draft.id).values()) == [[Remark.OWN, Remark.FIRST], [Remark.FIRST]]


def test_a_stranger_learns_nothing(stage: Stage) -> None:
    with pytest.raises(NotFound):
        draft_form(stage.deps, person(OLA), stage.draft().id)
