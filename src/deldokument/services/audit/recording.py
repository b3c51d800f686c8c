"""Writing down what happened: the subject of an actor, and events that carry only random ids.

Promises that the same person has one subject per audit key, that what a system did is told by its integration, and that
an event's details are codes, counts, random ids and organisation numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import require
from deldokument.domain.identifiers import Consumer, PersonIdentifier, Sharer, parse_person
from deldokument.domain.share import Share, new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import Subject
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.encryption import EncryptedColumn, audit_key_id, open_field, seal_field, subject_hashes


def subject_of(tx: Transaction, key_id: str, key: bytes, person: PersonIdentifier) -> str:
    """The random id of ``person`` under the audit key, made if there is none."""
    known = next(known_subjects(tx, key_id, key, person), None)
    if known is not None:
        return known.id
    subject_id = new_id()
    sealed = seal_field(key, person.value, EncryptedColumn.SUBJECT, subject_id)
    lookup_hash, _ = subject_hashes(key, person)
    tx.audit.add_subject(Subject(subject_id, key_id, lookup_hash, sealed))
    return subject_id


def known_subjects(tx: Transaction, key_id: str, key: bytes, person: PersonIdentifier) -> Iterator[Subject]:
    """The subjects of ``person`` under the audit key. Two when version 0.1.0 has written beside this one."""
    for lookup_hash in subject_hashes(key, person):
        subject = tx.audit.subject(key_id, lookup_hash)
        if subject is not None:
            yield subject


def mentioned_subject(deps: Dependencies, tx: Transaction, tenant_id: str | None, number: str) -> str:
    """The random id of a registered person of whom an event of now tells, and who need not have done it."""
    key_id, person = audit_key_id(tenant_id, deps.clock.now()), parse_person(number, allow_synthetic=True)
    return subject_of(tx, key_id, deps.keyring.create(key_id), person)


def subject_number(key: bytes, subject: Subject) -> str:
    """The person's number behind a subject."""
    return open_field(key, subject.sealed_identifier, EncryptedColumn.SUBJECT, subject.id)


def record_event(
    deps: Dependencies,
    tx: Transaction,
    kind: EventKind,
    *,
    share: Share | None = None,
    tenant_id: str | None = None,
    person: Sharer | None = None,
    **details: str | int,
) -> None:
    """Append an event of now about a share, a tenant or neither.

    What a system did is about a share, or has the account among the details.
    """
    record_at(deps, tx, deps.clock.now(), kind, details, share=share, tenant_id=tenant_id, person=person)


def record_at(
    deps: Dependencies,
    tx: Transaction,
    at: datetime,
    kind: EventKind,
    details: Mapping[str, str | int],
    *,
    share: Share | None = None,
    tenant_id: str | None = None,
    person: Sharer | None = None,
) -> None:
    """The same, of whenever it was."""
    tenant = share.tenant_id if share else tenant_id
    subject = None
    if isinstance(person, Consumer):
        account_id = share.account_id if share else str(details["account"])
        details = {**details, **_acting(tx, person, account_id)}
    elif person is not None:
        key_id = share.audit_key_id if share and share.erased_at is None else audit_key_id(tenant, at)
        subject = subject_of(tx, key_id, deps.keyring.create(key_id), person)
    tx.audit.append(AuditEvent(at, kind, tenant, share.id if share else None, subject, details or None))


def _acting(tx: Transaction, consumer: Consumer, account_id: str) -> dict[str, str | int]:
    """Which integration acts, and who runs the system for it. Raises NotFound where it has just lost its rights."""
    living = tx.integrations.of_organization(consumer.organization.value)
    acting = require(next((one for one, account in living if account.id == account_id), None), "integration")
    supplier = {"supplier": consumer.supplier.value} if consumer.supplier else {}
    return {"integration": acting.id, **supplier}
