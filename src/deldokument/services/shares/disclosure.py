"""Recipients of a document in KS' interface: masked, or with full numbers if the account allows that.

Guarantees:
- Persons always get masked numbers.
- A system gets full numbers only if it may share and the account's rules say so.
- The event log shows that a system got them: once for each share and ten minutes.
"""

from __future__ import annotations

from datetime import timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound, require
from deldokument.domain.identifiers import Consumer, Sharer
from deldokument.domain.share import Recipient, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import EventFilter
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.accounts.members import membership_in
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field
from deldokument.services.shares.authorization import share_for_reading
from deldokument.services.shares.views import display_number

_ONE_DISCLOSURE = timedelta(minutes=10)


def document_recipients(deps: Dependencies, sharer: Sharer, account_id: str, document_id: str) -> list[str]:
    """Return the recipients of the share that a document of the account belongs to.

    Persons are masked and organisation numbers grouped, unless the sharer gets full numbers. Raises: NotFound.
    """
    with deps.database.read() as tx:
        document = require(tx.shares.document(document_id), "document")
        share = share_for_reading(deps, tx, sharer, document.share_id)
        if share.account_id != account_id:
            raise NotFound("document")
        membership = membership_in(deps, tx, sharer, account_id)
        recipients = tx.shares.recipients([share.id])
    key = existing_key(deps.keyring, share.audit_key_id)
    gets_all = membership.account.rules.full_numbers and not membership.reads_only
    if not (gets_all and isinstance(sharer, Consumer)):
        return [display_number(key, recipient) for recipient in recipients]
    with deps.database.write() as tx:
        tx.shares.lock(share.id)
        if not _disclosed_just_now(deps, tx, share):
            record_event(deps, tx, EventKind.NUMBERS_DISCLOSED, share=share, person=sharer)
    return [_number(key, recipient) for recipient in recipients]


def _disclosed_just_now(deps: Dependencies, tx: Transaction, share: Share) -> bool:
    since = deps.clock.now() - _ONE_DISCLOSURE
    found = EventFilter(share.tenant_id, since=since, kind=EventKind.NUMBERS_DISCLOSED, share_id=share.id)
    return bool(tx.audit.newest(found, before=None, limit=1))


def _number(key: bytes, recipient: Recipient) -> str:
    return open_field(key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
