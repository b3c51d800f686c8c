"""Drafts through the API: creation in one request, changes of some fields, and recipients all or none.

Guarantees:
- A refused request has no effect, and reports every error.

The form differs (see `services.shares.drafts.drafts`): it keeps the valid part of a person's input.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from deldokument.domain.errors import Conflict, Faults
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, membership_in
from deldokument.services.shares.approvals.proposals import touch_draft
from deldokument.services.shares.drafts.drafts import (
    DraftFields,
    apply_fields,
    check_fields,
    check_period,
    fields_of,
    target_membership,
)
from deldokument.services.shares.drafts.new_draft import empty_draft, insert_draft
from deldokument.services.shares.recipients.recipients import RecipientInput, check_recipients, insert_recipients
from deldokument.services.shares.rights.authorization import (
    check_may_share,
    draft_for_update,
    editable_draft,
    share_for_reading,
)
from deldokument.services.shares.rights.grants import move_grants
from deldokument.services.shares.rights.limits import check_draft_rate, check_lookup_rate


def create_draft(
    deps: Dependencies,
    sharer: Sharer,
    words: DraftFields,
    recipients: Sequence[RecipientInput] = (),
    share_id: str = "",
    *,
    read_back: bool = False,
) -> Share:
    """Create a draft with its fields and recipients. ``read_back`` lets the sharing system download its documents.

    With a ``share_id``, a request repeated after a crash returns the share that it created. Raises: NotFound,
    RightMissing, RateLimited, Frozen, InvalidInput or InvalidFields.
    """
    with deps.database.read() as tx:
        if share_id and tx.shares.get(share_id) is not None:
            return share_for_reading(deps, tx, sharer, share_id)
        membership = membership_in(deps, tx, sharer, words.account_id)
    check_may_share(membership)
    # Persons get here through KS' interface.
    check_draft_rate(deps, sharer)
    check_lookup_rate(deps, sharer, len(recipients))
    faults = Faults()
    tidy = faults.unless(lambda: _check(deps, membership, words), words)
    checked = faults.unless(lambda: check_recipients(deps, recipients), {})
    faults.raise_one_or_all()
    draft = apply_fields(deps, empty_draft(deps, membership, share_id), membership, tidy)
    draft = replace(draft, exposed_to=membership.integration_id if read_back else None)
    try:
        with deps.database.write() as tx:
            insert_draft(deps, tx, draft, sharer)
            insert_recipients(deps, tx, draft, checked)
    except Conflict:
        with deps.database.read() as tx:
            # The same request, which was assumed to have crashed, has created it in the meantime.
            return share_for_reading(deps, tx, sharer, draft.id)
    return draft


def _check(deps: Dependencies, membership: Membership, words: DraftFields) -> DraftFields:
    check_period(deps, membership, words.expires_at)
    return check_fields(words)


def change_draft(
    deps: Dependencies, sharer: Sharer, share_id: str, change: Callable[[DraftFields], DraftFields]
) -> Share:
    """Replace a draft's fields with the result of ``change``.

    Raises: NotFound, RightMissing, Conflict, Frozen or InvalidInput.
    """
    with deps.database.write() as tx:
        share, present = draft_for_update(deps, tx, sharer, share_id)
        before = fields_of(deps, share)
        words = check_fields(change(before))
        membership = target_membership(deps, tx, sharer, share, present, words.account_id)
        if (words.expires_at, words.account_id) != (before.expires_at, before.account_id):
            check_period(deps, membership, words.expires_at)
        changed = move_grants(deps, tx, share, apply_fields(deps, share, membership, words))
        touch_draft(deps, tx, changed, sharer)
    return changed


def add_recipient_inputs(deps: Dependencies, sharer: Sharer, share_id: str, inputs: Sequence[RecipientInput]) -> None:
    """Add all the recipients to the draft, or none.

    Raises: as ``check_recipients``, and NotFound, RightMissing, Conflict or Frozen.
    """
    with deps.database.read() as tx:
        share_for_reading(deps, tx, sharer, share_id)
    checked = check_recipients(deps, inputs)
    with deps.database.write() as tx:
        share, _ = editable_draft(deps, tx, sharer, share_id)
        insert_recipients(deps, tx, share, checked)
        touch_draft(deps, tx, share, sharer)
