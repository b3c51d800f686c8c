"""Grants of a share's recipients: sealed proofs of who they are.

Unlike the rows, a writer of the database cannot forge them.

Guarantees:
- If a recipient's grant is missing, does not open for this share, or differs from its row, the recipient is nobody.
- A grant is written only for the identifier that was entered, or that the previous grant proves.

The grant under the share key applies while that key exists; after the end, its copy under the audit key does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.grants import Grant, GrantPlace, open_grant, seal_grant
from deldokument.domain.errors import existing
from deldokument.domain.identifiers import Identifier
from deldokument.domain.shares.share import Recipient, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import (
    identifier_hash,
    identifier_kind,
    readable_keys,
    share_key_id,
    stored_identifier,
)
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

RECIPIENT_KIND = "recipient"
"""The kind of a recipient's row in an alarm."""


@dataclass(frozen=True, slots=True, repr=False)
class ShareGrants:
    """The grants of one share's recipients. ``share_key`` is None once it is destroyed."""

    share: Share
    audit_key: bytes
    share_key: bytes | None

    def holder(self, recipient: Recipient) -> Identifier | None:
        """Return the person or organisation that this recipient is; None without a valid grant."""
        key, sealed = self.share_key, recipient.sealed_grant
        if key is None:
            key, sealed = self.audit_key, recipient.sealed_audit_grant
        try:
            grant = open_grant(key, self._place(recipient), sealed)
        except IntegrityError:
            return None
        if grant.kind != recipient.kind or grant.confirmed != recipient.confirmed:
            return None
        return stored_identifier(recipient.kind, grant.identifier)

    def sealed(self, recipient: Recipient, holder: Identifier) -> Recipient:
        """Return the recipient with grants for ``holder``, with its present kind and confirmation."""
        place = self._place(recipient)
        grant = Grant(identifier_kind(holder), holder.value, recipient.confirmed)
        return replace(
            recipient,
            sealed_grant=seal_grant(self.share_key, place, grant) if self.share_key else b"",
            sealed_audit_grant=seal_grant(self.audit_key, place, grant),
        )

    def renew(self, before: Recipient, after: Recipient) -> Recipient:
        """Return ``after`` with grants for the holder of ``before``; without new grants if ``before`` has no holder."""
        holder = self.holder(before)
        return self.sealed(after, holder) if holder else after

    def _place(self, recipient: Recipient) -> GrantPlace:
        return GrantPlace(self.share.tenant_id, self.share.account_id, self.share.id, recipient.id)


def share_grants(deps: Dependencies, share: Share) -> ShareGrants:
    """Return the grants of a share. Raises: Broken if its audit key does not exist."""
    return existing(grants_with(share, deps.keyring.get([share.audit_key_id, share_key_id(share.id)])))


def grants_with(share: Share, keys: Mapping[str, bytes]) -> ShareGrants | None:
    """Return the grants of a share with the available keys, by keyring id; None without its audit key."""
    audit_key = keys.get(share.audit_key_id)
    if audit_key is None:
        return None
    return ShareGrants(share, audit_key, keys.get(share_key_id(share.id)))


def report_damaged_recipients(deps: Dependencies, tx: Transaction, shares: Iterable[Share]) -> None:
    """Report recipients of open, intact shares whose row does not match their grant.

    This checks only the grant under the audit key, because share keys may have to be fetched one by one. A changed
    grant under the share key is reported when the recipient opens the share.
    """
    intact = {share.id: share for share in shares if share.intact}
    keys = readable_keys(deps.keyring, {share.audit_key_id for share in intact.values()})
    for recipient in tx.shares.recipients(list(intact)):
        proof = grants_with(intact[recipient.share_id], keys)
        if proof is None:
            continue
        holder = proof.holder(recipient)
        if holder is None or identifier_hash(proof.audit_key, holder) != recipient.lookup_hash:
            deps.damage.report(DamagedRow(RECIPIENT_KIND, recipient.id))


def move_grants(deps: Dependencies, tx: Transaction, before: Share, after: Share) -> Share:
    """Seal the grants of a draft again if it moves to another account; return the draft ``after`` the move."""
    if before.account_id == after.account_id:
        return after
    grants = share_grants(deps, before)
    moved = replace(grants, share=after)
    for recipient in tx.shares.recipients([before.id]):
        holder = grants.holder(recipient)
        if holder is not None:
            tx.shares.save_recipient(moved.sealed(recipient, holder))
    return after
