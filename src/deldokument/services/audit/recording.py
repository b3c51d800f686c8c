"""Recording of events. A person appears in them as a random id, the subject.

Guarantees:
- A person has one subject per audit key.
- The event of a system names its integration.
- The details of an event are codes, counts, random ids and organisation numbers.
"""

from collections.abc import Mapping
from datetime import datetime

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import require
from deldokument.domain.identifiers import Consumer, PersonIdentifier, Sharer, parse_person
from deldokument.domain.shares.share import Share, new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, audit_key_id, open_field, seal_field, subject_hash
from deldokument.store.audit.subjects import Subject
from deldokument.store.transaction import Transaction


def subject_of(tx: Transaction, key_id: str, key: bytes, person: PersonIdentifier) -> str:
    """Return the random id of ``person`` under the audit key; create it if there is none."""
    known = known_subject(tx, key_id, key, person)
    if known is not None:
        return known.id
    subject_id = new_id()
    sealed = seal_field(key, person.value, EncryptedColumn.SUBJECT, subject_id)
    tx.subjects.add(Subject(subject_id, key_id, subject_hash(key, person), sealed))
    return subject_id


def known_subject(tx: Transaction, key_id: str, key: bytes, person: PersonIdentifier) -> Subject | None:
    """Return the subject of ``person`` under the audit key, if there is one."""
    return tx.subjects.find(key_id, subject_hash(key, person))


def mentioned_subject(deps: Dependencies, tx: Transaction, tenant_id: str | None, number: str) -> str:
    """Return the random id of a registered person whom a new event mentions.

    The person need not be the event's actor.
    """
    key_id, person = audit_key_id(tenant_id, deps.clock.now()), parse_person(number, allow_synthetic=True)
    return subject_of(tx, key_id, deps.keyring.create(key_id), person)


def subject_number(key: bytes, subject: Subject) -> str:
    """Return the number of the person behind a subject.

    Raises: IntegrityError if the row was changed. Unlike other fields, it may not be empty.
    """
    number = open_field(key, subject.sealed_identifier, EncryptedColumn.SUBJECT, subject.id)
    if not number:
        raise IntegrityError
    return number


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
    """Append an event with the current time. It is about a share, a tenant or neither.

    An event whose actor is a system needs a share, or ``account`` in the details.
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
    """Append an event as ``record_event`` does, with the time ``at``."""
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
    """Return the acting integration and its supplier as details. Raises: NotFound if its rights have just ended."""
    living = tx.integrations.of_organization(consumer.organization.value)
    acting = require(next((one for one, account in living if account.id == account_id), None), "integration")
    supplier = {"supplier": consumer.supplier.value} if consumer.supplier else {}
    return {"integration": acting.id, **supplier}
