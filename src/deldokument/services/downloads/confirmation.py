"""Confirmation by a recipient that documents have been received.

Guarantees:
- Only a person who may open the share confirms, and only documents of which bytes were sent to that person.
- A document is confirmed once. Confirming it again changes nothing.
- The event names the documents that the page showed, not those added since.

A confirmation is optional. It affects only receipts, statistics and reminders.
"""

from collections.abc import Collection
from dataclasses import replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event, subject_of
from deldokument.services.downloads.access import authorize
from deldokument.services.encryption import existing_key


def confirm_documents(
    deps: Dependencies,
    person: PersonIdentifier,
    share_id: str,
    document_ids: Collection[str],
    *,
    by_program: bool = False,
) -> None:
    """Record that the person has received these documents, for every recipient on whose behalf the person acts.

    ``by_program``: a program, which has compared the checksums, confirms.

    Raises: as ``authorize``; Conflict if one of them has not been sent to the person, or there is none.
    """
    access = authorize(deps, person, share_id)
    share, wanted = access.share, set(document_ids)
    key = existing_key(deps.keyring, share.audit_key_id)
    with deps.database.write() as tx:
        # The lock on the share also serialises the writes of its receipts.
        tx.shares.lock(share.id)
        subject_id = subject_of(tx, share.audit_key_id, key, person)
        own = [
            receipt
            for receipt in tx.receipts.of_subject(share.id, subject_id, wanted)
            if receipt.recipient_id in access.recipient_ids
        ]
        if not wanted or wanted != {receipt.document_id for receipt in own}:
            raise Conflict("not_sent_yet")
        fresh = [replace(one, confirmed_at=deps.clock.now()) for one in own if one.confirmed_at is None]
        if not fresh:
            return
        tx.receipts.save_all(fresh)
        confirmed = {receipt.document_id for receipt in fresh}
        record_event(
            deps,
            tx,
            EventKind.DOCUMENTS_CONFIRMED,
            share=share,
            person=person,
            documents=len(confirmed),
            document=next(iter(confirmed), None) or "" if len(confirmed) == 1 else "",
            ground=",".join(access.codes),
            **({"how": "program"} if by_program else {}),
        )
