"""Drafts as a system hands them in: words and recipients at once, words changed in part, recipients all or none.

Promises that what is refused has changed nothing and names every fault that it can, where the form (see drafting) keeps
what it can of what somebody is typing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput
from deldokument.domain.identifiers import Sharer
from deldokument.domain.share import Share
from deldokument.ports.dependencies import World
from deldokument.services.accounts.members import Membership, membership_in
from deldokument.services.shares.authorization import check_may_share, living_draft, own_draft, readable_share
from deldokument.services.shares.drafts import (
    DraftWords,
    check_period,
    check_words,
    empty_draft,
    insert_draft,
    target_membership,
    with_words,
    words_of,
)
from deldokument.services.shares.proposals import keep_change
from deldokument.services.shares.recipients import RecipientInput, check_recipients, insert_recipients

_Checked = TypeVar("_Checked")


def create_draft(
    world: World, sharer: Sharer, words: DraftWords, recipients: Sequence[RecipientInput] = (), share_id: str = ""
) -> Share:
    """A new draft with what is known of it. Raises NotFound, RightMissing, Frozen, InvalidInput or InvalidFields.

    With a ``share_id``, the same request done again after a crash finds what it made.
    """
    with world.database.read() as tx:
        if share_id and tx.shares.get(share_id) is not None:
            return readable_share(world, tx, sharer, share_id)
        membership = membership_in(world, tx, sharer, words.account_id)
    check_may_share(membership)
    faults: list[InvalidInput] = []
    tidy = _gather(faults, lambda: _checked(world, membership, words))
    checked = _gather(faults, lambda: check_recipients(world, recipients))
    if tidy is None or checked is None:
        raise faults[0] if len(faults) == 1 else InvalidFields(faults)
    draft = with_words(world, empty_draft(world, membership, share_id), membership, tidy)
    try:
        with world.database.write() as tx:
            insert_draft(world, tx, draft, sharer)
            insert_recipients(world, tx, draft, checked)
    except Conflict:
        with world.database.read() as tx:
            # Made meanwhile, by the same request that was taken to have ended.
            return readable_share(world, tx, sharer, draft.id)
    return draft


def _gather(faults: list[InvalidInput], check: Callable[[], _Checked]) -> _Checked | None:
    """What ``check`` answers; None when it found faults, which are then among ``faults``."""
    try:
        return check()
    except InvalidInput as error:
        faults.append(error)
    except InvalidFields as error:
        faults.extend(error.errors)
    return None


def _checked(world: World, membership: Membership, words: DraftWords) -> DraftWords:
    check_period(world, membership, words.expires_at)
    return check_words(words)


def change_draft(world: World, sharer: Sharer, share_id: str, change: Callable[[DraftWords], DraftWords]) -> Share:
    """Put what ``change`` makes of a draft's words in their place.

    Raises NotFound, RightMissing, Conflict, Frozen or InvalidInput.
    """
    with world.database.write() as tx:
        share = own_draft(world, tx, sharer, share_id)
        before = words_of(world, share)
        words = check_words(change(before))
        membership = target_membership(world, tx, sharer, share, words.account_id)
        if (words.expires_at, words.account_id) != (before.expires_at, before.account_id):
            check_period(world, membership, words.expires_at)
        changed = with_words(world, share, membership, words)
        keep_change(world, tx, changed, sharer)
    return changed


def add_recipient_inputs(world: World, sharer: Sharer, share_id: str, inputs: Sequence[RecipientInput]) -> None:
    """Add all of them to the draft, or none.

    Raises as ``check_recipients``, NotFound, RightMissing, Conflict or Frozen.
    """
    with world.database.read() as tx:
        readable_share(world, tx, sharer, share_id)
    checked = check_recipients(world, inputs)
    with world.database.write() as tx:
        share, _ = living_draft(world, tx, sharer, share_id)
        insert_recipients(world, tx, share, checked)
        keep_change(world, tx, share, sharer)
